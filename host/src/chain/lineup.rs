//! A checked chain, ready to run messages: its stages and sinks in order.

use std::sync::Arc;

use super::{OnFailure, Processor};
use crate::sink::Sink;

/// One stage of a chain.
#[derive(Clone)]
pub struct PlannedStage {
    /// Its name in the chain: the alias, or the processor's name.
    pub label: String,
    /// What happens when it fails.
    pub on_failure: OnFailure,
    /// Makes a stage for each message.
    pub processor: Arc<dyn Processor>,
}

/// Stages, then sinks.
#[derive(Clone, Default)]
pub struct LineUp {
    /// The stages, head first.
    pub stages: Vec<PlannedStage>,
    /// The sinks with their labels.
    pub sinks: Vec<(String, Arc<dyn Sink>)>,
}
