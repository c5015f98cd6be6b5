//! Lets connections into the admin API: so many at once, and none that stays silent. What waits outside costs nothing, so
//! that nobody can use up the descriptors that mail needs.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::Request;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::middleware::Next;
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// Most connections at once.
const CONNECTIONS_MAX: usize = 32;
/// Longest silence of a client.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Pause after an accept failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The listening socket, with its limits.
pub struct Door {
    socket: TcpListener,
    places: Arc<Semaphore>,
}

impl Door {
    /// Listens on `socket`.
    pub fn new(socket: TcpListener) -> Self {
        Self { socket, places: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }
}

impl Listener for Door {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        loop {
            // The place first: a connection that finds none waits in the kernel's queue.
            let Ok(place) = self.places.clone().acquire_owned().await else { std::future::pending().await };
            match self.socket.accept().await {
                Ok((stream, peer)) => {
                    let silence = Box::pin(tokio::time::sleep(SILENCE_MAX));
                    return (Guest { stream, silence, line: Line::default(), _place: place }, peer);
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// What a connection and the requests on it know of each other: how many of them are at work.
#[derive(Debug, Clone, Default)]
pub struct Line(Arc<AtomicUsize>);

impl Connected<IncomingStream<'_, Door>> for Line {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().line.clone()
    }
}

/// Counts a request as one at work until it is dropped.
struct AtWork(Line);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// While a request is at work its client need not speak: what reads its body has deadlines of its own.
pub(super) async fn at_work(request: Request, next: Next) -> Response {
    let line = request.extensions().get::<ConnectInfo<Line>>().map(|ConnectInfo(line)| line.clone());
    let _at_work = line.map(|line| {
        line.0.fetch_add(1, Ordering::Relaxed);
        AtWork(line)
    });
    next.run(request).await
}

/// A connection that ends when its client is silent for too long.
pub struct Guest {
    stream: TcpStream,
    line: Line,
    silence: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buf) {
            self.silence.as_mut().reset(Instant::now() + SILENCE_MAX);
            return Poll::Ready(read);
        }
        loop {
            ready!(self.silence.as_mut().poll(cx));
            if self.line.0.load(Ordering::Relaxed) == 0 {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.silence.as_mut().reset(Instant::now() + SILENCE_MAX);
        }
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // While an answer goes out the client need not speak.
        self.silence.as_mut().reset(Instant::now() + SILENCE_MAX);
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// A connection whose client says nothing.
    async fn silent() -> (Guest, TcpStream) {
        let mut door = Door::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = door.local_addr().unwrap();
        let (client, (guest, _)) = tokio::join!(TcpStream::connect(address), door.accept());
        (guest, client.unwrap())
    }

    /// Goal: a silent client is sent away, but not while its request is at work: an upload may compile for a minute.
    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_connection_where_no_request_is_at_work() {
        let (mut guest, _client) = silent().await;
        guest.line.0.fetch_add(1, Ordering::Relaxed);
        let line = guest.line.clone();
        let read = tokio::time::timeout(SILENCE_MAX * 5, guest.read_u8()).await;
        assert!(read.is_err(), "it waits: {read:?}");
        drop(AtWork(line));
        let read = tokio::time::timeout(SILENCE_MAX * 2, guest.read_u8()).await;
        assert_eq!(read.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
