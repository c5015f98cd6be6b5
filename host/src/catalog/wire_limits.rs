//! What comes in at most, by whichever listener: what chains are built for.
//!
//! ```text
//! mx: 25MiB, 100 recipients    submission: 50MiB, 20 recipients    ->    50MiB, 100 recipients
//! ```

use crate::config::Config;

/// What the listeners take at most, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireLimits {
    /// A message.
    pub message_size: u64,
    /// A header section.
    pub header_size: usize,
    /// Recipients of a message; a number.
    pub recipients: usize,
}

impl WireLimits {
    /// Of all listeners of a config; the defaults where there is none, as for `gatepost run`.
    pub(super) fn of(config: &Config) -> Self {
        let listeners = || config.listeners.iter();
        Self {
            message_size: listeners().map(|listener| listener.message_size_max.0).max().unwrap_or(25 << 20),
            header_size: listeners().map(|l| l.header_size_max.as_usize()).max().unwrap_or(256 << 10),
            recipients: listeners().map(|listener| listener.recipients_max).max().unwrap_or(100),
        }
    }
}
