//! Bytes through stages: what a stage is, how a chain is written, and the driver that runs one message.
//!
//! Generic over its stages: knows neither the native processors nor the sandbox.

pub mod content;
pub mod meter;
pub mod scope;
pub mod settings;
pub mod stage;

pub use content::Content;
pub use scope::{ProcessorFactory, Settings, StageScope};
pub use settings::Keys;
pub use stage::{
    Flow, OnFailure, Output, Processor, Refusal, Stage, StageContext, StageEnd, StageError, Usage,
};
