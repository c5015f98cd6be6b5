//! One message through the stages of a chain, into an outlet.
//!
//! ```text
//! write(chunk) ─► stage 1 ─► stage 2 ─► ... ─► outlet
//! ```
//!
//! No queue between stages: what a stage lets out in a call reaches the next one before the stage sees its next chunk.
//! Knows nothing of tenants, sinks or SMTP; `docs/semantics.md`, "A chain at work", says what happens in every corner.

use async_trait::async_trait;
use bytes::Bytes;

use super::breaker::Outcome;
use super::intake::recut;
use super::lineup::PlannedStage;
use super::slot::{Answer, Call, Slot, State};
use super::{Flow, OnFailure, Output, Refusal, StageEnd, StageError};
use crate::mail::{Envelope, Verdict};
use crate::sink::{SinkError, SinkFailure};
use crate::telemetry::StageRecord;

/// Where the last stage's bytes go.
#[async_trait]
pub trait Outlet: Send {
    /// The next chunk; never empty. `envelope` is final when the first one comes.
    async fn write(&mut self, envelope: &Envelope, chunk: Bytes) -> Result<(), SinkFailure>;
}

/// Why a run ended before its end.
#[derive(Debug)]
pub enum RunEnd {
    /// A stage decided not to take the message.
    Refused {
        /// Which one.
        stage: String,
        /// What it said.
        refusal: Refusal,
    },
    /// A stage failed, and its policy does not let the message go on. The failure itself is in [`Run::failures`].
    Failed {
        /// `on_failure = "reject"`.
        reject: bool,
        /// A budget or capacity ran out.
        budget: bool,
    },
    /// The client's own header section is too long.
    HeaderTooLarge,
    /// The outlet could not take a chunk.
    Outlet(Box<SinkFailure>),
}

/// A stage's failure and what was done about it.
#[derive(Debug)]
pub struct Failure {
    /// Which stage.
    pub stage: String,
    /// The policy that applied: a bypass of a stage that is not transparent any more is a deferral.
    pub policy: OnFailure,
    /// Why it failed.
    pub error: StageError,
}

/// Sizes that bound a run, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct RunLimits {
    /// Largest chunk that a stage sees.
    pub chunk_size: usize,
    /// Longest header section.
    pub header_size_max: usize,
}

/// What is on its way to a stage.
enum Item {
    /// As the stage before let it out.
    Chunk(Bytes),
    /// Gathered and cut for this stage.
    Ready(Bytes),
    /// The end of the message.
    End,
}

/// Items on their way, the next one last; each with the stage that it is for. A stack, because what a stage lets out must
/// reach the end of the chain before the stage is given its next chunk.
type Work = Vec<(usize, Item)>;

/// One message at work. Dropped, no code of a stage runs any more.
pub struct Run {
    slots: Vec<Slot>,
    envelope: Envelope,
    limits: RunLimits,
    verdict: Verdict,
    failures: Vec<Failure>,
    /// The stage at work, for the report of a run that is cut off from outside.
    at: usize,
}

impl Run {
    /// A run of `stages` for one message.
    pub fn new(stages: &[PlannedStage], limits: RunLimits, envelope: Envelope) -> Self {
        let slot = |planned| Slot::new(planned, limits.chunk_size, limits.header_size_max);
        let slots = stages.iter().map(slot).collect();
        Self { slots, envelope, limits, verdict: Verdict::Accept, failures: Vec::new(), at: 0 }
    }

    /// Content of the message: any size but empty. After an error the run is over: drop it.
    pub async fn write<O: Outlet + ?Sized>(&mut self, chunk: Bytes, outlet: &mut O) -> Result<(), RunEnd> {
        self.drive(Item::Chunk(chunk), outlet).await
    }

    /// The end of the message: stages close head to tail, tails flowing on.
    pub async fn finish<O: Outlet + ?Sized>(&mut self, outlet: &mut O) -> Result<Verdict, RunEnd> {
        self.drive(Item::End, outlet).await?;
        Ok(self.verdict.clone())
    }

    /// The envelope, as the stages so far left it.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Failures so far, those that were bypassed included.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// What each stage did.
    pub fn records(&self) -> Vec<StageRecord> {
        self.slots.iter().map(Slot::record).collect()
    }

    /// How the message ends for each stage, in their order, as its breaker sees it.
    pub fn fates(&self) -> impl Iterator<Item = Outcome> {
        self.slots.iter().map(|slot| slot.fate)
    }

    /// Ends a run that was cut off in the middle of a call, as a failure of the stage at work.
    pub fn cut_off(&mut self, error: StageError) -> RunEnd {
        let Some(slot) = self.slots.get_mut(self.at) else {
            let error = SinkError::new("write the content in time", error);
            return RunEnd::Outlet(Box::new(SinkFailure { sink: String::new(), error, held_by: Vec::new() }));
        };
        // Its call was dropped half-way: nothing can be said of its bytes any more.
        slot.transparent = false;
        let budget = error.is_budget();
        self.settle(self.at, error.into()).err().unwrap_or(RunEnd::Failed { reject: false, budget })
    }

    async fn drive<O: Outlet + ?Sized>(&mut self, item: Item, outlet: &mut O) -> Result<(), RunEnd> {
        let mut work: Work = vec![(0, item)];
        while let Some((at, item)) = work.pop() {
            self.at = at;
            let Some(slot) = self.slots.get_mut(at) else {
                if let Item::Chunk(chunk) | Item::Ready(chunk) = item {
                    let written = outlet.write(&self.envelope, chunk).await;
                    written.map_err(|failed| RunEnd::Outlet(Box::new(failed)))?;
                }
                continue;
            };
            match (slot.state, item) {
                (State::Passing, Item::Chunk(chunk) | Item::Ready(chunk)) => {
                    work.push((at + 1, Item::Chunk(chunk)));
                }
                (State::Draining, Item::Chunk(_) | Item::Ready(_)) => {}
                (State::Passing | State::Draining, Item::End) => work.push((at + 1, Item::End)),
                (_, Item::Chunk(chunk)) => self.gather(at, chunk, &mut work)?,
                (State::Waiting, Item::End) if slot.intake.holds_bytes() => {
                    work.push((at, Item::End));
                    work.extend(slot.intake.flush().map(|rest| (at, Item::Ready(rest))));
                }
                (State::Waiting, item) => {
                    work.push((at, item));
                    self.open_stage(at, &mut work).await?;
                }
                (State::Open, Item::Ready(chunk)) => self.write_stage(at, chunk, &mut work).await?,
                (State::Open, Item::End) => {
                    work.push((at + 1, Item::End));
                    let tail = self.close_stage(at, State::Passing).await?;
                    send_on(&mut work, at, tail);
                }
            }
        }
        Ok(())
    }

    /// Collects the header section where the stage wants it whole, and cuts what follows.
    fn gather(&mut self, at: usize, chunk: Bytes, work: &mut Work) -> Result<(), RunEnd> {
        let mut ready = Vec::new();
        if self.slots[at].intake.feed(chunk, &mut ready).is_err() {
            // Past the limit: whoever made it so has failed.
            let limit = self.limits.header_size_max as u64;
            let Some(maker) = (0..at).rev().find(|&before| !self.slots[before].transparent) else {
                return Err(RunEnd::HeaderTooLarge);
            };
            return self.settle(maker, StageError::HeaderTooLarge { limit }.into());
        }
        work.extend(ready.into_iter().rev().map(|chunk| (at, Item::Ready(chunk))));
        Ok(())
    }

    async fn open_stage(&mut self, at: usize, work: &mut Work) -> Result<(), RunEnd> {
        let slot = &mut self.slots[at];
        slot.state = State::Open;
        let mut output = Output::default();
        if let Err(end) = slot.call(Call::Open, &mut self.envelope, &mut output).await {
            return self.settle(at, end);
        }
        slot.let_out(output.len(), 0);
        send_on(work, at, recut(output.take(), self.limits.chunk_size));
        Ok(())
    }

    async fn write_stage(&mut self, at: usize, chunk: Bytes, work: &mut Work) -> Result<(), RunEnd> {
        let mut output = Output::default();
        let slot = &mut self.slots[at];
        let flow = match slot.call(Call::Write(&chunk), &mut self.envelope, &mut output).await {
            Ok(Answer::Flow(flow)) => flow,
            // Not to be: `Slot::call` answers a write with a flow.
            Ok(Answer::Opened | Answer::Verdict(_)) => Flow::Pass,
            Err(end) => {
                // Bypassed: the current chunk goes on.
                self.settle(at, end)?;
                send_on(work, at, vec![chunk]);
                return Ok(());
            }
        };
        let forwarded = matches!(flow, Flow::Pass | Flow::Splice);
        slot.let_out(output.len(), if forwarded { chunk.len() } else { 0 });
        match flow {
            Flow::Pass => {}
            Flow::Replaced => slot.changed("changed"),
            Flow::Splice => slot.spliced(),
            Flow::Drain => slot.changed("drained"),
        }
        let mut onward = recut(output.take(), self.limits.chunk_size);
        if forwarded {
            onward.push(chunk);
        }
        match flow {
            Flow::Pass | Flow::Replaced => {}
            Flow::Splice => onward.extend(self.close_stage(at, State::Passing).await?),
            Flow::Drain => onward.extend(self.close_stage(at, State::Draining).await?),
        }
        send_on(work, at, onward);
        Ok(())
    }

    /// Ends a stage's part; gives what it let out. From here on it stands in `state`.
    async fn close_stage(&mut self, at: usize, state: State) -> Result<Vec<Bytes>, RunEnd> {
        let mut output = Output::default();
        let slot = &mut self.slots[at];
        match slot.call(Call::Close, &mut self.envelope, &mut output).await {
            Ok(Answer::Verdict(verdict)) => {
                slot.let_out(output.len(), 0);
                slot.fate = Outcome::Handled;
                slot.end(state);
                let so_far = std::mem::take(&mut self.verdict);
                self.verdict = so_far.merge(verdict);
                Ok(recut(output.take(), self.limits.chunk_size))
            }
            // Not to be: `Slot::call` answers a close with a verdict.
            Ok(Answer::Opened | Answer::Flow(_)) => Ok(Vec::new()),
            Err(end) => self.settle(at, end).map(|()| Vec::new()),
        }
    }

    /// A call did not go well. `Ok`: the message goes on without the stage.
    fn settle(&mut self, at: usize, end: StageEnd) -> Result<(), RunEnd> {
        let slot = &mut self.slots[at];
        let error = match end {
            StageEnd::Refused(refusal) => {
                slot.outcome("refused");
                slot.fate = Outcome::Handled;
                return Err(RunEnd::Refused { stage: slot.label.clone(), refusal });
            }
            StageEnd::Failed(error) => error,
        };
        slot.failed(&error);
        let policy = slot.policy();
        let ended = RunEnd::Failed { reject: policy == OnFailure::Reject, budget: error.is_budget() };
        let stage = slot.label.clone();
        match policy {
            OnFailure::Defer | OnFailure::Reject => slot.outcome("failed"),
            OnFailure::Bypass | OnFailure::Quarantine => slot.bypass(&mut self.envelope),
        }
        if policy == OnFailure::Quarantine {
            let so_far = std::mem::take(&mut self.verdict);
            self.verdict = so_far.merge(Verdict::Quarantine(format!("stage `{stage}` failed: {error}")));
        }
        self.failures.push(Failure { stage, policy, error });
        match policy {
            OnFailure::Defer | OnFailure::Reject => Err(ended),
            OnFailure::Bypass | OnFailure::Quarantine => Ok(()),
        }
    }
}

/// Puts what stage `at` let out before everything else that is on its way.
fn send_on(work: &mut Work, at: usize, chunks: Vec<Bytes>) {
    work.extend(chunks.into_iter().rev().map(|chunk| (at + 1, Item::Chunk(chunk))));
}

#[cfg(test)]
mod tests;
