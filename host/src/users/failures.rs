//! How often one client may fail to log in, whatever names it tries.
//!
//! ```text
//! may_try(client) -> an exchange -> failed(client)      a token each; none left: how long until there is one
//! ```
//!
//! A client with no token left is told to come back before its password is looked at, be it right or wrong, so that guesses that
//! come too fast learn nothing. A log-in that succeeds costs nothing. Knows no clock: the time comes in.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::rate::TokenBuckets;

/// Failures by client.
#[derive(Debug)]
pub struct Failures(Mutex<TokenBuckets<IpAddr>>);

impl Failures {
    /// `count` at once, and as many again within `per`.
    pub fn new(count: u32, per: Duration) -> Self {
        Self(Mutex::new(TokenBuckets::new(count, per)))
    }

    /// Whether `client` may try now.
    ///
    /// # Errors
    /// The time until it may.
    pub fn may_try(&self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        let wait = self.buckets().wait(&network(client), now);
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    /// It tried, and failed. Those that tried at once with others may find no token: then there is nothing more to take.
    pub fn failed(&self, client: IpAddr, now: Instant) {
        let _ = self.buckets().take(network(client), now);
    }

    fn buckets(&self) -> MutexGuard<'_, TokenBuckets<IpAddr>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Goal: so many failures, then a wait, which is over when it is said to be; asking costs nothing, and neither do failures that
    /// were under way at once make anybody wait longer.
    #[test]
    fn as_many_as_may_be_and_one_more() {
        let (failures, began) = (Failures::new(5, Duration::from_secs(50)), Instant::now());
        let client = ip("192.0.2.1");
        let at = |second| began + Duration::from_secs(second);
        for _ in 0..5 {
            assert_eq!(failures.may_try(client, at(0)), Ok(()));
            failures.failed(client, at(0));
        }
        (0..100).for_each(|_| failures.failed(client, at(0)));
        assert_eq!(failures.may_try(client, at(0)), Err(Duration::from_secs(10)));
        assert_eq!(failures.may_try(client, at(9)), Err(Duration::from_secs(1)));
        assert_eq!(failures.may_try(client, at(10)), Ok(()));
        assert_eq!(failures.may_try(client, at(10)), Ok(()));
        failures.failed(client, at(10));
        assert_eq!(failures.may_try(client, at(10)), Err(Duration::from_secs(10)));
        assert_eq!(failures.may_try(ip("192.0.2.2"), at(10)), Ok(()), "another address");
    }

    #[test]
    fn what_a_client_is() {
        let (failures, now) = (Failures::new(1, Duration::from_secs(20)), Instant::now());
        failures.failed(ip("2001:db8::1"), now);
        failures.failed(ip("::ffff:192.0.2.1"), now);
        for (client, may) in [("2001:db8::ffff:1", false), ("2001:db8:0:1::1", true), ("192.0.2.1", false)] {
            assert_eq!(failures.may_try(ip(client), now).is_ok(), may, "{client}");
        }
    }
}
