//! `cargo xtask bench`: the figures of `docs/measurements.md`, of a release build on this machine.

mod large;
mod stages;
mod stand;
mod strip;
mod throughput;

use anyhow::{Result, bail};

use crate::workspace::{Profile, build_host};

/// Measures what is named, or everything.
pub(crate) fn run(args: &[String]) -> Result<()> {
    const ALL: [&str; 4] = ["throughput", "stages", "strip", "large"];
    if let Some(other) = args.iter().find(|arg| !ALL.contains(&arg.as_str())) {
        bail!("bench knows {}, not `{other}`", ALL.join(", "));
    }
    let wanted = |name: &str| args.is_empty() || args.iter().any(|arg| arg == name);
    let gatepost = build_host(Profile::Release)?;
    if wanted("throughput") {
        throughput::run(&gatepost)?;
    }
    if wanted("stages") {
        stages::run(&gatepost)?;
    }
    if wanted("strip") {
        strip::run(&gatepost)?;
    }
    if wanted("large") {
        large::run(&gatepost)?;
    }
    Ok(())
}

/// The middle one; of an even number the upper of the two.
fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
