//! The tenant's key-value space, by the grant `kv`: what a processor remembers from message to message.
//!
//! Not undone with the message: what was stored stays, also where the message is refused later. Other stages and other
//! messages of the same tenant are at the same keys at the same time, so count with [`Kv::add`], which is atomic, and
//! begin keys with your processor's name.

use std::time::Duration;

use crate::context::{Backend, Host};

/// Longest key, in bytes.
pub const KEY_MAX: usize = 512;
/// Longest value, in bytes.
pub const VALUE_MAX: usize = 64 << 10;

/// Why the key-value space did not do it. A processor decides for itself whether mail can go on without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KvError {
    /// A key over [`KEY_MAX`] or a value over [`VALUE_MAX`], the tenant's space is full, or the message has made all its
    /// calls.
    Quota,
    /// The store cannot do it, now or at all; the text is for the log.
    Unavailable(String),
}

impl std::fmt::Display for KvError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Quota => f.write_str("past a limit of the key-value space"),
            Self::Unavailable(reason) => write!(f, "the key-value space is unavailable: {reason}"),
        }
    }
}

impl std::error::Error for KvError {}

/// The tenant's key-value space.
pub struct Kv<'a> {
    host: &'a mut Backend,
}

impl<'a> Kv<'a> {
    pub(crate) fn new(host: &'a mut Backend) -> Self {
        Self { host }
    }

    /// The value of a key. `None`: there is none, or its time is over.
    ///
    /// # Errors
    /// [`KvError`]
    pub fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        self.host.kv_get(key)
    }

    /// Sets a key, for `ttl` from now or for good. A `ttl` of zero removes it. Counted in whole milliseconds.
    ///
    /// # Errors
    /// [`KvError`]
    pub fn set(&mut self, key: &str, value: &[u8], ttl: Option<Duration>) -> Result<(), KvError> {
        self.host.kv_set(key, value, ttl.map(ms))
    }

    /// Adds to a number, atomically; a missing key counts as 0. Gives the new value. A `ttl` counts anew from now; with
    /// none, a key that has one keeps it. What `set` stored counts where it is a number in decimal digits.
    ///
    /// # Errors
    /// [`KvError`]
    pub fn add(&mut self, key: &str, delta: i64, ttl: Option<Duration>) -> Result<i64, KvError> {
        self.host.kv_add(key, delta, ttl.map(ms))
    }
}

fn ms(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)
}
