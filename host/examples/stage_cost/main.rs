//! What stages cost, in this process and without a network, for `cargo xtask bench`:
//!
//! ```text
//! stage_cost stages PASS.wasm     xtask/guests/pass: medians of the thread's CPU time, in nanoseconds
//! stage_cost strip STRIP.wasm     processors/strip-trackers: MB/s in the sandbox and natively
//! ```
//!
//! Prints one JSON object.

#![allow(clippy::print_stdout)]

mod bench;
mod stages;
mod strip;

use anyhow::{Context as _, bail};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(what), Some(path)) = (arguments.next(), arguments.next()) else {
        bail!("stage_cost takes `stages` or `strip`, and the path of a component");
    };
    let component = std::fs::read(&path).with_context(|| format!("cannot read `{path}`"))?;
    let figures = match &*what {
        "stages" => stages::measure(&component)?,
        "strip" => strip::measure(&component)?,
        _ => bail!("stage_cost knows `stages` and `strip`, not `{what}`"),
    };
    println!("{figures}");
    Ok(())
}
