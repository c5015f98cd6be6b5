//! Counts wrong tokens by where they come from: after some of them, the next wrong one is told to wait.
//!
//! A right token always passes, so nobody is locked out by others behind the same address. 256 random bits are not guessed at
//! any rate: the limit is against noise, and against tokens that people chose.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong tokens that an address may send at once, and within [`WINDOW`].
pub(super) const FAILURES_MAX: u32 = 10;
/// In this time an address that is silent may send them all again; and it is logged once.
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// Most addresses that are remembered; the one that was heard longest ago goes first.
const ADDRESSES_MAX: usize = 4096;

/// Wrong tokens, by address.
#[derive(Default)]
pub(super) struct Failures(Mutex<HashMap<IpAddr, Bucket>>);

struct Bucket {
    /// When all that it was given is used up: each wrong token adds its part of the window.
    spent_until: Instant,
    heard: Instant,
    told: Option<Instant>,
    /// Since it was logged.
    failures: u64,
}

/// What is done about a wrong token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Seconds to wait; none: it may try at once.
    pub(super) wait: Option<u32>,
    /// Wrong ones since the last time that it was logged, where it is to be logged now.
    pub(super) log: Option<u64>,
}

impl Failures {
    /// Counts one.
    pub(super) fn count(&self, client: IpAddr, now: Instant) -> Outcome {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let network = network(client);
        if buckets.len() >= ADDRESSES_MAX && !buckets.contains_key(&network) {
            make_room(&mut buckets, now);
        }
        let fresh = || Bucket { spent_until: now, heard: now, told: None, failures: 0 };
        let bucket = buckets.entry(network).or_insert_with(fresh);
        bucket.heard = now;
        bucket.failures += 1;
        let spent_until = bucket.spent_until.max(now) + WINDOW / FAILURES_MAX;
        let wait = spent_until.saturating_duration_since(now + WINDOW);
        // What is told to wait does not count again: who goes on in spite of it waits no longer than the rate says.
        if wait.is_zero() {
            bucket.spent_until = spent_until;
        }
        let wait =
            (!wait.is_zero()).then(|| u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX));
        let is_due = bucket.told.is_none_or(|told| now.saturating_duration_since(told) >= WINDOW);
        let log = is_due.then(|| std::mem::take(&mut bucket.failures));
        if is_due {
            bucket.told = Some(now);
        }
        Outcome { wait, log }
    }
}

/// Forgets those that have nothing to wait for and are not logged too often; else the one that was heard longest ago.
fn make_room(buckets: &mut HashMap<IpAddr, Bucket>, now: Instant) {
    buckets.retain(|_, bucket| now.saturating_duration_since(bucket.heard) < WINDOW);
    if buckets.len() >= ADDRESSES_MAX
        && let Some(oldest) = buckets.iter().min_by_key(|(_, bucket)| bucket.heard).map(|(client, _)| *client)
    {
        buckets.remove(&oldest);
    }
}

/// One address of IPv4, a /64 of IPv6: that much one client has.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Goal: so many, then a wait, which is over when it is said to be; and one line in the log for each window.
    #[test]
    fn so_many_in_a_window() {
        let (failures, began) = (Failures::default(), Instant::now());
        let client = ip("192.0.2.1");
        let at = |second| began + Duration::from_secs(second);
        assert_eq!(failures.count(client, at(0)), Outcome { wait: None, log: Some(1) });
        for _ in 1..FAILURES_MAX {
            assert_eq!(failures.count(client, at(0)), Outcome { wait: None, log: None });
        }
        assert_eq!(failures.count(client, at(0)), Outcome { wait: Some(6), log: None });
        assert_eq!(failures.count(client, at(5)).wait, Some(1));
        assert_eq!(failures.count(client, at(6)).wait, None);
        assert_eq!(failures.count(client, at(6)).wait, Some(6));
        assert_eq!(failures.count(ip("192.0.2.2"), at(6)).wait, None, "another address");
        assert_eq!(failures.count(client, at(59)).log, None);
        assert_eq!(failures.count(client, at(60)).log, Some(15));
    }

    /// Goal: a client of IPv6 is its /64, and one of IPv4 the same by way of either family.
    #[test]
    fn what_an_address_is() {
        let v4 = ip("192.0.2.1");
        assert_eq!(network(ip("::ffff:192.0.2.1")), v4);
        assert_eq!(network(ip("2001:db8::1")), network(ip("2001:db8:0:0:ffff::9")));
        assert_ne!(network(ip("2001:db8::1")), network(ip("2001:db8:0:1::1")));
    }

    /// Goal: memory is bounded, and a new address has its place.
    #[test]
    fn so_many_addresses() {
        let (failures, began) = (Failures::default(), Instant::now());
        for n in 0..10_000_u32 {
            let client = IpAddr::from(n.to_be_bytes());
            assert_eq!(failures.count(client, began + Duration::from_millis(n.into())).wait, None);
        }
        assert_eq!(failures.0.lock().unwrap().len(), ADDRESSES_MAX);
    }
}
