//! Key-value spaces in memory: for `gatepost run` and for checks, gone when they are over.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{KvError, KvStore, check, expires, now_ms, size_of, sum};

/// Key-value spaces in memory.
#[derive(Debug, Default)]
pub struct MemoryKv {
    spaces: Mutex<HashMap<String, Space>>,
}

/// One tenant's entries.
type Space = HashMap<String, Entry>;

#[derive(Debug)]
struct Entry {
    value: Vec<u8>,
    /// Milliseconds since 1970; none: never.
    expires_ms: Option<i64>,
}

impl MemoryKv {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Space>> {
        // Each change is one insertion, so a panic elsewhere cannot have broken it.
        self.spaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn alive(space: &Space, key: &str, now: i64) -> bool {
    space.get(key).is_some_and(|entry| entry.expires_ms.is_none_or(|at| now < at))
}

fn put(space: &mut Space, key: &str, entry: Entry, now: i64, size_max: u64) -> Result<(), KvError> {
    space.retain(|_, entry| entry.expires_ms.is_none_or(|at| now < at));
    let others = space.iter().filter(|(known, _)| *known != key);
    let used: u64 = others.map(|(key, entry)| size_of(key, entry.value.len())).sum();
    if used + size_of(key, entry.value.len()) > size_max {
        return Err(KvError::Quota);
    }
    space.insert(key.to_owned(), entry);
    Ok(())
}

#[async_trait]
impl KvStore for MemoryKv {
    async fn get(&self, tenant: &str, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        check(key, 0)?;
        let spaces = self.lock();
        let space = spaces.get(tenant).filter(|space| alive(space, key, now_ms()));
        Ok(space.and_then(|space| space.get(key)).map(|entry| entry.value.clone()))
    }

    async fn set(
        &self,
        tenant: &str,
        key: &str,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
        size_max: u64,
    ) -> Result<(), KvError> {
        check(key, value.len())?;
        let now = now_ms();
        let mut spaces = self.lock();
        let entry = Entry { value, expires_ms: expires(now, ttl_ms) };
        put(spaces.entry(tenant.to_owned()).or_default(), key, entry, now, size_max)
    }

    async fn add(
        &self,
        tenant: &str,
        key: &str,
        delta: i64,
        ttl_ms: Option<u64>,
        size_max: u64,
    ) -> Result<i64, KvError> {
        check(key, 0)?;
        let now = now_ms();
        let mut spaces = self.lock();
        let space = spaces.entry(tenant.to_owned()).or_default();
        let stored = space.get(key).filter(|_| alive(space, key, now));
        let sum = sum(stored.map(|entry| entry.value.as_slice()), delta)?;
        let expires_ms = expires(now, ttl_ms).or(stored.and_then(|entry| entry.expires_ms));
        put(space, key, Entry { value: sum.to_string().into_bytes(), expires_ms }, now, size_max)?;
        Ok(sum)
    }
}
