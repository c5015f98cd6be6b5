//! What listeners shall be, with everything made that can fail: sockets are bound, certificates are read.
//!
//! ```text
//! wanted "mx" at :25     "mx" listens at :25          -> its socket
//!                        "old" listens at :25         -> that one's, which it gives up
//!                        the service manager has :25  -> a clone of it
//!                        nobody                       -> a new one, or a problem
//! ```
//!
//! Changes nothing: dropped, new sockets close.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::listeners::Running;
use super::sockets::Sockets;
use crate::catalog::ListenerChange;
use crate::config::{Listener, Problem, Tls};
use crate::telemetry::causes;
use crate::tls::{Fresh, TlsError, TlsSlot};

/// Listeners to be.
pub(super) struct Plan {
    pub(super) next: Vec<Next>,
}

/// One of them.
pub(super) struct Next {
    pub(super) settings: Listener,
    pub(super) socket: Arc<TcpListener>,
    /// As bound.
    pub(super) address: SocketAddr,
    pub(super) certificates: Option<Certificates>,
}

/// What it serves under TLS.
pub(super) enum Certificates {
    /// In a slot that open sessions have as well.
    Renewed(Arc<TlsSlot>, Fresh),
    /// In one of its own.
    New(TlsSlot),
}

impl Plan {
    /// Makes all that is needed.
    ///
    /// # Errors
    /// Everything that stands in the way.
    pub(super) fn make(
        wanted: &[Listener],
        running: &[Running],
        sockets: &Sockets,
    ) -> Result<Self, Vec<Problem>> {
        let (mut next, mut problems) = (Vec::new(), Vec::new());
        for settings in wanted {
            let old = running.iter().find(|old| old.settings.name == settings.name);
            let mut problem = |text: String| problems.push(problem_of(settings, &text));
            let certificates = match settings.tls.as_ref().map(|tls| Certificates::read(tls, old)).transpose()
            {
                Ok(certificates) => certificates,
                Err(error) => {
                    problem(no_tls(&error));
                    continue;
                }
            };
            match socket(settings.address, old, running, sockets) {
                Ok((socket, address)) => {
                    next.push(Next { settings: settings.clone(), socket, address, certificates });
                }
                Err(error) => problem(cannot_listen(settings.address, &error, running)),
            }
        }
        if problems.is_empty() { Ok(Self { next }) } else { Err(problems) }
    }
}

/// A socket at `address`. No two listeners of a config have one, so another that listens there is about to leave it.
fn socket(
    address: SocketAddr,
    old: Option<&Running>,
    running: &[Running],
    sockets: &Sockets,
) -> std::io::Result<(Arc<TcpListener>, SocketAddr)> {
    let at = |listener: &&Running| listener.settings.address == address;
    let other = || running.iter().filter(|_| address.port() != 0).find(at);
    if let Some(socket) = old.filter(at).or_else(other).and_then(Running::socket) {
        return Ok(socket);
    }
    let socket = sockets.open(address)?;
    let address = socket.local_addr()?;
    Ok((Arc::new(socket), address))
}

/// What is wrong with the certificates that listeners name.
pub(crate) fn certificate_problems(listeners: &[Listener]) -> Vec<Problem> {
    let error = |listener: &Listener| TlsSlot::load(listener.tls.as_ref()?).err();
    let problem = |listener| Some(problem_of(listener, &no_tls(&error(listener)?)));
    listeners.iter().filter_map(problem).collect()
}

fn problem_of(listener: &Listener, text: &str) -> Problem {
    Problem::of_file("", format!("listener `{}` {text}", listener.name))
}

fn no_tls(error: &TlsError) -> String {
    format!("cannot have its TLS: {}", causes(error))
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error, running: &[Running]) -> String {
    let text = format!("cannot listen on {address}: {error}");
    // A wildcard holds the port of every address, and every address that of the wildcard.
    let holds = |other: SocketAddr| {
        other.port() == address.port() && (other.ip().is_unspecified() || address.ip().is_unspecified())
    };
    match running.iter().find(|old| holds(old.address())) {
        Some(old) => format!(
            "{text}; listener `{}` holds the port at {}: move it to another port first, or restart",
            old.settings.name,
            old.address()
        ),
        None => text,
    }
}

impl Next {
    /// What is different from `old`; none: nothing.
    pub(super) fn change(&self, old: Option<&Running>) -> Option<ListenerChange> {
        let change = |what: &str| Some(ListenerChange::new(&self.settings.name, what, self.address));
        let Some(old) = old else { return change("added") };
        if old.address() != self.address {
            return change("moved");
        }
        if old.settings != self.settings {
            return change("changed");
        }
        match &self.certificates {
            Some(Certificates::Renewed(slot, fresh)) if !fresh.has_same_certificates(slot) => {
                change("certificates")
            }
            _ => None,
        }
    }
}

impl Certificates {
    /// Reads what `tls` names. What is as it was is read again, too.
    fn read(tls: &Tls, old: Option<&Running>) -> Result<Self, TlsError> {
        match old.and_then(|old| old.tls.as_ref()).filter(|slot| slot.settings() == tls) {
            Some(slot) => Ok(Self::Renewed(slot.clone(), slot.read()?)),
            None => TlsSlot::load(tls).map(Self::New),
        }
    }

    /// From now on this is served.
    pub(super) fn enter(self) -> Arc<TlsSlot> {
        match self {
            Self::Renewed(slot, fresh) => {
                slot.store(fresh);
                slot
            }
            Self::New(slot) => Arc::new(slot),
        }
    }
}
