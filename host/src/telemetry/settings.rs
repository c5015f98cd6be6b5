//! Where the log goes and how it looks.

use std::path::PathBuf;

use super::Level;

/// `[telemetry]` of the config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Least level that is logged. Default info.
    pub level: Level,
    /// JSON (default) or text for people.
    pub json: bool,
    /// Log file, appended to, made with mode 0640, reopened on SIGUSR1. None (default): stderr.
    pub file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { level: Level::Info, json: true, file: None }
    }
}
