//! What a client hears that may not come in: 421 and why, and then the connection closes.
//!
//! Where TLS begins at once, the reply comes under TLS, as nothing else is understood there. That costs a handshake, so few
//! may have one at once, and the others hear it in plain text.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::TlsMode;
use crate::connection::Port;
use crate::gate::Reason;
use crate::smtp::Reply;
use crate::telemetry::Event;
use crate::tls::Wire;

/// Refusals on their way at once; past it a connection is only closed.
const REFUSALS_MAX: usize = 64;
/// Of these, such with a handshake: a handshake takes a millisecond or two, which whoever is refused shall not spend for others.
const HANDSHAKES_MAX: usize = 8;
/// How long a refused client may take to read why.
const REFUSAL_MAX: Duration = Duration::from_secs(2);

/// A client that may not come in.
#[derive(Clone, Copy)]
pub(super) struct Refused {
    pub(super) client: IpAddr,
    pub(super) reason: Reason,
}

/// Refusals of one listener.
#[derive(Clone)]
pub(super) struct Refusals {
    all: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
}

impl Default for Refusals {
    fn default() -> Self {
        let room = |count| Arc::new(Semaphore::new(count));
        Self { all: room(REFUSALS_MAX), handshakes: room(HANDSHAKES_MAX) }
    }
}

impl Refusals {
    /// Tells the log and, in a task of its own, the client.
    pub(super) fn spawn(
        &self,
        sessions: &mut JoinSet<()>,
        stream: TcpStream,
        refused: Refused,
        port: &Arc<Port>,
    ) {
        refused.log(port);
        if self.all.available_permits() > 0 {
            let (refusals, port) = (self.clone(), port.clone());
            sessions.spawn(async move { refusals.tell(stream, refused.reason.reply(), &port).await });
        }
    }

    /// Tells the log and the client.
    pub(super) async fn refuse(&self, stream: TcpStream, refused: Refused, port: &Port) {
        refused.log(port);
        self.tell(stream, refused.reason.reply(), port).await;
    }

    async fn tell(&self, stream: TcpStream, reply: Reply, port: &Port) {
        let Ok(_permit) = self.all.try_acquire() else { return };
        // Whoever does not read it in time has had the time.
        let _ = timeout(REFUSAL_MAX, Box::pin(self.say(stream, reply, port))).await;
    }

    async fn say(&self, stream: TcpStream, reply: Reply, port: &Port) -> std::io::Result<()> {
        let mut wire = Wire::plain(stream);
        let implicit = port.listener.tls.as_ref().is_some_and(|tls| tls.mode == TlsMode::Implicit);
        if let Some(slot) = port.tls.as_ref().filter(|_| implicit)
            && let Ok(_permit) = self.handshakes.try_acquire()
        {
            wire.start_tls(slot, REFUSAL_MAX).await?;
        }
        let mut text = Vec::new();
        reply.encode(&mut text);
        let stream = wire.stream();
        stream.write_all(&text).await?;
        stream.shutdown().await?;
        // A socket that goes with bytes unread resets, and the reset would swallow the reply.
        let mut scrap = [0; 512];
        while stream.read(&mut scrap).await? > 0 {}
        Ok(())
    }
}

impl Refused {
    fn log(&self, port: &Port) {
        port.limit_reached(self.client, self.reason.name());
        port.chains.telemetry.emit(Event::SessionRefused {
            listener: port.listener.name.clone(),
            client: self.client,
            reason: self.reason.name(),
            detail: None,
        });
    }
}
