//! What a native processor or a sink is told when a chain is built, and how one is made.

use std::path::PathBuf;
use std::sync::Arc;

use super::{FilesRead, OwnAddresses, Processor, RecipientCheck};
use crate::telemetry::Telemetry;

/// What a native processor or sink is told when a chain is built.
#[derive(Clone)]
pub struct StageScope {
    /// The host's name.
    pub hostname: String,
    /// Where the host keeps what it keeps.
    pub state_dir: PathBuf,
    /// Whose chain.
    pub tenant: String,
    /// The stage's name in the chain.
    pub label: String,
    /// Size of chunks in bytes.
    pub chunk_size: usize,
    /// Largest message in bytes.
    pub message_size_max: u64,
    /// Where it speaks.
    pub telemetry: Telemetry,
    /// Where this server itself listens.
    pub own: OwnAddresses,
    /// To be told which files are read.
    pub files: FilesRead,
}

/// Time and randomness of a test's own, in place of the world's: the same message then comes to the same, however it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    /// What the clock shows, in milliseconds since 1970.
    pub now_ms: u64,
    /// What random bytes are made of: the bytes of `gatepost_sdk::testing` with the same seed.
    pub seed: u64,
}

/// The stage's own keys of `[stage.LABEL]`, as JSON.
pub type Settings = serde_json::Map<String, serde_json::Value>;

/// Makes a configured processor, or says what is wrong with its settings, naming the key.
pub type ProcessorFactory =
    Arc<dyn Fn(&StageScope, Settings) -> Result<Arc<dyn Processor>, String> + Send + Sync>;

/// Makes a configured checker of recipients, or says what is wrong with its settings, naming the key.
pub type CheckerFactory =
    Arc<dyn Fn(&StageScope, Settings) -> Result<Arc<dyn RecipientCheck>, String> + Send + Sync>;
