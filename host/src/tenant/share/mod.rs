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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

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

/// One future's turn. Every change of its phase is made under the lock of the rounds.
struct Ticket {
    share: Arc<FairShare>,
    place: Place,
    turn: Mutex<Turn>,
}

#[derive(Default)]
struct Turn {
    phase: Phase,
    /// Of the task that the future is in.
    task: Option<Waker>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It waits for something else than a permit.
    #[default]
    Idle,
    /// It stands in its tenant's row.
    Waiting,
    /// A permit is its own, and its task was woken.
    Granted,
    /// It is polled.
    Running {
        /// It wants to be polled again: it has only yielded, or something came meanwhile.
        again: bool,
    },
    /// It runs under permits no more: whoever still wakes it wakes its task, if that is there.
    Over,
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
        let ticket =
            Arc::new(Ticket { share: self.share.clone(), place: self.place, turn: Mutex::default() });
        Scheduled { work, gone: Some(gone), waker: ticket.clone().into(), ticket, seat: self }
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
    /// What the work is polled with: woken, it asks for a permit.
    waker: Waker,
    seat: Seat,
}

impl<F: Future + Unpin, G: Future + Unpin> Future for Scheduled<F, G> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let permit = this.gone.is_some() && this.ticket.begin(cx.waker());
        if !permit {
            if let Some(gone) = &mut this.gone {
                if Pin::new(gone).poll(cx).is_pending() {
                    return Poll::Pending;
                }
                this.gone = None;
                this.ticket.give_up(Some(cx.waker().clone()));
            }
            let _charged = Charged { seat: &this.seat, began_ns: thread_cpu_ns(), ticket: None };
            return Pin::new(&mut this.work).poll(cx);
        }
        // Gives the permit back and charges, also where the work panics.
        let _charged = Charged { seat: &this.seat, began_ns: thread_cpu_ns(), ticket: Some(&this.ticket) };
        Pin::new(&mut this.work).poll(&mut Context::from_waker(&this.waker))
    }
}

impl<F, G> Drop for Scheduled<F, G> {
    fn drop(&mut self) {
        self.ticket.give_up(None);
    }
}

/// What happened to the work while nobody polled it: it wants to go on, so it stands in the row at once, not when its task
/// happens to be polled. Who is fair only among those that have asked is not fair.
impl Wake for Ticket {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.share.state();
        let mut turn = self.turn();
        match turn.phase {
            Phase::Running { .. } => turn.phase = Phase::Running { again: true },
            Phase::Waiting | Phase::Granted => {}
            Phase::Idle if state.rounds.ask(self.place, self.clone()) => {
                turn.phase = Phase::Granted;
                let task = turn.task.take();
                drop((turn, state));
                wake(task);
            }
            Phase::Idle => turn.phase = Phase::Waiting,
            Phase::Over => {
                let task = turn.task.clone();
                drop((turn, state));
                wake(task);
            }
        }
    }
}

impl Ticket {
    /// The task polls. Whether it may run now; if not, `task` is woken when it may.
    fn begin(self: &Arc<Self>, task: &Waker) -> bool {
        let mut state = self.share.state();
        let mut turn = self.turn();
        turn.task = Some(task.clone());
        let granted = match turn.phase {
            Phase::Granted => true,
            Phase::Idle => state.rounds.ask(self.place, self.clone()),
            Phase::Waiting | Phase::Running { .. } | Phase::Over => false,
        };
        turn.phase = if granted { Phase::Running { again: false } } else { Phase::Waiting };
        granted
    }

    /// Under the lock of the rounds. Gives whom to wake.
    fn grant(&self) -> Option<Waker> {
        let mut turn = self.turn();
        turn.phase = Phase::Granted;
        turn.task.take()
    }

    /// Runs under permits no more: leaves the row, or lets the permit go that was its own. What wakes it from here on, wakes
    /// `task`.
    fn give_up(self: &Arc<Self>, task: Option<Waker>) {
        let mut state = self.share.state();
        let before = std::mem::replace(&mut *self.turn(), Turn { phase: Phase::Over, task });
        let next = match before.phase {
            Phase::Granted => state.rounds.give_back(self.place, 0),
            Phase::Waiting => {
                state.rounds.withdraw(self.place, |other| Arc::ptr_eq(other, self));
                None
            }
            Phase::Idle | Phase::Running { .. } | Phase::Over => None,
        };
        let task = next.and_then(|ticket| ticket.grant());
        drop(state);
        wake(task);
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A poll at work, under a permit where it has a ticket.
struct Charged<'a> {
    seat: &'a Seat,
    began_ns: u64,
    ticket: Option<&'a Arc<Ticket>>,
}

impl Drop for Charged<'_> {
    fn drop(&mut self) {
        let used_ns = thread_cpu_ns().saturating_sub(self.began_ns);
        self.seat.cpu.add_ns(used_ns);
        let mut state = self.seat.share.state();
        let Some(ticket) = self.ticket else {
            state.rounds.charge(self.seat.place, used_ns);
            return;
        };
        // Back into the row before the permit goes to the next: it may be that of whoever gives it back.
        let phase = std::mem::take(&mut ticket.turn().phase);
        let again = (phase == Phase::Running { again: true }).then(|| ticket.clone());
        if again.is_some() {
            ticket.turn().phase = Phase::Waiting;
        }
        let next = state.rounds.pass_on(self.seat.place, used_ns, again);
        let task = next.and_then(|ticket| ticket.grant());
        drop(state);
        wake(task);
    }
}

fn wake(task: Option<Waker>) {
    if let Some(task) = task {
        task.wake();
    }
}

#[cfg(test)]
mod tests;
