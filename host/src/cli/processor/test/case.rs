//! A case: a folder with a message, and what must come of it. The format is public: `docs/testing-a-processor.md`.
//!
//! Reads `case.toml` with all its problems at once; knows nothing of running it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::chain::cutting::{CUTTINGS, Cutting};
use crate::cli::exit::Problems;
use crate::cli::offline::Sent;
use crate::config::Problem;
use crate::config::load::read_text;
use crate::config::reader::{Notes, Reader};
use crate::config::tree::{self, Value};

/// The names of `docs/semantics.md`.
const VERDICTS: [(&str, &str); 6] = [
    ("accept", "accept"),
    ("quarantine", "quarantine"),
    ("discard", "discard"),
    ("reject", "reject"),
    ("defer", "defer"),
    ("failed", "failed"),
];

/// What the clock shows where a case says nothing, in milliseconds since 1970: the first moment of 2026, as natively.
const NOW_MS: u64 = 1_767_225_600_000;

/// A case, read.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    pub(super) message: Vec<u8>,
    /// As `[stage.NAME]` of a tenant's file.
    pub(super) stage: toml::Table,
    pub(super) sent: Sent,
    /// Facts beyond those of `sent`.
    pub(super) facts: BTreeMap<String, String>,
    pub(super) cuttings: Vec<Cutting>,
    /// Of the random cuts, and of the stage's random bytes.
    pub(super) seed: u64,
    /// What the clock shows.
    pub(super) now_ms: u64,
    /// What the key-value space holds before.
    pub(super) kv: BTreeMap<String, String>,
    pub(super) expect: Expect,
}

/// What must come of it. `None`: whatever it is.
#[derive(Debug)]
pub(super) struct Expect {
    pub(super) verdict: &'static str,
    /// Of a quarantine.
    pub(super) reason: Option<String>,
    pub(super) code: Option<u64>,
    pub(super) enhanced: Option<String>,
    pub(super) text: Option<String>,
    /// Part of what the stage says of its failure.
    pub(super) failure: Option<String>,
    /// The message stays as it is, and so has no `expected.eml`.
    pub(super) unchanged: bool,
    /// All `x.` facts.
    pub(super) facts: Option<BTreeMap<String, String>>,
    /// Empty: the null reverse-path.
    pub(super) sender: Option<String>,
    pub(super) recipients: Option<Vec<String>>,
    /// All that the key-value space holds.
    pub(super) kv: Option<BTreeMap<String, String>>,
}

impl Case {
    /// The file that holds what the message must become.
    pub(super) fn snapshot(&self) -> PathBuf {
        self.folder.join("expected.eml")
    }
}

/// The cases in a crate's `cases/` whose name holds `filter`, by name.
///
/// # Errors
/// [`Problems`], all of them; a message that cannot be read.
pub(super) fn read_all(cases: &Path, filter: Option<&str>) -> anyhow::Result<Vec<Case>> {
    let mut folders = Vec::new();
    match std::fs::read_dir(cases) {
        Ok(entries) => {
            for entry in entries {
                folders.push(entry.with_context(|| format!("`{}`", cases.display()))?.path());
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("`{}`", cases.display())),
    }
    folders.sort();
    let (mut read, mut problems) = (Vec::new(), Vec::new());
    for folder in folders.into_iter().filter(|folder| folder.is_dir()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if filter.is_none_or(|filter| name.contains(filter)) {
            match case(name, folder)? {
                Ok(case) => read.push(case),
                Err(mut found) => problems.append(&mut found),
            }
        }
    }
    if problems.is_empty() { Ok(read) } else { Err(Problems(problems).into()) }
}

fn case(name: String, folder: PathBuf) -> anyhow::Result<Result<Case, Vec<Problem>>> {
    let file = folder.join("case.toml");
    let label = file.display().to_string();
    let text = match read_text(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read `{label}`")),
    };
    let path = folder.join("message.eml");
    let message = std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let notes = Notes::default();
    let mut problems = Vec::new();
    let root = tree::parse(&label, &text, &mut problems);
    problems.into_iter().for_each(|problem| notes.add(problem));
    let mut reader = Reader::new(root, "", &notes);
    // For people only.
    reader.string("about");
    let stage = reader.take("stage").map_or(Value::Table(tree::Table::new()), |node| node.value);
    let stage = toml::Table::try_from(stage.into_json());
    let stage = stage.map_err(|_| reader.problem("stage", "expected a table")).unwrap_or_default();
    let (cuttings, seed) = cuttings(&mut reader);
    let now_ms = reader.count("now", 0..=1 << 62, NOW_MS);
    let kv = texts(&mut reader, "kv").unwrap_or_default();
    let (sent, facts) = envelope(reader.table_or_empty("envelope"));
    let expect = expect(reader.table_or_empty("expect"), folder.join("expected.eml").exists());
    reader.finish();
    let problems = notes.into_problems();
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    Ok(Ok(Case { name, folder, message, stage, sent, facts, cuttings, seed, now_ms, kv, expect }))
}

fn cuttings(reader: &mut Reader<'_>) -> (Vec<Cutting>, u64) {
    let seed = reader.count("seed", 0..=u64::MAX, 1);
    let mut chosen = Vec::new();
    for name in reader.strings("chunkings") {
        match CUTTINGS.iter().find(|(known, _)| *known == name) {
            Some((_, cutting)) => chosen.push(*cutting),
            None => {
                let text = format!("\"{}\" is none of whole, bytes, halves, random", name.escape_debug());
                reader.problem("chunkings", text);
            }
        }
    }
    if chosen.is_empty() {
        chosen = CUTTINGS.iter().map(|(_, cutting)| *cutting).collect();
    }
    (chosen, seed)
}

fn envelope(mut reader: Reader<'_>) -> (Sent, BTreeMap<String, String>) {
    let from = reader.string("sender").unwrap_or_else(|| "sender@client.example".to_owned());
    let mut to = reader.strings("recipients");
    if to.is_empty() {
        to.push("recipient@tenant.example".to_owned());
    }
    let helo = reader.string("helo").unwrap_or_else(|| "client.example".to_owned());
    let ip = reader.string("ip").map(|text| text.parse::<IpAddr>());
    let ip = match ip.unwrap_or(Ok(Ipv4Addr::LOCALHOST.into())) {
        Ok(ip) => ip,
        Err(error) => {
            reader.problem("ip", error.to_string());
            Ipv4Addr::LOCALHOST.into()
        }
    };
    let sent = Sent { from, to, helo, ip };
    if let Err(error) = sent.envelope(crate::mail::MessageId::default()) {
        reader.problem("", error.to_string());
    }
    let facts = texts(&mut reader, "facts").unwrap_or_default();
    reader.finish();
    (sent, facts)
}

/// A table of strings.
fn texts(reader: &mut Reader<'_>, key: &'static str) -> Option<BTreeMap<String, String>> {
    let mut table = reader.table(key)?;
    let mut texts = BTreeMap::new();
    for (key, node) in table.take_rest() {
        match node.value {
            Value::String(text) => drop(texts.insert(key, text)),
            other => table.problem(&key, format!("expected a string, found {}", other.kind())),
        }
    }
    Some(texts)
}

fn expect(mut reader: Reader<'_>, has_snapshot: bool) -> Expect {
    let verdict = reader.choice("verdict", &VERDICTS).unwrap_or("accept");
    let reason = reader.string("reason");
    let failure = reader.string("failure");
    let mut reply = reader.table_or_empty("reply");
    let code = reply.has("code").then(|| reply.count("code", 200..=599, 0));
    let (enhanced, text) = (reply.string("enhanced"), reply.string("text"));
    reply.finish();
    let unchanged = reader.choice("message", &[("unchanged", ())]).is_some();
    let is_kept = !["accept", "quarantine"].contains(&verdict);
    if unchanged && is_kept {
        reader.problem("message", format!("a message that ends in {verdict} goes nowhere"));
    }
    if has_snapshot && (unchanged || is_kept) {
        let said =
            if unchanged { "message is \"unchanged\"".to_owned() } else { format!("verdict is {verdict}") };
        reader.problem("", format!("{said}, but there is an expected.eml: remove one of the two"));
    }
    for (key, given, belongs) in
        [("reason", reason.is_some(), "quarantine"), ("failure", failure.is_some(), "failed")]
    {
        if given && verdict != belongs {
            reader.problem(key, format!("belongs to the verdict \"{belongs}\""));
        }
    }
    let (facts, kv) = (texts(&mut reader, "facts"), texts(&mut reader, "kv"));
    let sender = reader.string("sender");
    let recipients = reader.has("recipients").then(|| reader.strings("recipients"));
    reader.finish();
    Expect { verdict, reason, code, enhanced, text, failure, unchanged, facts, sender, recipients, kv }
}

#[cfg(test)]
mod tests;
