//! `cargo xtask bench`: the figures of `docs/measurements.md`, of a release build on this machine.

mod client;
mod hostile;
mod idle;
mod large;
mod looping;
mod meter;
mod postfix;
mod relay;
mod slow;
mod stages;
mod stand;
mod strip;
mod swaps;
mod throughput;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};

use crate::workspace::{Profile, build_host, build_processor, target};

/// What the processor `tests/hostile/guests/hostile-rogue` does for a client that says so in EHLO.
const DEEDS: [&str; 5] = ["rogue-loop", "rogue-grow", "rogue-trap", "rogue-fill", "rogue-flood"];

/// Measures what is named, or everything; with `--dev` the server is a dev build, whose figures are worth nothing.
pub(crate) fn run(args: &[String]) -> Result<()> {
    const ALL: [&str; 11] = [
        "throughput",
        "relay",
        "stages",
        "strip",
        "large",
        "hostile",
        "loop",
        "meter",
        "swaps",
        "idle",
        "slow",
    ];
    let (switches, names): (Vec<&str>, Vec<&str>) =
        args.iter().map(String::as_str).partition(|arg| *arg == "--dev");
    if let Some(other) = names.iter().find(|name| !ALL.contains(name)) {
        bail!("bench knows {}, not `{other}`", ALL.join(", "));
    }
    let wanted = |name: &str| names.is_empty() || names.contains(&name);
    let gatepost = build_host(if switches.is_empty() { Profile::Release } else { Profile::Dev })?;
    if wanted("throughput") {
        throughput::run(&gatepost)?;
    }
    if wanted("relay") {
        relay::run(&gatepost)?;
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
    if wanted("hostile") {
        hostile::run(&gatepost)?;
    }
    if wanted("loop") {
        looping::run(&gatepost)?;
    }
    if wanted("meter") {
        meter::run(&gatepost)?;
    }
    if wanted("swaps") {
        swaps::run(&gatepost)?;
    }
    if wanted("idle") {
        idle::run(&gatepost)?;
    }
    if wanted("slow") {
        slow::run(&gatepost)?;
    }
    Ok(())
}

/// The component that does [`DEEDS`].
fn rogue(gatepost: &Path) -> Result<PathBuf> {
    let component = target()?.join("components/hostile-rogue.wasm");
    std::fs::create_dir_all(component.parent().unwrap_or(Path::new(".")))?;
    build_processor(gatepost, "tests/hostile/guests/hostile-rogue", &component)?;
    Ok(component)
}

/// The figure that so many of a hundred do not exceed; 100 is the largest. Of sorted ones, at least one.
fn percentile(sorted: &[Duration], hundredths: usize) -> Duration {
    sorted[(sorted.len() * hundredths).div_ceil(100).saturating_sub(1)]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The middle one; of an even number the upper of the two.
fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::percentile;

    #[test]
    fn percentiles_of_few_and_of_many() {
        let of = |n: u64, hundredths| {
            let sorted: Vec<_> = (1..=n).map(Duration::from_secs).collect();
            percentile(&sorted, hundredths).as_secs()
        };
        assert_eq!([of(1, 50), of(1, 99), of(1, 100)], [1, 1, 1]);
        assert_eq!([of(200, 50), of(200, 95), of(200, 99), of(200, 100)], [100, 190, 198, 200]);
    }
}
