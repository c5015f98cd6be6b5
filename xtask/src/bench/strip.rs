//! `strip-trackers` on messages of 10 MiB, in the sandbox against the same code natively.

use std::path::Path;

use anyhow::{Context, Result};

use super::stages::stage_cost;
use crate::workspace::{build_processor, target};

pub(crate) fn run(gatepost: &Path) -> Result<()> {
    let component = target()?.join("components/strip-trackers.wasm");
    std::fs::create_dir_all(component.parent().unwrap_or(Path::new(".")))?;
    build_processor(gatepost, "processors/strip-trackers", &component)?;
    println!("\nstrip: strip-trackers on 10 MiB, medians of 9 interleaved rounds of CPU time");
    let figures = stage_cost("strip", &component)?;
    let shown = [
        ("mixed", "multipart: text, HTML, quoted-printable, attachment (2.5 and 60 are asked for)"),
        ("html", "HTML alone"),
        ("text", "plain text alone"),
    ];
    for (name, what) in shown {
        let speed = |engine: &str| figures[name][engine].as_f64().with_context(|| format!("no `{name}`"));
        let (sandboxed, native) = (speed("sandboxed")?, speed("native")?);
        println!(
            "  sandboxed {sandboxed:>6.0} MB/s, native {native:>6.0} MB/s, {:>4.1} times  {what}",
            native / sandboxed
        );
    }
    Ok(())
}
