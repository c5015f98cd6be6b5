//! What one instance may use while it works on one message.

use std::time::Duration;

use crate::telemetry::is_active;

/// Output of one call: at most this times its input, plus `output_base` (`processor.wit`, `next.write`).
pub const OUTPUT_RATIO_PER_CALL: u64 = 4;
/// Longest log record, in bytes.
pub const LOG_RECORD_MAX: usize = 1024;
/// What a record takes of the log budget at least, in bytes: empty ones would flood the log for nothing.
pub const LOG_RECORD_MIN: usize = 64;
/// Most names that one stage may count under.
pub const COUNT_NAMES_MAX: usize = 16;
/// Longest name to count under, in bytes.
pub const COUNT_NAME_MAX: usize = 32;

/// Longest text of a guest that is kept, in bytes: of `failed`, of a quarantine, of a refused config.
pub(super) const TEXT_MAX: usize = 1024;

/// Limits of one sandboxed stage, from `[limits]`, the tenant's own and the stage's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageLimits {
    /// Linear memory, in bytes: `memory_per_instance`.
    pub memory: usize,
    /// Elements of all tables: `table_elements_max`.
    pub table_elements: usize,
    /// CPU time for a message, before `cpu_per_mib`.
    pub cpu_per_message: Duration,
    /// CPU time added for each MiB of input.
    pub cpu_per_mib: Duration,
    /// Output over the message: at most this times its input, plus `output_base`.
    pub output_ratio: u64,
    /// Bytes that may be written beyond the multiple of the input, in a call and over the message.
    pub output_base: u64,
    /// Calls of the host for a message: `host_calls_max`.
    pub host_calls: u64,
    /// Resource handles held at once: `handles_max`.
    pub handles: usize,
    /// Log bytes for a message.
    pub log_bytes: usize,
    /// Facts that a message may have of stages: `facts_max`.
    pub facts: usize,
}

/// The host's defaults, as `[limits]` has them.
impl Default for StageLimits {
    fn default() -> Self {
        Self {
            memory: 32 << 20,
            table_elements: 10_000,
            cpu_per_message: Duration::from_millis(100),
            cpu_per_mib: Duration::from_millis(250),
            output_ratio: 4,
            output_base: 1 << 20,
            host_calls: 1_000_000,
            handles: 10_000,
            log_bytes: 8 << 10,
            facts: 64,
        }
    }
}

impl StageLimits {
    /// CPU time that a stage may have used once `input` bytes have come.
    pub fn cpu(&self, input: u64) -> Duration {
        let per_mib = u64::try_from(self.cpu_per_mib.as_nanos()).unwrap_or(u64::MAX);
        let added = (u128::from(per_mib) * u128::from(input)) >> 20;
        self.cpu_per_message.saturating_add(Duration::from_nanos(u64::try_from(added).unwrap_or(u64::MAX)))
    }

    /// Bytes that a stage may have written in all once `input` bytes have come.
    pub fn output(&self, input: u64) -> u64 {
        self.output_ratio.saturating_mul(input).saturating_add(self.output_base)
    }

    /// Bytes that one call may write for its `input`.
    pub fn output_of_call(&self, input: u64) -> u64 {
        OUTPUT_RATIO_PER_CALL.saturating_mul(input).saturating_add(self.output_base)
    }
}

impl StageLimits {
    /// For `describe`, which knows no tenant yet.
    pub(super) fn for_describe() -> Self {
        Self {
            memory: 64 << 20,
            cpu_per_message: Duration::from_secs(1),
            cpu_per_mib: Duration::ZERO,
            output_ratio: 0,
            log_bytes: 0,
            ..Self::default()
        }
    }
}

/// At most [`TEXT_MAX`] bytes of what a guest said, for people to read: what a terminal or a line reader would act upon is
/// escaped, as the log does. `check` and `run` print these texts as they are.
pub(super) fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_MAX));
    if text.contains(is_active) {
        let mut escaped = String::with_capacity(text.len());
        for c in text.chars() {
            if is_active(c) {
                escaped.extend(c.escape_default());
            } else {
                escaped.push(c);
            }
        }
        text = escaped;
        text.truncate(text.floor_char_boundary(TEXT_MAX));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_grow_with_the_input() {
        let limits = StageLimits::default();
        assert_eq!(limits.cpu(0), Duration::from_millis(100));
        assert_eq!(limits.cpu(2 << 20), Duration::from_millis(600));
        assert_eq!(limits.output(0), 1 << 20);
        assert_eq!(limits.output(10), (1 << 20) + 40);
        assert_eq!(limits.cpu(u64::MAX), limits.cpu(u64::MAX), "no overflow");
        assert_eq!(limits.output(u64::MAX), u64::MAX);
    }

    #[test]
    fn texts_of_guests_are_cut_and_escaped() {
        assert_eq!(bounded("Gr\u{fc}\u{df}e".to_owned()), "Gr\u{fc}\u{df}e");
        assert_eq!(bounded("a\r\n\u{1b}[2J\u{2028}b".to_owned()), "a\\r\\n\\u{1b}[2J\\u{2028}b");
        for (text, len) in
            [("x", TEXT_MAX), ("\n", TEXT_MAX), ("\u{e9}", TEXT_MAX), ("\u{20ac}", TEXT_MAX - 1)]
        {
            assert_eq!(bounded(text.repeat(TEXT_MAX + 1)).len(), len, "{text:?}");
        }
    }
}
