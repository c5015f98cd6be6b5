//! Bytes through stages: what a stage is, how a chain is written, and the driver that runs one message.
//!
//! Generic over its stages: knows neither the native processors nor the sandbox.

pub mod content;
pub mod lineup;
pub mod meter;
pub mod scope;
pub mod spec;
pub mod stage;
pub mod types;

pub use content::Content;
pub use lineup::{LineUp, PlannedStage};
pub use scope::{ProcessorFactory, Settings, StageScope};
pub use spec::{ChainSpec, Pin, SpecError, StageRef};
pub use stage::{
    Flow, OnFailure, Output, Processor, Refusal, Stage, StageContext, StageEnd, StageError, Usage,
};
