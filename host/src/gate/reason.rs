//! Why a client is sent away, for the log and for the client.

use std::time::Duration;

use crate::smtp::Reply;

/// Why a session may not begin, or not go on under another address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The listener has `sessions_max`.
    Full,
    /// The address has `sessions_per_client`.
    Client,
    /// The network has `sessions_per_network`.
    Network,
    /// The address has begun as many as `session_rate` says; so long until it may begin another.
    Rate(Duration),
}

impl Reason {
    /// The limit's key, which is its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "sessions_max",
            Self::Client => "sessions_per_client",
            Self::Network => "sessions_per_network",
            Self::Rate(_) => "session_rate",
        }
    }

    /// What the client hears: what to do.
    pub fn reply(self) -> Reply {
        match self {
            Self::Full => Reply::new(421, "4.3.2", "Too many sessions, try again later"),
            Self::Client => {
                Reply::new(421, "4.3.2", "Too many sessions from your address, end one or try again later")
            }
            Self::Network => {
                Reply::new(421, "4.3.2", "Too many sessions from your network, end one or try again later")
            }
            Self::Rate(wait) => {
                // Rounded up: who comes when told is let in.
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                let text = format!("Too many connections from your address, try again in {seconds} s");
                Reply::new(421, "4.7.0", &text)
            }
        }
    }
}
