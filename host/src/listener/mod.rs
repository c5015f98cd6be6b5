//! Accepts connections, as many as the listener may have; whoever may not come in hears why, never silence.
//!
//! ```text
//! accept --seat--> [PROXY header] --whose seat--> [implicit TLS] --> Connection
//!            \                        \
//!             421 sessions_max         421 sessions_per_client, sessions_per_network, session_rate
//! ```
//!
//! In reading order: this file; `session`, one client's way in; `header` over `proxy`, which reads bytes only; `refusal`. Knows
//! nothing of the protocol but its greeting of refusal.

mod header;
pub mod proxy;
mod refusal;
mod session;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::connection::{Drain, Port, reached};
use crate::gate::Gate;
use crate::telemetry::{Event, Level};
use refusal::Refusals;
use session::Newcomer;

/// Pause after an accept failed, for example without a free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener at work. A reload may change what new sessions are given, or have it stop.
pub struct Listening {
    /// Where clients connect to. Another one may listen at it too, which takes over.
    pub socket: Arc<TcpListener>,
    /// What sessions share that begin from now on.
    pub port: Arc<ArcSwap<Port>>,
    /// Who may come in.
    pub gate: Arc<Gate>,
    /// Its other end says that the listener is to stop, or is dropped.
    pub stop: oneshot::Receiver<()>,
}

impl Listening {
    /// Accepts until it is stopped or the server drains, then waits for the sessions to end. Dropped, the sessions are cut off.
    pub async fn run(self) {
        let Self { socket, port, gate, mut stop } = self;
        let refusals = Refusals::default();
        let mut sessions = JoinSet::new();
        let mut drain: watch::Receiver<Drain> = port.load().drain.clone();
        let admit = |sessions: &mut JoinSet<()>, (stream, peer): (TcpStream, SocketAddr)| {
            // Replies are small and complete: waiting to fill a segment would only delay them.
            let _ = stream.set_nodelay(true);
            let port = port.load_full();
            match Newcomer::of(peer, &port, &gate) {
                Ok(newcomer) => drop(sessions.spawn(newcomer.serve(stream, port, refusals.clone()))),
                Err(refused) => refusals.spawn(sessions, stream, refused, &port),
            }
        };
        let mut was_broken = false;
        loop {
            tokio::select! {
                accepted = socket.accept() => match accepted {
                    Ok(accepted) => {
                        was_broken = false;
                        admit(&mut sessions, accepted);
                    }
                    Err(error) => {
                        // Once, not ten times a second.
                        if !std::mem::replace(&mut was_broken, true) {
                            cannot_accept(&port.load(), &error);
                        }
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = sessions.join_next() => {}
                _ = &mut stop => {
                    // Whom the kernel has let in is not sent away.
                    while let Some(Ok(accepted)) = socket.accept().now_or_never() {
                        admit(&mut sessions, accepted);
                    }
                    break;
                }
                () = reached(&mut drain, Drain::Draining) => break,
            }
        }
        drop(socket);
        while sessions.join_next().await.is_some() {}
    }
}

fn cannot_accept(port: &Port, error: &std::io::Error) {
    let text = format!("listener `{}` cannot accept: {error}", port.listener.name);
    port.chains.telemetry.emit(Event::Notice { level: Level::Error, text });
}

/// Now, for rates.
fn now() -> Instant {
    Instant::now()
}
