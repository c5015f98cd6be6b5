//! Makes the sandbox, gives its notices, and tests it before it serves.

use std::sync::Arc;

use super::LAST_WORDS_MAX;
use super::code::Code;
use crate::config::Config;
use crate::telemetry::{Event, Level, Telemetry};
use crate::wasm::{PoolSettings, Sandboxes, Swaps};

/// The sandbox, with its notices given.
pub(super) fn sandboxes(
    config: &Config,
    telemetry: &Telemetry,
    swaps: &Swaps,
    code: Code,
) -> anyhow::Result<Arc<Sandboxes>> {
    let settings = PoolSettings {
        memory_max: config.limits_max.memory_per_instance.as_usize(),
        table_elements: usize::try_from(config.limits_max.table_elements_max).unwrap_or(usize::MAX),
        guest_stack: config.server.guest_stack.as_usize(),
        ..PoolSettings::default()
    };
    let sandboxes = Sandboxes::with_swaps(settings, code.compiler, swaps)?
        .with_jails_max(config.server.jails_max)
        .with_cache(code.cache)
        .with_telemetry(telemetry.clone());
    for text in sandboxes.notices() {
        telemetry.emit(Event::Notice { level: Level::Warn, text: text.clone() });
    }
    let sandboxes = Arc::new(sandboxes);
    let watched = Arc::downgrade(&sandboxes);
    telemetry.watch_pool(move || watched.upgrade().map(|pool| pool.pool_use()).unwrap_or_default());
    Ok(sandboxes)
}

/// Who sees one tenant's bytes from another's instance must not serve.
pub(super) fn self_test(sandboxes: &Sandboxes, telemetry: &Telemetry) -> anyhow::Result<()> {
    sandboxes.self_test().inspect_err(|error| {
        telemetry.emit(Event::Notice { level: Level::Error, text: error.to_string() });
        telemetry.flush(LAST_WORDS_MAX);
    })?;
    Ok(())
}
