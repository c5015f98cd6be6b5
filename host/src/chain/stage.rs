//! What a stage is: `open`, `write` for each chunk, `close`. Native and sandboxed stages behave alike behind this trait.
//!
//! A `Processor` is configured once, when a chain is built; it makes a fresh `Stage` for every message.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::Content;
use super::limit::{Limit, LimitsHit};
use super::meter::CpuMeter;
use crate::mail::{Envelope, Verdict};
use crate::smtp::Reply;

/// What a `write` decided for its chunk (`processor.wit`, `flow`). What it put into the output goes on first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Forward this chunk unchanged.
    Pass,
    /// The output stands in for this chunk; no output: it is held or dropped.
    Replaced,
    /// Forward this chunk and all after it unchanged; the stage's part ends.
    Splice,
    /// Drop this chunk and all after it; the stage's part ends.
    Drain,
}

/// A decision not to take the message. Ends the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Permanent, with a 5xx reply.
    Reject(Reply),
    /// Temporary, with a 4xx reply.
    Defer(Reply),
}

impl Refusal {
    /// Whether the client should not try again.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Reject(_))
    }
}

/// Why a stage could not decide. What a stage *decides* is not an error.
/// `Display` names this level only; causes are in `source()`.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The guest trapped; its instance is discarded.
    #[error("trapped")]
    Trapped(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its CPU budget is spent.
    #[error("used its {budget_ms} ms of CPU time")]
    OutOfCpu {
        /// The budget, for the input it has had so far.
        budget_ms: u64,
    },
    /// The message's time of being runnable or running is spent.
    #[error("ran for more than {budget_ms} ms")]
    OutOfWall {
        /// `wall_per_message`.
        budget_ms: u64,
    },
    /// It asked for more memory than it may have.
    #[error("asked for more than its {limit} bytes of memory")]
    OutOfMemory {
        /// `memory_per_instance`, in bytes.
        limit: u64,
    },
    /// It asked for more table elements than it may have.
    #[error("asked for more than its {limit} table elements")]
    OutOfTable {
        /// `table_elements_max`.
        limit: u64,
    },
    /// It called itself too deep.
    #[error("used up its {limit} bytes of stack")]
    OutOfStack {
        /// `guest_stack`, in bytes.
        limit: u64,
    },
    /// It called the host too often.
    #[error("called the host more than {limit} times")]
    OutOfHostCalls {
        /// `host_calls_max`.
        limit: u64,
    },
    /// It held too many resource handles at once.
    #[error("held more than {limit} resource handles")]
    OutOfHandles {
        /// `handles_max`.
        limit: u64,
    },
    /// It wrote more than it may.
    #[error("wrote more than the {limit} bytes it may for its input")]
    OutputLimit {
        /// The limit that it ran into, in bytes.
        limit: u64,
    },
    /// It made a header section longer than `header_size_max`.
    #[error("made a header section of more than {limit} bytes")]
    HeaderTooLarge {
        /// `header_size_max`, in bytes.
        limit: u64,
    },
    /// It said itself that it cannot go on.
    #[error("failed: {0}")]
    Failed(String),
    /// The content is not what it can take, for example a broken compressed stream.
    #[error("cannot take the content: {0}")]
    Content(String),
    /// The reply it gave does not fit its refusal.
    #[error("gave a reply that does not fit: {0}")]
    BadReply(String),
    /// No sandbox is free.
    #[error("no sandbox is free")]
    NoCapacity(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It was not even ready to be asked: its instance or its `configure` failed. Said of checkers, which are not opened.
    #[error(transparent)]
    Unready(Box<StageError>),
}

impl StageError {
    /// A short, closed set of reasons, for metrics: `trap`, `cpu`, `wall`, `memory`, `table`, `stack`, `host_calls`,
    /// `handles`, `output`, `header`, `failed`, `content`, `reply`, `capacity`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Trapped(_) => "trap",
            Self::OutOfCpu { .. } => "cpu",
            Self::OutOfWall { .. } => "wall",
            Self::OutOfMemory { .. } => "memory",
            Self::OutOfTable { .. } => "table",
            Self::OutOfStack { .. } => "stack",
            Self::OutOfHostCalls { .. } => "host_calls",
            Self::OutOfHandles { .. } => "handles",
            Self::OutputLimit { .. } => "output",
            Self::HeaderTooLarge { .. } => "header",
            Self::Failed(_) => "failed",
            Self::Content(_) => "content",
            Self::BadReply(_) => "reply",
            Self::NoCapacity(_) => "capacity",
            Self::Unready(error) => error.reason(),
        }
    }

    /// The limit that it ran into, if that is why.
    pub fn limit(&self) -> Option<Limit> {
        Some(match self {
            Self::OutOfCpu { .. } => Limit::Cpu,
            Self::OutOfWall { .. } => Limit::Wall,
            Self::OutOfMemory { .. } => Limit::Memory,
            Self::OutOfTable { .. } => Limit::Table,
            Self::OutOfStack { .. } => Limit::Stack,
            Self::OutOfHostCalls { .. } => Limit::HostCalls,
            Self::OutOfHandles { .. } => Limit::Handles,
            Self::OutputLimit { .. } => Limit::Output,
            Self::HeaderTooLarge { .. } => Limit::Header,
            Self::Unready(error) => return error.limit(),
            Self::Trapped(_)
            | Self::Failed(_)
            | Self::Content(_)
            | Self::BadReply(_)
            | Self::NoCapacity(_) => return None,
        })
    }

    /// Whether a budget or capacity ran out (451 4.3.2) rather than the stage being at fault (451 4.3.0).
    pub fn is_budget(&self) -> bool {
        match self {
            Self::NoCapacity(_) => true,
            Self::Unready(error) => error.is_budget(),
            // The header section's limit is the message's, not a budget of the stage.
            error => error.limit().is_some_and(|limit| limit != Limit::Header),
        }
    }
}

/// Why a call of a stage did not go well: never mixed up, because only a failure is subject to `on_failure`.
#[derive(Debug)]
pub enum StageEnd {
    /// The stage decided not to take the message.
    Refused(Refusal),
    /// The stage could not decide.
    Failed(StageError),
}

impl From<StageError> for StageEnd {
    fn from(error: StageError) -> Self {
        Self::Failed(error)
    }
}

impl From<Refusal> for StageEnd {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What the chain does when a stage fails (`docs/semantics.md`, Failure).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// 451: the client tries again.
    #[default]
    Defer,
    /// 554 5.6.0.
    Reject,
    /// Go on without the stage while it has been transparent, else as `Defer`.
    Bypass,
    /// As `Bypass`, and quarantine the message.
    Quarantine,
}

/// What a stage wrote in one call, in order. The driver joins it and cuts it to the chunk size.
#[derive(Debug, Default)]
pub struct Output {
    pieces: Vec<Bytes>,
    len: usize,
}

impl Output {
    /// Adds bytes behind those already written. Empty pieces are dropped.
    pub fn push(&mut self, piece: impl Into<Bytes>) {
        let piece = piece.into();
        if !piece.is_empty() {
            self.len += piece.len();
            self.pieces.push(piece);
        }
    }

    /// Bytes written so far in this call.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written in this call.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes all that was written.
    pub fn take(&mut self) -> Vec<Bytes> {
        self.len = 0;
        std::mem::take(&mut self.pieces)
    }
}

/// What a stage may touch during one call.
pub struct StageContext<'a> {
    /// The envelope, as the stages before left it.
    pub envelope: &'a mut Envelope,
    /// Where the stage writes what goes to the next one.
    pub output: &'a mut Output,
    /// CPU time of this stage for this message, the running call included.
    pub meter: &'a Arc<CpuMeter>,
}

/// What a stage has used besides CPU time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Most memory at once, in bytes: linear memory of a sandboxed stage; of a native one what it holds of the content.
    pub memory_peak: u64,
    /// Most table elements at once.
    pub table_peak: u64,
    /// Calls of the host.
    pub host_calls: u64,
    /// What its log records took of the log budget, in bytes.
    pub log_bytes: u64,
    /// Facts that were not there before it set them.
    pub facts: u64,
    /// Calls of `kv` that were made.
    pub kv_calls: u64,
    /// Bytes of keys and values moved to and from `kv`.
    pub kv_bytes: u64,
    /// Limits it ran into, those included that did not fail it.
    pub limits: LimitsHit,
}

/// One stage at work on one message. The order of calls: `open`, `write` for each chunk (never for an empty message),
/// `close`. A call that errs is the last; on an abort the stage is dropped.
#[async_trait]
pub trait Stage: Send {
    /// The first bytes, or the end, have come.
    async fn open(&mut self, _cx: &mut StageContext<'_>) -> Result<(), StageEnd> {
        Ok(())
    }

    /// One chunk: never empty, at most the chunk size, but for the first one of a stage that takes
    /// [`Content::Message`]: the whole header section.
    async fn write(&mut self, chunk: &Bytes, cx: &mut StageContext<'_>) -> Result<Flow, StageEnd>;

    /// The end of the stage's part; the last chance to write.
    async fn close(&mut self, _cx: &mut StageContext<'_>) -> Result<Verdict, StageEnd> {
        Ok(Verdict::Accept)
    }

    /// What it has used so far.
    fn usage(&self) -> Usage {
        Usage::default()
    }
}

/// A configured processor in a chain: makes a stage for each message.
#[async_trait]
pub trait Processor: Send + Sync {
    /// What stands in logs as `processor`: a native's name, or `name@version#hash` of a component.
    fn id(&self) -> &str;
    /// What it takes.
    fn takes(&self) -> Content;
    /// What it gives.
    fn gives(&self) -> Content;
    /// Sandboxed instances that a stage of it makes.
    fn instances(&self) -> usize {
        0
    }
    /// Most bytes of a message that a stage of it keeps until the message's end.
    fn keeps(&self) -> u64 {
        0
    }
    /// A fresh stage. Cheap: costly preparation belongs into `Stage::open`.
    fn stage(&self) -> Box<dyn Stage>;
    /// The end of a processor that has served: its chain was replaced or removed by a reload, or the server drains, and
    /// the last message of that chain has ended. Called once, when no stage of it lives any more; not where the server is
    /// dropped without a drain. A drain waits for it as long as `drain_timeout` allows. A panic is logged and no more.
    async fn shutdown(&self) {}
}
