//! What came of a message that was tried, in the words of `docs/semantics.md`: what `gatepost run --json` and the API's `try`
//! answer, and what cases expect.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::chain::{Run, RunEnd};
use crate::mail::Verdict;
use crate::telemetry::{StageRecord, causes};
use crate::transaction::replies;

/// What came of a message.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Outcome {
    /// accept, quarantine, discard, reject, defer or failed.
    pub verdict: &'static str,
    /// Why it is quarantined.
    pub reason: Option<String>,
    /// What the client would have heard.
    pub reply: Reply,
    /// Sender and recipients at the end.
    pub envelope: Parties,
    /// What is known of the message at the end.
    pub facts: BTreeMap<String, String>,
    /// What each stage did.
    pub stages: Vec<StageRecord>,
    /// What went wrong in stages, those that were bypassed included.
    pub failures: Vec<Failure>,
    /// The message as the chain left it; none where the client must keep it.
    #[serde(skip)]
    pub message: Option<Vec<u8>>,
}

/// What the client would have heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = TriedReply)]
pub struct Reply {
    /// Three digits.
    pub code: u16,
    /// Such as `4.3.0`.
    pub enhanced: Option<String>,
    /// What it says.
    pub text: String,
}

/// The envelope at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Parties {
    /// Null: the null reverse-path.
    pub sender: Option<String>,
    /// In their order.
    pub recipients: Vec<String>,
}

/// Why a stage failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Failure {
    /// Its label.
    pub stage: String,
    /// One of a closed set: `trap`, `cpu`, `memory`, ...
    pub reason: &'static str,
    /// All causes on one line.
    pub text: String,
    /// Whether a budget ran out.
    #[serde(skip)]
    pub is_budget: bool,
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
