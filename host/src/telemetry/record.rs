//! The record of a message at its end: what became of it, and what each stage did.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One record for each message at its end.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct MessageRecord {
    /// The message's id.
    pub id: String,
    /// Whose chain.
    pub tenant: String,
    /// The chain's revision.
    pub chain_revision: u64,
    /// By which listener it came; empty in a trial.
    pub listener: String,
    /// The client's address.
    pub client: String,
    /// Who the client has said it is, by AUTH or XCLIENT. Absent where it has not.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub user: String,
    /// What it said in HELO or EHLO.
    pub helo: String,
    /// TLS version, or empty.
    pub tls: String,
    /// The reverse-path; empty for the null one.
    pub sender: String,
    /// The recipients.
    pub recipients: Vec<String>,
    /// Octets of content received, up to where it was refused.
    pub size: u64,
    /// accept, quarantine, discard, reject, defer or failed; `aborted` where the client went away.
    pub verdict: String,
    /// The reply given.
    pub reply: String,
    /// Why it is quarantined, why it came to no stage (`breaker of STAGE`), or why it was given up (`fork_stall_max`). Absent elsewhere.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What each stage did.
    pub stages: Vec<StageRecord>,
    /// What went wrong in stages, those that were bypassed included. Absent where nothing did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub failures: Vec<FailureRecord>,
    /// The sinks that committed.
    pub sinks: Vec<String>,
    /// Wall time from the first byte of content to the reply, in milliseconds.
    pub ms: u64,
    /// Its tenant was removed meanwhile: who comes under the same name must not see it.
    #[serde(skip)]
    pub is_orphan: bool,
}

/// Why a stage failed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct FailureRecord {
    /// Its name in the chain.
    pub stage: String,
    /// What was done about it: the policy that applied.
    pub policy: String,
    /// One of `StageError::reason`.
    pub reason: String,
    /// The whole chain of causes, cut short.
    pub text: String,
}

/// What one stage did for one message.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct StageRecord {
    /// Its name in the chain.
    pub name: String,
    /// Which processor.
    pub processor: String,
    /// pass, changed, spliced, drained, refused, failed, bypassed or unused.
    pub outcome: String,
    /// CPU time, in microseconds.
    pub cpu_us: u64,
    /// Wall time, in microseconds.
    pub wall_us: u64,
    /// Bytes in.
    pub bytes_in: u64,
    /// Bytes out.
    pub bytes_out: u64,
    /// Most linear memory, in bytes.
    pub memory_peak: u64,
    /// Most table elements. Absent where zero, as what follows.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub table_peak: u64,
    /// Calls of the host.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub host_calls: u64,
    /// What its log records took of the log budget, in bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub log_bytes: u64,
    /// Facts that were not there before it set them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub facts: u64,
    /// Calls of `kv` that were made.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub kv_calls: u64,
    /// Bytes of keys and values moved to and from `kv`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub kv_bytes: u64,
    /// Names of the limits that it ran into, those included that did not fail it. Absent where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    pub limits: Vec<Cow<'static, str>>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(figure: &u64) -> bool {
    *figure == 0
}
