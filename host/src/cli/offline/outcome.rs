//! What came of a message, in the words of `docs/semantics.md`: what `--json` prints, and what cases expect.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::chain::{Run, RunEnd};
use crate::cli::exit::Exit;
use crate::mail::Verdict;
use crate::telemetry::{StageRecord, causes};
use crate::transaction::replies;

/// What came of a message. As JSON the same shape as the API's `try`.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct Outcome {
    /// accept, quarantine, discard, reject, defer or failed.
    pub(in crate::cli) verdict: &'static str,
    /// Why it is quarantined.
    pub(in crate::cli) reason: Option<String>,
    pub(in crate::cli) reply: Reply,
    pub(in crate::cli) envelope: Parties,
    pub(in crate::cli) facts: BTreeMap<String, String>,
    pub(in crate::cli) stages: Vec<StageRecord>,
    /// What went wrong in stages, those that were bypassed included.
    pub(in crate::cli) failures: Vec<Failure>,
    /// The message as the chain left it; none where the client must keep it.
    #[serde(skip)]
    pub(in crate::cli) message: Option<Vec<u8>>,
}

/// What the client would have heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct Reply {
    pub(in crate::cli) code: u16,
    pub(in crate::cli) enhanced: Option<String>,
    pub(in crate::cli) text: String,
}

/// The envelope at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct Parties {
    pub(in crate::cli) sender: Option<String>,
    pub(in crate::cli) recipients: Vec<String>,
}

/// Why a stage failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct Failure {
    pub(in crate::cli) stage: String,
    /// One of a closed set: `trap`, `cpu`, `memory`, ...
    pub(in crate::cli) reason: &'static str,
    /// All causes on one line.
    pub(in crate::cli) text: String,
    /// Whether a budget ran out.
    #[serde(skip)]
    pub(in crate::cli) is_budget: bool,
}

impl Outcome {
    /// Of a run that is over.
    pub(super) fn of(run: &Run, ended: Result<Verdict, RunEnd>, message: Vec<u8>) -> Self {
        let envelope = run.envelope();
        let reply = match &ended {
            Ok(_) => replies::accepted(envelope.id()),
            Err(end) => replies::run_ended(end, envelope.id()),
        };
        let failures = run.failures().iter().map(|failure| Failure {
            stage: failure.stage.clone(),
            reason: failure.error.reason(),
            text: causes(&failure.error),
            is_budget: failure.error.is_budget(),
        });
        Self {
            verdict: verdict(&ended),
            reply: Reply {
                code: reply.code(),
                enhanced: reply.enhanced().map(|code| code.to_string()),
                text: reply.text(),
            },
            envelope: Parties {
                sender: envelope.sender().map(ToString::to_string),
                recipients: envelope.recipients().iter().map(ToString::to_string).collect(),
            },
            facts: envelope.facts().clone(),
            stages: run.records(),
            failures: failures.collect(),
            message: ended.is_ok().then_some(message),
            reason: match ended {
                Ok(Verdict::Quarantine(reason)) => Some(reason),
                _ => None,
            },
        }
    }

    /// The exit code of `gatepost run`.
    pub(in crate::cli) fn exit(&self) -> Exit {
        match self.verdict {
            "reject" => Exit::No,
            "defer" => Exit::TempFail,
            "failed" => Exit::Software,
            _ => Exit::Ok,
        }
    }
}

fn verdict(ended: &Result<Verdict, RunEnd>) -> &'static str {
    match ended {
        Ok(verdict) => verdict.name(),
        Err(RunEnd::Refused { refusal, .. }) if refusal.is_permanent() => "reject",
        Err(RunEnd::Refused { .. }) => "defer",
        Err(RunEnd::HeaderTooLarge) => "reject",
        // Memory takes all that there is.
        Err(RunEnd::Failed { .. } | RunEnd::Outlet(_)) => "failed",
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let enhanced = self.enhanced.as_ref().map(|code| format!("{code} ")).unwrap_or_default();
        write!(f, "{} {enhanced}{}", self.code, self.text)
    }
}
