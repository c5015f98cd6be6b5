//! All that one guest instance may touch and use up.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use wasmtime::ResourceLimiter;

use super::capabilities::Capabilities;
use super::limits::{COUNT_NAME_MAX, COUNT_NAMES_MAX, LOG_RECORD_MAX, LOG_RECORD_MIN, StageLimits};
use super::wasi::Wasi;
use crate::chain::StageError;
use crate::chain::meter::CpuMeter;
use crate::mail::Envelope;
use crate::telemetry::{Event, Level, Telemetry};

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

/// Which limit a guest ran into. Memory is the weakest reason: a guest may go on without the page it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overrun {
    Cpu { budget: Duration },
    Memory { limit: u64 },
    Output { limit: u64 },
}

impl Overrun {
    pub(super) fn into_error(self) -> StageError {
        match self {
            Self::Cpu { budget } => {
                StageError::OutOfCpu { budget_ms: u64::try_from(budget.as_millis()).unwrap_or(u64::MAX) }
            }
            Self::Memory { limit } => StageError::OutOfMemory { limit },
            Self::Output { limit } => StageError::OutputLimit { limit },
        }
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
    /// Calls of `kv` for this message.
    pub(super) kv_calls: u64,
    /// Where a test's own random bytes are; none: those are the kernel's.
    pub(super) random_state: Option<u64>,
    /// None: the guest has not called any of WASI.
    pub(super) wasi: Option<Box<Wasi>>,
    pub(super) overrun: Option<Overrun>,
    pub(super) memory_peak: u64,
    /// Linear memory now, in bytes.
    memory: usize,
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
            kv_calls: 0,
            overrun: None,
            memory_peak: 0,
            memory: 0,
            output: BytesMut::new(),
            call_limit: 0,
            input_total: 0,
            output_total: 0,
            count_names: Vec::new(),
        }
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

    /// Whether the CPU budget, for the input so far, is spent. To be called within a metered poll.
    pub(super) fn cpu_is_spent(&mut self) -> bool {
        let budget = self.limits.cpu(self.input_total);
        let spent = self.meter.used_now() >= budget;
        if spent {
            self.overrun = Some(Overrun::Cpu { budget });
        }
        spent
    }
}

impl ResourceLimiter for Sandbox {
    /// The limit holds for all memories of the instance together.
    fn memory_growing(&mut self, now: usize, desired: usize, _max: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory + desired.saturating_sub(now);
        if total > self.limits.memory {
            self.overrun.get_or_insert(Overrun::Memory { limit: self.limits.memory as u64 });
            return Ok(false);
        }
        self.memory = total;
        self.memory_peak = self.memory_peak.max(total as u64);
        Ok(true)
    }

    fn table_growing(&mut self, _now: usize, desired: usize, _max: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= 10_000)
    }

    fn instances(&self) -> usize {
        32
    }

    fn tables(&self) -> usize {
        32
    }

    fn memories(&self) -> usize {
        8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit is one of the instance: several memories share it.
    #[test]
    fn memories_are_added_up() {
        let limits = StageLimits { memory: 100, ..StageLimits::for_describe() };
        let mut sandbox = Sandbox::new(Arc::new(StageIdentity::nobody()), limits, Arc::default());
        assert!(sandbox.memory_growing(0, 60, None).unwrap());
        assert!(!sandbox.memory_growing(0, 41, None).unwrap());
        assert!(sandbox.memory_growing(0, 30, None).unwrap());
        assert!(sandbox.memory_growing(30, 40, None).unwrap());
        assert!(!sandbox.memory_growing(60, 61, None).unwrap());
        assert_eq!(sandbox.memory_peak, 100);
    }
}
