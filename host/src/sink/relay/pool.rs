//! Connections of one relay: so many in use, and some kept for the next message.
//!
//! ```text
//! place --> take (one that is kept, still there) or connect --> Lease --drop--> kept | RSET, kept | closed
//! ```
//!
//! Knows nothing of what is said in a transaction, only how far it got: a connection whose state is not known is closed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::error::HopError;
use super::greet::Hop;
use super::settings::RelaySettings;
use super::wire::WireError;

/// How long a server may take to answer RSET or QUIT, for which nobody waits.
const FAREWELL_MAX: Duration = Duration::from_secs(5);
/// How long one that was kept may take to say that it is still there: past it a new connection is better.
const REUSE_MAX: Duration = Duration::from_secs(5);

/// The connections of one relay.
pub(super) struct Pool {
    idle: Mutex<Idle>,
    places: Arc<Semaphore>,
    connections_max: usize,
    idle_max: usize,
    idle_timeout: Duration,
    pause_timeout: Duration,
    messages_max: u32,
}

#[derive(Default)]
struct Idle {
    /// The one that was used last stands last.
    hops: VecDeque<(Instant, Hop)>,
    /// Somebody sees to it that they are closed in time.
    is_watched: bool,
}

impl Pool {
    pub(super) fn new(settings: &RelaySettings) -> Arc<Self> {
        Arc::new(Self {
            idle: Mutex::default(),
            places: Arc::new(Semaphore::new(settings.connections_max)),
            connections_max: settings.connections_max,
            idle_max: settings.idle_max,
            idle_timeout: settings.idle_timeout,
            pause_timeout: settings.pause_timeout,
            messages_max: settings.connection_messages_max,
        })
    }

    /// A place for one connection, empty yet; waited for as long as `within`.
    ///
    /// # Errors
    /// All are in use.
    pub(super) async fn place(self: &Arc<Self>, within: Duration) -> Result<Lease, HopError> {
        let place = timeout(within, self.places.clone().acquire_owned()).await;
        let place = place.ok().and_then(Result::ok).ok_or(HopError::Full(self.connections_max))?;
        let lease = Lease {
            hop: None,
            standing: Standing::Unknown,
            pool: self.clone(),
            runtime: Handle::current(),
            place: Some(place),
            patience: self.pause_timeout,
            rest: None,
        };
        Ok(lease)
    }

    /// A connection that was kept, is still there, and gives its answers to what is asked.
    pub(super) async fn take(&self) -> Option<Hop> {
        while let Some(mut hop) = self.last() {
            match hop.answers_as_before(REUSE_MAX).await {
                Ok(true) => return Some(hop),
                // The others have most likely gone the same way, and would each take as long.
                Err(WireError::Late(_)) => return None,
                Ok(false) | Err(_) => {}
            }
        }
        None
    }

    /// The one that was used last, if that is not too long ago.
    fn last(&self) -> Option<Hop> {
        let (since, hop) = self.idle().hops.pop_back()?;
        (since.elapsed() < self.idle_timeout).then_some(hop)
    }

    /// Says goodbye to all that are kept.
    pub(super) fn close(&self, runtime: &Handle) {
        let hops = std::mem::take(&mut self.idle().hops);
        hops.into_iter().for_each(|(_, hop)| part(runtime, hop));
    }

    /// Keeps a connection between two transactions.
    fn keep(self: &Arc<Self>, runtime: &Handle, hop: Hop) {
        let mut idle = self.idle();
        if hop.messages >= self.messages_max || idle.hops.len() >= self.idle_max {
            drop(idle);
            return part(runtime, hop);
        }
        idle.hops.push_back((Instant::now(), hop));
        if !std::mem::replace(&mut idle.is_watched, true) {
            let (pool, patience) = (Arc::downgrade(self), self.idle_timeout);
            let own = runtime.clone();
            runtime.spawn(async move {
                let mut next = Instant::now() + patience;
                loop {
                    sleep_until(next).await;
                    // With the relay its connections have gone.
                    let Some(pool) = pool.upgrade() else { return };
                    let Some(oldest) = pool.expire(&own) else { return };
                    next = oldest + patience;
                }
            });
        }
    }

    /// Ends what was kept for too long. Gives since when the oldest of the others is kept; without one nobody watches any more.
    fn expire(&self, runtime: &Handle) -> Option<Instant> {
        let mut idle = self.idle();
        while let Some((since, _)) = idle.hops.front() {
            if since.elapsed() < self.idle_timeout {
                return Some(*since);
            }
            if let Some((_, hop)) = idle.hops.pop_front() {
                part(runtime, hop);
            }
        }
        idle.is_watched = false;
        None
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says QUIT, for which nobody waits.
fn part(runtime: &Handle, mut hop: Hop) {
    runtime.spawn(async move { drop(hop.wire.ask("QUIT", FAREWELL_MAX).await) });
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Between two transactions.
    Free,
    /// In a transaction, before its content: RSET ends it.
    Begun,
    /// Something is on its way, content for example: only its end is sure to leave nothing.
    Unknown,
}

/// One connection in use. Dropped, it is kept where that is safe, and closed where it is not: then the next server has a
/// message without an end, which is none.
pub(super) struct Lease {
    hop: Option<Hop>,
    standing: Standing,
    pool: Arc<Pool>,
    /// Where the connection lives.
    runtime: Handle,
    place: Option<OwnedSemaphorePermit>,
    /// How long its client may still pause.
    patience: Duration,
    rest: Option<Rest>,
}

/// A connection that waits for its client.
struct Rest {
    since: Instant,
    /// Empty once that took too long.
    lease: Arc<Mutex<Option<Lease>>>,
    timer: AbortHandle,
}

impl Lease {
    /// Fills the place. What was there is closed.
    pub(super) fn fill(&mut self, hop: Hop) {
        (self.hop, self.standing) = (Some(hop), Standing::Free);
    }

    /// The client pauses: when it has done so for too long in all, connection and place are for others. To be ended by `wake`.
    pub(super) fn rest(&mut self) {
        if self.standing != Standing::Begun || self.rest.is_some() {
            return;
        }
        let lease = Self {
            hop: self.hop.take(),
            standing: self.standing,
            pool: self.pool.clone(),
            runtime: self.runtime.clone(),
            place: self.place.take(),
            patience: self.patience,
            rest: None,
        };
        let lease = Arc::new(Mutex::new(Some(lease)));
        let (held, patience) = (lease.clone(), self.patience);
        let timer = self.runtime.spawn(async move {
            sleep(patience).await;
            drop(taken(&held));
        });
        self.rest = Some(Rest { since: Instant::now(), lease, timer: timer.abort_handle() });
    }

    /// The client goes on. Where that took too long the lease is empty.
    pub(super) fn wake(&mut self) {
        let Some(rest) = self.rest.take() else { return };
        rest.timer.abort();
        self.patience = self.patience.saturating_sub(rest.since.elapsed());
        if let Some(mut lease) = taken(&rest.lease) {
            (self.hop, self.place) = (lease.hop.take(), lease.place.take());
        }
    }

    /// The connection, for something whose end is to be told by `stands`: until then it is not known how far it is.
    pub(super) fn work(&mut self) -> Result<&mut Hop, WireError> {
        self.standing = Standing::Unknown;
        self.hop.as_mut().ok_or(WireError::Closed)
    }

    /// The connection, only to look at.
    pub(super) fn hop(&self) -> Option<&Hop> {
        self.hop.as_ref()
    }

    /// Whether the connection is there, and has said nothing unasked. Where not, it is not used again.
    pub(super) async fn is_quiet(&mut self) -> bool {
        self.wake();
        let is_quiet = match &mut self.hop {
            Some(hop) => hop.wire.look().await.is_ok(),
            None => false,
        };
        if !is_quiet {
            self.standing = Standing::Unknown;
        }
        is_quiet
    }

    /// How far it is now.
    pub(super) fn stands(&mut self, standing: Standing) {
        self.standing = standing;
    }
}

fn taken(lease: &Mutex<Option<Lease>>) -> Option<Lease> {
    lease.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.wake();
        let (Some(mut hop), place) = (self.hop.take(), self.place.take()) else { return };
        match self.standing {
            Standing::Free => self.pool.keep(&self.runtime, hop),
            Standing::Begun => {
                let (pool, runtime) = (self.pool.clone(), self.runtime.clone());
                self.runtime.spawn(async move {
                    if hop.wire.ask("RSET", FAREWELL_MAX).await.is_ok_and(|reply| reply.is_ok()) {
                        pool.keep(&runtime, hop);
                    }
                    drop(place);
                });
            }
            Standing::Unknown => {}
        }
    }
}
