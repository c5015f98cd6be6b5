//! What a processor says about itself and what it decides. The words are those of `wit/processor.wit`.

/// The kind of content a processor takes or gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// RFC 5322 content; the first chunk is the whole header section with its blank line.
    Message,
    /// Opaque bytes.
    Bytes,
    /// As what a processor takes: either. As what it gives: what it took.
    Any,
}

/// What a processor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// A name such as `subject-tag`: `[a-z0-9-]`, at most 63 bytes.
    pub name: String,
    /// A semantic version such as `1.0.0`.
    pub version: String,
    /// One line for people.
    pub summary: String,
    /// What it takes.
    pub takes: Content,
    /// What it gives.
    pub gives: Content,
}

impl Description {
    /// A processor that takes and gives messages.
    pub fn new(name: impl Into<String>, version: impl Into<String>, summary: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            summary: summary.into(),
            takes: Content::Message,
            gives: Content::Message,
        }
    }

    /// The same, taking `takes`.
    #[must_use]
    pub fn takes(self, takes: Content) -> Self {
        Self { takes, ..self }
    }

    /// The same, giving `gives`.
    #[must_use]
    pub fn gives(self, gives: Content) -> Self {
        Self { gives, ..self }
    }
}

/// What becomes of the chunk just written, and of those after it. What was written to the next stage goes on first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Forward this chunk unchanged.
    Pass,
    /// What was written stands in for this chunk (nothing written: it is held or dropped).
    Replaced,
    /// Forward this chunk and all after it unchanged. This processor's part ends: `close` is called at once.
    Splice,
    /// Drop this chunk and all after it. This processor's part ends: `close` is called at once.
    Drain,
}

/// The decision at the end of a processor's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Deliver.
    Accept,
    /// Deliver to where the recipient looks at doubtful mail; the text is the reason.
    Quarantine(String),
    /// Take the message and deliver it nowhere.
    Discard,
}

/// An SMTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 4xx in a [`Refusal::Defer`], 5xx in a [`Refusal::Reject`]; anything else counts as a failure of the processor.
    pub code: u16,
    /// An RFC 3463 code of the same class, such as `5.7.1`.
    pub enhanced: Option<String>,
    /// One line; the host cleans it and cuts it at 400 bytes.
    pub text: String,
}

/// A decision not to take the message, or the admission that no decision can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Permanent: the client is given this 5xx.
    Reject(Reply),
    /// Temporary: the client is given this 4xx and will try again.
    Defer(Reply),
    /// This processor cannot go on. Logged, never shown to the client; the stage's `on_failure` decides.
    Failed(String),
}

impl Refusal {
    /// Rejects with 550 5.7.1.
    pub fn reject(text: impl Into<String>) -> Self {
        Self::Reject(Reply { code: 550, enhanced: Some("5.7.1".into()), text: text.into() })
    }

    /// Defers with 451 4.7.1.
    pub fn defer(text: impl Into<String>) -> Self {
        Self::Defer(Reply { code: 451, enhanced: Some("4.7.1".into()), text: text.into() })
    }

    /// Fails with this reason.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed(reason.into())
    }
}

/// How much a log record matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For who writes the processor.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is off, nothing is lost.
    Warn,
    /// Somebody must act.
    Error,
}
