//! Which address is tried next: places in their order, each with the addresses that its name has now; those that failed
//! lately come last.
//!
//! ```text
//! ["a.example:25", "192.0.2.9:25"]   a.example -> .1 (failed lately), .2   ->   .2, 192.0.2.9, .1
//! ```
//!
//! Knows nothing of transactions. Names are resolved anew for each connection: what an address may be is asked when it is
//! connected to.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::error::{HopError, NoHop};
use super::greet::{self, Hop};
use super::settings::RelaySettings;
use super::target::Target;

/// Addresses of one name that are looked at.
const ADDRESSES_MAX: usize = 8;
/// How long an address that failed comes after all others. It is tried all the same where no other takes the message, so
/// one that is back is found at once.
const DEAD_FOR: Duration = Duration::from_secs(60);
/// Addresses that are remembered so. Where there are more, all are forgotten: they are only tried in their order again.
const DEAD_MAX: usize = 256;

/// Addresses that failed lately.
#[derive(Debug, Default)]
pub(super) struct Dead(Mutex<HashMap<SocketAddr, Instant>>);

impl Dead {
    fn holds(&self, peer: SocketAddr) -> bool {
        let dead = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        dead.get(&peer).is_some_and(|since| since.elapsed() < DEAD_FOR)
    }

    fn add(&self, peer: SocketAddr) {
        let mut dead = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if dead.len() >= DEAD_MAX {
            dead.clear();
        }
        dead.insert(peer, Instant::now());
    }

    fn remove(&self, peer: SocketAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&peer);
    }
}

/// One way through the addresses.
#[derive(Debug, Default)]
pub(super) struct Route {
    /// The place whose name is resolved next.
    place: usize,
    here: VecDeque<(usize, SocketAddr)>,
    /// Those that failed lately.
    later: VecDeque<(usize, SocketAddr)>,
    /// The address that is at work, and has not failed so far.
    pub(super) trying: Option<SocketAddr>,
    errors: NoHop,
}

impl Route {
    /// The next server that takes messages; `None`: there is none left.
    pub(super) async fn next(&mut self, settings: &RelaySettings, dead: &Dead) -> Option<Hop> {
        while let Some((place, peer)) = self.candidate(settings, dead).await {
            let Some(target) = settings.targets.get(place) else { continue };
            self.trying = Some(peer);
            match greet::connect(settings, target, peer).await {
                Ok(hop) => {
                    dead.remove(peer);
                    return Some(hop);
                }
                Err(error) => self.failed(dead, peer, error),
            }
        }
        None
    }

    /// A server that it gave was none after all.
    pub(super) fn failed(&mut self, dead: &Dead, peer: SocketAddr, error: HopError) {
        dead.add(peer);
        self.note(error);
    }

    /// Something went wrong, which says nothing of what comes next.
    pub(super) fn note(&mut self, error: HopError) {
        self.trying = None;
        self.errors.note(error);
    }

    /// What went wrong so far, the address included that has not answered yet. It is forgotten here.
    pub(super) fn errors(&mut self) -> NoHop {
        if let Some(peer) = self.trying.take() {
            self.errors.note(HopError::Pending { peer });
        }
        std::mem::take(&mut self.errors)
    }

    async fn candidate(&mut self, settings: &RelaySettings, dead: &Dead) -> Option<(usize, SocketAddr)> {
        loop {
            if let Some((place, peer)) = self.here.pop_front() {
                if !dead.holds(peer) {
                    return Some((place, peer));
                }
                self.later.push_back((place, peer));
            } else if let Some(target) = settings.targets.get(self.place) {
                match resolve(target, settings.connect_timeout).await {
                    Ok(peers) => self.here.extend(peers.into_iter().map(|peer| (self.place, peer))),
                    Err(error) => self.note(error),
                }
                self.place += 1;
            } else {
                return self.later.pop_front();
            }
        }
    }
}

/// The addresses of a place, in the order of the resolver.
async fn resolve(target: &Target, within: Duration) -> Result<Vec<SocketAddr>, HopError> {
    let (name, port) = match target {
        Target::Literal(address) => return Ok(vec![*address]),
        Target::Name(name, port) => (name, *port),
    };
    let found = timeout(within, tokio::net::lookup_host((name.as_str(), port))).await;
    let found =
        found.map_err(|late| unresolved(name, late.into()))?.map_err(|error| unresolved(name, error))?;
    let found: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
    if found.is_empty() { Err(unresolved(name, io::ErrorKind::NotFound.into())) } else { Ok(found) }
}

fn unresolved(name: &str, source: io::Error) -> HopError {
    HopError::Unresolved { name: name.to_owned(), source }
}
