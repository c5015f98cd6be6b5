//! How often something may happen, for each of many: token buckets.
//!
//! ```text
//! 3 in 60 s:  take take take -> Ok,  take -> Err(20 s),  20 s later take -> Ok
//! ```
//!
//! Knows no clock and none of those it counts: the time comes in, a key is a client, a network, a name. What is kept of a
//! key is one point in time, when its bucket will be full again, so that nothing has to be filled up.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Most keys that are remembered by default: 3 MiB of addresses. Past it those are forgotten that are nearest to full.
pub const KEYS_MAX: usize = 1 << 16;

/// A bucket of tokens for each key. A key that was never seen has a full one.
#[derive(Debug)]
pub struct TokenBuckets<K> {
    per: Duration,
    /// How long one token takes to come back.
    interval: Duration,
    keys_max: usize,
    /// When the bucket of a key will be full.
    full_at: HashMap<K, Instant>,
    /// When full buckets were forgotten last.
    swept: Option<Instant>,
}

impl<K: Eq + Hash> TokenBuckets<K> {
    /// Buckets of `count` tokens, at least 1, that fill up in `per`; at most [`KEYS_MAX`] are remembered.
    pub fn new(count: u32, per: Duration) -> Self {
        Self { per, interval: per / count.max(1), keys_max: KEYS_MAX, full_at: HashMap::new(), swept: None }
    }

    /// The same with another bound on the keys that are remembered, at least 1.
    #[must_use]
    pub fn with_keys_max(mut self, keys_max: usize) -> Self {
        self.keys_max = keys_max.max(1);
        self
    }

    /// Takes a token of `key`.
    ///
    /// # Errors
    /// Its bucket is empty, and nothing is taken: how long until there is a token.
    pub fn take(&mut self, key: K, now: Instant) -> Result<(), Duration> {
        self.forget_full(now);
        if self.full_at.len() >= self.keys_max && !self.full_at.contains_key(&key) {
            self.make_room();
        }
        let (interval, slack) = (self.interval, self.per.saturating_sub(self.interval));
        match self.full_at.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(now + interval);
            }
            Entry::Occupied(mut occupied) => {
                let full_at = (*occupied.get()).max(now);
                // The last token lacks while more than this is missing.
                let missing = full_at.saturating_duration_since(now);
                if missing > slack {
                    return Err(missing - slack);
                }
                occupied.insert(full_at + interval);
            }
        }
        Ok(())
    }

    /// Gives a token of `key` back that was taken.
    pub fn give_back(&mut self, key: &K) {
        if let Some(full_at) = self.full_at.get_mut(key) {
            *full_at -= self.interval;
        }
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.full_at.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.full_at.is_empty()
    }

    /// A full bucket is as good as none. Once in `per`, by when each has had the time to fill up.
    fn forget_full(&mut self, now: Instant) {
        let swept = *self.swept.get_or_insert(now);
        if now.saturating_duration_since(swept) >= self.per {
            self.swept = Some(now);
            self.full_at.retain(|_, full_at| *full_at > now);
            self.full_at.shrink_to(self.full_at.len() * 2);
        }
    }

    /// Forgets the fuller half, at once and not one by one: finding them looks at all.
    fn make_room(&mut self) {
        let mut times: Vec<Instant> = self.full_at.values().copied().collect();
        let middle = times.len() / 2;
        let (_, middle, _) = times.select_nth_unstable(middle);
        let middle = *middle;
        self.full_at.retain(|_, full_at| *full_at > middle);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn so_many_at_once_then_one_at_a_time() {
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        let mut buckets = TokenBuckets::new(3, MINUTE);
        assert_eq!((0..3).map(|_| buckets.take("a", now)).collect::<Vec<_>>(), [Ok(()); 3]);
        assert_eq!(buckets.take("a", now), Err(Duration::from_secs(20)));
        assert_eq!(buckets.take("b", now), Ok(()));
        // A refusal takes nothing; the wait is over when it is said to be.
        assert_eq!(buckets.take("a", after(19)), Err(Duration::from_secs(1)));
        assert_eq!(buckets.take("a", after(20)), Ok(()));
        assert_eq!(buckets.take("a", after(20)), Err(Duration::from_secs(20)));
        // Full again, and not more than full.
        assert_eq!((0..3).map(|_| buckets.take("a", after(1000))).collect::<Vec<_>>(), [Ok(()); 3]);
        assert!(buckets.take("a", after(1000)).is_err());
    }

    #[test]
    fn what_is_given_back_is_there_again() {
        let now = Instant::now();
        let mut buckets = TokenBuckets::new(2, MINUTE);
        assert_eq!([buckets.take("a", now), buckets.take("a", now)], [Ok(()); 2]);
        buckets.give_back(&"a");
        buckets.give_back(&"nobody");
        assert_eq!(buckets.take("a", now), Ok(()));
        assert!(buckets.take("a", now).is_err());
    }

    #[test]
    fn one_in_a_day() {
        let (now, day) = (Instant::now(), Duration::from_secs(86_400));
        let mut buckets = TokenBuckets::new(1, day);
        assert_eq!(buckets.take((), now), Ok(()));
        assert_eq!(buckets.take((), now), Err(day));
        assert_eq!(buckets.take((), now + day), Ok(()));
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let now = Instant::now();
        let mut buckets = TokenBuckets::new(2, MINUTE);
        for key in 0..100 {
            assert_eq!(buckets.take(key, now), Ok(()));
        }
        assert_eq!(buckets.len(), 100);
        assert_eq!(buckets.take(0, now + MINUTE), Ok(()));
        assert_eq!(buckets.len(), 1);
    }

    /// Goal: memory is bounded, and who spends most cannot have itself forgotten by names that it makes up.
    #[test]
    fn the_fuller_half_goes_first() {
        let now = Instant::now();
        let mut buckets = TokenBuckets::new(10, MINUTE).with_keys_max(8);
        for _ in 0..10 {
            assert_eq!(buckets.take(0, now), Ok(()));
        }
        for key in 1..1000 {
            assert_eq!(buckets.take(key, now), Ok(()));
            assert!(buckets.len() <= 8);
        }
        assert!(buckets.take(0, now).is_err(), "forgotten");
    }

    proptest! {
        /// Goal: in no stretch of time does anyone get more than the bucket and what came back.
        #[test]
        fn never_more_than_told(count in 1..20_u32, steps in prop::collection::vec(0..5000_u64, 1..200)) {
            let began = Instant::now();
            let mut buckets = TokenBuckets::new(count, MINUTE);
            let (mut now, mut taken) = (began, Vec::new());
            for step in steps {
                now += Duration::from_millis(step);
                if buckets.take((), now).is_ok() {
                    taken.push(now);
                }
            }
            for (n, first) in taken.iter().enumerate() {
                let stretch = taken[n..].iter().filter(|at| **at - *first < MINUTE).count();
                prop_assert!(stretch <= 2 * count as usize, "{stretch}");
                let end = now - *first;
                let most = f64::from(count) * (1.0 + end.as_secs_f64() / 60.0) + 1e-3;
                prop_assert!((taken.len() - n) as f64 <= most);
            }
        }
    }
}
