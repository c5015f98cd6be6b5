//! How much a tenant may have in the works at once: messages, sandboxed instances, content on its way. Lives across
//! generations: a reload changes the limits, never the counts.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::places::{Places, Taken};
use crate::gate::network_of;

/// Client networks that are remembered before those without a message are forgotten.
const NETWORKS_KEPT: usize = 1024;

/// Content is counted in units of this many bytes.
const UNIT: usize = 1 << 10;

/// A tenant's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// `concurrent_messages`.
    pub messages: usize,
    /// `concurrent_messages_per_network`.
    pub per_network: usize,
    /// `concurrent_instances`.
    pub instances: usize,
    /// `buffered_max`, in bytes.
    pub buffered: u64,
}

/// A tenant's places.
#[derive(Debug)]
pub struct Quota {
    messages: Arc<Places>,
    /// Of each client network.
    networks: Mutex<HashMap<IpAddr, Arc<Places>>>,
    per_network: AtomicUsize,
    instances: Arc<Places>,
    buffered: Arc<Places>,
    /// The tenant was removed.
    is_gone: AtomicBool,
}

/// A message's turn: its place, and places for its instances. Dropped, the next ones have them.
#[derive(Debug)]
pub struct Turn {
    _network: Option<Taken>,
    _message: Taken,
    _instances: Taken,
}

/// Nothing came free in time: 451 4.3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all that {limit} allows was taken for {} ms", waited.as_millis())]
pub struct Busy {
    /// The limit's name in the config.
    pub limit: &'static str,
    /// How long.
    pub waited: Duration,
}

impl Quota {
    /// Nothing is taken yet.
    pub fn new(caps: Caps) -> Arc<Self> {
        let (messages, instances) = (Places::new(caps.messages), Places::new(caps.instances));
        Arc::new(Self {
            messages,
            networks: Mutex::default(),
            per_network: AtomicUsize::new(caps.per_network),
            instances,
            buffered: Places::new(units(caps.buffered)),
            is_gone: AtomicBool::new(false),
        })
    }

    /// The tenant is removed: what is still in the works is no other's who comes under the same name.
    pub fn leave(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
    }

    /// Whether the tenant was removed.
    pub fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    /// Changes the limits. What is taken stays taken.
    pub fn set_caps(&self, caps: Caps) {
        self.messages.set_limit(caps.messages);
        self.per_network.store(caps.per_network, Ordering::Relaxed);
        let networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        networks.values().for_each(|places| places.set_limit(caps.per_network));
        drop(networks);
        self.instances.set_limit(caps.instances);
        self.buffered.set_limit(units(caps.buffered));
    }

    /// A turn for one message of `client`, if it has one, whose chain makes so many instances, in the order of asking; waits
    /// `wait_max` at most.
    ///
    /// # Errors
    /// None came in time.
    pub async fn turn(
        &self,
        client: Option<IpAddr>,
        instances: usize,
        wait_max: Duration,
    ) -> Result<Turn, Busy> {
        let began = Instant::now();
        let busy = |limit| Busy { limit, waited: wait_max };
        let left = || wait_max.saturating_sub(began.elapsed());
        // First, so that who waits for its own network's places holds none of the others'.
        let network = match client {
            Some(client) => {
                let taken = self.network(client).take(1, left()).await;
                Some(taken.ok_or(busy("concurrent_messages_per_network"))?)
            }
            None => None,
        };
        let message = self.messages.take(1, left()).await.ok_or(busy("concurrent_messages"))?;
        let instances = self.instances.take(instances, left()).await.ok_or(busy("concurrent_instances"))?;
        Ok(Turn { _network: network, _message: message, _instances: instances })
    }

    /// The places of a client's network.
    fn network(&self, client: IpAddr) -> Arc<Places> {
        let mut networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        if networks.len() >= NETWORKS_KEPT {
            // Whoever has a place or waits for one holds it.
            networks.retain(|_, places| Arc::strong_count(places) > 1);
        }
        let limit = self.per_network.load(Ordering::Relaxed);
        networks.entry(network_of(client)).or_insert_with(|| Places::new(limit)).clone()
    }

    /// Room for content of one message; none yet.
    pub fn buffer(self: &Arc<Self>) -> Buffer {
        Buffer { quota: self.clone(), taken: None, units: 0 }
    }

    /// Messages that have a turn now.
    pub fn in_use(&self) -> usize {
        self.messages.in_use()
    }
}

/// Room for content of one message on its way from socket to chain.
#[derive(Debug)]
pub struct Buffer {
    quota: Arc<Quota>,
    taken: Option<Taken>,
    units: usize,
}

impl Buffer {
    /// Makes it large enough for so many bytes; waits `wait_max` at most.
    ///
    /// # Errors
    /// No room came free in time.
    pub async fn hold(&mut self, bytes: usize, wait_max: Duration) -> Result<(), Busy> {
        let more = bytes.div_ceil(UNIT).saturating_sub(self.units);
        if more == 0 {
            return Ok(());
        }
        let taken = self.quota.buffered.take(more, wait_max).await;
        self.keep(more, taken.ok_or(Busy { limit: "buffered_max", waited: wait_max })?);
        Ok(())
    }

    /// The same without waiting. False: there is no room now.
    pub fn try_hold(&mut self, bytes: usize) -> bool {
        let more = bytes.div_ceil(UNIT).saturating_sub(self.units);
        if more == 0 {
            return true;
        }
        let taken = self.quota.buffered.try_take(more);
        let room = taken.is_some();
        if let Some(taken) = taken {
            self.keep(more, taken);
        }
        room
    }

    fn keep(&mut self, more: usize, taken: Taken) {
        match &mut self.taken {
            Some(own) => own.join(taken),
            None => self.taken = Some(taken),
        }
        self.units += more;
    }
}

fn units(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX) / UNIT
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(5);
    const CAPS: Caps = Caps { messages: 2, per_network: 1, instances: 4, buffered: 64 << 10 };

    /// One message past the limit is told which one it was.
    #[tokio::test]
    async fn messages_at_the_limit_and_one_past_it() {
        let quota = Quota::new(CAPS);
        let turns = (quota.turn(None, 1, SHORT).await.unwrap(), quota.turn(None, 1, SHORT).await.unwrap());
        assert_eq!(quota.in_use(), 2);
        assert_eq!(quota.turn(None, 0, SHORT).await.unwrap_err().limit, "concurrent_messages");
        drop(turns);
        assert_eq!(quota.in_use(), 0);
    }

    /// One network does not have all places, and its waiting messages hold none of the others'.
    #[tokio::test]
    async fn a_network_at_its_limit_and_one_past_it() {
        let quota = Quota::new(CAPS);
        let turn = |client: &str| quota.turn(Some(client.parse().unwrap()), 0, SHORT);
        let first = turn("192.0.2.1").await.unwrap();
        assert_eq!(turn("192.0.2.200").await.unwrap_err().limit, "concurrent_messages_per_network");
        let _other = turn("198.51.100.1").await.unwrap();
        assert_eq!(turn("203.0.113.1").await.unwrap_err().limit, "concurrent_messages");
        drop(first);
        assert!(turn("192.0.2.200").await.is_ok());
    }

    #[tokio::test]
    async fn networks_without_a_message_are_forgotten() {
        let quota = Quota::new(CAPS);
        for n in 0..2 * NETWORKS_KEPT {
            let [a, b] = u16::try_from(n).unwrap().to_be_bytes();
            assert!(quota.turn(Some([10, a, b, 1].into()), 0, SHORT).await.is_ok());
        }
        assert!(quota.networks.lock().unwrap().len() <= NETWORKS_KEPT);
    }

    #[tokio::test]
    async fn instances_at_the_limit_and_one_past_it() {
        let quota = Quota::new(CAPS);
        let four = quota.turn(None, 4, SHORT).await.unwrap();
        assert_eq!(quota.turn(None, 1, SHORT).await.unwrap_err().limit, "concurrent_instances");
        assert_eq!(quota.in_use(), 1, "the place of who gave up is free again");
        drop(four);
        assert_eq!(
            quota.turn(None, 5, Duration::from_secs(30)).await.unwrap_err().limit,
            "concurrent_instances"
        );
    }

    #[tokio::test]
    async fn content_at_the_limit_and_one_byte_past_it() {
        let quota = Quota::new(CAPS);
        let (mut one, mut other) = (quota.buffer(), quota.buffer());
        one.hold(1, SHORT).await.unwrap();
        one.hold(32 << 10, SHORT).await.unwrap();
        other.hold(32 << 10, SHORT).await.unwrap();
        one.hold(32 << 10, SHORT).await.unwrap();
        assert_eq!(other.hold((32 << 10) + 1, SHORT).await.unwrap_err().limit, "buffered_max");
        assert!(other.try_hold(32 << 10) && !other.try_hold((32 << 10) + 1));
        drop(one);
        assert!(other.try_hold(48 << 10));
        other.hold(64 << 10, SHORT).await.unwrap();
    }
}
