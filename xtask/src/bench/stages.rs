//! What stages cost: in a process of their own, and as CPU time of the whole server.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::median;
use super::stand::{Stand, load, postfix_tool};
use crate::workspace::{build_processor, cargo, target};

const ROUNDS: usize = 5;
const MESSAGES: u32 = 10_000;
const GUEST: &str = "xtask/guests/pass";

pub(crate) fn run(gatepost: &Path) -> Result<()> {
    let component = target()?.join("components/pass.wasm");
    std::fs::create_dir_all(component.parent().unwrap_or(Path::new(".")))?;
    build_processor(gatepost, GUEST, &component)?;
    alone(&component)?;
    served(gatepost, &component)
}

/// Chains alone, without a network.
fn alone(component: &Path) -> Result<()> {
    println!("\nstages: CPU time of one 4 KiB message through a chain alone, medians of 21 rounds of 200");
    let figures = stage_cost("stages", component)?;
    let us =
        |name: &str| figures[name].as_f64().map(|ns| ns / 1000.0).with_context(|| format!("no `{name}`"));
    let (none, native, sandboxed) = (us("no_stage")?, us("three_native")?, us("three_sandboxed")?);
    println!("  no stage                            {none:>7.2} us");
    println!("  three native all-pass stages        {native:>7.2} us");
    println!("  three sandboxed all-pass stages     {sandboxed:>7.2} us");
    println!("  sandboxed - native                  {:>7.2} us  (to be at most 60)", sandboxed - native);
    println!("  sandboxed / native                  {:>7.1}", sandboxed / native);
    let (empty, one, many) =
        (us("one_sandboxed_empty")?, us("one_sandboxed_1_write")?, us("one_sandboxed_101_writes")?);
    println!("  one stage: instantiate, open, close, drop {:>4.2} us", empty - none);
    println!("  one stage: the same with one write  {:>7.2} us", one - none);
    println!("  one write of 4 KiB more             {:>7.2} us  (through the chain)", (many - one) / 100.0);
    Ok(())
}

/// What the example `stage_cost` measures.
pub(super) fn stage_cost(what: &str, component: &Path) -> Result<Value> {
    let mut command = cargo();
    command.args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "gatepost",
        "--example",
        "stage_cost",
        "--",
        what,
    ]);
    let done = command.arg(component).stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    ensure!(done.status.success(), "stage_cost failed ({})", done.status);
    serde_json::from_slice(&done.stdout).context("stage_cost printed no JSON")
}

/// The same chains in the server, as its CPU time says.
fn served(gatepost: &Path, component: &Path) -> Result<()> {
    println!(
        "\nserved: CPU time of the server for one 4 KiB message, medians of {ROUNDS} interleaved runs of {MESSAGES}"
    );
    let Some(source) = postfix_tool("smtp-source") else {
        println!("  skipped: no smtp-source here (Debian: apt-get install postfix)");
        return Ok(());
    };
    let tenants = [
        ("none", "null"),
        ("native", "a:debug | b:debug | c:debug | null"),
        ("sandboxed", "a:pass | b:pass | c:pass | null"),
    ];
    // `debug` would otherwise write log lines, which the sandboxed stages do not.
    let stand = Stand::start(gatepost, "stages", "warn", &tenants, &[("pass", component)])?;
    let mut figures = [const { Vec::new() }; 3];
    for round in 0..=ROUNDS {
        for (figures, (tenant, _)) in figures.iter_mut().zip(&tenants) {
            let before = stand.cpu()?;
            load(&source, stand.server.address, &format!("b@{tenant}.example"), MESSAGES)?;
            let used = stand.cpu()? - before;
            if round > 0 {
                figures.push(used.as_secs_f64() * 1e6 / f64::from(MESSAGES));
            }
        }
    }
    let medians = figures.map(|mut figures| median(&mut figures));
    for (us, (_, chain)) in medians.iter().zip(&tenants) {
        println!("  {chain:<36}{us:>7.1} us");
    }
    println!("  sandboxed - native                  {:>7.1} us  (to be at most 60)", medians[2] - medians[1]);
    stand.server.stop()
}
