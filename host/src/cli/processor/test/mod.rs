//! `gatepost processor test`: builds a component and runs its cases in the sandbox.
//!
//! ```text
//! cases/NAME --case--> Case --trial: whole, and over every cutting--> judge, diff --> Trial, shown
//! ```

mod case;
mod diff;
mod judge;
mod trial;

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use super::inspect::load;
use crate::catalog::Registry;
use crate::chain::spec::is_name;
use crate::cli::arguments::processor::TestOptions;
use crate::cli::exit::{Exit, Usage};
use crate::cli::offline::{Component, Scratch, Setup, Workshop};
use crate::toolchain::{BuildOptions, build};
use crate::wasm::Loaded;
use trial::{Bench, Trial};

/// What the component is called where its own name cannot stand in a chain.
const NAMELESS: &str = "processor";

/// With `config` the limits are that host's.
pub(super) fn run(config: Option<&Path>, options: &TestOptions, json: bool) -> anyhow::Result<Exit> {
    let folder = options.dir.join("cases");
    let cases = case::read_all(&folder, options.filter.as_deref())?;
    if cases.is_empty() {
        return Err(Usage(no_case(&folder, options.filter.as_deref())).into());
    }
    let scratch = Scratch::new()?;
    let file = component(options, &scratch)?;
    let bytes = std::fs::read(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let loaded = load(&bytes).with_context(|| format!("`{}`", file.display()))?;
    let name = Some(loaded.description.name.as_str());
    let name =
        name.filter(|name| is_name(name) && !Registry::builtin().is_reserved(name)).unwrap_or(NAMELESS);
    let component = Component { name: name.to_owned(), file };
    let workshop = Workshop::open(&Setup { config, tenant: None, components: &[component], strict: true })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let bench = Bench { workshop: &workshop, runtime: &runtime, processor: name, update: options.update };
    let mut trials = Vec::with_capacity(cases.len());
    for case in &cases {
        let trial = bench.run(case).with_context(|| format!("case `{}`", case.name))?;
        if !json {
            show(&trial);
        }
        trials.push(trial);
    }
    finish(&loaded, &trials, json)
}

/// The component to test: the one named, else the crate's, built. Where it is built to is the scratch folder: tests leave
/// nothing beside the sources.
fn component(options: &TestOptions, scratch: &Scratch) -> anyhow::Result<PathBuf> {
    if let Some(file) = &options.component {
        return Ok(file.clone());
    }
    let output = Some(scratch.path().join("component.wasm"));
    Ok(build(&options.dir, &BuildOptions { output, ..BuildOptions::default() })?.path)
}

fn no_case(folder: &Path, filter: Option<&str>) -> String {
    match filter {
        Some(filter) => format!("no case in `{}` has `{filter}` in its name", folder.display()),
        None => format!(
            "there is no case in `{0}`; to add one, put a message into `{0}/NAME/message.eml` and run with --update, \
             which writes what came of it to `expected.eml`",
            folder.display()
        ),
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    version: &'a str,
    /// Of the component, in bytes.
    size: u64,
    hash: String,
    passed: usize,
    failed: usize,
    cases: &'a [Trial],
}

fn finish(loaded: &Loaded, trials: &[Trial], json: bool) -> anyhow::Result<Exit> {
    let passed = trials.iter().filter(|trial| trial.ok).count();
    let failed = trials.len() - passed;
    let (name, version) = (&loaded.description.name, &loaded.description.version);
    if json {
        let hash = loaded.id.to_hex().to_string();
        let shown = Shown { name, version, size: loaded.census.size, hash, passed, failed, cases: trials };
        outln!("{}", serde_json::to_string_pretty(&shown)?);
    } else {
        let (name, version) = (name.escape_debug(), version.escape_debug());
        outln!("{name} {version}, {} bytes: {passed} passed, {failed} failed", loaded.census.size);
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::No })
}

fn show(trial: &Trial) {
    let Trial { name, figures, .. } = trial;
    let word = if trial.ok { "ok    " } else { "FAILED" };
    let per_mib = figures.cpu_us_per_mib.map(|us| format!(", {us} us/MiB")).unwrap_or_default();
    let ratio = figures.output_ratio.map(|ratio| format!(", output x{ratio}")).unwrap_or_default();
    outln!(
        "{word} {name:<24} {:<10} {} cuts, cpu {} us{per_mib}, memory {} KiB{ratio}",
        trial.verdict,
        trial.cuts,
        figures.cpu_us,
        figures.memory_peak >> 10,
    );
    for problem in &trial.problems {
        outln!("  {}", problem.trim_end().replace('\n', "\n  "));
    }
    for line in trial.log.iter().filter(|_| !trial.ok) {
        outln!("  log: {line}");
    }
    if let Some(change) = &trial.updated {
        outln!(
            "  expected.eml written, {}",
            change.trim_end().replace("expected", "before").replace('\n', "\n  ")
        );
    }
}
