//! Components by way of the sandbox: what the catalog asks for, in the sandbox's own terms.

use std::sync::Arc;

use super::{ComponentLoader, ComponentStage};
use crate::chain::Processor;
use crate::telemetry::causes;
use crate::wasm::{SandboxedProcessor, Sandboxes, StageIdentity, StageLimits};

/// Loads components into one set of sandboxes.
pub struct SandboxLoader(Arc<Sandboxes>);

impl SandboxLoader {
    /// A loader into these sandboxes.
    pub fn new(sandboxes: Arc<Sandboxes>) -> Self {
        Self(sandboxes)
    }
}

impl ComponentLoader for SandboxLoader {
    fn load(&self, stage: ComponentStage<'_>) -> Result<Arc<dyn Processor>, String> {
        let loaded = self.0.load(stage.bytes).map_err(|error| causes(&error))?;
        let limits = StageLimits {
            memory: stage.limits.memory_per_instance.as_usize(),
            cpu_per_message: stage.limits.cpu_per_message,
            cpu_per_mib: stage.limits.cpu_per_mib,
            output_ratio: stage.limits.output_ratio_max,
            log_bytes: stage.limits.log_per_message.as_usize(),
        };
        let identity = StageIdentity {
            tenant: stage.tenant.to_owned(),
            label: stage.label.to_owned(),
            processor: stage.id.to_owned(),
            telemetry: stage.telemetry.clone(),
        };
        let processor = SandboxedProcessor::new(loaded, identity, stage.config.to_string(), limits)?;
        Ok(Arc::new(processor))
    }
}
