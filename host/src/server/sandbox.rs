//! Makes the sandbox, gives its notices, and tests it before it serves.

use std::sync::Arc;

use super::LAST_WORDS_MAX;
use crate::config::Config;
use crate::telemetry::{Event, Level, Telemetry};
use crate::wasm::{PoolSettings, Sandboxes, Swaps};

/// The sandbox, with its notices given.
pub(super) fn sandboxes(
    config: &Config,
    telemetry: &Telemetry,
    swaps: &Swaps,
) -> anyhow::Result<Arc<Sandboxes>> {
    let memory_max = config.limits_max.memory_per_instance.as_usize();
    let settings = PoolSettings { memory_max, ..PoolSettings::default() };
    let sandboxes = Sandboxes::with_swaps(settings, swaps)?;
    for text in sandboxes.notices() {
        telemetry.emit(Event::Notice { level: Level::Warn, text: text.clone() });
    }
    Ok(Arc::new(sandboxes))
}

/// Who sees one tenant's bytes from another's instance must not serve.
pub(super) fn self_test(sandboxes: &Sandboxes, telemetry: &Telemetry) -> anyhow::Result<()> {
    sandboxes.self_test().inspect_err(|error| {
        telemetry.emit(Event::Notice { level: Level::Error, text: error.to_string() });
        telemetry.flush(LAST_WORDS_MAX);
    })?;
    Ok(())
}
