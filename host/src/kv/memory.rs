//! Key-value spaces in memory: for `gatepost run`, for checks and for tests, gone when they are over.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{KvError, KvStore, check, expires, now_ms, size_of, sum};

/// Key-value spaces in memory.
#[derive(Debug, Default)]
pub struct MemoryKv {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    spaces: HashMap<String, Space>,
    /// The time by which keys are over, in milliseconds since 1970; none: the wall clock's.
    stands_at: Option<i64>,
}

/// Values by key, each with when it is over, in milliseconds since 1970; none: never.
pub type Entries = BTreeMap<String, (Vec<u8>, Option<i64>)>;

/// One tenant's entries.
type Space = HashMap<String, Entry>;

#[derive(Debug)]
struct Entry {
    value: Vec<u8>,
    /// Milliseconds since 1970; none: never.
    expires_ms: Option<i64>,
}

impl MemoryKv {
    /// A tenant's space holds exactly these, and the clock stands still at `now_ms`: where a test begins.
    pub fn reset(&self, tenant: &str, entries: Entries, now_ms: u64) {
        let mut state = self.lock();
        state.stands_at = Some(i64::try_from(now_ms).unwrap_or(i64::MAX));
        let entries =
            entries.into_iter().map(|(key, (value, expires_ms))| (key, Entry { value, expires_ms }));
        state.spaces.insert(tenant.to_owned(), entries.collect());
    }

    /// What a tenant's space holds and is not over.
    pub fn entries(&self, tenant: &str) -> Entries {
        let state = self.lock();
        let now = state.now_ms();
        let space = state.spaces.get(tenant).into_iter().flatten();
        let alive = space.filter(|(_, entry)| entry.expires_ms.is_none_or(|at| now < at));
        alive.map(|(key, entry)| (key.clone(), (entry.value.clone(), entry.expires_ms))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is one insertion, so a panic elsewhere cannot have broken it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn now_ms(&self) -> i64 {
        self.stands_at.unwrap_or_else(now_ms)
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
        let state = self.lock();
        let space = state.spaces.get(tenant).filter(|space| alive(space, key, state.now_ms()));
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
        let mut state = self.lock();
        let now = state.now_ms();
        let entry = Entry { value, expires_ms: expires(now, ttl_ms) };
        put(state.spaces.entry(tenant.to_owned()).or_default(), key, entry, now, size_max)
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
        let mut state = self.lock();
        let now = state.now_ms();
        let space = state.spaces.entry(tenant.to_owned()).or_default();
        let stored = space.get(key).filter(|_| alive(space, key, now));
        let sum = sum(stored.map(|entry| entry.value.as_slice()), delta)?;
        let expires_ms = expires(now, ttl_ms).or(stored.and_then(|entry| entry.expires_ms));
        put(space, key, Entry { value: sum.to_string().into_bytes(), expires_ms }, now, size_max)?;
        Ok(sum)
    }
}
