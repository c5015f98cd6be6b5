//! How often one client may do something at a listener, over all its sessions.
//!
//! A client is an IPv4 address or an IPv6 /64: what one customer of a network has.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::limits::Told;
use crate::config::{Listener, Rate};
use crate::gate::client_of;
use crate::rate::TokenBuckets;

/// The rates of one listener. Those that are not limited always have a token.
#[derive(Debug)]
pub struct Rates {
    /// `message_rate`.
    pub messages: Buckets,
    /// `recipient_rate`.
    pub recipients: Buckets,
    /// `auth_failure_rate`.
    pub auth_failures: Buckets,
    /// What the log was told of.
    pub(super) told: Told,
}

impl Rates {
    /// As the listener's config says; all buckets full.
    pub fn new(listener: &Listener) -> Self {
        Self {
            messages: Buckets::new(listener.message_rate),
            recipients: Buckets::new(listener.recipient_rate),
            auth_failures: Buckets::new(listener.auth_failure_rate),
            told: Told::default(),
        }
    }
}

/// A bucket for each client; none: there is no limit.
#[derive(Debug)]
pub struct Buckets(Option<Mutex<TokenBuckets<IpAddr>>>);

impl Buckets {
    fn new(rate: Option<Rate>) -> Self {
        Self(rate.map(|rate| Mutex::new(TokenBuckets::new(rate.count, rate.per))))
    }

    /// Takes a token of the client. False: there is none.
    pub fn take(&self, client: IpAddr) -> bool {
        let Some(buckets) = &self.0 else { return true };
        let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.take(client_of(client), Instant::now()).is_ok()
    }

    /// Gives a token back that was taken.
    pub fn give_back(&self, client: IpAddr) {
        if let Some(buckets) = &self.0 {
            buckets.lock().unwrap_or_else(PoisonError::into_inner).give_back(&client_of(client));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_64_is_one_client_and_another_is_another() {
        let buckets = Buckets::new(Some(Rate { count: 1, per: Duration::from_secs(3600) }));
        let take = |client: &str| buckets.take(client.parse().unwrap());
        assert!(take("2001:db8::1") && !take("2001:db8::ffff:1") && take("2001:db8:0:1::1"));
        assert!(take("192.0.2.1") && !take("::ffff:192.0.2.1") && take("192.0.2.2"));
        buckets.give_back("::ffff:192.0.2.1".parse().unwrap());
        assert!(take("192.0.2.1") && !take("192.0.2.1"));
    }

    #[test]
    fn without_a_rate_there_is_always_a_token() {
        let buckets = Buckets::new(None);
        assert!((0..1000).all(|_| buckets.take("192.0.2.1".parse().unwrap())));
    }
}
