//! Whether what came of a message is what its case expects, and whether two cuts came to the same.

use std::collections::BTreeMap;

use super::case::Expect;
use super::diff::diff;
use crate::cli::offline::Outcome;
use crate::kv::Entries;

/// What came of a message, and what was remembered.
pub(super) struct Came {
    pub(super) outcome: Outcome,
    pub(super) kv: Entries,
}

/// Everything but the message that is not as expected, a line each.
pub(super) fn problems(expect: &Expect, came: &Came) -> Vec<String> {
    let Came { outcome: came, kv } = came;
    let mut problems = Vec::new();
    let mut compare = |what: &str, expected: Option<String>, came: String| {
        if let Some(expected) = expected.filter(|expected| *expected != came) {
            problems.push(format!("{what}: expected {expected:?}, came {came:?}"));
        }
    };
    compare("verdict", Some(expect.verdict.to_owned()), came.verdict.to_string());
    compare("reason", expect.reason.clone(), came.reason.clone().unwrap_or_default());
    compare("reply code", expect.code.map(|code| code.to_string()), came.reply.code.to_string());
    compare("enhanced status code", expect.enhanced.clone(), came.reply.enhanced.clone().unwrap_or_default());
    compare("reply text", expect.text.clone(), came.reply.text.clone());
    compare("sender", expect.sender.clone(), came.envelope.sender.clone().unwrap_or_default());
    let listed = |list: &[String]| list.join(", ");
    compare("recipients", expect.recipients.as_deref().map(listed), listed(&came.envelope.recipients));
    let listed = |facts: &BTreeMap<String, String>| {
        facts.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
    };
    compare("x. facts", expect.facts.as_ref().map(listed), listed(&stage_facts(came)));
    let came_kv = kv.iter().map(|(key, (value, _))| (key.as_str(), value.as_slice()));
    compare(
        "kv",
        expect.kv.as_ref().map(|kv| remembered(kv.iter().map(|(k, v)| (k.as_str(), v.as_bytes())))),
        remembered(came_kv),
    );
    let said = came.failures.iter().map(|failure| failure.text.as_str()).collect::<Vec<_>>().join("; ");
    if expect.failure.as_ref().is_some_and(|part| !said.contains(part.as_str())) {
        problems.push(format!(
            "failure: expected to hold {:?}, came {said:?}",
            expect.failure.as_deref().unwrap_or("")
        ));
    } else if expect.verdict != "failed" && !said.is_empty() {
        problems.push(format!("the stage {}", said.escape_debug()));
    }
    problems
}

/// In what the same message, cut otherwise, came to something else. `None`: in nothing that matters.
pub(super) fn difference(whole: &Came, other: &Came) -> Option<String> {
    let (Came { outcome: whole, kv: whole_kv }, Came { outcome: other, kv: other_kv }) = (whole, other);
    let decision = |outcome: &Outcome| {
        let reason = outcome.reason.as_deref().unwrap_or_default();
        let reply = if outcome.message.is_none() { outcome.reply.to_string() } else { String::new() };
        [&*outcome.verdict, reason, &reply]
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(": ")
    };
    let compare = |what: &str, whole: &str, other: &str| {
        (whole != other).then(|| format!("{what}: whole {whole:?}, cut {other:?}"))
    };
    compare("verdict", &decision(whole), &decision(other))
        .or_else(|| {
            compare("facts", &format!("{:?}", stage_facts(whole)), &format!("{:?}", stage_facts(other)))
        })
        .or_else(|| compare("envelope", &format!("{:?}", whole.envelope), &format!("{:?}", other.envelope)))
        .or_else(|| compare("kv", &format!("{whole_kv:?}"), &format!("{other_kv:?}")))
        .or_else(|| {
            let (whole, other) = (whole.message.as_deref()?, other.message.as_deref()?);
            (whole != other).then(|| format!("message, {}", diff(whole, other).replace("expected", "whole")))
        })
}

/// Keys and values on one line; what is not printable is escaped.
fn remembered<'e>(entries: impl Iterator<Item = (&'e str, &'e [u8])>) -> String {
    entries.map(|(key, value)| format!("{key}={}", value.escape_ascii())).collect::<Vec<_>>().join(", ")
}

/// The facts that stages have set.
fn stage_facts(outcome: &Outcome) -> BTreeMap<String, String> {
    let facts = outcome.facts.iter().filter(|(key, _)| key.starts_with("x."));
    facts.map(|(key, value)| (key.clone(), value.clone())).collect()
}
