//! Lets connections into the admin API: so many at once, and none that stays silent, dribbles or does not read its answer. What
//! waits outside costs nothing, so that nobody can use up the descriptors that mail needs.

use std::io;
use std::net::{IpAddr, SocketAddr};
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
/// Longest time from one answer to the next request's being understood, however its bytes come.
const HEAD_MAX: Duration = Duration::from_secs(30);
/// Longest time in which a client takes nothing of its answer. The kernel takes more only once a good part of what it holds has
/// been read, so reading a byte now and then does not help.
const STALL_MAX: Duration = Duration::from_secs(10);
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
                    return (Guest::new(stream, peer.ip(), place), peer);
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// What a connection and the requests on it know of each other: whose it is, and how many of them are at work.
#[derive(Debug, Clone)]
pub struct Line {
    client: IpAddr,
    at_work: Arc<AtomicUsize>,
}

impl Line {
    /// The client's address.
    pub(super) fn client(&self) -> IpAddr {
        self.client
    }

    /// From now on something is at work for the client, until this is dropped.
    pub(super) fn begin(&self) -> AtWork {
        self.at_work.fetch_add(1, Ordering::Relaxed);
        AtWork(self.clone())
    }

    fn is_busy(&self) -> bool {
        self.at_work.load(Ordering::Relaxed) > 0
    }
}

impl Connected<IncomingStream<'_, Door>> for Line {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().line.clone()
    }
}

/// Counts as one at work until it is dropped.
#[derive(Debug)]
pub(super) struct AtWork(Line);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// While a request is at work its client need not speak: what reads its body has deadlines of its own.
pub(super) async fn at_work(request: Request, next: Next) -> Response {
    let line = request.extensions().get::<ConnectInfo<Line>>();
    let _at_work = line.map(|ConnectInfo(line)| line.begin());
    next.run(request).await
}

/// A connection that ends when its client is silent for too long, takes too long to ask, or does not take its answer.
pub struct Guest {
    stream: TcpStream,
    line: Line,
    silence: Pin<Box<Sleep>>,
    /// When it was last busy, or an answer went out.
    idle_since: Instant,
    /// Runs while an answer waits for its client.
    stall: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

impl Guest {
    fn new(stream: TcpStream, client: IpAddr, place: OwnedSemaphorePermit) -> Self {
        Self {
            stream,
            line: Line { client, at_work: Arc::default() },
            silence: Box::pin(tokio::time::sleep(SILENCE_MAX)),
            idle_since: Instant::now(),
            stall: None,
            _place: place,
        }
    }

    /// Nothing went out: fails once that has been so for too long.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL_MAX)));
        stall.as_mut().poll(cx).map(|()| io::ErrorKind::TimedOut.into())
    }

    /// While an answer goes out the client need not speak.
    fn went_out(&mut self) {
        self.stall = None;
        self.idle_since = Instant::now();
        self.silence.as_mut().reset(Instant::now() + SILENCE_MAX);
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let now = Instant::now();
        if self.line.is_busy() {
            self.idle_since = now;
        } else if now.saturating_duration_since(self.idle_since) > HEAD_MAX {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buf) {
            self.silence.as_mut().reset(now + SILENCE_MAX);
            return Poll::Ready(read);
        }
        loop {
            ready!(self.silence.as_mut().poll(cx));
            if !self.line.is_busy() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.silence.as_mut().reset(Instant::now() + SILENCE_MAX);
        }
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(written) => {
                self.went_out();
                Poll::Ready(written)
            }
            Poll::Pending => self.poll_stall(cx).map(Err),
        }
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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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
        let at_work = guest.line.begin();
        let read = tokio::time::timeout(SILENCE_MAX * 5, guest.read_u8()).await;
        assert!(read.is_err(), "it waits: {read:?}");
        drop(at_work);
        let read = tokio::time::timeout(SILENCE_MAX * 2, guest.read_u8()).await;
        assert_eq!(read.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
    /// Goal: a client that sends a byte now and then, and never a request, is sent away too.
    #[tokio::test(start_paused = true)]
    async fn dribbling_ends_a_connection() {
        let (mut guest, mut client) = silent().await;
        let began = Instant::now();
        let ended = loop {
            client.write_all(b"x").await.unwrap();
            tokio::time::sleep(SILENCE_MAX / 2).await;
            if let Err(error) = guest.read_u8().await {
                break error;
            }
        };
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() <= HEAD_MAX + SILENCE_MAX, "{:?}", began.elapsed());
    }

    /// Goal: a client that does not read its answer is sent away; one that reads is not, however long the answer is.
    #[tokio::test]
    async fn an_answer_that_is_not_taken_ends_a_connection() {
        let (mut guest, mut client) = silent().await;
        let writing = tokio::spawn(async move {
            loop {
                if let Err(error) = guest.write_all(&[0; 65536]).await {
                    return error;
                }
            }
        });
        client.read_exact(&mut vec![0; 32 << 20]).await.unwrap();
        assert!(!writing.is_finished(), "its client reads");
        tokio::time::pause();
        let ended = tokio::time::timeout(STALL_MAX * 3, writing).await.unwrap().unwrap();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
    }
}
