//! `gatepost processor build`: from a crate to a component that loads.

use std::path::Path;

use anyhow::Context;

use super::inspect::{load, show};
use crate::cli::exit::Exit;
use crate::toolchain::{self, BuildOptions};

pub(super) fn run(dir: &Path, output: Option<&Path>, json: bool) -> anyhow::Result<Exit> {
    let options = BuildOptions { output: output.map(Path::to_owned), ..BuildOptions::default() };
    let built = toolchain::build(dir, &options)?;
    let loaded = load(&built.component).with_context(|| format!("`{}`", built.path.display()))?;
    show(&built.path, &loaded, json)
}
