//! One client's way in: whose connection it is, whether there is a seat, and TLS where it begins at once.
//!
//! A proxy that is believed has no seat of its own address: how many come by way of it is for `sessions_max` to say.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::header;
use super::now;
use super::refusal::{Refusals, Refused};
use crate::config::{Listener, TlsMode};
use crate::connection::{Connection, Drain, Port, reached};
use crate::gate::{Gate, Reason, Seat};
use crate::telemetry::Event;
use crate::tls::Wire;

/// A connection that has a seat.
pub(super) struct Newcomer {
    /// The other end of the connection.
    peer: IpAddr,
    /// Whether a PROXY header comes first.
    proxied: bool,
    seat: Seat,
}

impl Newcomer {
    /// Finds a seat for a connection from `peer`.
    pub(super) fn of(peer: SocketAddr, port: &Port, gate: &Arc<Gate>) -> Result<Self, Refused> {
        // An IPv4 client of a dual-stack socket is known by its IPv4 address.
        let peer = peer.ip().to_canonical();
        let listener = &port.listener;
        let refused = |reason| Refused { client: peer, reason };
        let proxied = listener.proxy_protocol && has(&listener.trusted, peer);
        let mut seat = gate.seat().map_err(refused)?;
        if !proxied {
            take_as(&mut seat, peer, listener).map_err(refused)?;
        }
        Ok(Self { peer, proxied, seat })
    }

    /// Serves it to its end.
    pub(super) async fn serve(mut self, mut stream: TcpStream, port: Arc<Port>, refusals: Refusals) {
        let mut client = self.peer;
        if self.proxied {
            match Box::pin(self.header(&mut stream, &port)).await {
                Ok(named) => client = named.unwrap_or(client),
                Err(None) => return,
                Err(Some(refused)) => {
                    drop(self.seat);
                    return refusals.refuse(stream, refused, &port).await;
                }
            }
        }
        let (listener, telemetry) = (port.listener.name.clone(), port.chains.telemetry.clone());
        telemetry.emit(Event::SessionOpened { listener: listener.clone(), client });
        let mut wire = Wire::plain(stream);
        let implicit = port.listener.tls.as_ref().is_some_and(|tls| tls.mode == TlsMode::Implicit);
        let ready = match &port.tls {
            Some(slot) if implicit => Box::pin(port.handshake(slot, &mut wire, client)).await,
            _ => Ok(()),
        };
        let ended = match ready {
            Ok(()) => {
                // The other end of the socket, never somebody whom a proxy names, nor a proxy that speaks for itself.
                let may_speak_for_others = !self.proxied && has(&port.listener.xclient, self.peer);
                Connection::new(port, wire, client, self.seat, may_speak_for_others).serve().await
            }
            Err(ended) => ended,
        };
        telemetry.emit(Event::SessionClosed { listener, client, reason: ended.name() });
    }

    /// Takes the header, and moves the seat to the client that it names, if any.
    ///
    /// # Errors
    /// That client may not come in; or, without one, there is no header and the log has been told.
    async fn header(
        &mut self,
        stream: &mut TcpStream,
        port: &Port,
    ) -> Result<Option<IpAddr>, Option<Refused>> {
        let mut drain = port.drain.clone();
        let (reason, detail) = tokio::select! {
            taken = timeout(port.listener.handshake_timeout, header::take(stream)) => match taken {
                Ok(Ok(None)) => return Ok(None),
                Ok(Ok(Some(named))) => {
                    let client = named.ip().to_canonical();
                    let moved = self.seat.move_to(client, now());
                    return moved.map(|()| Some(client)).map_err(|reason| Some(Refused { client, reason }));
                }
                Ok(Err(error)) => ("proxy_header", Some(error.to_string())),
                Err(_) => ("proxy_header", Some("no whole PROXY header came in time".to_owned())),
            },
            () = reached(&mut drain, Drain::Draining) => ("draining", None),
        };
        if reason == "proxy_header" {
            port.limit_reached(self.peer, "proxy_protocol");
        }
        let (listener, client) = (port.listener.name.clone(), self.peer);
        port.chains.telemetry.emit(Event::SessionRefused { listener, client, reason, detail });
        Err(None)
    }
}

/// Counts the session as one of `client`. Who may speak for others by XCLIENT is not counted: whose session it is, is said later.
fn take_as(seat: &mut Seat, client: IpAddr, listener: &Listener) -> Result<(), Reason> {
    if has(&listener.xclient, client) { Ok(()) } else { seat.move_to(client, now()) }
}

fn has(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}
