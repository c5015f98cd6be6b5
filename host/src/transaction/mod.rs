//! One message in flight: chain, sinks, reply. `finish` replies; dropped before, nothing of it stays anywhere.
//!
//! ```text
//! connection --write--> [64 KiB here] --channel--> job on the chain runtime: Run -> FanOut -> Reply
//! ```
//!
//! A message that fits into 64 KiB is handed over whole, so a slow client holds a small buffer and no sandbox.
//! Knows nothing of sockets and of how recipients find their tenant.

mod breakers;
mod fork;
mod job;
mod opening;
mod recipient;
pub mod replies;
pub mod trial;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use tokio::sync::{mpsc, oneshot};

use crate::catalog::Tenant;
use crate::chain::OnFailure;
use crate::mail::{Envelope, MessageId};
use crate::sink::Aheads;
use crate::smtp::Reply;
use crate::telemetry::Telemetry;
use crate::tenant::{Buffer, FairShare};
pub use fork::{Finishing, Fork};
use job::Job;
pub use opening::Opening;

/// Content that is collected before a chain is started, in bytes.
const COLLECT_MAX: usize = 64 << 10;
/// Pieces that wait for a running chain. More would only cost memory: a slow chain delays the next read.
const PIECES_WAITING: usize = 2;

/// The id for a message that begins now.
pub fn new_id() -> MessageId {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    MessageId::next(u64::try_from(since.as_micros()).unwrap_or(0))
}

/// A policy as it stands in logs.
fn policy_name(policy: OnFailure) -> &'static str {
    match policy {
        OnFailure::Defer => "defer",
        OnFailure::Reject => "reject",
        OnFailure::Bypass => "bypass",
        OnFailure::Quarantine => "quarantine",
    }
}

/// What every transaction of a server shares.
#[derive(Clone)]
pub struct Chains {
    /// The runtime that chains run on; socket threads run none.
    pub runtime: tokio::runtime::Handle,
    /// Who of the tenants runs next.
    pub share: Arc<FairShare>,
    /// Where events go.
    pub telemetry: Telemetry,
    /// Size of the chunks that stages see, in bytes.
    pub chunk_size: usize,
}

/// What comes from the connection.
enum Piece {
    Content(Bytes),
    /// To be answered once all that came before has gone through the chain.
    Settle(oneshot::Sender<()>),
    /// All content has come.
    End,
    /// The connection refuses the content with this reply, after so many octets.
    Refused(Reply, u64),
}

/// One message in flight.
pub struct Transaction {
    chains: Chains,
    collected: BytesMut,
    /// Room for what is collected and what is on its way to the chain.
    buffer: Buffer,
    state: State,
}

enum State {
    Collecting(Waiting),
    Running(Running),
    /// There was no room for it: its reply.
    Over(Reply),
}

/// The job's ends that the connection holds. Dropped before there is a reply, the client has gone away.
struct Running {
    pieces: mpsc::Sender<Piece>,
    reply: oneshot::Receiver<Reply>,
    _client: oneshot::Sender<()>,
    /// Set before it is dropped where it was not the client who left.
    given_up: Arc<OnceLock<Reply>>,
    id: MessageId,
}

/// A job that was not started. Dropped as such, the client has gone away, which is recorded too.
struct Waiting {
    job: Option<Box<Job>>,
    /// What the sinks were asked about the recipients.
    aheads: Aheads,
    /// Octets collected so far.
    size: u64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            job.abandoned(self.size);
        }
    }
}

impl Transaction {
    /// Begins a message for `tenant`'s chain, as it stands now. `aheads`: what its sinks were asked about the recipients;
    /// `header_size_max` is the listener's, in bytes.
    fn begin(
        chains: &Chains,
        tenant: Arc<Tenant>,
        aheads: Aheads,
        envelope: Envelope,
        header_size_max: usize,
    ) -> Self {
        let buffer = tenant.quota.buffer();
        let given_up = Arc::default();
        let job = Job {
            tenant,
            envelope,
            header_size_max,
            chains: chains.clone(),
            began: Instant::now(),
            given_up,
        };
        Self {
            chains: chains.clone(),
            collected: BytesMut::new(),
            buffer,
            state: State::Collecting(Waiting { job: Some(Box::new(job)), aheads, size: 0 }),
        }
    }

    /// More content; waits while the chain is busy, and while the tenant has too much content on its way. False: it is
    /// decided what becomes of the message, and no more of it is needed.
    pub async fn write(&mut self, content: &[u8]) -> bool {
        if !self.hold(self.collected.len() + content.len()).await {
            return false;
        }
        self.collected.extend_from_slice(content);
        match &mut self.state {
            State::Collecting(waiting) if self.collected.len() <= COLLECT_MAX => {
                waiting.size = self.collected.len() as u64;
                true
            }
            State::Collecting(_) => self.start(Extent::Part).await,
            State::Running(_) if self.collected.len() < self.chains.chunk_size => true,
            State::Running(_) => {
                let content = self.collected.split().freeze();
                self.send(Piece::Content(content)).await
            }
            State::Over(_) => false,
        }
    }

    /// Waits until the chain has worked on all that was written so far, which starts it.
    ///
    /// # Errors
    /// The chain has decided: its reply. The message is over.
    pub async fn settle(mut self) -> Result<Self, Reply> {
        match &self.state {
            State::Collecting(_) if self.collected.is_empty() => return Ok(self),
            State::Collecting(_) => self.start(Extent::Part).await,
            State::Running(_) => self.send_rest().await,
            State::Over(_) => false,
        };
        let (done, settled) = oneshot::channel();
        self.send(Piece::Settle(done)).await;
        match settled.await {
            Ok(()) => Ok(self),
            Err(_) => Err(self.answer().await),
        }
    }

    /// All content has come: runs the chain to its end. The reply is final; 250 means durable.
    pub async fn finish(self) -> Reply {
        self.end(Piece::End).await
    }

    /// Gives the message up with `reply`, because of something that the connection saw.
    pub async fn refuse(self, reply: Reply, octets: u64) {
        match self.state {
            // Nothing has been done for it: only the record is left to write.
            State::Collecting(mut waiting) => {
                if let Some(job) = waiting.job.take() {
                    job.refused(octets, reply);
                }
            }
            State::Running(_) => drop(self.end(Piece::Refused(reply, octets)).await),
            State::Over(_) => {}
        }
    }

    /// Ends it at once, because its chain keeps others waiting. Gives the reply for its recipients.
    pub fn give_up(self) -> Reply {
        match self.state {
            State::Running(running) => {
                let reply = replies::too_slow(&running.id);
                let _ = running.given_up.set(reply.clone());
                reply
            }
            State::Collecting(mut waiting) => match waiting.job.take() {
                Some(job) => {
                    let reply = replies::too_slow(job.envelope.id());
                    job.refused(waiting.size, reply.clone());
                    reply
                }
                None => replies::failed_without_trace(),
            },
            State::Over(reply) => reply,
        }
    }

    async fn end(mut self, last: Piece) -> Reply {
        match &self.state {
            State::Collecting(_) => self.start(Extent::Whole).await,
            State::Running(_) => self.send_rest().await,
            State::Over(_) => false,
        };
        self.send(last).await;
        self.answer().await
    }

    /// The answer of the job.
    async fn answer(self) -> Reply {
        match self.state {
            // Without an answer the job has panicked; the panic has been printed.
            State::Running(mut job) => {
                (&mut job.reply).await.unwrap_or_else(|_| replies::failed_without_trace())
            }
            State::Over(reply) => reply,
            State::Collecting(_) => replies::failed_without_trace(),
        }
    }

    /// Starts the job, with what has been collected. False: there is no room for what is still to come.
    async fn start(&mut self, extent: Extent) -> bool {
        // Before it has its turn: one that has it must not wait for room that those without one take up.
        if extent == Extent::Part && !self.hold(self.chains.chunk_size * (PIECES_WAITING + 1)).await {
            return false;
        }
        let (pieces, received) = mpsc::channel(PIECES_WAITING);
        let (answer, reply) = oneshot::channel();
        let (client, gone) = oneshot::channel();
        if let State::Collecting(waiting) = &mut self.state
            && let Some(job) = waiting.job.take()
        {
            let (given_up, id) = (job.given_up.clone(), job.envelope.id().clone());
            let aheads = std::mem::take(&mut waiting.aheads);
            self.state = State::Running(Running { pieces, reply, _client: client, given_up, id });
            self.chains.runtime.spawn(job.run(aheads, received, answer, gone));
        }
        self.send_rest().await
    }

    /// Makes room for so many bytes of content. False: there is none, and the message is over.
    async fn hold(&mut self, bytes: usize) -> bool {
        let State::Collecting(waiting) = &mut self.state else { return true };
        let Some(wait_max) = waiting.job.as_ref().map(|job| job.tenant.limits.queue_wait_max) else {
            return false;
        };
        let Err(busy) = self.buffer.hold(bytes, wait_max).await else { return true };
        if let Some(job) = waiting.job.take() {
            self.state = State::Over(job.busy(waiting.size, &busy));
        }
        false
    }

    async fn send_rest(&mut self) -> bool {
        let rest = self.collected.split().freeze();
        rest.is_empty() || self.send(Piece::Content(rest)).await
    }

    async fn send(&mut self, piece: Piece) -> bool {
        match &self.state {
            State::Running(job) => job.pieces.send(piece).await.is_ok(),
            State::Collecting(_) | State::Over(_) => false,
        }
    }
}

/// How much of a message has come when its job is started.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Part,
    Whole,
}
