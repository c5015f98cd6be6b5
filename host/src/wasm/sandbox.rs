//! All that one guest instance may touch and use up.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::capabilities::Capabilities;
use super::limits::{COUNT_NAME_MAX, COUNT_NAMES_MAX, LOG_RECORD_MAX, LOG_RECORD_MIN, StageLimits};
use super::wasi::Wasi;
use crate::chain::meter::CpuMeter;
use crate::chain::{Limit, StageError, Usage};
use crate::mail::Envelope;
use crate::mail::envelope::FactRefused;
use crate::telemetry::{Event, Level, LiveInstance, Telemetry};

/// Whose stage this is.
pub struct StageIdentity {
    /// The tenant.
    pub tenant: String,
    /// The stage's name in the chain.
    pub label: String,
    /// `owner/name@version`, for the log.
    pub processor: String,
    /// Where its log records and counts go.
    pub telemetry: Telemetry,
    /// What it was granted.
    pub capabilities: Capabilities,
}

impl StageIdentity {
    /// For calls that may not log.
    pub(super) fn nobody() -> Self {
        let none = String::new;
        Self {
            tenant: none(),
            label: none(),
            processor: none(),
            telemetry: Telemetry::default(),
            capabilities: Capabilities::default(),
        }
    }
}

/// Which limit a guest ran into. Memory and tables are the weakest reasons: a guest may go on without what it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overrun {
    Cpu { budget: Duration },
    Memory { limit: u64 },
    Table { limit: u64 },
    Output { limit: u64 },
    HostCalls { limit: u64 },
}

impl Overrun {
    pub(super) fn into_error(self) -> StageError {
        match self {
            Self::Cpu { budget } => {
                StageError::OutOfCpu { budget_ms: u64::try_from(budget.as_millis()).unwrap_or(u64::MAX) }
            }
            Self::Memory { limit } => StageError::OutOfMemory { limit },
            Self::Table { limit } => StageError::OutOfTable { limit },
            Self::Output { limit } => StageError::OutputLimit { limit },
            Self::HostCalls { limit } => StageError::OutOfHostCalls { limit },
        }
    }

    /// Whether the guest may have lived through it: then whatever else ended it comes first.
    pub(super) fn may_be_survived(self) -> bool {
        matches!(self, Self::Memory { .. } | Self::Table { .. })
    }
}

/// What the store of an instance holds.
pub(super) struct Sandbox {
    pub(super) identity: Arc<StageIdentity>,
    pub(super) limits: StageLimits,
    pub(super) meter: Arc<CpuMeter>,
    /// During `describe` and `configure` every import traps.
    pub(super) pure: bool,
    /// The message's envelope while a call is at work.
    pub(super) envelope: Envelope,
    /// Bytes have left the stage: the envelope stands, later stages and sinks may have seen it.
    pub(super) let_out: bool,
    /// What it has used so far, but for CPU time.
    pub(super) usage: Usage,
    live: Option<LiveInstance>,
    /// Where a test's own random bytes are; none: those are the kernel's.
    pub(super) random_state: Option<u64>,
    /// None: the guest has not called any of WASI.
    pub(super) wasi: Option<Box<Wasi>>,
    pub(super) overrun: Option<Overrun>,
    /// Linear memory now, in bytes.
    pub(super) memory: usize,
    /// Table elements now.
    pub(super) table: usize,
    /// What the call at hand has written.
    pub(super) output: BytesMut,
    call_limit: u64,
    input_total: u64,
    output_total: u64,
    log_left: usize,
    log_spent: bool,
    count_names: Vec<String>,
}

impl Sandbox {
    pub(super) fn new(identity: Arc<StageIdentity>, limits: StageLimits, meter: Arc<CpuMeter>) -> Self {
        Self {
            log_left: limits.log_bytes,
            log_spent: false,
            random_state: identity.capabilities.fixed.map(|fixed| fixed.seed),
            wasi: None,
            identity,
            limits,
            meter,
            pure: true,
            envelope: Envelope::default(),
            let_out: false,
            usage: Usage::default(),
            live: None,
            overrun: None,
            memory: 0,
            table: 0,
            output: BytesMut::new(),
            call_limit: 0,
            input_total: 0,
            output_total: 0,
            count_names: Vec::new(),
        }
    }

    /// Counts the instance among the living until it is dropped.
    pub(super) fn count_living(&mut self) {
        self.live = Some(self.identity.telemetry.instance(&self.identity.tenant));
    }

    /// One more call of the host, whichever it is. Each import begins with it.
    ///
    /// # Errors
    /// Past `host_calls_max`, which ends the stage.
    pub(super) fn host_call(&mut self) -> wasmtime::Result<()> {
        let limit = self.limits.host_calls;
        if self.usage.host_calls >= limit {
            self.overrun = Some(Overrun::HostCalls { limit });
            self.usage.limits.note(Limit::HostCalls);
            wasmtime::bail!("called the host more than {limit} times");
        }
        self.usage.host_calls += 1;
        Ok(())
    }

    /// Before a call with `input` bytes. Gives the most bytes that it may write.
    pub(super) fn begin_call(&mut self, envelope: Envelope, input: usize) -> u64 {
        self.envelope = envelope;
        self.input_total += input as u64;
        let message_left = self.limits.output(self.input_total).saturating_sub(self.output_total);
        self.call_limit = self.limits.output_of_call(input as u64).min(message_left);
        self.call_limit
    }

    /// After a call: the envelope, and what was written.
    pub(super) fn end_call(&mut self) -> (Envelope, Bytes) {
        self.end_lines();
        let written = self.output.split().freeze();
        self.output_total += written.len() as u64;
        self.let_out |= !written.is_empty();
        (std::mem::take(&mut self.envelope), written)
    }

    /// Whether `next.write` of `len` more bytes is within the limits. If not, the stage has failed.
    pub(super) fn has_room_for(&mut self, len: usize) -> bool {
        let room = (self.output.len() + len) as u64 <= self.call_limit;
        if !room {
            // Whatever stood there: a guest may live through a refused `memory.grow`, but never through this.
            self.overrun = Some(Overrun::Output { limit: self.call_limit });
            self.usage.limits.note(Limit::Output);
        }
        room
    }

    /// `log.emit`. Past the message's log budget records are dropped; the first that is says so.
    pub(super) fn log(&mut self, level: Level, text: &str) {
        if self.log_spent {
            return;
        }
        let text = &text[..text.floor_char_boundary(LOG_RECORD_MAX)];
        let left = self.log_left.checked_sub(text.len().max(LOG_RECORD_MIN));
        self.log_spent = left.is_none();
        match left {
            Some(left) => self.usage.log_bytes += (self.log_left - left) as u64,
            None => self.usage.limits.note(Limit::Log),
        }
        self.log_left = left.unwrap_or(0);
        let text = if self.log_spent { "log budget of this message is spent" } else { text }.to_owned();
        let identity = &self.identity;
        identity.telemetry.emit(Event::StageLog {
            level,
            id: self.envelope.id().to_string(),
            tenant: identity.tenant.clone(),
            stage: identity.label.clone(),
            text,
        });
    }

    /// `envelope.set-fact`.
    pub(super) fn set_fact(&mut self, name: &str, value: &str) -> bool {
        match self.envelope.set_stage_fact_within(name, value, self.limits.facts) {
            Ok(is_new) => {
                self.usage.facts += u64::from(is_new);
                true
            }
            Err(FactRefused::Malformed) => false,
            Err(FactRefused::Full) => {
                self.usage.limits.note(Limit::Facts);
                false
            }
        }
    }

    /// `log.count`. Names past the limits are not counted.
    pub(super) fn count(&mut self, name: &str, delta: u64) {
        if name.is_empty() || name.len() > COUNT_NAME_MAX {
            return;
        }
        if !self.count_names.iter().any(|known| known == name) {
            if self.count_names.len() >= COUNT_NAMES_MAX {
                return;
            }
            self.count_names.push(name.to_owned());
        }
        let identity = &self.identity;
        identity.telemetry.emit(Event::StageCount {
            tenant: identity.tenant.clone(),
            stage: identity.label.clone(),
            name: name.to_owned(),
            delta,
        });
    }

    /// Whether this is the CPU budget, for the input so far, or more.
    pub(super) fn is_spent(&mut self, used: Duration) -> bool {
        let budget = self.limits.cpu(self.input_total);
        let spent = used >= budget;
        if spent {
            self.overrun = Some(Overrun::Cpu { budget });
        }
        spent
    }
}
