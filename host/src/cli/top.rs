//! `gatepost top`: what the running server does, drawn anew each second.
//!
//! A thread reads the feed and asks for the status now and then; this one draws, and ends at a signal. In reading order:
//! `picture` (figures to lines), `screen` (lines to the terminal).

mod picture;
mod screen;

use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::arguments::live::TopOptions;
use super::client::Client;
use super::exit::Exit;
use super::feed::{Feed, path_part};
use super::output::try_line;
use super::reach::Reach;
use crate::admin::Status;
use crate::telemetry::line;
use crate::telemetry::live::{Busy, Figures, POINTS_MAX, Point, StageFigure, TenantFigure};
use screen::Screen;

/// How often the status is asked for: revisions and breakers change seldom.
const STATUS_EVERY: Duration = Duration::from_secs(2);

/// Figures of one second.
#[derive(Debug, Default, Deserialize)]
struct Beat {
    point: Point,
    senders: Vec<Busy>,
    clients: Vec<Busy>,
    stages: Vec<StageFigure>,
    tenants: Vec<TenantFigure>,
}

/// All that is shown.
struct View {
    tenant: Option<String>,
    status: Status,
    /// The last minutes, oldest first.
    points: Vec<Point>,
    beat: Beat,
}

/// A second is over.
struct Second {
    data: Value,
    /// Where it was asked for.
    status: Option<Status>,
}

pub(super) fn run(reach: &Reach, options: &TopOptions, json: bool) -> anyhow::Result<Exit> {
    let client = Client::connect(reach)?;
    let own = if options.tenant.is_some() { None } else { client.own_tenant()? };
    let tenant = options.tenant.clone().or(own);
    let query = tenant.as_deref().map(|tenant| format!("?tenant={}", path_part(tenant)));
    let feed = Feed::open(&client, "figures", tenant.as_deref())?;
    let figures: Figures =
        client.get(&format!("/v1/figures{}", query.unwrap_or_default()))?.expect(&[200])?;
    let view = View { tenant, status: status(&client)?, points: figures.points, beat: Beat::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let seconds = reader(client, feed);
    runtime.block_on(show(view, seconds, options.once, json))
}

fn status(client: &Client) -> anyhow::Result<Status> {
    client.get("/v1/status")?.expect(&[200])
}

/// Reads the feed on a thread of its own, which ends with the process.
fn reader(client: Client, mut feed: Feed) -> mpsc::Receiver<anyhow::Result<Second>> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut asked = Instant::now();
        let mut second = || loop {
            let news = feed.next()?;
            if news.event != "figures" {
                continue;
            }
            let is_old = asked.elapsed() >= STATUS_EVERY;
            let status = is_old.then(|| status(&client)).transpose()?;
            if is_old {
                asked = Instant::now();
            }
            return Ok(Second { data: news.data, status });
        };
        loop {
            let second = second();
            let is_last = second.is_err();
            if sender.blocking_send(second).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}

/// Draws until a signal comes, nobody looks any more, or the feed ends.
async fn show(
    mut view: View,
    mut seconds: mpsc::Receiver<anyhow::Result<Second>>,
    once: bool,
    json: bool,
) -> anyhow::Result<Exit> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let screen = if json || once { None } else { Screen::enter().context("drawing on the terminal")? };
    let is_json = json || (screen.is_none() && !once);
    loop {
        let second = tokio::select! {
            biased;
            _ = interrupt.recv() => return Ok(Exit::Ok),
            _ = terminate.recv() => return Ok(Exit::Ok),
            second = seconds.recv() => second.context("the feed is not read any more")??,
        };
        let is_read = if is_json {
            try_line(&line::json(&second.data)?)
        } else {
            view.take(second)?;
            let (width, height) = screen::size();
            match &screen {
                Some(screen) => screen.draw(&picture::picture(&view, width, height)).is_ok(),
                None => picture::picture(&view, width, usize::MAX).iter().all(|line| try_line(line)),
            }
        };
        if once || !is_read {
            return Ok(Exit::Ok);
        }
    }
}

impl View {
    fn take(&mut self, second: Second) -> anyhow::Result<()> {
        self.beat = Beat::deserialize(second.data).context("the server's feed is not of this version")?;
        if let Some(status) = second.status {
            self.status = status;
        }
        // The first one may be among those that were there already.
        if self.points.last().is_none_or(|last| last.at < self.beat.point.at) {
            self.points.push(self.beat.point);
        }
        let too_many = self.points.len().saturating_sub(usize::try_from(POINTS_MAX).unwrap_or(usize::MAX));
        self.points.drain(..too_many);
        Ok(())
    }
}
