//! The listeners at work, and how a reload changes them: prepared whole beside what serves, then swapped, or nothing changes.
//!
//! ```text
//! wanted --prepare: sockets bound, certificates read--> Plan --commit: cannot fail--> what was done
//! ```
//!
//! A listener is the one of its name. What goes, takes no more clients and closes its socket; its sessions live on to their own
//! end. What changes, gives new sessions what it has now; open ones keep what they began with, but for the certificate of a
//! `tls` that is as it was. Who is in, counts on.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;

use super::plan::{Certificates, Next, Plan};
use super::sockets::Sockets;
use crate::catalog::{Catalog, ListenerChange};
use crate::chain::OwnAddresses;
use crate::config::{Listener, Problem};
use crate::connection::{Drain, Port, Rates};
use crate::gate::{Bounds, Gate};
use crate::listener::Listening;
use crate::telemetry::{Event, Level};
use crate::tls::TlsSlot;
use crate::transaction::Chains;
use crate::users::Users;

/// What every listener of the server is given.
pub(super) struct Shared {
    pub(super) hostname: String,
    pub(super) catalog: Arc<Catalog>,
    pub(super) chains: Chains,
    pub(super) drain: watch::Receiver<Drain>,
    pub(super) users: Arc<Users>,
    /// To be told what is bound.
    pub(super) own: OwnAddresses,
    /// Where the admin API listens: as the config says, and as bound.
    pub(super) admin: (SocketAddr, SocketAddr),
}

/// All listeners.
pub(super) struct Listeners {
    shared: Shared,
    pub(super) sockets: Sockets,
    running: Mutex<Vec<Running>>,
    /// Of those at work, and of those that are gone but have sessions.
    tasks: Mutex<Vec<AbortHandle>>,
    /// How many of them there are.
    alive: watch::Sender<usize>,
}

/// A listener that takes clients.
pub(super) struct Running {
    pub(super) settings: Listener,
    /// As bound: port 0 is none any more.
    address: SocketAddr,
    /// Its task alone keeps it, so that it closes when no more clients are taken.
    socket: Weak<TcpListener>,
    pub(super) tls: Option<Arc<TlsSlot>>,
    gate: Arc<Gate>,
    port: Arc<ArcSwap<Port>>,
    /// Dropped, it stops.
    _stop: oneshot::Sender<()>,
}

/// Counts a task out, however it ends.
struct Alive(watch::Sender<usize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Listeners {
    /// None yet.
    pub(super) fn new(shared: Shared, sockets: Sockets) -> Self {
        Self {
            shared,
            sockets,
            running: Mutex::default(),
            tasks: Mutex::default(),
            alive: watch::channel(0).0,
        }
    }

    /// Makes everything that `wanted` needs, and changes nothing.
    ///
    /// # Errors
    /// All that stands in the way, with the listeners' names.
    pub(super) fn prepare(&self, wanted: &[Listener]) -> Result<Plan, Vec<Problem>> {
        Plan::make(wanted, &self.running(), &self.sockets)
    }

    /// Swaps, and gives what is different. Nobody may have committed another plan since this one was made.
    pub(super) fn commit(&self, plan: Plan) -> Vec<ListenerChange> {
        let mut changes = Vec::new();
        {
            let mut running = self.running();
            let mut before = std::mem::take(&mut *running);
            for next in plan.next {
                let at = before.iter().position(|old| old.settings.name == next.settings.name);
                let old = at.map(|at| before.swap_remove(at));
                changes.extend(next.change(old.as_ref()));
                running.push(self.enter(next, old));
            }
            changes.extend(
                before.iter().map(|old| ListenerChange::new(&old.settings.name, "removed", old.address)),
            );
        }
        self.bound_changed();
        self.warn();
        changes
    }

    /// Lets a listener serve as it is wanted. One that stays where it is goes on accepting.
    fn enter(&self, next: Next, old: Option<Running>) -> Running {
        let Next { settings, socket, address, certificates } = next;
        let bounds = bounds(&settings);
        let tls = certificates.map(Certificates::enter);
        let stays = old.as_ref().is_some_and(|old| old.socket.as_ptr() == Arc::as_ptr(&socket));
        let gate = old.as_ref().map_or_else(|| Gate::new(bounds), |old| old.gate.clone());
        gate.set_bounds(bounds);
        let rates = old.as_ref().and_then(|old| old.rates(&settings));
        let rates = rates.unwrap_or_else(|| Arc::new(Rates::new(&settings)));
        let fresh = Arc::new(self.port(&settings, tls.clone(), rates));
        if let Some(mut old) = old.filter(|_| stays) {
            old.port.store(fresh);
            (old.settings, old.tls) = (settings, tls);
            return old;
        }
        let (port, (stop, stopped)) = (Arc::new(ArcSwap::new(fresh)), oneshot::channel());
        let running = Running {
            settings,
            address,
            socket: Arc::downgrade(&socket),
            tls,
            gate: gate.clone(),
            port: port.clone(),
            _stop: stop,
        };
        self.spawn(Listening { socket, port, gate, stop: stopped });
        running
    }

    fn spawn(&self, listening: Listening) {
        self.alive.send_modify(|count| *count += 1);
        let alive = Alive(self.alive.clone());
        let task = tokio::spawn(async move {
            let _alive = alive;
            listening.run().await;
        });
        let mut tasks = lock(&self.tasks);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task.abort_handle());
    }

    fn port(&self, settings: &Listener, tls: Option<Arc<TlsSlot>>, rates: Arc<Rates>) -> Port {
        let Shared { hostname, catalog, chains, drain, users, own: _, admin: _ } = &self.shared;
        Port {
            session: Arc::new(super::session_config(hostname, settings)),
            listener: settings.clone(),
            catalog: catalog.clone(),
            chains: chains.clone(),
            tls,
            rates,
            drain: drain.clone(),
            users: users.clone(),
        }
    }

    /// The one place that knows when other addresses are bound.
    fn bound_changed(&self) {
        let bound = self.addresses();
        let (admin, admin_bound) = self.shared.admin;
        self.shared.own.set(bound.iter().map(|(_, address)| *address).chain([admin_bound]).collect());
        let is_named = |address| address == admin || bound.iter().any(|(_, bound)| *bound == address);
        for idle in self.sockets.unnamed(is_named) {
            let text = format!(
                "the service manager hands over a socket at {idle}, which no listener has as its address"
            );
            self.shared.chains.telemetry.emit(Event::Notice { level: Level::Warn, text });
        }
    }

    /// Name and address of each, as bound, in the config's order.
    pub(super) fn addresses(&self) -> Vec<(String, SocketAddr)> {
        self.running().iter().map(|running| (running.settings.name.clone(), running.address)).collect()
    }

    /// Name and certificates of each that has any.
    pub(super) fn slots(&self) -> Vec<(String, Arc<TlsSlot>)> {
        let slot = |running: &Running| Some((running.settings.name.clone(), running.tls.clone()?));
        self.running().iter().filter_map(slot).collect()
    }

    /// Waits until none takes clients any more and all sessions have ended, those of removed listeners too.
    pub(super) async fn ended(&self) {
        // An error would mean that the sender is gone, which is ours.
        drop(self.alive.subscribe().wait_for(|count| *count == 0).await);
    }

    /// Cuts all sessions off.
    pub(super) fn abort(&self) {
        lock(&self.tasks).iter().for_each(AbortHandle::abort);
    }

    /// Says in the log which certificates should be renewed.
    fn warn(&self) {
        let now = SystemTime::now();
        for (name, slot) in self.slots() {
            for warning in slot.warnings(now) {
                let text = format!("listener `{name}`: {warning}");
                self.shared.chains.telemetry.emit(Event::Notice { level: Level::Warn, text });
            }
        }
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        lock(&self.running)
    }
}

impl Running {
    /// Its socket, as long as it takes clients.
    pub(super) fn socket(&self) -> Option<(Arc<TcpListener>, SocketAddr)> {
        Some((self.socket.upgrade()?, self.address))
    }

    /// What clients have used up so far, if `settings` say the same of how much they may.
    fn rates(&self, settings: &Listener) -> Option<Arc<Rates>> {
        let of = |listener: &Listener| {
            (listener.message_rate, listener.recipient_rate, listener.auth_failure_rate)
        };
        (of(&self.settings) == of(settings)).then(|| self.port.load().rates.clone())
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn bounds(listener: &Listener) -> Bounds {
    Bounds {
        sessions_max: listener.sessions_max,
        sessions_per_client: listener.sessions_per_client,
        sessions_per_network: listener.sessions_per_network,
        session_rate: listener.session_rate,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
