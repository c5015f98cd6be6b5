//! What a [`Session`] wants done, and what was agreed when it wants content.
//!
//! Values only; who does it is the connection.

#[cfg(doc)]
use super::Session;
use super::parameters::MailParameters;
use super::xclient::Claims;
use super::{Protocol, Reply};
use crate::mail::Mailbox;
use crate::mail::envelope::RecipientWishes;

/// What to do before the next line is read.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Action {
    /// Send it.
    Reply(Reply),
    /// Find out whether this client may begin a message now and call [`Session::sender_checked`].
    CheckSender,
    /// Find out whether this recipient is taken and call [`Session::recipient_checked`].
    CheckRecipient(Mailbox),
    /// Send [`Session::go_ahead`], take the content in, answer it, and call [`Session::content_done`]. To refuse the
    /// transaction now, send a 4xx or 5xx in its place and call `content_done`.
    Receive(Box<Incoming>),
    /// Take the octets of a chunk in and answer it (RFC 3030): with [`Session::chunk_ok`], or with a 4xx or 5xx and a
    /// call of [`Session::chunk_refused`]. After the last chunk answer the message and call [`Session::content_done`].
    Chunk(Chunk),
    /// Send it, give up the message whose chunks came before, if any, and drop the next `octets` octets: they are no
    /// commands.
    Skip {
        /// What the client is answered.
        reply: Reply,
        /// Octets of the chunk that is refused.
        octets: u64,
    },
    /// Send it, drop all bytes that came with the command, take the TLS handshake, call [`Session::tls_started`].
    StartTls(Reply),
    /// Take the exchange that the mechanism asks for (RFC 4954) and call [`Session::authenticated`].
    Authenticate {
        /// One of [`MECHANISMS`](super::session::MECHANISMS).
        mechanism: String,
        /// The initial response, in base64 or `=`.
        initial: Option<String>,
    },
    /// Believe a proxy about its client, and call [`Session::reintroduced`].
    Believe(Claims),
    /// Send it and close the connection.
    Close(Reply),
}

/// One `BDAT` whose octets are to be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Of the first chunk of a message: what was agreed.
    pub opening: Option<Box<Incoming>>,
    /// Octets that follow the command line. All chunks of a message together keep to `message_size_max`.
    pub octets: u64,
    /// Whether the message is complete after them.
    pub last: bool,
}

/// What was agreed before the content comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// The reverse-path; `None` is `<>`.
    pub sender: Option<Mailbox>,
    /// At least one; each mailbox once, in the order first named.
    pub recipients: Vec<Mailbox>,
    /// What was said of each of them where it was first named.
    pub wishes: Vec<RecipientWishes>,
    /// Each RCPT that was answered 250: which of the recipients it named. LMTP wants a reply for each (RFC 2033 §4.2).
    pub named: Vec<usize>,
    /// What was said of the message. `SIZE=` is within `message_size_max`, and a claim: the content may still be larger.
    pub parameters: MailParameters,
    /// What the client called itself: one printable ASCII word.
    pub helo: String,
    /// Who the client is, where it has said so.
    pub user: Option<String>,
    /// How it came.
    pub protocol: Protocol,
}
