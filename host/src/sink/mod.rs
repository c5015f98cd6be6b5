//! Where a message becomes durable: `open`, `write`, `prepare`, `commit`; dropped uncommitted, nothing is visible.

mod durable_file;
pub mod fanout;
pub mod fault;
pub mod file;
pub mod maildir;
pub mod null;
pub mod relay;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::chain::{Content, Settings, StageScope};
use crate::mail::{Envelope, Mailbox};

pub use fanout::{Aheads, Committed, FanOut, SinkFailure};
pub use fault::{Fault, Unfit};

/// Longest time that a commit may take where a sink says nothing else.
pub const COMMIT_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes a configured sink, or says what is wrong with its settings, naming the key.
pub type SinkFactory = Arc<dyn Fn(&StageScope, Settings) -> Result<Arc<dyn Sink>, String> + Send + Sync>;

/// Every sink of the host by its name.
pub fn all() -> Vec<(&'static str, SinkFactory)> {
    vec![
        ("maildir", factory(maildir::configure)),
        ("null", factory(null::configure)),
        ("file", factory(file::configure)),
        ("relay", factory(relay::configure)),
    ]
}

fn factory<S: Sink + 'static>(configure: fn(&StageScope, Settings) -> Result<S, String>) -> SinkFactory {
    Arc::new(move |scope, settings| Ok(Arc::new(configure(scope, settings)?)))
}

/// Why a sink did not take a message. A failure is temporary to the client (451); what was decided is what it is.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct SinkError {
    /// What was being done, with the path or address.
    pub doing: String,
    /// Why it did not work.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
    /// What the client is to learn.
    pub fault: Fault,
    /// The same was said of an earlier recipient of the transaction: an operator knows it.
    pub is_repeated: bool,
}

impl SinkError {
    /// An error with its cause.
    pub fn new(doing: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { doing: doing.into(), source: Some(source.into()), fault: Fault::Storage, is_repeated: false }
    }

    /// An error that is its own cause.
    pub fn bare(doing: impl Into<String>) -> Self {
        Self { doing: doing.into(), source: None, fault: Fault::Storage, is_repeated: false }
    }

    /// The same, and what the client is to learn of it.
    #[must_use]
    pub fn with_fault(self, fault: Fault) -> Self {
        Self { fault, ..self }
    }

    /// The same, said before in this transaction.
    #[must_use]
    pub fn repeated(self) -> Self {
        Self { is_repeated: true, ..self }
    }
}

/// Where within the sink a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// To its recipients.
    Deliver,
    /// Apart, for a person to look at.
    Quarantine,
}

/// A configured sink of a chain.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Its name in logs.
    fn name(&self) -> &str;
    /// What it takes: [`Content::Message`] or [`Content::Any`].
    fn takes(&self) -> Content;
    /// Whether it can keep a quarantined message apart.
    fn can_quarantine(&self) -> bool {
        false
    }
    /// Whether a commit cannot be taken back by anyone (relay, http): it commits before all others.
    fn is_final(&self) -> bool {
        false
    }
    /// Longest time that one commit may take. Past it the sink has failed; it may hold the message all the same.
    fn commit_max(&self) -> Duration {
        COMMIT_TIMEOUT
    }
    /// What is asked about each recipient before there is content; none: the sink has nothing to say. Does nothing yet.
    fn ahead(&self) -> Option<Box<dyn Ahead>> {
        None
    }
    /// Begins one message, on its final envelope.
    async fn open(&self, envelope: &Envelope) -> Result<Box<dyn Delivery>, SinkError>;
    /// The end of a sink that has served, as [`crate::chain::Processor::shutdown`].
    async fn shutdown(&self) {}
}

/// A sink's part in a transaction whose content has not come yet. Dropped, nothing stays of it.
#[async_trait]
pub trait Ahead: Send {
    /// Whether `mailbox` is taken. `envelope`: sender, recipients taken so far, facts of the client.
    async fn recipient(&mut self, envelope: &Envelope, mailbox: &Mailbox) -> Result<(), SinkError>;
    /// Begins the message, on its final envelope: as [`Sink::open`], with what was said so far where it still holds.
    async fn open(self: Box<Self>, envelope: &Envelope) -> Result<Box<dyn Delivery>, SinkError>;
}

/// One message on its way into a sink. Dropped before `commit`, it leaves nothing visible; dropped while `commit` is at
/// work, the message may become visible: a duplicate is allowed, a loss is not.
#[async_trait]
pub trait Delivery: Send {
    /// More content. Bounded memory: waits where the medium is slow.
    async fn write(&mut self, chunk: Bytes) -> Result<(), SinkError>;
    /// The content is complete: make it durable, not yet visible. A failed sync is a failed message, never retried.
    async fn prepare(&mut self, placement: Placement) -> Result<(), SinkError>;
    /// Make it visible, durably.
    async fn commit(self: Box<Self>) -> Result<(), SinkError>;
}
