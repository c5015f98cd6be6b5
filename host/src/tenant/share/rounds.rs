//! Who runs next: deficit round robin over tenants (Shreedhar and Varghese, SIGCOMM 1995), paid for after the fact.
//!
//! ```text
//! ring   acme (credit 1 ms: 2 wait)   bolt (0: 1 waits)   coyote (-3 ms: 64 wait)
//!        ^ at its turn: runs while it has credit, then goes to the end
//! ```
//!
//! A turn gives a tenant its quantum. A grant is paid with one tick in advance, and settled when it is given back, so that
//! permits that are out at the same time count. Who overran its credit owes, and waits for as many turns.
//!
//! Knows nothing of clocks, wakers or futures: tickets are values that come out again.

use std::collections::VecDeque;

/// What the tenant of the largest weight may run in one turn, in nanoseconds. The others get their part of it.
pub(super) const QUANTUM_NS: i64 = 2_000_000;
/// What is paid in advance: a guest gives its permit back at every tick.
pub(super) const TICK_NS: i64 = 1_000_000;
/// The most that is owed. What one call cannot be kept from using (`memory.fill`, a native stage) is of this order.
const DEBT_MAX_NS: i64 = 50_000_000;

/// A tenant's place in these rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(usize);

/// Tenants, their credit, and who waits for a permit.
#[derive(Debug)]
pub(super) struct Rounds<T> {
    /// Permits that nobody holds. Above zero, nobody waits.
    free: usize,
    shares: Vec<Option<Share<T>>>,
    /// Tenants for which somebody waits; whose turn it is first.
    ring: VecDeque<usize>,
    weight_max: u32,
}

#[derive(Debug)]
struct Share<T> {
    weight: u32,
    credit_ns: i64,
    /// Its next turn has not begun: at the ring's head it gets its quantum.
    due: bool,
    waiting: VecDeque<T>,
}

impl<T> Rounds<T> {
    pub(super) fn new(permits: usize) -> Self {
        Self { free: permits, shares: Vec::new(), ring: VecDeque::new(), weight_max: 1 }
    }

    /// A tenant comes in.
    pub(super) fn enter(&mut self, weight: u32) -> Place {
        let share = Share { weight: weight.max(1), credit_ns: 0, due: true, waiting: VecDeque::new() };
        let at = self.shares.iter().position(Option::is_none).unwrap_or(self.shares.len());
        if at == self.shares.len() {
            self.shares.push(None);
        }
        self.shares[at] = Some(share);
        self.weigh();
        Place(at)
    }

    pub(super) fn set_weight(&mut self, place: Place, weight: u32) {
        if let Some(share) = self.share(place) {
            share.weight = weight.max(1);
        }
        self.weigh();
    }

    /// A tenant leaves. Nobody may wait for it any more.
    pub(super) fn leave(&mut self, place: Place) {
        self.shares[place.0] = None;
        self.ring.retain(|at| *at != place.0);
        self.weigh();
    }

    /// Asks for a permit. True: it is granted. Otherwise the ticket comes out of a later call.
    pub(super) fn ask(&mut self, place: Place, ticket: T) -> bool {
        let (free, quantum) = (self.free > 0, self.quantum(place.0));
        let Some(share) = self.shares[place.0].as_mut() else { return false };
        if free {
            if share.credit_ns <= 0 {
                // Nobody else wants to run: as many turns as it takes are over at once.
                share.credit_ns = quantum;
            }
            share.credit_ns -= TICK_NS;
            self.free -= 1;
            return true;
        }
        self.stand(place, ticket);
        false
    }

    /// Puts a ticket into its tenant's row.
    fn stand(&mut self, place: Place, ticket: T) {
        let Some(share) = self.shares[place.0].as_mut() else { return };
        share.waiting.push_back(ticket);
        if share.waiting.len() == 1 {
            if share.credit_ns > 0 {
                // Its turn goes on.
                self.ring.push_front(place.0);
            } else {
                share.due = true;
                self.ring.push_back(place.0);
            }
        }
    }

    /// A permit is given back, `used_ns` of CPU time later. Gives the ticket that is granted now.
    pub(super) fn give_back(&mut self, place: Place, used_ns: u64) -> Option<T> {
        self.pass_on(place, used_ns, None)
    }

    /// The same, where whoever gives it back wants another one: it stands in the row before the permit goes to the next.
    pub(super) fn pass_on(&mut self, place: Place, used_ns: u64, again: Option<T>) -> Option<T> {
        self.settle(place, TICK_NS - i64::try_from(used_ns).unwrap_or(i64::MAX));
        if let Some(ticket) = again {
            self.stand(place, ticket);
        }
        self.free += 1;
        self.grant()
    }

    /// CPU time that was used without a permit.
    pub(super) fn charge(&mut self, place: Place, used_ns: u64) {
        self.settle(place, -i64::try_from(used_ns).unwrap_or(i64::MAX));
    }

    /// Takes back what was asked for. Whether it was still waiting.
    pub(super) fn withdraw(&mut self, place: Place, is_it: impl Fn(&T) -> bool) -> bool {
        let Some(share) = self.share(place) else { return false };
        let before = share.waiting.len();
        share.waiting.retain(|ticket| !is_it(ticket));
        let (withdrawn, empty) = (share.waiting.len() < before, share.waiting.is_empty());
        if withdrawn && empty {
            self.ring.retain(|at| *at != place.0);
        }
        withdrawn
    }

    /// Permits that nobody holds.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.free
    }

    fn settle(&mut self, place: Place, change_ns: i64) {
        if let Some(share) = self.share(place) {
            share.credit_ns = share.credit_ns.saturating_add(change_ns).max(-DEBT_MAX_NS);
        }
    }

    /// Who waits first of the tenant whose turn it is.
    fn grant(&mut self) -> Option<T> {
        let mut passed_over = 0;
        while self.free > 0 {
            let at = *self.ring.front()?;
            let quantum = self.quantum(at);
            let Some(share) = self.shares[at].as_mut() else {
                self.ring.pop_front();
                continue;
            };
            if share.due {
                share.due = false;
                share.credit_ns = (share.credit_ns + quantum).min(quantum);
            }
            if share.credit_ns <= 0 {
                share.due = true;
                self.ring.rotate_left(1);
                passed_over += 1;
                if passed_over == self.ring.len() {
                    self.skip_turns();
                    passed_over = 0;
                }
                continue;
            }
            let ticket = share.waiting.pop_front();
            if share.waiting.is_empty() {
                self.ring.pop_front();
            }
            if let Some(ticket) = ticket {
                share.credit_ns -= TICK_NS;
                self.free -= 1;
                return Some(ticket);
            }
        }
        None
    }

    /// All who wait owe: lets the turns pass in which nobody could have run.
    fn skip_turns(&mut self) {
        let turns = self.ring.iter().filter_map(|at| {
            let owed = -self.shares[*at].as_ref()?.credit_ns;
            Some(owed / self.quantum(*at))
        });
        let turns = turns.min().unwrap_or(0);
        for n in 0..self.ring.len() {
            let at = self.ring[n];
            let quantum = self.quantum(at);
            if let Some(share) = self.shares[at].as_mut() {
                share.credit_ns += turns * quantum;
            }
        }
    }

    /// What one turn gives a tenant.
    fn quantum(&self, at: usize) -> i64 {
        let weight = self.shares[at].as_ref().map_or(1, |share| share.weight);
        (QUANTUM_NS * i64::from(weight) / i64::from(self.weight_max)).max(1)
    }

    fn weigh(&mut self) {
        self.weight_max = self.shares.iter().flatten().map(|share| share.weight).max().unwrap_or(1);
    }

    fn share(&mut self, place: Place) -> Option<&mut Share<T>> {
        self.shares[place.0].as_mut()
    }
}

#[cfg(test)]
#[path = "rounds/tests.rs"]
mod tests;
