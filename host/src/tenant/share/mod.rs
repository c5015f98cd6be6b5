//! Fair share of the cores: chains of all tenants run on a few threads, and each poll of one needs a permit, one a core.
//!
//! ```text
//! FairShare::seat(tenant) --> Seat::run(future) --poll--> permit? --yes--> poll, charge, give back
//!                                                           no --> wait for the tenant's turn (rounds)
//! ```
//!
//! A future holds its permit for one poll: every await that waits gives it back, and a guest that computes waits at every
//! tick of the epoch. What is charged is the thread's CPU time within the poll, whatever it was used for: guests, native
//! stages, instances made and dropped. What sinks do on the threads that wait for disks is not.
//!
//! Knows nothing of messages or chains.

mod rounds;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::chain::meter::thread_cpu_ns;
use crate::telemetry::{CpuCounter, Telemetry};
use rounds::{Place, Rounds};

/// The permits of all cores, and whose turn it is.
pub struct FairShare {
    state: Mutex<State>,
    telemetry: Telemetry,
}

struct State {
    rounds: Rounds<Arc<Ticket>>,
    /// Tenants by name; one leaves with its last seat.
    tenants: HashMap<Arc<str>, Standing>,
}

struct Standing {
    place: Place,
    seats: usize,
    cpu: CpuCounter,
}

/// One future's wait for a permit.
#[derive(Default)]
struct Ticket {
    granted: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl FairShare {
    /// One permit for each of `cores`.
    pub fn new(cores: usize, telemetry: Telemetry) -> Arc<Self> {
        let state = State { rounds: Rounds::new(cores.max(1)), tenants: HashMap::new() };
        Arc::new(Self { state: Mutex::new(state), telemetry })
    }

    /// A seat for work of a tenant. `weight` is its share of the CPU beside the others that want to run.
    pub fn seat(self: &Arc<Self>, tenant: &str, weight: u32) -> Seat {
        let mut state = self.state();
        let State { rounds, tenants } = &mut *state;
        let (tenant, place, cpu) = if let Some((name, standing)) = tenants.get_key_value(tenant) {
            let name = name.clone();
            let (place, cpu) = (standing.place, standing.cpu.clone());
            rounds.set_weight(place, weight);
            if let Some(standing) = tenants.get_mut(&name) {
                standing.seats += 1;
            }
            (name, place, cpu)
        } else {
            let (name, place): (Arc<str>, _) = (tenant.into(), rounds.enter(weight));
            let cpu = self.telemetry.chain_cpu(tenant);
            tenants.insert(name.clone(), Standing { place, seats: 1, cpu: cpu.clone() });
            (name, place, cpu)
        };
        Seat { share: self.clone(), tenant, place, cpu }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A tenant's place among those that run; given up when dropped.
pub struct Seat {
    share: Arc<FairShare>,
    tenant: Arc<str>,
    place: Place,
    cpu: CpuCounter,
}

impl Seat {
    /// Runs `work` under permits. Once `gone` is ready, whoever the work is for has left: it is then polled without waiting
    /// for a turn, so that it can let go of what it holds.
    pub fn run<F: Future + Unpin, G: Future + Unpin>(self, work: F, gone: G) -> Scheduled<F, G> {
        Scheduled { work, gone: Some(gone), ticket: Arc::default(), asked: false, seat: self }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.share.state();
        let Some(standing) = state.tenants.get_mut(&self.tenant) else { return };
        standing.seats -= 1;
        if standing.seats == 0 {
            state.tenants.remove(&self.tenant);
            state.rounds.leave(self.place);
        }
    }
}

/// A future that is polled under permits only.
pub struct Scheduled<F, G> {
    // Dropped first: dropping work costs CPU time too, but no permit is waited for.
    work: F,
    /// None: it was ready.
    gone: Option<G>,
    ticket: Arc<Ticket>,
    /// The ticket is with the rounds, waiting or granted.
    asked: bool,
    seat: Seat,
}

/// What a poll runs under.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    Permit,
    /// Nobody waits for the outcome.
    Gone,
}

impl<F: Future + Unpin, G: Future + Unpin> Future for Scheduled<F, G> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Some(leave) = self.leave(cx) else { return Poll::Pending };
        let this = &mut *self;
        // Gives back and charges, also where the work panics.
        let _running = Running { seat: &this.seat, began_ns: thread_cpu_ns(), leave };
        Pin::new(&mut this.work).poll(cx)
    }
}

impl<F, G: Future + Unpin> Scheduled<F, G> {
    /// What the poll at hand may run under; none: it has to wait.
    fn leave(&mut self, cx: &mut Context<'_>) -> Option<Leave> {
        if self.gone.is_some() && self.has_permit(cx) {
            return Some(Leave::Permit);
        }
        let Some(gone) = &mut self.gone else { return Some(Leave::Gone) };
        if Pin::new(gone).poll(cx).is_pending() {
            return None;
        }
        self.gone = None;
        Some(self.stop_waiting())
    }
}

impl<F, G> Scheduled<F, G> {
    fn has_permit(&mut self, cx: &Context<'_>) -> bool {
        let mut waker = self.ticket.waker();
        if self.asked {
            if self.ticket.granted.swap(false, Ordering::AcqRel) {
                self.asked = false;
                return true;
            }
            waker.get_or_insert_with(|| cx.waker().clone()).clone_from(cx.waker());
            return false;
        }
        *waker = Some(cx.waker().clone());
        drop(waker);
        let granted = self.seat.share.state().rounds.ask(self.seat.place, self.ticket.clone());
        self.asked = !granted;
        granted
    }

    /// Takes the ticket back, or the permit where it was granted just now.
    fn stop_waiting(&mut self) -> Leave {
        self.asked = false;
        let ticket = &self.ticket;
        let withdrawn =
            self.seat.share.state().rounds.withdraw(self.seat.place, |other| Arc::ptr_eq(other, ticket));
        if withdrawn {
            return Leave::Gone;
        }
        ticket.granted.store(false, Ordering::Release);
        Leave::Permit
    }
}

impl<F, G> Drop for Scheduled<F, G> {
    fn drop(&mut self) {
        if self.asked && self.stop_waiting() == Leave::Permit {
            drop(Running { seat: &self.seat, began_ns: thread_cpu_ns(), leave: Leave::Permit });
        }
    }
}

impl Ticket {
    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Under the lock of the rounds, so that who takes a ticket back knows whether it was granted. Gives whom to wake.
    fn grant(&self) -> Option<Waker> {
        self.granted.store(true, Ordering::Release);
        self.waker().take()
    }
}

/// A poll at work.
struct Running<'a> {
    seat: &'a Seat,
    began_ns: u64,
    leave: Leave,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let used_ns = thread_cpu_ns().saturating_sub(self.began_ns);
        self.seat.cpu.add_ns(used_ns);
        let mut state = self.seat.share.state();
        let wake = match self.leave {
            Leave::Permit => {
                let next = state.rounds.give_back(self.seat.place, used_ns);
                next.and_then(|ticket| ticket.grant())
            }
            Leave::Gone => {
                state.rounds.charge(self.seat.place, used_ns);
                None
            }
        };
        drop(state);
        if let Some(waker) = wake {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests;
