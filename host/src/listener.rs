//! Accepts connections, as many as the listener may have; beyond that 421 at once, never silence.
//!
//! Knows nothing of the protocol but its greeting of refusal.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::TlsMode;
use crate::connection::{Connection, Drain, Ended, Port, reached};
use crate::smtp::Reply;
use crate::telemetry::{Event, Level};
use crate::tls::Wire;

/// Refusals on their way at once; past it a connection is only closed.
const REFUSALS_MAX: usize = 64;
/// How long a refused client may take to read why.
const REFUSAL_MAX: Duration = Duration::from_secs(2);
/// Pause after an accept failed, for example without a free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Sessions of one listener, counted.
struct Seats {
    all: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    per_client: Mutex<HashMap<IpAddr, usize>>,
    per_client_max: usize,
}

/// A session's place; given back when dropped.
struct Seat {
    seats: Arc<Seats>,
    client: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Seats {
    fn take(self: &Arc<Self>, client: IpAddr) -> Result<Seat, &'static str> {
        let permit = self.all.clone().try_acquire_owned().map_err(|_| "sessions_max")?;
        let mut per_client = self.per_client.lock().unwrap_or_else(PoisonError::into_inner);
        let count = per_client.entry(client).or_default();
        if *count >= self.per_client_max {
            return Err("sessions_per_client");
        }
        *count += 1;
        Ok(Seat { seats: self.clone(), client, _permit: permit })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut per_client = self.seats.per_client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = per_client.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                per_client.remove(&self.client);
            }
        }
    }
}

/// Accepts until the server drains, then waits for the sessions to end. Dropped, the sessions are cut off.
pub async fn run(socket: TcpListener, port: Arc<Port>) {
    let seats = Arc::new(Seats {
        all: Arc::new(Semaphore::new(port.listener.sessions_max)),
        refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
        per_client: Mutex::default(),
        per_client_max: port.listener.sessions_per_client,
    });
    let mut sessions = JoinSet::new();
    let mut drain: watch::Receiver<Drain> = port.drain.clone();
    loop {
        tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((stream, peer)) => admit(stream, peer, &port, &seats, &mut sessions),
                Err(error) => {
                    let text = format!("listener `{}` cannot accept: {error}", port.listener.name);
                    port.chains.telemetry.emit(Event::Notice { level: Level::Error, text });
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = sessions.join_next() => {}
            () = reached(&mut drain, Drain::Draining) => break,
        }
    }
    drop(socket);
    while sessions.join_next().await.is_some() {}
}

fn admit(
    stream: TcpStream,
    peer: SocketAddr,
    port: &Arc<Port>,
    seats: &Arc<Seats>,
    sessions: &mut JoinSet<()>,
) {
    // An IPv4 client of a dual-stack socket is known by its IPv4 address.
    let client = peer.ip().to_canonical();
    let listener = port.listener.name.clone();
    // Replies are small and complete: waiting to fill a segment would only delay them.
    let _ = stream.set_nodelay(true);
    match seats.take(client) {
        Ok(seat) => {
            port.chains.telemetry.emit(Event::SessionOpened { listener, client });
            sessions.spawn(session(stream, client, port.clone(), seat));
        }
        Err(reason) => {
            port.chains.telemetry.emit(Event::SessionRefused { listener, client, reason });
            if let Ok(permit) = seats.refusals.clone().try_acquire_owned() {
                sessions.spawn(async move {
                    let _ = timeout(REFUSAL_MAX, refuse(stream)).await;
                    drop(permit);
                });
            }
        }
    }
}

async fn session(stream: TcpStream, client: IpAddr, port: Arc<Port>, seat: Seat) {
    let mut wire = Wire::plain(stream);
    let implicit = port.listener.tls.as_ref().is_some_and(|tls| tls.mode == TlsMode::Implicit);
    let ready = match &port.tls {
        Some(slot) if implicit => wire.start_tls(slot).await.is_ok(),
        _ => true,
    };
    let ended = if ready { Connection::new(port.clone(), wire, client).serve().await } else { Ended::Tls };
    let listener = port.listener.name.clone();
    port.chains.telemetry.emit(Event::SessionClosed { listener, client, reason: ended.name() });
    drop(seat);
}

async fn refuse(mut stream: TcpStream) -> std::io::Result<()> {
    let mut wire = Vec::new();
    Reply::new(421, "4.3.2", "Too many sessions, try again later").encode(&mut wire);
    stream.write_all(&wire).await?;
    stream.shutdown().await
}
