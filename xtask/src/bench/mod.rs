//! `cargo xtask bench`: the figures of `docs/measurements.md`, of a release build on this machine.

use anyhow::Result;

/// Measures what is named, or everything.
pub(crate) fn run(_args: &[String]) -> Result<()> {
    Ok(())
}
