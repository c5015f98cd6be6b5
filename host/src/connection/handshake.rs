//! A client's TLS handshake: its deadline, and what the log hears where it fails.

use std::net::IpAddr;

use super::{Drain, Ended, Port, reached};
use crate::telemetry::{Event, causes};
use crate::tls::{TlsSlot, Wire};

impl Port {
    /// Takes the handshake, within the listener's `handshake_timeout`. A shutdown ends it: nothing of a message is on its way.
    ///
    /// # Errors
    /// It failed, and the wire is of no more use.
    pub async fn handshake(&self, slot: &TlsSlot, wire: &mut Wire, client: IpAddr) -> Result<(), Ended> {
        let mut drain = self.drain.clone();
        let done = tokio::select! {
            done = wire.start_tls(slot, self.listener.handshake_timeout) => done,
            () = reached(&mut drain, Drain::Draining) => return Err(Ended::Draining),
        };
        done.map_err(|error| {
            let (listener, error) = (self.listener.name.clone(), causes(&error));
            self.chains.telemetry.emit(Event::HandshakeFailed { listener, client, error });
            Ended::Tls
        })
    }
}
