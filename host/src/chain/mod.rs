//! Bytes through stages: what a stage is, how a chain is written, and the run of one message.
//!
//! Generic over its stages: knows neither the native processors nor the sandbox. In reading order: `content`, `limit`, `stage`,
//! `breaker`, `lineup`, `intake`, `slot`, `run`.

pub mod answers;
pub mod breaker;
pub mod content;
pub mod cutting;
pub mod files_read;
pub mod intake;
pub mod limit;
pub mod lineup;
pub mod meter;
pub mod own_addresses;
pub mod recipient;
pub mod run;
pub mod scope;
pub mod settings;
mod slot;
pub mod spec;
pub mod stage;
pub mod tick;
pub mod types;

pub use answers::Answers;
pub use breaker::Breaker;
pub use content::Content;
pub use files_read::{FilesRead, Stamps};
pub use limit::{Limit, LimitsHit};
pub use lineup::{LineUp, PlannedStage};
pub use own_addresses::OwnAddresses;
pub use recipient::{PlannedCheck, RecipientCheck};
pub use run::{Outlet, Run, RunEnd, RunLimits};
pub use scope::{CheckerFactory, Fixed, ProcessorFactory, Settings, StageScope};
pub use settings::Keys;
pub use spec::{ChainSpec, Pin, SpecError, StageRef};
pub use stage::{
    Flow, OnFailure, Output, Processor, Refusal, Stage, StageContext, StageEnd, StageError, Usage,
};
pub use tick::Tick;
