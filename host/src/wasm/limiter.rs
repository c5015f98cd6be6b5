//! What wasmtime asks before an instance gets more memory or a longer table.
//!
//! Knows nothing of messages; what is refused is noted in the sandbox.

use wasmtime::ResourceLimiter;

use super::sandbox::{Overrun, Sandbox};
use crate::chain::Limit;

impl ResourceLimiter for Sandbox {
    /// The limit holds for all memories of the instance together.
    fn memory_growing(&mut self, now: usize, desired: usize, max: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory + desired.saturating_sub(now);
        if total > self.limits.memory {
            self.overrun.get_or_insert(Overrun::Memory { limit: self.limits.memory as u64 });
            self.usage.limits.note(Limit::Memory);
            return Ok(false);
        }
        if past_its_own(desired, max) {
            return Ok(false);
        }
        self.memory = total;
        self.usage.memory_peak = self.usage.memory_peak.max(total as u64);
        Ok(true)
    }

    /// The limit holds for all tables of the instance together.
    fn table_growing(&mut self, now: usize, desired: usize, max: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table + desired.saturating_sub(now);
        if total > self.limits.table_elements {
            self.overrun.get_or_insert(Overrun::Table { limit: self.limits.table_elements as u64 });
            self.usage.limits.note(Limit::Table);
            return Ok(false);
        }
        if past_its_own(desired, max) {
            return Ok(false);
        }
        self.table = total;
        self.usage.table_peak = self.usage.table_peak.max(total as u64);
        Ok(true)
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

/// Whether a memory or table would grow past the most that the component itself declares: wasmtime will refuse that, and what
/// is refused must not be counted.
fn past_its_own(desired: usize, max: Option<usize>) -> bool {
    max.is_some_and(|max| desired > max)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::wasm::{StageIdentity, StageLimits};

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
        assert_eq!(sandbox.usage.memory_peak, 100);
        assert_eq!(sandbox.usage.limits.names(), ["memory"]);
    }

    #[test]
    fn tables_are_added_up() {
        let limits = StageLimits { table_elements: 100, ..StageLimits::for_describe() };
        let mut sandbox = Sandbox::new(Arc::new(StageIdentity::nobody()), limits, Arc::default());
        assert!(sandbox.table_growing(0, 60, None).unwrap());
        assert!(!sandbox.table_growing(0, 41, None).unwrap());
        assert!(sandbox.table_growing(0, 40, Some(40)).unwrap());
        assert!(!sandbox.table_growing(60, 61, None).unwrap());
        assert_eq!((sandbox.usage.table_peak, sandbox.usage.limits.names()), (100, vec!["table"]));
    }

    /// Growth that wasmtime refuses, because the component's own maximum is less, was counted all the same, so that a guest
    /// that tried often enough ran out of memory it never had.
    #[test]
    fn what_the_component_itself_forbids_is_not_counted() {
        let limits = StageLimits { memory: 100, table_elements: 100, ..StageLimits::for_describe() };
        let mut sandbox = Sandbox::new(Arc::new(StageIdentity::nobody()), limits, Arc::default());
        for _ in 0..3 {
            assert!(!sandbox.memory_growing(0, 60, Some(59)).unwrap());
            assert!(!sandbox.table_growing(0, 60, Some(59)).unwrap());
        }
        assert!(sandbox.memory_growing(0, 100, Some(100)).unwrap());
        assert!(sandbox.table_growing(0, 100, Some(100)).unwrap());
        assert_eq!((sandbox.overrun, sandbox.usage.limits.names().len()), (None, 0));
    }
}
