//! The native stand-in for the tenant's key-value space: a map with times to live, and faults at will.

use std::collections::BTreeMap;

use crate::kv::{KEY_MAX, KvError, VALUE_MAX};

/// A key-value space in memory. Hand the one of an [`Outcome`](super::Outcome) to the next check, and the next message finds
/// what this one left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryKv {
    entries: BTreeMap<String, Entry>,
    fault: Option<KvError>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    value: Vec<u8>,
    /// On the clock of the check; none: never.
    expires_ms: Option<u64>,
}

impl MemoryKv {
    /// Answers every call with this error.
    #[must_use]
    pub fn failing(error: KvError) -> Self {
        Self { entries: BTreeMap::new(), fault: Some(error) }
    }

    /// The keys that are there at `now_ms`, in order.
    pub fn keys(&self, now_ms: u64) -> impl Iterator<Item = &str> {
        self.entries.iter().filter(move |(_, entry)| entry.is_alive(now_ms)).map(|(key, _)| key.as_str())
    }

    /// What is there at `now_ms`, in order of keys: key, value, and when it is over; `None`: never.
    pub fn entries(&self, now_ms: u64) -> impl Iterator<Item = (&str, &[u8], Option<u64>)> {
        let alive = self.entries.iter().filter(move |(_, entry)| entry.is_alive(now_ms));
        alive.map(|(key, entry)| (key.as_str(), entry.value.as_slice(), entry.expires_ms))
    }

    pub(super) fn get(&self, key: &str, now_ms: u64) -> Result<Option<Vec<u8>>, KvError> {
        self.check(key, 0)?;
        Ok(self.alive(key, now_ms).map(|entry| entry.value.clone()))
    }

    pub(super) fn set(&mut self, key: &str, value: &[u8], expires_ms: Option<u64>) -> Result<(), KvError> {
        self.check(key, value.len())?;
        self.entries.insert(key.into(), Entry { value: value.into(), expires_ms });
        Ok(())
    }

    /// `expires_ms`: none keeps the time that the key has.
    pub(super) fn add(
        &mut self,
        key: &str,
        delta: i64,
        now_ms: u64,
        expires_ms: Option<u64>,
    ) -> Result<i64, KvError> {
        self.check(key, 0)?;
        let unfit = |what: &str| KvError::Unavailable(what.into());
        let (old, kept) = match self.alive(key, now_ms) {
            Some(entry) => {
                let text = std::str::from_utf8(&entry.value).ok();
                let number = text.and_then(|text| text.parse::<i64>().ok());
                (number.ok_or_else(|| unfit("the value is not a number"))?, entry.expires_ms)
            }
            None => (0, None),
        };
        let sum = old.checked_add(delta).ok_or_else(|| unfit("the number would not fit into 64 bits"))?;
        let entry = Entry { value: sum.to_string().into_bytes(), expires_ms: expires_ms.or(kept) };
        self.entries.insert(key.into(), entry);
        Ok(sum)
    }

    fn alive(&self, key: &str, now_ms: u64) -> Option<&Entry> {
        self.entries.get(key).filter(|entry| entry.is_alive(now_ms))
    }

    fn check(&self, key: &str, value_len: usize) -> Result<(), KvError> {
        match &self.fault {
            Some(fault) => Err(fault.clone()),
            None if key.len() > KEY_MAX || value_len > VALUE_MAX => Err(KvError::Quota),
            None => Ok(()),
        }
    }
}

impl Entry {
    fn is_alive(&self, now_ms: u64) -> bool {
        self.expires_ms.is_none_or(|expires_ms| now_ms < expires_ms)
    }
}
