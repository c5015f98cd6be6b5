//! The work on one message, on the chain runtime: its turn, the run, the commit, the record.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::breakers::Leave;
use super::{Chains, Piece, policy_name, replies};
use crate::catalog::Tenant;
use crate::chain::run::Failure;
use crate::chain::{Outlet, Refusal, Run, RunEnd, RunLimits, StageError};
use crate::mail::{Envelope, Verdict};
use crate::sink::{Aheads, FanOut, Placement, SinkFailure};
use crate::smtp::Reply;
use crate::telemetry::{Event, FailureRecord, MessageRecord, causes};
use crate::tenant::Busy;

/// Longest text of a failure in a message's record, in characters; `stage_failed` has all of it.
const FAILURE_TEXT_MAX: usize = 500;

/// Everything that the work needs.
pub(super) struct Job {
    pub(super) tenant: Arc<Tenant>,
    pub(super) envelope: Envelope,
    pub(super) header_size_max: usize,
    pub(super) chains: Chains,
    pub(super) began: Instant,
    /// Why it was dropped, where that was not because the client left.
    pub(super) given_up: Arc<OnceLock<Reply>>,
}

/// How it ended: the verdict's name in the record, and the reply.
struct Ending {
    verdict: &'static str,
    reply: Reply,
    sinks: Vec<String>,
    /// For the record, where no stage or sink says why.
    reason: String,
}

impl Ending {
    fn without_sinks(verdict: &'static str, reply: Reply) -> Self {
        Self { verdict, reply, sinks: Vec::new(), reason: String::new() }
    }

    /// The connection refuses the message.
    fn refused(reply: Reply) -> Self {
        Self::without_sinks(if reply.code() < 500 { "defer" } else { "reject" }, reply)
    }

    fn because(self, reason: String) -> Self {
        Self { reason, ..self }
    }
}

impl Job {
    /// Waits for its turn, then works until the end, a decision, or the client is gone. `aheads`: what the sinks were asked
    /// about the recipients.
    pub(super) async fn run(
        self: Box<Self>,
        aheads: Aheads,
        pieces: mpsc::Receiver<Piece>,
        mut answer: oneshot::Sender<Reply>,
        gone: oneshot::Receiver<()>,
    ) {
        let leave = match Leave::of_chain(&self.chains.telemetry, &self.tenant, &self.envelope) {
            Ok(leave) => leave,
            Err(stage) => {
                let ending = Ending::without_sinks("defer", replies::paused(self.envelope.id()));
                let ending = ending.because(format!("breaker of {stage}"));
                self.record(None, 0, Some(&ending));
                let _ = answer.send(ending.reply);
                return;
            }
        };
        let tenant = &self.tenant;
        let client = self.envelope.fact("client.ip").and_then(|client| client.parse().ok());
        // A client that goes away while its message waits for its turn gives the place up.
        let turn = tokio::select! {
            turn = tenant.quota.turn(client, tenant.line_up.instances(), tenant.limits.queue_wait_max) => turn,
            () = answer.closed() => return self.record(None, 0, None),
        };
        let _turn = match turn {
            Ok(turn) => turn,
            Err(busy) => {
                let reply = self.busy(0, &busy);
                let _ = answer.send(reply);
                return;
            }
        };
        let seat = self.chains.share.seat(&tenant.name, tenant.weight);
        seat.run(pin!(self.work(leave, aheads, pieces, answer)), gone).await;
    }

    /// All that is charged to the tenant.
    async fn work(
        &self,
        leave: Leave,
        aheads: Aheads,
        mut pieces: mpsc::Receiver<Piece>,
        mut answer: oneshot::Sender<Reply>,
    ) {
        let limits = RunLimits { chunk_size: self.chains.chunk_size, header_size_max: self.header_size_max };
        let mut run = Run::new(&self.tenant.line_up.stages, limits, self.envelope.clone());
        let mut sinks = LateSinks { job: self, aheads, open: None };
        let mut clock = WallClock {
            left: self.tenant.limits.wall_per_message,
            budget: self.tenant.limits.wall_per_message,
        };
        let mut size = 0;
        let ending = loop {
            let (step, last) = match pieces.recv().await {
                Some(Piece::Content(content)) => {
                    size += content.len() as u64;
                    (Step::Write(content), false)
                }
                Some(Piece::Settle(done)) => {
                    // Whoever asked may be gone; that is noticed at the next piece.
                    let _ = done.send(());
                    continue;
                }
                Some(Piece::End) => (Step::Finish, true),
                Some(Piece::Refused(reply, octets)) => {
                    size = octets;
                    break Some(Ending::refused(reply));
                }
                None => break None,
            };
            let done = tokio::select! {
                biased;
                // The client is gone: no guest code runs for it any more.
                () = answer.closed() => break None,
                done = clock.time(&mut run, step, &mut sinks) => done,
            };
            match done {
                Ok(verdict) if last => break Some(self.store(run.envelope(), verdict, sinks).await),
                Ok(_) => {}
                Err(end) => break Some(self.run_ended(&end)),
            }
        };
        self.report_failures(&run);
        leave.tell_all(run.fates());
        self.record(Some(&run), size, ending.as_ref());
        // Instances go before the client hears.
        drop(run);
        if let Some(ending) = ending {
            // The client may be gone by now; its message is where the verdict put it.
            let _ = answer.send(ending.reply);
        }
    }

    /// The connection refused the content before the chain was started.
    pub(super) fn refused(&self, size: u64, reply: Reply) {
        self.record(None, size, Some(&Ending::refused(reply)));
    }

    /// What the tenant may have at once was taken for too long. Gives the reply.
    pub(super) fn busy(&self, size: u64, busy: &Busy) -> Reply {
        self.chains.telemetry.emit(Event::TurnRefused {
            id: self.envelope.id().to_string(),
            tenant: self.tenant.name.clone(),
            limit: busy.limit,
            waited_ms: u64::try_from(busy.waited.as_millis()).unwrap_or(u64::MAX),
        });
        let ending = Ending::without_sinks("defer", replies::busy(self.envelope.id()));
        let ending = ending.because(busy.to_string());
        self.record(None, size, Some(&ending));
        ending.reply
    }

    /// The client went away before the chain was started.
    pub(super) fn abandoned(&self, size: u64) {
        self.record(None, size, None);
    }

    /// The run came to its end: what becomes of the message.
    async fn store(&self, envelope: &Envelope, verdict: Verdict, sinks: LateSinks<'_>) -> Ending {
        let name = verdict.name();
        let (placement, reason) = match verdict {
            Verdict::Accept => (Placement::Deliver, String::new()),
            Verdict::Quarantine(reason) => (Placement::Quarantine, reason),
            Verdict::Discard => return Ending::without_sinks(name, replies::accepted(self.envelope.id())),
        };
        match sinks.commit(envelope, placement).await {
            Ok(sinks) => {
                let ending = Ending::without_sinks(name, replies::accepted(self.envelope.id()));
                Ending { sinks, reason, ..ending }
            }
            Err(failed) => self.not_taken(&failed),
        }
    }

    fn run_ended(&self, end: &RunEnd) -> Ending {
        if let RunEnd::Outlet(failed) = end {
            return self.not_taken(failed);
        }
        let verdict = match end {
            RunEnd::Refused { refusal: Refusal::Defer(_), .. } => "defer",
            RunEnd::Refused { .. } | RunEnd::HeaderTooLarge => "reject",
            RunEnd::Failed { .. } | RunEnd::Outlet(_) => "failed",
        };
        Ending::without_sinks(verdict, replies::run_ended(end, self.envelope.id()))
    }

    /// A sink failed, or a next server decided against the message.
    fn not_taken(&self, failed: &SinkFailure) -> Ending {
        let reply = replies::not_taken(&failed.error.fault, self.envelope.id());
        if !failed.error.fault.is_decision() {
            self.sink_failed(failed);
            return Ending::without_sinks("failed", reply);
        }
        if !failed.held_by.is_empty() {
            self.sink_failed(failed);
        }
        let verdict = if reply.code() / 100 == 5 { "reject" } else { "defer" };
        let reason = format!("{failed}: {}", causes(&failed.error));
        Ending::without_sinks(verdict, reply).because(reason)
    }

    fn sink_failed(&self, failed: &SinkFailure) {
        self.chains.telemetry.emit(Event::SinkFailed {
            id: self.envelope.id().to_string(),
            tenant: self.tenant.name.clone(),
            sink: failed.sink.clone(),
            error: causes(&failed.error),
            held_by: failed.held_by.clone(),
        });
    }

    fn report_failures(&self, run: &Run) {
        for failure in run.failures() {
            self.chains.telemetry.emit(Event::StageFailed {
                id: self.envelope.id().to_string(),
                tenant: self.tenant.name.clone(),
                stage: failure.stage.clone(),
                policy: policy_name(failure.policy).to_owned(),
                reason: failure.error.reason(),
                error: causes(&failure.error),
            });
        }
    }

    /// The one record of the message. Without an ending the client went away, or the message was given up.
    fn record(&self, run: Option<&Run>, size: u64, ending: Option<&Ending>) {
        let given_up = self.given_up.get().map(|reply| {
            let ending = Ending::without_sinks("defer", reply.clone());
            ending.because("fork_stall_max".to_owned())
        });
        let ending = ending.or(given_up.as_ref());
        let fact = |key| self.envelope.fact(key).unwrap_or_default().to_owned();
        let record = MessageRecord {
            id: self.envelope.id().to_string(),
            tenant: self.tenant.name.clone(),
            chain_revision: self.tenant.revision,
            listener: fact("listener"),
            client: fact("client.ip"),
            user: fact("auth.user"),
            helo: fact("smtp.helo"),
            tls: fact("tls.version"),
            sender: self.envelope.sender().map(ToString::to_string).unwrap_or_default(),
            recipients: self.envelope.recipients().iter().map(ToString::to_string).collect(),
            size,
            verdict: ending.map_or("aborted", |ending| ending.verdict).to_owned(),
            reply: ending.map(|ending| ending.reply.to_string()).unwrap_or_default(),
            reason: ending.map(|ending| ending.reason.clone()).unwrap_or_default(),
            stages: run.map(Run::records).unwrap_or_default(),
            failures: run.map(failures).unwrap_or_default(),
            sinks: ending.map(|ending| ending.sinks.clone()).unwrap_or_default(),
            ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            is_orphan: self.tenant.quota.is_gone(),
        };
        self.chains.telemetry.emit(Event::Message(Box::new(record)));
    }
}

/// What went wrong in stages, for the record.
fn failures(run: &Run) -> Vec<FailureRecord> {
    let record = |failure: &Failure| FailureRecord {
        stage: failure.stage.clone(),
        policy: policy_name(failure.policy).to_owned(),
        reason: failure.error.reason().to_owned(),
        text: causes(&failure.error).chars().take(FAILURE_TEXT_MAX).collect(),
    };
    run.failures().iter().map(record).collect()
}

/// The chain's sinks, opened when the first bytes reach them.
struct LateSinks<'a> {
    job: &'a Job,
    aheads: Aheads,
    open: Option<FanOut>,
}

impl LateSinks<'_> {
    async fn opened(&mut self, envelope: &Envelope) -> Result<&mut FanOut, SinkFailure> {
        if self.open.is_none() {
            let (sinks, aheads) = (&self.job.tenant.line_up.sinks, std::mem::take(&mut self.aheads));
            self.open = Some(FanOut::open(sinks, aheads, envelope).await?);
        }
        Ok(self.open.get_or_insert_with(FanOut::default))
    }

    /// Makes the message durable in every sink, then visible. Gives the names of the sinks.
    async fn commit(mut self, envelope: &Envelope, placement: Placement) -> Result<Vec<String>, SinkFailure> {
        self.opened(envelope).await?.prepare(placement).await?;
        let committed = self.open.unwrap_or_default().commit().await?;
        let job = self.job;
        for one in &committed {
            job.chains.telemetry.emit(Event::SinkCommitted {
                id: job.envelope.id().to_string(),
                tenant: job.tenant.name.clone(),
                sink: one.sink.clone(),
                us: u64::try_from(one.took.as_micros()).unwrap_or(u64::MAX),
            });
        }
        Ok(committed.into_iter().map(|one| one.sink).collect())
    }
}

#[async_trait]
impl Outlet for LateSinks<'_> {
    async fn write(&mut self, envelope: &Envelope, chunk: Bytes) -> Result<(), SinkFailure> {
        self.opened(envelope).await?.write(chunk).await
    }
}

enum Step {
    Write(Bytes),
    Finish,
}

/// `wall_per_message`: runs only while the chain is runnable or running, not while it waits for the client.
struct WallClock {
    left: Duration,
    budget: Duration,
}

impl WallClock {
    async fn time(
        &mut self,
        run: &mut Run,
        step: Step,
        outlet: &mut LateSinks<'_>,
    ) -> Result<Verdict, RunEnd> {
        let began = Instant::now();
        let work = async {
            match step {
                Step::Write(content) => run.write(content, outlet).await.map(|()| Verdict::Accept),
                Step::Finish => run.finish(outlet).await,
            }
        };
        let done = tokio::time::timeout(self.left, work).await;
        self.left = self.left.saturating_sub(began.elapsed());
        done.unwrap_or_else(|_| {
            let budget_ms = u64::try_from(self.budget.as_millis()).unwrap_or(u64::MAX);
            Err(run.cut_off(StageError::OutOfWall { budget_ms }))
        })
    }
}
