//! How much a tenant may have in the works at once: messages, sandboxed instances, content on its way. Lives across
//! generations: a reload changes the limits, never the counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::places::{Places, Taken};

/// Content is counted in units of this many bytes.
const UNIT: usize = 1 << 10;

/// A tenant's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// `concurrent_messages`.
    pub messages: usize,
    /// `concurrent_instances`.
    pub instances: usize,
    /// `buffered_max`, in bytes.
    pub buffered: u64,
}

/// A tenant's places.
#[derive(Debug)]
pub struct Quota {
    messages: Arc<Places>,
    instances: Arc<Places>,
    buffered: Arc<Places>,
    /// The tenant was removed.
    is_gone: AtomicBool,
}

/// A message's turn: its place, and places for its instances. Dropped, the next ones have them.
#[derive(Debug)]
pub struct Turn {
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
        self.instances.set_limit(caps.instances);
        self.buffered.set_limit(units(caps.buffered));
    }

    /// A turn for one message, whose chain makes so many instances, in the order of asking; waits `wait_max` at most.
    ///
    /// # Errors
    /// None came in time.
    pub async fn turn(&self, instances: usize, wait_max: Duration) -> Result<Turn, Busy> {
        let began = Instant::now();
        let busy = |limit| Busy { limit, waited: wait_max };
        let message = self.messages.take(1, wait_max).await.ok_or(busy("concurrent_messages"))?;
        let left = wait_max.saturating_sub(began.elapsed());
        let instances = self.instances.take(instances, left).await.ok_or(busy("concurrent_instances"))?;
        Ok(Turn { _message: message, _instances: instances })
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
    const CAPS: Caps = Caps { messages: 2, instances: 4, buffered: 64 << 10 };

    /// One message past the limit is told which one it was.
    #[tokio::test]
    async fn messages_at_the_limit_and_one_past_it() {
        let quota = Quota::new(CAPS);
        let turns = (quota.turn(1, SHORT).await.unwrap(), quota.turn(1, SHORT).await.unwrap());
        assert_eq!(quota.in_use(), 2);
        assert_eq!(quota.turn(0, SHORT).await.unwrap_err().limit, "concurrent_messages");
        drop(turns);
        assert_eq!(quota.in_use(), 0);
    }

    #[tokio::test]
    async fn instances_at_the_limit_and_one_past_it() {
        let quota = Quota::new(CAPS);
        let four = quota.turn(4, SHORT).await.unwrap();
        assert_eq!(quota.turn(1, SHORT).await.unwrap_err().limit, "concurrent_instances");
        assert_eq!(quota.in_use(), 1, "the place of who gave up is free again");
        drop(four);
        assert_eq!(quota.turn(5, Duration::from_secs(30)).await.unwrap_err().limit, "concurrent_instances");
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
