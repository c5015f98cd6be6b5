//! Key-value spaces of tenants: what sandboxed stages with the grant `kv` remember from message to message.
//!
//! One [`KvStore`] serves all tenants; each sees its own keys only. [`SqliteKv`] keeps them in `STATE_DIR/kv.db`, [`MemoryKv`]
//! as long as it lives. Knows nothing of stages, grants or how many calls a message may make.

mod memory;
mod sqlite;
#[cfg(test)]
mod tests;
mod turns;

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

pub use memory::{Entries, MemoryKv};
pub use sqlite::SqliteKv;

/// Longest key, in bytes (`processor.wit`).
pub const KEY_MAX: usize = 512;
/// Longest value, in bytes (`processor.wit`).
pub const VALUE_MAX: usize = 64 << 10;
/// What an entry takes of its tenant's space beyond key and value, in bytes: empty ones are not free.
pub const ENTRY_OVERHEAD: usize = 64;

/// Why a call was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// Key or value are too long, or the tenant's space is full.
    #[error("past a limit of the key-value space")]
    Quota,
    /// The store cannot do it, now or at all. The text is for tenants too: it names no file.
    #[error("{0}")]
    Unavailable(String),
}

impl KvError {
    /// Unavailable, for this reason.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable(reason.into())
    }
}

/// Where tenants' keys are kept. Every call is atomic, and dropped half-way it has either been done or not.
#[async_trait]
pub trait KvStore: Send + Sync {
    /// The value of a key that is there and not over its time.
    async fn get(&self, tenant: &str, key: &str) -> Result<Option<Vec<u8>>, KvError>;

    /// Sets a key, for `ttl_ms` from now or for good. `size_max`: what the tenant may keep, in bytes.
    async fn set(
        &self,
        tenant: &str,
        key: &str,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
        size_max: u64,
    ) -> Result<(), KvError>;

    /// Adds to a number in decimal digits; a missing key counts as 0. Gives the sum. Without `ttl_ms` a key keeps the time
    /// that it has.
    async fn add(
        &self,
        tenant: &str,
        key: &str,
        delta: i64,
        ttl_ms: Option<u64>,
        size_max: u64,
    ) -> Result<i64, KvError>;
}

/// Checks what every store refuses.
fn check(key: &str, value_len: usize) -> Result<(), KvError> {
    if key.len() > KEY_MAX || value_len > VALUE_MAX { Err(KvError::Quota) } else { Ok(()) }
}

/// The sum of a stored number, if there is one, and `delta`.
fn sum(stored: Option<&[u8]>, delta: i64) -> Result<i64, KvError> {
    let number = match stored {
        None => 0,
        Some(value) => std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| KvError::unavailable("the value is not a number"))?,
    };
    delta.checked_add(number).ok_or_else(|| KvError::unavailable("the number would not fit into 64 bits"))
}

/// What an entry takes of its tenant's space, in bytes.
fn size_of(key: &str, value_len: usize) -> u64 {
    (key.len() + value_len + ENTRY_OVERHEAD) as u64
}

/// Milliseconds since 1970 by the wall clock.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// When a key set at `now` is over.
fn expires(now: i64, ttl_ms: Option<u64>) -> Option<i64> {
    ttl_ms.map(|ttl| now.saturating_add(i64::try_from(ttl).unwrap_or(i64::MAX)))
}
