//! One stage's place in the run of one message: whether it is still in the line, and what it has done so far.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::breaker::Outcome;
use super::intake::Intake;
use super::limit::LimitsHit;
use super::lineup::PlannedStage;
use super::meter::{CpuMeter, Metered};
use super::{Content, Flow, OnFailure, Output, Stage, StageContext, StageEnd, StageError, Usage};
use crate::mail::Verdict;
use crate::mail::envelope::{Change, Envelope};
use crate::telemetry::StageRecord;

/// Where a stage stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing has reached it.
    Waiting,
    /// Opened; takes chunks.
    Open,
    /// Out of the line: what comes goes on unchanged.
    Passing,
    /// Out of the line: what comes is dropped.
    Draining,
}

pub(super) struct Slot {
    pub(super) label: String,
    pub(super) state: State,
    pub(super) intake: Intake,
    /// Nothing was written, changed or withheld so far: a bypass would be exact.
    pub(super) transparent: bool,
    /// How the message ends for it, as its breaker sees it.
    pub(super) fate: Outcome,
    /// Its `open` went well.
    opened: bool,
    on_failure: OnFailure,
    stage: Option<Box<dyn Stage>>,
    meter: Arc<CpuMeter>,
    journal: Vec<Change>,
    /// Of the calls that are over.
    wall: Duration,
    /// When the call at hand began; it may be dropped half-way.
    began: Option<Instant>,
    /// Of a stage whose part is over.
    usage: Usage,
    /// The limit that failed it.
    failed_by: LimitsHit,
    record: StageRecord,
}

/// Which call is made of a stage.
pub(super) enum Call<'a> {
    Open,
    Write(&'a Bytes),
    Close,
}

/// What a call answered: a flow to a write, a verdict to a close.
pub(super) enum Answer {
    Opened,
    Flow(Flow),
    Verdict(Verdict),
}

impl Slot {
    pub(super) fn new(planned: &PlannedStage, chunk_size: usize, header_size_max: usize) -> Self {
        let intake = match planned.processor.takes() {
            Content::Message => Intake::message(chunk_size, header_size_max),
            Content::Bytes | Content::Any => Intake::any(chunk_size),
        };
        Self {
            label: planned.label.clone(),
            state: State::Waiting,
            intake,
            transparent: true,
            fate: Outcome::Neutral,
            opened: false,
            on_failure: planned.on_failure,
            stage: Some(planned.processor.stage()),
            meter: Arc::default(),
            journal: Vec::new(),
            wall: Duration::ZERO,
            began: None,
            usage: Usage::default(),
            failed_by: LimitsHit::default(),
            record: StageRecord {
                name: planned.label.clone(),
                processor: planned.processor.id().to_owned(),
                outcome: "unused".into(),
                ..StageRecord::default()
            },
        }
    }

    /// Makes one call of the stage, metered.
    pub(super) async fn call(
        &mut self,
        call: Call<'_>,
        envelope: &mut Envelope,
        output: &mut Output,
    ) -> Result<Answer, StageEnd> {
        let Some(stage) = self.stage.as_mut() else { return Ok(Answer::Verdict(Verdict::Accept)) };
        let journalled = self.transparent && self.on_failure != OnFailure::Defer;
        if journalled {
            envelope.start_journal(std::mem::take(&mut self.journal));
        }
        self.began = Some(Instant::now());
        let mut cx = StageContext { envelope, output, meter: &self.meter };
        let answer = match call {
            Call::Open => {
                self.record.outcome = "pass".into();
                Metered::new(&self.meter, stage.open(&mut cx)).await.map(|()| Answer::Opened)
            }
            Call::Write(chunk) => {
                self.record.bytes_in += chunk.len() as u64;
                Metered::new(&self.meter, stage.write(chunk, &mut cx)).await.map(Answer::Flow)
            }
            Call::Close => Metered::new(&self.meter, stage.close(&mut cx)).await.map(Answer::Verdict),
        };
        self.stop_clock();
        self.opened |= answer.is_ok();
        if journalled {
            self.journal = envelope.take_journal();
        }
        answer
    }

    /// Notes what a call let out: `written` bytes of its own, and of the chunk `forwarded` bytes.
    pub(super) fn let_out(&mut self, written: usize, forwarded: usize) {
        self.record.bytes_out += (written + forwarded) as u64;
        if written > 0 {
            self.changed("changed");
        }
        // Later stages and sinks have seen the envelope that it made: taken back, they would disagree with it.
        self.transparent &= forwarded == 0 || !self.journal.iter().any(Change::is_of_paths);
    }

    /// It has changed or withheld something.
    pub(super) fn changed(&mut self, outcome: &str) {
        self.transparent = false;
        self.record.outcome = outcome.into();
    }

    /// Its part is over: the instance goes at once.
    pub(super) fn end(&mut self, state: State) {
        if let Some(stage) = self.stage.take() {
            self.usage = stage.usage();
        }
        self.journal = Vec::new();
        self.state = state;
    }

    /// It has failed, whatever is done about that.
    pub(super) fn failed(&mut self, error: &StageError) {
        self.stop_clock();
        self.fate = Outcome::failed(error, self.opened);
        if let Some(limit) = error.limit() {
            self.failed_by.note(limit);
        }
    }

    fn stop_clock(&mut self) {
        self.wall += self.began.take().map(|began| began.elapsed()).unwrap_or_default();
    }

    /// For the record: how it ended.
    pub(super) fn outcome(&mut self, outcome: &str) {
        self.record.outcome = outcome.into();
    }

    /// Splicing keeps `changed` in the record where it has changed something.
    pub(super) fn spliced(&mut self) {
        if self.transparent {
            self.outcome("spliced");
        }
    }

    /// The policy that applies now: a bypass of a stage that has changed or withheld a byte is a deferral.
    pub(super) fn policy(&self) -> OnFailure {
        match self.on_failure {
            OnFailure::Bypass | OnFailure::Quarantine if !self.transparent => OnFailure::Defer,
            policy => policy,
        }
    }

    /// Takes the stage out of the line and its envelope changes back.
    pub(super) fn bypass(&mut self, envelope: &mut Envelope) {
        envelope.undo(std::mem::take(&mut self.journal));
        self.end(State::Passing);
        self.outcome("bypassed");
    }

    /// What it did, for the log.
    pub(super) fn record(&self) -> StageRecord {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let usage = self.stage.as_ref().map_or(self.usage, |stage| stage.usage());
        let mut limits = usage.limits;
        limits.join(self.failed_by);
        StageRecord {
            cpu_us: micros(self.meter.used()),
            wall_us: micros(self.wall + self.began.map(|began| began.elapsed()).unwrap_or_default()),
            memory_peak: usage.memory_peak,
            table_peak: usage.table_peak,
            host_calls: usage.host_calls,
            log_bytes: usage.log_bytes,
            facts: usage.facts,
            kv_calls: usage.kv_calls,
            kv_bytes: usage.kv_bytes,
            limits: limits.names().into_iter().map(Into::into).collect(),
            ..self.record.clone()
        }
    }
}
