//! Where things are, and how they are built.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// The workspace's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// cargo's target folder: the one that this program was built into.
pub(crate) fn target() -> Result<PathBuf> {
    let exe = std::env::current_exe().context("where am I?")?;
    let target =
        exe.parent().and_then(Path::parent).context("this program does not lie in a target folder")?;
    Ok(target.to_owned())
}

/// How optimised.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

/// cargo, in the workspace's folder.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).stdin(Stdio::null());
    cargo
}

/// Runs a command to its end; errs where it does not end well.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {}", shown(command)))?;
    ensure!(status.success(), "{} failed ({status})", shown(command));
    Ok(())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    format!("`{}`", words.join(" "))
}

/// Builds the host; the path of the binary.
pub(crate) fn build_host(profile: Profile) -> Result<PathBuf> {
    let (folder, flag) = match profile {
        Profile::Dev => ("debug", None),
        Profile::Release => ("release", Some("--release")),
    };
    eprintln!("building the host ({folder})");
    run(cargo().args(["build", "--quiet", "--package", "gatepost"]).args(flag))?;
    let binary = target()?.join(folder).join("gatepost");
    if !binary.is_file() {
        bail!("cargo made no `{}`", binary.display());
    }
    Ok(binary)
}

/// Builds a processor's component by `gatepost processor build`, which also finds or sets up the compiler for it.
pub(crate) fn build_processor(gatepost: &Path, crate_dir: &str, output: &Path) -> Result<()> {
    eprintln!("building {crate_dir}");
    let mut command = Command::new(gatepost);
    command.args(["processor", "build", "--output"]).arg(output).arg(root().join(crate_dir));
    let done = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let done = done.with_context(|| format!("cannot run {}", shown(&command)))?;
    ensure!(done.status.success(), "{} failed ({})", shown(&command), done.status);
    Ok(())
}
