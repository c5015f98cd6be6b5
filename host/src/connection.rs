//! One client's connection: bytes in and out, deadlines, and what the session says to do with them.
//!
//! ```text
//! socket --LineDecoder--> Session --Action--> reply | RCPT check | content --DotDecoder--> Fork
//!                                                                | chunk --ChunkDecoder--> the same
//! ```
//!
//! The one async SMTP file. Replies are collected and sent when there is nothing more to read, so that a pipelined
//! group is answered in one segment (RFC 2920). Knows nothing of how connections are accepted.

mod auth;
mod chunks;
mod content;
mod facts;
mod handshake;
mod hangup;
mod intake;
mod limits;
mod patience;
mod rates;
mod recipients;
mod sender;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};

use crate::catalog::{Catalog, Generation, Tenant};
use crate::config::Listener;
use crate::gate::Seat;
use crate::mail::MessageId;
use crate::smtp::Reply;
use crate::smtp::action::Action;
use crate::smtp::command::ANY_LINE_MAX;
use crate::smtp::framing::{LineDecoder, LineProgress};
use crate::smtp::session::{Session, SessionConfig};
use crate::tenant::Buffer;
use crate::tls::{TlsSlot, Wire};
use crate::transaction::{Chains, Opening};
use crate::users::Users;
use chunks::Chunked;
use patience::Patience;
pub use rates::Rates;

/// Bytes asked of the socket at once while it waits for commands: an idle session holds no more.
const COMMAND_READ_SIZE: usize = 4 << 10;
/// Bytes of content asked of the socket at once.
const READ_SIZE: usize = 32 << 10;
/// Replies that are collected before they are sent, in bytes: a pipelined group is answered in one segment, and who never reads
/// does not fill memory with answers.
const OUTPUT_MAX: usize = 16 << 10;
/// How long we wait for a client to take in the last reply before the socket goes.
const LINGER_MAX: Duration = Duration::from_secs(2);

/// What the sessions of one listener share.
pub struct Port {
    /// The listener's config.
    pub listener: Listener,
    /// The same for the protocol.
    pub session: Arc<SessionConfig>,
    /// Tenants and their chains.
    pub catalog: Arc<Catalog>,
    /// Where messages are worked on.
    pub chains: Chains,
    /// What one client may do, over all its sessions.
    pub rates: Arc<Rates>,
    /// The certificate in use; none: no TLS.
    pub tls: Option<Arc<TlsSlot>>,
    /// How far the server is on its way down.
    pub drain: watch::Receiver<Drain>,
    /// Who may log in.
    pub users: Arc<Users>,
}

/// How far the server is on its way down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drain {
    /// It serves.
    Serving,
    /// No new sessions, 421 at the next command; content that is on its way may finish.
    Draining,
    /// `drain_timeout` is over: 421 to everyone.
    Over,
}

/// Why a session ended, as it stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// QUIT, or a 421 of a checker.
    Said,
    /// 421 at this limit.
    Limit(&'static str),
    /// The client closed.
    ClientGone,
    /// Silence.
    Timeout,
    /// Content came too slowly.
    Slow,
    /// The session has lasted as long as it may.
    SessionOver,
    /// The client talked before it was greeted.
    EarlyTalk,
    /// We are shutting down.
    Draining,
    /// The handshake failed.
    Tls,
}

impl Ended {
    /// The name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Said => "quit",
            Self::Limit(limit) => limit,
            Self::ClientGone => "client_gone",
            Self::Timeout => "timeout",
            Self::Slow => "too_slow",
            Self::SessionOver => "session_timeout",
            Self::EarlyTalk => "early_talk",
            Self::Draining => "draining",
            Self::Tls => "tls_failed",
        }
    }
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Self::ClientGone
    }
}

/// One client.
pub struct Connection {
    port: Arc<Port>,
    wire: Wire,
    client: IpAddr,
    /// Its name in the DNS, where a proxy told it.
    client_name: Option<String>,
    /// Where the client is counted.
    seat: Seat,
    session: Session,
    patience: Patience,
    lines: LineDecoder,
    input: BytesMut,
    /// The tenant's room for input that was read ahead of its chain.
    ahead: Option<Buffer>,
    output: BytesMut,
    drain: watch::Receiver<Drain>,
    /// Pinned from MAIL on.
    generation: Option<Arc<Generation>>,
    /// Tenants that were asked about recipients, and what they have taken.
    openings: Vec<Opening>,
    /// Whose room input takes that is read ahead of a chain.
    payer: Option<Arc<Tenant>>,
    /// The message whose chunks come, between two of them.
    chunked: Option<Box<Chunked>>,
    /// The message's id, where something was asked about it before it came.
    id: Option<MessageId>,
}

impl Connection {
    /// A connection at its beginning. `wire` may be under TLS already. `may_speak_for_others`: whether XCLIENT is believed.
    pub fn new(port: Arc<Port>, wire: Wire, client: IpAddr, seat: Seat, may_speak_for_others: bool) -> Self {
        let mut session = Session::new(port.session.clone(), may_speak_for_others);
        if wire.tls().is_some() {
            session.tls_started();
        }
        Self {
            session,
            wire,
            client,
            client_name: None,
            seat,
            patience: Patience::new(&port.listener, Instant::now()),
            lines: LineDecoder::new(ANY_LINE_MAX),
            input: BytesMut::new(),
            ahead: None,
            output: BytesMut::new(),
            drain: port.drain.clone(),
            port,
            generation: None,
            openings: Vec::new(),
            payer: None,
            chunked: None,
            id: None,
        }
    }

    /// Serves the client to its end.
    pub async fn serve(mut self) -> Ended {
        let mut ended = self.greet().await;
        while ended.is_ok() {
            ended = self.step().await;
        }
        let ended = ended.err().unwrap_or(Ended::Said);
        let last_words = match ended {
            Ended::Draining => Some(Reply::new(421, "4.3.2", "Shutting down, try again later")),
            Ended::Timeout => Some(Reply::new(421, "4.4.2", "Nothing came in time, closing")),
            Ended::Slow => Some(Reply::new(421, "4.4.2", "The message comes too slowly, closing")),
            Ended::SessionOver => Some(Reply::new(421, "4.4.2", "The session lasts too long; connect again")),
            Ended::EarlyTalk => Some(Reply::new(554, "5.5.1", "Wait for the greeting before you talk")),
            Ended::Said | Ended::Limit(_) | Ended::ClientGone | Ended::Tls => None,
        };
        if let Some(reply) = last_words {
            reply.encode(&mut self.output);
        }
        if ended != Ended::ClientGone {
            // Nobody is left to tell.
            let _ = timeout(LINGER_MAX, self.part()).await;
        }
        ended
    }

    /// Greets the client, unless it talks before.
    async fn greet(&mut self) -> Result<(), Ended> {
        let delay = self.port.listener.greeting_delay;
        if !delay.is_zero() {
            let mut drain = self.drain.clone();
            self.input.reserve(COMMAND_READ_SIZE);
            tokio::select! {
                read = self.wire.stream().read_buf(&mut self.input) => {
                    return Err(if read? == 0 { Ended::ClientGone } else { Ended::EarlyTalk });
                }
                () = reached(&mut drain, Drain::Draining) => return Err(Ended::Draining),
                () = tokio::time::sleep(delay) => {}
            }
        }
        self.session.greeting().encode(&mut self.output);
        Ok(())
    }

    /// One command: read it, and do what the session says.
    async fn step(&mut self) -> Result<(), Ended> {
        // From the last reply to the end of the line: a client that dribbles does not gain time.
        let command_timeout = self.port.listener.command_timeout;
        let patience = self.chunked.as_ref().map_or(command_timeout, |message| message.patience);
        let deadline = Instant::now() + patience;
        // A message that has begun may finish, as one after DATA may.
        let phase = if self.chunked.is_some() { Drain::Over } else { Drain::Draining };
        let action = loop {
            if *self.drain.borrow() >= phase {
                return Err(Ended::Draining);
            }
            if self.output.len() >= OUTPUT_MAX {
                self.flush(phase).await?;
            }
            // Commands that stand ready must not keep other sessions waiting.
            tokio::task::consume_budget().await;
            match self.lines.feed(&self.input) {
                LineProgress::Line { consumed, line } => {
                    let action = self.session.command(line);
                    self.input.advance(consumed);
                    break action;
                }
                LineProgress::Overlong { consumed, start } => {
                    let action = self.session.overlong(start);
                    self.input.advance(consumed);
                    break action;
                }
                LineProgress::NeedMore => {
                    self.input.clear();
                    self.read_command(deadline, phase).await?;
                }
            }
        };
        if let Some(message) = &mut self.chunked {
            message.patience = deadline.saturating_duration_since(Instant::now());
        }
        self.act(action).await?;
        if !self.session.in_chunks() {
            // RSET and the like: what came of the message is taken back.
            self.chunked = None;
        }
        if !self.session.in_transaction() {
            self.forget_transaction();
        } else if self.generation.is_none() {
            self.generation = Some(self.port.catalog.current());
        }
        Ok(())
    }

    async fn act(&mut self, action: Action) -> Result<(), Ended> {
        match action {
            Action::Reply(reply) => reply.encode(&mut self.output),
            Action::Close(reply) => {
                reply.encode(&mut self.output);
                return Err(self.closed());
            }
            Action::Receive(incoming) => self.receive(*incoming).await?,
            Action::Chunk(chunk) => self.chunk(chunk).await?,
            Action::Skip { reply, octets } => self.refuse_chunk(reply, octets).await?,
            Action::StartTls(reply) => {
                reply.encode(&mut self.output);
                self.start_tls().await?;
            }
            Action::CheckSender => {
                let answer = self.check_sender();
                let answer = self.session.sender_checked(answer);
                return self.say(answer);
            }
            Action::CheckRecipient(mailbox) => {
                let answer = self.check_recipient(mailbox).await?;
                let answer = self.session.recipient_checked(answer);
                return self.say(answer);
            }
            Action::Authenticate { mechanism, initial } => {
                let outcome = self.authenticate(&mechanism, initial.as_deref()).await?;
                let answer = self.session.authenticated(outcome);
                return self.say(answer);
            }
            Action::Believe(claims) => {
                let answer = self.believe(&claims);
                return self.say(answer);
            }
        }
        Ok(())
    }

    /// The session has said its last word: why.
    fn closed(&self) -> Ended {
        let Some(limit) = self.session.ended_by() else { return Ended::Said };
        self.port.limit_reached(self.client, limit);
        Ended::Limit(limit)
    }

    /// The session's answer to what was found out: a reply, which may be its last.
    fn say(&mut self, answer: Action) -> Result<(), Ended> {
        match answer {
            Action::Reply(reply) => reply.encode(&mut self.output),
            Action::Close(reply) => {
                reply.encode(&mut self.output);
                return Err(self.closed());
            }
            // It asks no more.
            Action::CheckSender
            | Action::CheckRecipient(_)
            | Action::Receive(_)
            | Action::Chunk(_)
            | Action::Skip { .. }
            | Action::StartTls(_)
            | Action::Authenticate { .. }
            | Action::Believe(_) => {}
        }
        Ok(())
    }

    /// Reads after sending what is due. Silence and a shutdown that is as far as `phase` end it.
    async fn read_command(&mut self, deadline: Instant, phase: Drain) -> Result<(), Ended> {
        self.flush(phase).await?;
        self.ahead = None;
        self.input.reserve(COMMAND_READ_SIZE);
        let session_end = self.patience.session_end();
        let read = timeout_at(deadline.min(session_end), self.wire.stream().read_buf(&mut self.input));
        tokio::select! {
            read = read => got(&read, if session_end < deadline { Ended::SessionOver } else { Ended::Timeout }),
            () = reached(&mut self.drain, phase) => Err(Ended::Draining),
        }
    }

    /// As `read_command`, but a shutdown waits for the content as long as it may.
    async fn read_content(&mut self) -> Result<(), Ended> {
        self.flush(Drain::Over).await?;
        self.ahead = None;
        self.input.reserve(READ_SIZE);
        let (began, allowed) = (Instant::now(), self.patience.for_content());
        let (deadline, session_end) = (began + allowed, self.patience.session_end());
        let late = match session_end < deadline {
            true => Ended::SessionOver,
            false if allowed < self.port.listener.data_timeout => Ended::Slow,
            false => Ended::Timeout,
        };
        let held = self.input.len();
        let read = timeout_at(deadline.min(session_end), self.wire.stream().read_buf(&mut self.input));
        tokio::select! {
            read = read => got(&read, late)?,
            () = reached(&mut self.drain, Drain::Over) => return Err(Ended::Draining),
        }
        self.patience.took(began.elapsed(), self.input.len() - held);
        Ok(())
    }

    /// Sends what is due. A client that does not read is waited for as long as for a command, and until `phase` at most.
    async fn flush(&mut self, phase: Drain) -> Result<(), Ended> {
        if self.output.is_empty() {
            return Ok(());
        }
        let stream = self.wire.stream();
        let send = async {
            // Takes off what is sent, so that it can go on where it was cut off.
            stream.write_all_buf(&mut self.output).await?;
            stream.flush().await
        };
        tokio::select! {
            sent = timeout(self.port.listener.command_timeout, send) => Ok(sent.map_err(|_| Ended::Timeout)??),
            () = reached(&mut self.drain, phase) => Err(Ended::Draining),
        }
    }

    async fn start_tls(&mut self) -> Result<(), Ended> {
        let Some(slot) = self.port.tls.clone() else { return Err(Ended::Tls) };
        self.flush(Drain::Over).await?;
        // Whatever came in plain text after STARTTLS is not to be believed (CVE-2011-0411).
        self.input = BytesMut::new();
        self.lines = LineDecoder::new(ANY_LINE_MAX);
        let port = self.port.clone();
        Box::pin(port.handshake(&slot, &mut self.wire, self.client)).await?;
        self.session.tls_started();
        self.forget_transaction();
        Ok(())
    }

    fn forget_transaction(&mut self) {
        (self.generation, self.payer, self.id) = (None, None, None);
        self.openings.clear();
    }

    /// Sends what is due and waits until the client has closed too, so that a reset does not swallow the last reply.
    async fn part(&mut self) -> Result<(), Ended> {
        let stream = self.wire.stream();
        stream.write_all_buf(&mut self.output).await?;
        stream.shutdown().await?;
        let mut scrap = [0; 4096];
        while stream.read(&mut scrap).await? > 0 {}
        Ok(())
    }
}

fn got(read: &Result<io::Result<usize>, Elapsed>, late: Ended) -> Result<(), Ended> {
    match read {
        Ok(Ok(0) | Err(_)) => Err(Ended::ClientGone),
        Ok(Ok(_)) => Ok(()),
        Err(_) => Err(late),
    }
}

/// Until the server is that far on its way down, or gone.
pub async fn reached(drain: &mut watch::Receiver<Drain>, phase: Drain) {
    // An error means that the server is gone, which ends sessions as well. The guard is dropped at once: it may not be
    // held over an await.
    drop(drain.wait_for(|now| *now >= phase).await);
}
