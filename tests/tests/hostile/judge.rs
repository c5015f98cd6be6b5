//! Whether a message ended as its case says: what the client heard, what the log tells, what the stage used.

use std::collections::HashMap;

use gatepost_tests::Server;
use gatepost_tests::hostile::{Case, Ending, Outcome};
use gatepost_tests::smtp::Reply;
use gatepost_tests::wait::until;
use serde_json::Value;

use crate::stand::{BUDGET_MS, OWN_BUDGET_MS, Placed, Sent};

/// What a stage may use beyond its budget, in microseconds: `memory.fill` sees an epoch only when it has ended.
const GRACE_US: u64 = 250_000;
/// `memory_per_instance`
const MEMORY_MAX: u64 = 32 << 20;
/// Records of one message: its log budget of 8 KiB in the smallest records, and the one that says that it is spent.
const LOG_RECORDS_MAX: usize = 129;
/// Longest text of a record, in bytes.
const LOG_TEXT_MAX: usize = 1024;
/// Longest reply line (RFC 5321 §4.5.3.1.5), without CRLF.
const REPLY_MAX: usize = 510;
/// Failures that are no budget: 451 4.3.0 instead of 4.3.2.
const FAULTS: [&str; 5] = ["trap", "failed", "reply", "content", "header"];

/// What the log says of some messages.
pub(crate) struct Log {
    /// By sender, which is one message's own.
    messages: HashMap<String, Vec<Value>>,
    /// By id.
    failures: HashMap<String, Vec<Value>>,
    /// By id.
    texts: HashMap<String, Vec<String>>,
}

impl Log {
    /// The log as it is when it has a record of each of `sent`.
    pub(crate) fn of(server: &Server, sent: &[Sent]) -> Self {
        until("a record of each message", || {
            let log = Self::read(server);
            sent.iter().all(|sent| log.messages.contains_key(&sent.sender)).then_some(log)
        })
    }

    fn read(server: &Server) -> Self {
        let mut log = Self { messages: HashMap::new(), failures: HashMap::new(), texts: HashMap::new() };
        let text = |record: &Value, key: &str| record[key].as_str().unwrap_or_default().to_owned();
        for line in server.log().lines().filter(|line| !line.is_empty()) {
            // No text of a guest ends a line of ours or begins one.
            let Ok(record) = serde_json::from_str::<Value>(line) else {
                panic!("no record: {line}");
            };
            match record["event"].as_str().unwrap_or_default() {
                "message" => log.messages.entry(text(&record, "sender")).or_default().push(record),
                "stage_failed" => log.failures.entry(text(&record, "id")).or_default().push(record),
                "stage_log" => {
                    log.texts.entry(text(&record, "id")).or_default().push(text(&record, "text"));
                }
                _ => {}
            }
        }
        log
    }

    /// All that is wrong with how a message ended; empty: nothing.
    pub(crate) fn judge(&self, placed: &Placed, sent: &Sent) -> String {
        let judged = self.judged(&placed.case, sent);
        judged.err().map(|why| format!("{}: {why}\n", placed.case.name)).unwrap_or_default()
    }

    fn judged(&self, case: &Case, sent: &Sent) -> Result<(), String> {
        clean(&sent.reply)?;
        let [record] = self.messages.get(&sent.sender).map(Vec::as_slice).unwrap_or_default() else {
            return Err(format!("not one record of the message: {:?}", self.messages.get(&sent.sender)));
        };
        let id = record["id"].as_str().unwrap_or_default();
        let failures = self.failures.get(id).map(Vec::as_slice).unwrap_or_default();
        let reason = failures.first().and_then(|record| record["reason"].as_str());
        let Outcome::Live(endings) = &case.outcome else { return Err("it was never to go live".into()) };
        if !endings.iter().any(|ending| fits(ending, &sent.reply, record, reason)) {
            let error = failures.first().map(|record| record["error"].to_string());
            return Err(format!(
                "{} with {reason:?} ({}), not {endings:?}",
                sent.reply.text(),
                error.unwrap_or_default().chars().take(300).collect::<String>()
            ));
        }
        within_limits(case, record)?;
        let texts = self.texts.get(id).map(Vec::as_slice).unwrap_or_default();
        if texts.len() > LOG_RECORDS_MAX || texts.iter().any(|text| text.len() > LOG_TEXT_MAX) {
            return Err(format!("{} log records", texts.len()));
        }
        Ok(())
    }
}

/// One line, printable, within its limit: whatever a guest says.
fn clean(reply: &Reply) -> Result<(), String> {
    let [line] = reply.lines.as_slice() else { return Err(format!("more than one line: {reply:?}")) };
    let is_clean = line.len() <= REPLY_MAX && line.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if is_clean { Ok(()) } else { Err(format!("no clean reply: {line:?}")) }
}

fn fits(ending: &Ending, reply: &Reply, record: &Value, reason: Option<&str>) -> bool {
    let verdict = record["verdict"].as_str().unwrap_or_default();
    match ending {
        Ending::Accept => (reply.code, verdict, reason) == (250, "accept", None),
        Ending::Quarantine => (reply.code, verdict, reason) == (250, "quarantine", None),
        Ending::Refusal(start) => {
            let expect = if start.starts_with('5') { "reject" } else { "defer" };
            reply.text().starts_with(start.as_str()) && (verdict, reason) == (expect, None)
        }
        Ending::Failure { code, reasons } => {
            let Some(reason) = reason.filter(|reason| reasons.iter().any(|known| known == reason)) else {
                return false;
            };
            // The client learns whether it was a budget, and nothing more.
            let enhanced = if FAULTS.contains(&reason) { "4.3.0" } else { "4.3.2" };
            verdict == "failed" && reply.text().starts_with(&format!("{code} {enhanced} "))
        }
    }
}

fn within_limits(case: &Case, record: &Value) -> Result<(), String> {
    let stages = record["stages"].as_array().cloned().unwrap_or_default();
    let own = stages.iter().find(|stage| stage["name"] == case.name.as_str());
    let own = own.ok_or_else(|| format!("its stage is not in the record: {record}"))?;
    let figure = |key: &str| own[key].as_u64().unwrap_or(u64::MAX);
    let budget_ms = if case.stage.contains("cpu_per_message") { OWN_BUDGET_MS } else { BUDGET_MS };
    if figure("cpu_us") > budget_ms * 1000 + GRACE_US {
        return Err(format!("used {} us of CPU time", figure("cpu_us")));
    }
    if figure("memory_peak") > MEMORY_MAX {
        return Err(format!("took {} bytes of memory", figure("memory_peak")));
    }
    let failed = record["verdict"] == "failed";
    if failed != (own["outcome"] == "failed") {
        return Err(format!("another stage failed: {record}"));
    }
    Ok(())
}
