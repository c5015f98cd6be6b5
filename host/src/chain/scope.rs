//! What a native processor or sink is told when a chain is built: where it stands, and its settings.
//!
//! Knows nothing of files: settings come as JSON, wherever they were written.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::telemetry::Telemetry;

/// Where a native stage or sink stands.
#[derive(Clone)]
pub struct StageScope {
    /// `[server] hostname`: the name in `Received` and in EHLO.
    pub hostname: String,
    /// `[server] state_dir`: what a stage keeps on disk lies below it.
    pub state_dir: PathBuf,
    /// Whose chain.
    pub tenant: String,
    /// Its label in the chain: the alias, or the name.
    pub stage: String,
    /// Size of the chunks that stages see, in bytes.
    pub chunk_size: usize,
    /// Largest message of any listener, in octets of content.
    pub message_size_max: u64,
    /// The host's voice.
    pub telemetry: Telemetry,
}

/// The settings of a native stage or sink: its `[stage.LABEL]` table without the keys that every stage has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings(pub Map<String, Value>);

impl Settings {
    /// Reads the settings into `T`, which should refuse unknown keys (`#[serde(deny_unknown_fields)]`).
    ///
    /// # Errors
    /// A text for the operator, naming the key.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, String> {
        serde_json::from_value(Value::Object(self.0)).map_err(|e| e.to_string())
    }
}
