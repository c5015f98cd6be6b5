//! A connection to a client: bytes, in plain text or under TLS.
//!
//! Knows nothing of certificates.

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{TlsFacts, TlsSlot};
use crate::config::units::format_duration;

/// Anything that bytes go over.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// Whether the other side has closed its half, or the connection is broken. What it sent before may stand unread.
    fn has_hung_up(&self) -> bool;
}

impl Stream for TcpStream {
    fn has_hung_up(&self) -> bool {
        let mut fds = [PollFd::new(self, PollFlags::RDHUP)];
        // An error of `poll` says nothing about the client.
        poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }
}

impl Stream for TlsStream<Box<dyn Stream>> {
    fn has_hung_up(&self) -> bool {
        self.get_ref().0.has_hung_up()
    }
}

/// Where a stream is taken out.
impl Stream for tokio::io::Empty {
    fn has_hung_up(&self) -> bool {
        true
    }
}

/// A connection to a client.
pub struct Wire {
    stream: Box<dyn Stream>,
    tls: Option<Box<TlsFacts>>,
}

impl Wire {
    /// A connection in plain text.
    pub fn plain(stream: TcpStream) -> Self {
        Self { stream: Box::new(stream), tls: None }
    }

    /// The bytes.
    pub fn stream(&mut self) -> &mut Box<dyn Stream> {
        &mut self.stream
    }

    /// Whether the client sends no more; what it sent may stand unread.
    pub fn has_hung_up(&self) -> bool {
        self.stream.has_hung_up()
    }

    /// What the handshake agreed on; none: plain text.
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.tls.as_deref()
    }

    /// Takes the client's handshake, within `patience`.
    ///
    /// # Errors
    /// Why there was none, for the log. The connection is of no more use.
    pub async fn start_tls(&mut self, slot: &TlsSlot, patience: Duration) -> io::Result<()> {
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let current = slot.current();
        let handshake = Box::pin(TlsAcceptor::from(current.config.clone()).accept(plain));
        let tls = timeout(patience, handshake).await.map_err(|_| {
            let text = format!("not done within {}", format_duration(patience));
            io::Error::new(io::ErrorKind::TimedOut, text)
        })??;
        self.tls = Some(Box::new(TlsFacts::of(tls.get_ref().1, &current)));
        self.stream = Box::new(tls);
        Ok(())
    }
}
