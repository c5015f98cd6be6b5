//! What flows between two stages.

use std::fmt;

/// The kind of content a stage takes or gives (`processor.wit`, `content`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// RFC 5322 content; the first chunk is the whole header section with its blank line.
    Message,
    /// Opaque, for example after `compress`.
    Bytes,
    /// As what a stage takes: either. As what it gives: what it took.
    Any,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message => "message",
            Self::Bytes => "bytes",
            Self::Any => "any",
        })
    }
}
