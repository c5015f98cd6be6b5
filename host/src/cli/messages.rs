//! `gatepost messages`: the last messages, and with `--follow` those that come.

use std::collections::HashSet;

use anyhow::Context;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::arguments::live::MessagesOptions;
use super::client::Client;
use super::exit::Exit;
use super::feed::{Feed, path_part};
use super::output::{plain, try_line};
use super::reach::Reach;
use super::units;
use crate::telemetry::line;

/// What is shown of a message's record.
#[derive(Deserialize)]
struct Message {
    at: i64,
    id: String,
    tenant: String,
    client: String,
    sender: String,
    recipients: Vec<String>,
    #[serde(default)]
    recipients_more: usize,
    size: u64,
    verdict: String,
    reply: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    failures: Vec<Failure>,
    stages: Vec<Stage>,
    ms: u64,
}

/// What is shown of a failure.
#[derive(Deserialize)]
struct Failure {
    stage: String,
    policy: String,
    text: String,
}

/// What is shown of a stage.
#[derive(Deserialize)]
struct Stage {
    name: String,
    processor: String,
    outcome: String,
    cpu_us: u64,
    wall_us: u64,
    bytes_in: u64,
    bytes_out: u64,
    memory_peak: u64,
    #[serde(default)]
    limits: Vec<String>,
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<Value>,
}

pub(super) fn run(reach: &Reach, options: &MessagesOptions, json: bool) -> anyhow::Result<Exit> {
    let client = Client::connect(reach)?;
    let own = if options.tenant.is_some() { None } else { client.own_tenant()? };
    let tenant = options.tenant.as_deref().or(own.as_deref());
    // Before the last ones are read, so that none falls between.
    let feed = options.follow.then(|| Feed::open(&client, "message", tenant)).transpose()?;
    let of = tenant.map(|tenant| format!("/tenants/{}", path_part(tenant))).unwrap_or_default();
    let page: Page = client.get(&format!("/v1{of}/messages?limit={}", options.limit))?.expect(&[200])?;
    for message in page.messages.iter().rev() {
        if !show(message, options.stages, json)? {
            return Ok(Exit::Ok);
        }
    }
    let Some(mut feed) = feed else { return Ok(Exit::Ok) };
    let shown: HashSet<&Value> = page.messages.iter().map(|message| &message["id"]).collect();
    loop {
        let news = feed.next()?;
        if news.event == "lagged" {
            eprintln!("gatepost: {} messages are not shown: there are too many", news.data["missed"]);
        }
        let is_new = news.event == "message" && !shown.contains(&news.data["id"]);
        if is_new && !show(&news.data, options.stages, json)? {
            return Ok(Exit::Ok);
        }
    }
}

/// False: nobody reads it any more.
fn show(message: &Value, with_stages: bool, json: bool) -> anyhow::Result<bool> {
    if json {
        return Ok(try_line(&line::json(message)?));
    }
    let message = Message::deserialize(message).context("the server's answer is not of this version")?;
    Ok(lines(&message, with_stages).iter().all(|line| try_line(line)))
}

fn lines(message: &Message, with_stages: bool) -> Vec<String> {
    let time = Timestamp::from_millisecond(message.at).unwrap_or_default();
    let more = match message.recipients_more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let recipients: Vec<String> = message.recipients.iter().map(|recipient| plain(recipient)).collect();
    let mut lines = vec![format!(
        "{time:.3} {} {} {:<10} {:>7} {:>6} {} <{}> -> {}{more}",
        plain(&message.id),
        plain(&message.tenant),
        plain(&message.verdict),
        units::bytes(message.size),
        units::time_us(message.ms.saturating_mul(1000)),
        plain(&message.client),
        plain(&message.sender),
        recipients.join(", "),
    )];
    if !matches!(&*message.verdict, "accept" | "aborted" | "quarantine") {
        let reason =
            if message.reason.is_empty() { String::new() } else { format!(" ({})", plain(&message.reason)) };
        lines.push(format!("    {}{reason}", plain(&message.reply)));
    }
    if message.verdict == "quarantine" && !message.reason.is_empty() {
        lines.push(format!("    quarantined: {}", plain(&message.reason)));
    }
    for Failure { stage, policy, text } in &message.failures {
        lines.push(format!("    {} failed, {}: {}", plain(stage), plain(policy), plain(text)));
    }
    if with_stages {
        lines.extend(message.stages.iter().map(stage_line));
    }
    lines
}

fn stage_line(stage: &Stage) -> String {
    let limits: Vec<String> = stage.limits.iter().map(|limit| plain(limit)).collect();
    let limits =
        if limits.is_empty() { String::new() } else { format!(", at its limit: {}", limits.join(", ")) };
    format!(
        "    {:<20} {:<9} cpu {:>7}, wall {:>7}, {} in, {} out, memory {}{limits}  {}",
        plain(&stage.name),
        plain(&stage.outcome),
        units::time_us(stage.cpu_us),
        units::time_us(stage.wall_us),
        units::bytes(stage.bytes_in),
        units::bytes(stage.bytes_out),
        units::bytes(stage.memory_peak),
        plain(&stage.processor),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: what a client said moves no cursor and begins no line.
    #[test]
    fn texts_from_outside_are_escaped() {
        let evil = "\u{1b}[2J\u{9b}1m\r\n<script>\u{202e}";
        let stage = serde_json::json!({
            "name": evil, "processor": evil, "outcome": evil, "cpu_us": 1, "wall_us": 1, "bytes_in": 1, "bytes_out": 1,
            "memory_peak": 1, "limits": [evil],
        });
        let message = serde_json::json!({
            "at": 1, "id": evil, "tenant": evil, "client": evil, "sender": evil, "recipients": [evil], "size": 1,
            "verdict": evil, "reply": evil, "reason": evil, "stages": [stage], "ms": 1, "recipients_more": 3,
        });
        let shown = lines(&Message::deserialize(&message).unwrap(), true);
        assert_eq!(shown.len(), 3);
        for line in &shown {
            assert!(line.chars().all(|c| c == ' ' || c.is_ascii_graphic()), "{line:?}");
            assert!(line.contains("\\u{1b}[2J") && line.contains("<script>"), "{line}");
        }
        assert!(shown[0].contains(" and 3 more"));
    }
}
