//! `cargo xtask test`: everything that can be tested, in one command.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::workspace::{self, build_processor, cargo, root, target};

/// `args` go to nextest, or to `cargo test` where there is none.
pub(crate) fn run(args: &[String]) -> Result<()> {
    // With all packages, as the tests are built: the same features, so nothing is built twice.
    eprintln!("building the binaries");
    workspace::run(cargo().args(["build", "--quiet", "--workspace", "--bins"]))?;
    let gatepost = target()?.join("debug/gatepost");
    let components = target()?.join("components");
    std::fs::create_dir_all(&components)?;
    for processor in processors()? {
        let output =
            components.join(Path::new(&processor).with_extension("wasm").file_name().unwrap_or_default());
        build_processor(&gatepost, &processor, &output)?;
    }
    if has_nextest() {
        workspace::run(cargo().args(["nextest", "run", "--workspace", "--no-fail-fast"]).args(args))?;
    } else {
        eprintln!("cargo-nextest is not here (`cargo install --locked cargo-nextest`); using `cargo test`");
        workspace::run(cargo().args(["test", "--workspace", "--all-targets", "--no-fail-fast"]).args(args))?;
    }
    workspace::run(cargo().args(["test", "--workspace", "--doc", "--quiet"]))
}

/// The folders of the shipped processors.
fn processors() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join("processors"))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            found.push(format!("processors/{}", entry.file_name().to_string_lossy()));
        }
    }
    found.sort();
    Ok(found)
}

fn has_nextest() -> bool {
    let mut ask = cargo();
    ask.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    Command::status(&mut ask).is_ok_and(|status| status.success())
}
