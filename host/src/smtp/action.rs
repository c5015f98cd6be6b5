//! What a [`Session`] wants done, and what was agreed when it wants content.
//!
//! Values only; who does it is the connection.

use super::Reply;
#[cfg(doc)]
use super::Session;
use super::command::Body;
use crate::mail::Mailbox;

/// What to do before the next line is read.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Action {
    /// Send it.
    Reply(Reply),
    /// Find out whether this recipient is taken and call [`Session::recipient_checked`].
    CheckRecipient(Mailbox),
    /// Send [`Session::go_ahead`], take the content in, answer it, and call [`Session::content_done`]. To refuse the
    /// transaction now, send a 4xx or 5xx in its place and call `content_done`.
    Receive(Box<Incoming>),
    /// Send it, drop all bytes that came with the command, take the TLS handshake, call [`Session::tls_started`].
    StartTls(Reply),
    /// Send it and close the connection.
    Close(Reply),
}

/// What was agreed before the content comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// The reverse-path; `None` is `<>`.
    pub sender: Option<Mailbox>,
    /// At least one; each mailbox once, in the order first named.
    pub recipients: Vec<Mailbox>,
    /// `SIZE=`, in octets, within `message_size_max`. A claim: the content may still be larger.
    pub size_declared: Option<u64>,
    /// `BODY=`.
    pub body: Body,
    /// What the client called itself: one printable ASCII word.
    pub helo: String,
    /// How it came.
    pub protocol: Protocol,
}

/// The protocol as `Received: ... with` names it (RFC 3848).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// After HELO. No name exists for it under TLS.
    Smtp,
    /// After EHLO.
    Esmtp,
    /// After EHLO, under TLS.
    Esmtps,
}

impl Protocol {
    /// `SMTP`, `ESMTP` or `ESMTPS`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => "SMTP",
            Self::Esmtp => "ESMTP",
            Self::Esmtps => "ESMTPS",
        }
    }
}
