//! `gatepost status`: what the running server does.

use super::client::Client;
use super::exit::Exit;
use super::output::plain;
use super::reach::Reach;
use super::units::{as_f64, bytes, bytes_f, rate};
use crate::admin::Status;
use crate::cli::output::line;
use crate::telemetry::live::{Figures, WINDOW};

pub(super) fn run(reach: &Reach, json: bool) -> anyhow::Result<Exit> {
    let client = Client::connect(reach)?;
    let status: Status = client.get("/v1/status")?.expect(&[200])?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&status)?);
        return Ok(Exit::Ok);
    }
    let figures: Figures = client.get("/v1/figures")?.expect(&[200])?;
    let state = if status.draining { "draining" } else { "serving" };
    outln!("gatepost {}, {state}, up {} s", plain(&status.version), status.uptime_s);
    if let Some(why) = status.not_ready.as_ref().filter(|_| !status.draining) {
        outln!("  NOT READY: {}", plain(&line(why)));
    }
    outln!("  now      {}", totals(&figures));
    for (name, address) in &status.listeners {
        outln!("  listener {:<12} {}", plain(name), plain(address));
    }
    for tenant in &status.tenants {
        match tenant.revision {
            Some(revision) => {
                outln!(
                    "  tenant   {:<12} revision {revision}, {} at work: {}",
                    plain(&tenant.name),
                    tenant.messages,
                    plain(&tenant.chain)
                );
            }
            None => outln!(
                "  tenant   {:<12} NOT LOADED: its mail gets 451 (see the log, or `gatepost check`)",
                plain(&tenant.name)
            ),
        }
        for breaker in &tenant.breakers {
            let when = match breaker.retry_in_ms {
                Some(ms) => format!("one is tried in {} s", ms.div_ceil(1000)),
                None => "one is being tried".to_owned(),
            };
            let place = if breaker.place == "chain" { "messages" } else { "recipients" };
            outln!("           breaker of `{}` is open: {place} get 451; {when}", plain(&breaker.stage));
        }
        for problem in &tenant.problems {
            outln!("           refused: {}", plain(&line(problem)));
        }
    }
    Ok(Exit::Ok)
}

/// What the last ten seconds came to, a second.
fn totals(figures: &Figures) -> String {
    let recent = figures.points.iter().rev().take(usize::try_from(WINDOW).unwrap_or(1));
    let (mut messages, mut content, mut refused, mut seconds) = (0, 0, 0, 0);
    for point in recent {
        messages += u64::from(point.messages);
        content += point.bytes;
        refused += u64::from(point.refused);
        seconds += 1;
    }
    let mean = |sum| as_f64(sum) / as_f64(seconds.max(1));
    let mut text = format!(
        "{} messages/s, {}/s, {} refused/s",
        rate(mean(messages)),
        bytes_f(mean(content)),
        rate(mean(refused))
    );
    let now = figures.points.last().copied().unwrap_or_default();
    if let Some(sessions) = now.sessions {
        text += &format!(", {sessions} sessions");
    }
    if let Some(memory) = now.memory {
        text += &format!(", {} of memory", bytes(memory));
    }
    text
}
