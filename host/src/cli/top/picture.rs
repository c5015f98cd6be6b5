//! Draws what `top` shows, as lines that fit. Knows no terminal: figures in, texts out.

use jiff::Timestamp;

use super::View;
use crate::admin::TenantStatus;
use crate::cli::output::{cut, pad, plain};
use crate::cli::units::{as_f64, bytes, bytes_f, rate, time_us_f};
use crate::telemetry::live::{Busy, Point};

/// Seconds that rates are the mean of.
const MEAN: usize = 10;
/// Steps of the curve.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Widest column of names, so that figures stay in sight.
const NAME_MAX: usize = 32;
/// Fewest rows of the table, where there are so many, before the busiest names are left out.
const ROWS_MIN: usize = 4;

/// The picture, of at most `height` lines of at most `width` columns.
pub(super) fn picture(view: &View, width: usize, height: usize) -> Vec<String> {
    let mut lines = head(view, width);
    let names = busiest(view, width);
    let (title, rows) = match view.tenant {
        Some(_) => stages(view, width),
        None => tenants(view, width),
    };
    let left = height.saturating_sub(lines.len() + 2);
    let for_names = names.len() + 1;
    let shows_names = left >= for_names + rows.len().min(ROWS_MIN);
    let for_rows = if shows_names { left - for_names } else { left };
    lines.extend([String::new(), title]);
    if rows.len() > for_rows {
        let shown = for_rows.saturating_sub(1);
        lines.extend(rows[..shown].iter().cloned());
        lines.push(format!("  and {} more", rows.len() - shown));
    } else {
        lines.extend(rows);
    }
    if shows_names {
        lines.push(String::new());
        lines.extend(names);
    }
    lines.truncate(height);
    lines.iter().map(|line| cut(line, width)).collect()
}

fn head(view: &View, width: usize) -> Vec<String> {
    let status = &view.status;
    let state = match (&status.not_ready, status.draining) {
        (_, true) => "draining".to_owned(),
        (Some(why), false) => format!("NOT READY: {}", plain(why)),
        (None, false) => "serving".to_owned(),
    };
    let recent = &view.points[view.points.len().saturating_sub(MEAN)..];
    let now = recent.last().copied().unwrap_or_default();
    let time = i64::try_from(now.at).ok().and_then(|at| Timestamp::from_second(at).ok()).unwrap_or_default();
    let of = view.tenant.as_ref().map(|tenant| format!(" tenant {},", plain(tenant))).unwrap_or_default();
    let up = up(status.uptime_s);
    let mut figures =
        format!("refused {}/s   at work {}", rate(mean(recent, |p| p.refused.into())), now.in_flight);
    if let Some(sessions) = now.sessions {
        figures += &format!("   sessions {sessions}");
    }
    if let Some(memory) = now.memory {
        figures += &format!("   memory {}", bytes(memory));
    }
    let messages = format!(
        "{}/s   {}/s   ",
        rate(mean(recent, |p| p.messages.into())),
        bytes_f(mean(recent, |p| p.bytes))
    );
    vec![
        format!("gatepost {},{of} {state}, up {up}   {time}", plain(&status.version)),
        format!("  messages  {messages}{}", curve(&view.points, width.saturating_sub(12 + messages.len()))),
        format!("  verdicts  {}", verdicts(recent)),
        format!("  {figures}"),
    ]
}

fn verdicts(recent: &[Point]) -> String {
    let rate_of = |of: fn(&Point) -> u32| mean(recent, |point| of(point).into());
    let rates = [
        ("accept", rate_of(|p| p.verdicts.accept)),
        ("quarantine", rate_of(|p| p.verdicts.quarantine)),
        ("discard", rate_of(|p| p.verdicts.discard)),
        ("reject", rate_of(|p| p.verdicts.reject)),
        ("defer", rate_of(|p| p.verdicts.defer)),
        ("failed", rate_of(|p| p.verdicts.failed)),
        ("aborted", rate_of(|p| p.verdicts.aborted)),
    ];
    // Always there: what is usual. The rest where it happens.
    let shown = rates.iter().filter(|(name, rate)| *name == "accept" || *rate > 0.0);
    shown.map(|(name, of)| format!("{name} {}/s", rate(*of))).collect::<Vec<_>>().join("   ")
}

fn tenants(view: &View, width: usize) -> (String, Vec<String>) {
    let busy = |tenant: &TenantStatus| view.beat.tenants.iter().position(|busy| busy.name == tenant.name);
    let mut all: Vec<(usize, &TenantStatus)> =
        view.status.tenants.iter().map(|tenant| (busy(tenant).unwrap_or(usize::MAX), tenant)).collect();
    // Stable: who does nothing stays in the order of the names.
    all.sort_by_key(|(place, _)| *place);
    let name = name_width(all.iter().map(|(_, tenant)| &*tenant.name), width);
    let title = format!(
        "{} {:>8} {:>12} {:>9} {:>7} {:>8}  STATE",
        pad("TENANT", name),
        "MSG/S",
        "CONTENT/S",
        "REFUSED/S",
        "AT WORK",
        "REVISION"
    );
    let row = |(place, tenant): &(usize, &TenantStatus)| {
        let busy = view.beat.tenants.get(*place);
        let figure = |of: Option<f64>| rate(of.unwrap_or(0.0));
        format!(
            "{} {:>8} {:>12} {:>9} {:>7} {:>8}  {}",
            pad(&plain(&tenant.name), name),
            figure(busy.map(|busy| busy.messages)),
            bytes_f(busy.map_or(0.0, |busy| busy.bytes)),
            figure(busy.map(|busy| busy.refused)),
            tenant.messages,
            tenant.revision.map_or_else(|| "-".to_owned(), |revision| revision.to_string()),
            state(tenant)
        )
    };
    (title, all.iter().map(row).collect())
}

/// What is not as it should be.
fn state(tenant: &TenantStatus) -> String {
    let mut words: Vec<String> =
        tenant.breakers.iter().map(|breaker| format!("breaker of {} open", plain(&breaker.stage))).collect();
    if tenant.revision.is_none() {
        words.push("NOT LOADED".to_owned());
    } else if !tenant.problems.is_empty() {
        words.push("its file is refused".to_owned());
    }
    words.join(", ")
}

fn stages(view: &View, width: usize) -> (String, Vec<String>) {
    let stages = &view.beat.stages;
    let name = name_width(stages.iter().map(|stage| &*stage.name), width);
    let title = format!(
        "{} {:>8} {:>9} {:>8} {:>12} {:>12}  PROCESSOR",
        pad("STAGE", name),
        "MSG/S",
        "CPU/MSG",
        "FAILED/S",
        "IN/S",
        "OUT/S"
    );
    let row = |stage: &crate::telemetry::live::StageFigure| {
        let cpu = if stage.messages > 0.0 { stage.cpu_us / stage.messages } else { 0.0 };
        format!(
            "{} {:>8} {:>9} {:>8} {:>12} {:>12}  {}",
            pad(&plain(&stage.name), name),
            rate(stage.messages),
            time_us_f(cpu),
            rate(stage.failures),
            bytes_f(stage.bytes_in),
            bytes_f(stage.bytes_out),
            plain(&stage.processor)
        )
    };
    let rows: Vec<String> = stages.iter().map(row).collect();
    (title, if rows.is_empty() { vec!["  no message in the last ten seconds".to_owned()] } else { rows })
}

/// Senders and clients, side by side.
fn busiest(view: &View, width: usize) -> Vec<String> {
    let half = (width / 2).saturating_sub(2);
    let (senders, clients) = (&view.beat.senders, &view.beat.clients);
    let cell = |busy: Option<&Busy>| {
        let Some(busy) = busy else { return " ".repeat(half) };
        format!("{} {:>7}", pad(&plain(&busy.name), half.saturating_sub(8)), busy.messages)
    };
    let title = |text| format!("{} {:>7}", pad(text, half.saturating_sub(8)), "5 MIN");
    let mut lines = vec![format!("{}  {}", title("SENDERS"), title("CLIENTS"))];
    let rows = 0..senders.len().max(clients.len());
    lines.extend(rows.map(|n| format!("{}  {}", cell(senders.get(n)), cell(clients.get(n)))));
    lines
}

/// Wide enough for the names, but not for the longest that there may be.
fn name_width<'a>(names: impl Iterator<Item = &'a str>, width: usize) -> usize {
    let longest = names.map(|name| plain(name).chars().count()).max().unwrap_or(0);
    longest.clamp(8, NAME_MAX.min(width / 2).max(8))
}

fn mean(points: &[Point], of: impl Fn(&Point) -> u64) -> f64 {
    let sum: u64 = points.iter().map(of).sum();
    as_f64(sum) / as_f64(points.len().max(1) as u64)
}

/// Messages of the last seconds, the newest at the right.
fn curve(points: &[Point], width: usize) -> String {
    let points = &points[points.len().saturating_sub(width)..];
    let most = points.iter().map(|point| point.messages).max().unwrap_or(0).max(1);
    let bar = |point: &Point| match u64::from(point.messages) * BARS.len() as u64 / u64::from(most) {
        0 if point.messages == 0 => ' ',
        eighths => BARS[usize::try_from(eighths).unwrap_or(0).saturating_sub(1)],
    };
    points.iter().map(bar).collect()
}

fn up(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60 % 60, seconds / 3600 % 24, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests;
