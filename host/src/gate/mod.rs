//! Who may come in: sessions of one listener, counted in all, by address and by network, and how often one begins.
//!
//! ```text
//! accept --Gate::seat--> Seat --move_to(192.0.2.7)--> counted there --move_to(198.51.100.9)--> counted there --drop--> given back
//! ```
//!
//! A seat begins without an address: a proxy's own is never counted, and whose session it is, is known later. A refusal leaves
//! the seat where it was. Knows nothing of sockets; the time comes in.

mod network;
mod reason;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::config::units::Rate;
use crate::rate::TokenBuckets;
pub use network::{client_of, network_of};
pub use reason::Reason;

/// How many sessions there may be. See the listener's keys of these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// In all.
    pub sessions_max: usize,
    /// Of one address.
    pub sessions_per_client: usize,
    /// Of one network: /24 of IPv4, /64 of IPv6.
    pub sessions_per_network: usize,
    /// How often one address, or /64 of IPv6, may begin one; none: as often as it likes.
    pub session_rate: Option<Rate>,
}

/// The sessions of one listener.
#[derive(Debug)]
pub struct Gate(Mutex<State>);

#[derive(Debug)]
struct State {
    bounds: Bounds,
    all: usize,
    clients: HashMap<IpAddr, usize>,
    networks: HashMap<IpAddr, usize>,
    begun: Option<TokenBuckets<IpAddr>>,
}

/// A session's place; given back when dropped.
#[derive(Debug)]
pub struct Seat {
    gate: Arc<Gate>,
    /// Where it is counted; none: among all only.
    client: Option<IpAddr>,
}

impl Gate {
    /// A gate that nobody has come through.
    pub fn new(bounds: Bounds) -> Arc<Self> {
        let state = State {
            bounds,
            all: 0,
            clients: HashMap::new(),
            networks: HashMap::new(),
            begun: buckets(bounds.session_rate),
        };
        Arc::new(Self(Mutex::new(state)))
    }

    /// From now on these hold. Nobody who is in has to leave, and all count on; a rate that is as it was goes on, too.
    pub fn set_bounds(&self, bounds: Bounds) {
        let mut state = self.state();
        if state.bounds.session_rate != bounds.session_rate {
            state.begun = buckets(bounds.session_rate);
        }
        state.bounds = bounds;
    }

    /// A seat that is counted among all only. Who the client is, is said by [`Seat::move_to`].
    ///
    /// # Errors
    /// [`Reason::Full`].
    pub fn seat(self: &Arc<Self>) -> Result<Seat, Reason> {
        let mut state = self.state();
        if state.all >= state.bounds.sessions_max {
            return Err(Reason::Full);
        }
        state.all += 1;
        Ok(Seat { gate: self.clone(), client: None })
    }

    /// Sessions that are there now.
    pub fn sessions(&self) -> usize {
        self.state().all
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Counts the session as one of `client`, and not of the address that it was counted at before.
    ///
    /// # Errors
    /// That address or its network has as many as it may, or begins them too often. The seat stays where it was.
    pub fn move_to(&mut self, client: IpAddr, now: Instant) -> Result<(), Reason> {
        let client = client.to_canonical();
        if self.client == Some(client) {
            return Ok(());
        }
        let mut state = self.gate.state();
        // Within its network a session that moves stands in nobody's way.
        let stays = self.client.is_some_and(|before| network_of(before) == network_of(client));
        state.admit(client, stays, now)?;
        if let Some(before) = self.client.replace(client) {
            state.leave(before);
        }
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.all -= 1;
        if let Some(client) = self.client {
            state.leave(client);
        }
    }
}

impl State {
    /// Counts one more of `client`. A token is taken last: who is refused has spent none.
    fn admit(&mut self, client: IpAddr, in_network: bool, now: Instant) -> Result<(), Reason> {
        let network = network_of(client);
        let count = |of: &HashMap<IpAddr, usize>, whose| of.get(&whose).copied().unwrap_or_default();
        if count(&self.clients, client) >= self.bounds.sessions_per_client {
            return Err(Reason::Client);
        }
        if !in_network && count(&self.networks, network) >= self.bounds.sessions_per_network {
            return Err(Reason::Network);
        }
        if let Some(begun) = &mut self.begun {
            begun.take(client_of(client), now).map_err(Reason::Rate)?;
        }
        *self.clients.entry(client).or_default() += 1;
        *self.networks.entry(network).or_default() += 1;
        Ok(())
    }

    fn leave(&mut self, client: IpAddr) {
        for (counts, whose) in [(&mut self.clients, client), (&mut self.networks, network_of(client))] {
            if let Some(count) = counts.get_mut(&whose) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&whose);
                }
            }
        }
    }
}

fn buckets(rate: Option<Rate>) -> Option<TokenBuckets<IpAddr>> {
    rate.map(|rate| TokenBuckets::new(rate.count, rate.per))
}
