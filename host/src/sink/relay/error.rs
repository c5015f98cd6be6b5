//! Why no next server takes a message: at one address, and at all that were tried.
//!
//! ```text
//! [.1: login failed, .2: refused the connection]  ->  log "login at .1 failed: 535 no; cannot connect to .2: refused"
//!                                                     client: what the most telling one means
//! ```
//!
//! Knows nothing of how they are tried, and of what a client hears in the end.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use super::door::Shut;
use super::reply::HopReply;
use super::wire::WireError;
use crate::sink::Fault;
use crate::telemetry::causes;

/// Why there is no server at an address.
#[derive(Debug, thiserror::Error)]
pub(super) enum HopError {
    /// The name has no address now.
    #[error("`{name}` cannot be resolved")]
    Unresolved {
        /// Which name.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It may not be connected to.
    #[error(transparent)]
    Shut(#[from] Shut),
    /// Nobody is there.
    #[error("cannot connect to {peer}")]
    Connect {
        /// Where.
        peer: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The connection was lost.
    #[error("{step} at {peer}")]
    Wire {
        /// Where.
        peer: SocketAddr,
        /// At what.
        step: &'static str,
        /// Why.
        #[source]
        source: WireError,
    },
    /// It does not want us: its greeting or its answer to EHLO says so.
    #[error("{peer} answers {step}: {reply}")]
    Answer {
        /// Where.
        peer: SocketAddr,
        /// What.
        step: &'static str,
        /// What it said.
        reply: String,
    },
    /// It leaves, with a transaction begun.
    #[error("{peer} leaves at {step}: {}", .reply.shown())]
    Left {
        /// Where.
        peer: SocketAddr,
        /// At which command.
        step: &'static str,
        /// What it said.
        reply: HopReply,
    },
    /// It has our name.
    #[error("{peer} calls itself `{name}`, as this server does: mail would go round in circles")]
    OurName {
        /// Where.
        peer: SocketAddr,
        /// Which name.
        name: String,
    },
    /// `tls = "require"`, and it does not offer STARTTLS, or does not let us.
    #[error("{peer} has no TLS: {why}")]
    NoTls {
        /// Where.
        peer: SocketAddr,
        /// What it said.
        why: String,
    },
    /// The handshake failed.
    #[error("TLS with {peer} failed")]
    Tls {
        /// Where.
        peer: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The login failed.
    #[error("login at {peer} failed: {why}")]
    Login {
        /// Where.
        peer: SocketAddr,
        /// Why.
        why: String,
    },
    /// All the time was over before it answered.
    #[error("{peer} had not answered by then")]
    Pending {
        /// Where.
        peer: SocketAddr,
    },
    /// All connections are in use.
    #[error("`connections_max` ({0}) connections are in use")]
    Full(usize),
}

impl HopError {
    /// What the client is to learn.
    pub(super) fn fault(&self) -> Fault {
        match self {
            Self::Unresolved { .. } | Self::Connect { .. } => Fault::Unreachable,
            Self::Answer { .. } => Fault::Unwilling,
            Self::Left { reply, .. } => Fault::Left(Box::new(reply.for_client())),
            Self::Shut(Shut::Ours(_)) | Self::OurName { .. } => Fault::Loop,
            Self::Shut(_) => Fault::NotAllowed,
            Self::Wire { source, .. } => source.fault(),
            Self::Pending { .. } => Fault::Lost,
            Self::NoTls { .. } | Self::Tls { .. } | Self::Login { .. } => Fault::Insecure,
            Self::Full(_) => Fault::Full,
        }
    }
}

/// What went wrong at each address that was tried, in this order.
#[derive(Debug, Default)]
pub(super) struct NoHop(Vec<HopError>);

impl NoHop {
    /// One more.
    pub(super) fn note(&mut self, error: HopError) {
        self.0.push(error);
    }

    /// What the client is to learn: of the most telling one, and of the first among such.
    pub(super) fn fault(&self) -> Fault {
        let faults = self.0.iter().rev().map(HopError::fault);
        faults.max_by_key(telling).unwrap_or(Fault::Lost)
    }
}

impl From<HopError> for NoHop {
    fn from(error: HopError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for NoHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no address was tried yet");
        }
        let each: Vec<String> = self.0.iter().map(|error| causes(error)).collect();
        f.write_str(&each.join("; "))
    }
}

impl std::error::Error for NoHop {}

/// What waits for a person tells more than what may pass by itself, and who answered more than who did not. Only where all
/// are ourselves is mail refused for good: another address may yet take it.
fn telling(fault: &Fault) -> u8 {
    match fault {
        Fault::Insecure => 7,
        Fault::NotAllowed => 6,
        Fault::Left(_) => 5,
        Fault::Unwilling => 4,
        Fault::Garbled => 3,
        Fault::Lost => 2,
        Fault::Loop => 0,
        _ => 1,
    }
}
