//! Bytes to and from the next server, each wait with its end.
//!
//! ```text
//! say("MAIL ..."), say("RCPT ..."), flush, reply, reply      one segment out, answers one by one
//! ```
//!
//! What a server says before it was asked is an error: an answer that stands there already could be taken for the next one's.
//! So each command is preceded by a look, through TLS where that is spoken.
//! Knows nothing of what is said.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::FutureExt as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::unconstrained;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::reply::{HopReply, ReplyDecoder, ReplyError};
use super::trust::Trust;
use crate::sink::Fault;

/// Bytes asked of the socket at once.
const READ_SIZE: usize = 4 << 10;
/// How long we look whether a server that stopped reading has said why.
const LAST_WORDS_MAX: Duration = Duration::from_secs(2);
/// Times that one look reads, and how long it may take: a server that keeps TLS busy for longer is not quiet.
const READS_PER_LOOK_MAX: usize = 16;
const LOOK_MAX: Duration = Duration::from_secs(1);

/// Why a connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// The deadline passed.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// It closed.
    #[error("it closed the connection")]
    Closed,
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    /// What it says is no reply.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// It spoke before it was asked.
    #[error("it says something that it was not asked")]
    OutOfTurn,
}

impl WireError {
    /// What the client is to learn.
    pub(super) fn fault(&self) -> Fault {
        match self {
            Self::Late(_) | Self::Closed | Self::Broken(_) => Fault::Lost,
            Self::Reply(_) | Self::OutOfTurn => Fault::Garbled,
        }
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection to the next server.
pub(super) struct Wire {
    stream: Stream,
    input: BytesMut,
    output: Vec<u8>,
}

impl Wire {
    /// A connection in plain text.
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream: Stream::Plain(stream), input: BytesMut::new(), output: Vec::new() }
    }

    /// Whether TLS is spoken.
    pub(super) fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// Looks whether all is quiet, and waits for nothing. What TLS says for itself, such as session tickets, is taken in.
    ///
    /// # Errors
    /// The server has closed, or has said something unasked.
    pub(super) async fn look(&mut self) -> Result<(), WireError> {
        timeout(LOOK_MAX, self.read_what_is_there()).await.unwrap_or(Err(WireError::OutOfTurn))
    }

    /// The same, and waits so long for something to come.
    ///
    /// # Errors
    /// As `look`.
    pub(super) async fn stays_quiet(&mut self, within: Duration) -> Result<(), WireError> {
        self.look().await?;
        match timeout(within, self.read()).await {
            Ok(read) => read.and(Err(WireError::OutOfTurn)),
            Err(_) => self.look().await,
        }
    }

    async fn read_what_is_there(&mut self) -> Result<(), WireError> {
        for _ in 0..READS_PER_LOOK_MAX {
            if !self.input.is_empty() {
                return Err(WireError::OutOfTurn);
            }
            // Past the task's budget, in which all would look quiet.
            if let Some(read) = unconstrained(self.read()).now_or_never() {
                return read.and(Err(WireError::OutOfTurn));
            }
            // The runtime learns late of what has come: the system knows.
            let socket = match &self.stream {
                Stream::Plain(socket) => socket,
                Stream::Tls(tls) => tls.get_ref().0,
            };
            let mut fds = [PollFd::new(socket, PollFlags::RDHUP | PollFlags::IN)];
            if poll(&mut fds, Some(&Timespec::default())).map_err(|error| broken(error.into()))? == 0 {
                return Ok(());
            }
            socket.readable().await.map_err(broken)?;
        }
        Err(WireError::OutOfTurn)
    }

    /// Puts a command into the next segment.
    pub(super) fn say(&mut self, command: &str) {
        self.output.extend_from_slice(command.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Sends what was said.
    ///
    /// # Errors
    /// Late, closed, broken, or something came unasked.
    pub(super) async fn flush(&mut self, within: Duration) -> Result<(), WireError> {
        self.look().await?;
        let output = std::mem::take(&mut self.output);
        self.send(&output, within).await
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Late, closed or broken.
    pub(super) async fn send(&mut self, bytes: &[u8], within: Duration) -> Result<(), WireError> {
        let sent = match &mut self.stream {
            Stream::Plain(socket) => timeout(within, socket.write_all(bytes)).await,
            Stream::Tls(tls) => {
                let send = async {
                    tls.write_all(bytes).await?;
                    tls.flush().await
                };
                timeout(within, send).await
            }
        };
        sent.map_err(|_| WireError::Late(within))?.map_err(broken)
    }

    /// The next reply.
    ///
    /// # Errors
    /// Late, closed, broken, or no reply at all.
    pub(super) async fn reply(&mut self, within: Duration) -> Result<HopReply, WireError> {
        timeout(within, self.read_reply()).await.map_err(|_| WireError::Late(within))?
    }

    async fn read_reply(&mut self) -> Result<HopReply, WireError> {
        let mut decoder = ReplyDecoder::default();
        loop {
            if let Some(reply) = decoder.feed(&mut self.input)? {
                return Ok(reply);
            }
            self.read().await?;
        }
    }

    /// Takes in what comes. Cut off, it has taken nothing.
    async fn read(&mut self) -> Result<(), WireError> {
        self.input.reserve(READ_SIZE);
        let read = match &mut self.stream {
            Stream::Plain(socket) => socket.read_buf(&mut self.input).await,
            Stream::Tls(tls) => tls.read_buf(&mut self.input).await,
        };
        if read.map_err(broken)? == 0 { Err(WireError::Closed) } else { Ok(()) }
    }

    /// A command and its reply.
    ///
    /// # Errors
    /// As `flush` and `reply`.
    pub(super) async fn ask(&mut self, command: &str, within: Duration) -> Result<HopReply, WireError> {
        self.say(command);
        self.flush(within).await?;
        self.reply(within).await
    }

    /// What the server says of a connection that just broke, if it says anything.
    pub(super) async fn last_words(&mut self) -> Option<HopReply> {
        self.reply(LAST_WORDS_MAX).await.ok().filter(HopReply::is_refusal)
    }

    /// Does the handshake. `host` is whose certificate it is to be.
    ///
    /// # Errors
    /// Something came in plain text after the reply to STARTTLS, which an attacker may have put there (CVE-2021-33515 and its
    /// like); the handshake failed or was late.
    pub(super) async fn start_tls(self, trust: &Trust, host: &str, within: Duration) -> io::Result<Self> {
        let Self { stream: Stream::Plain(socket), input, .. } = self else {
            return Err(io::Error::other("TLS is spoken already"));
        };
        if !input.is_empty() {
            return Err(io::Error::other("the server went on in plain text after STARTTLS"));
        }
        let config = trust.config().ok_or_else(|| io::Error::other("there are no settings for TLS"))?;
        let name = match host.parse::<IpAddr>() {
            Ok(ip) => ServerName::IpAddress(ip.into()),
            Err(_) => ServerName::try_from(host.to_owned()).map_err(io::Error::other)?,
        };
        let tls = timeout(within, TlsConnector::from(config).connect(name, socket)).await??;
        Ok(Self { stream: Stream::Tls(Box::new(tls)), input, output: Vec::new() })
    }
}

fn broken(error: io::Error) -> WireError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => WireError::Closed,
        _ => WireError::Broken(error),
    }
}
