//! What a client is to learn of a sink that did not take its message. Which reply that is says `transaction/replies`.
//!
//! Knows nothing of what went wrong in detail: that is the cause of the [`SinkError`](super::SinkError), for the log.

use crate::smtp::Reply;

/// Why a sink did not take a message, or a recipient, as far as it concerns the client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Fault {
    /// It could not be stored: try again later.
    #[default]
    Storage,
    /// The next server decided: what it said is the answer.
    Refused(Box<Reply>),
    /// The next server left, and what it said is the answer; but it is no decision about the message.
    Left(Box<Reply>),
    /// The next server takes nothing from this one.
    Unwilling,
    /// The message cannot go on as it is.
    Unfit(Unfit),
    /// No next server could be reached.
    Unreachable,
    /// The connection to the next server broke.
    Lost,
    /// What the next server said was no answer.
    Garbled,
    /// TLS or the login did not come about as the settings ask.
    Insecure,
    /// The next server lies where the settings do not let it lie.
    NotAllowed,
    /// The next server is this one.
    Loop,
    /// The next server took it for some recipients, and not for others.
    Partly,
    /// As many messages are on their way to the next server as may be.
    Full,
}

/// What the next server cannot be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// CR without LF, LF without CR, or NUL in the content.
    #[error("bare CR, bare LF or NUL in the content")]
    BareNewline,
    /// Octets beyond ASCII, to a server without 8BITMIME (RFC 6152 §3).
    #[error("content of 8 bits, and no 8BITMIME there")]
    EightBit,
    /// Content that is no text, to a server without BINARYMIME and CHUNKING (RFC 3030 §3).
    #[error("binary content, and no BINARYMIME there")]
    Binary,
    /// An address or a header section in UTF-8, to a server without SMTPUTF8 (RFC 6531 §3.2).
    #[error("UTF-8 in addresses or header section, and no SMTPUTF8 there")]
    Utf8,
    /// An address that cannot stand in a command.
    #[error("an address that cannot stand in a command")]
    Address,
}

impl Fault {
    /// Whether it was decided about the message, and nothing failed: no matter for an operator.
    pub fn is_decision(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Unfit(_))
    }
}
