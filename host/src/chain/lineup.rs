//! A chain that has been checked and built: configured stages in order, then the sinks.
//!
//! Immutable; shared by all messages of a tenant's revision.

use std::sync::Arc;

use super::{Breaker, OnFailure, Processor};
use crate::sink::Sink;

/// One stage of a built chain.
#[derive(Clone)]
pub struct PlannedStage {
    /// Its label: the alias, or the name as written. Unique in the chain.
    pub label: String,
    /// What happens where it fails.
    pub on_failure: OnFailure,
    /// What makes a stage for each message.
    pub processor: Arc<dyn Processor>,
    /// When it is not asked any more. None: it always is.
    pub breaker: Option<Arc<Breaker>>,
}

/// A built chain.
#[derive(Clone, Default)]
pub struct LineUp {
    /// The stages, head first.
    pub stages: Vec<PlannedStage>,
    /// The sinks with their labels, in the order written. Empty only for `gatepost run`.
    pub sinks: Vec<(String, Arc<dyn Sink>)>,
}

impl LineUp {
    /// Sandboxed instances that one message may have at once.
    pub fn instances(&self) -> usize {
        self.stages.iter().map(|stage| stage.processor.instances()).sum()
    }
}
