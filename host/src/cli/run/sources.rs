//! `--processor NAME=PATH`: a component, or a crate that is built to one.

use std::path::{Path, PathBuf};

use crate::cli::arguments::RunOptions;
use crate::cli::offline::Component;

/// A name, and where its component comes from.
#[derive(Debug, Clone)]
pub(super) struct Source {
    #[cfg_attr(not(feature = "wasm"), expect(dead_code, reason = "none is ever made"))]
    pub(super) name: String,
    /// A file, or the folder of a crate.
    pub(super) path: PathBuf,
}

/// Without the sandbox there are none.
#[cfg(not(feature = "wasm"))]
pub(super) fn of(_options: &RunOptions) -> anyhow::Result<Vec<Source>> {
    Ok(Vec::new())
}

#[cfg(not(feature = "wasm"))]
pub(super) fn components(_sources: &[Source], _scratch: &Path) -> anyhow::Result<Vec<Component>> {
    Ok(Vec::new())
}

/// What the command line names. Fails where a name cannot be a processor's, or nothing lies at its path.
#[cfg(feature = "wasm")]
pub(super) fn of(options: &RunOptions) -> anyhow::Result<Vec<Source>> {
    use crate::catalog::Registry;
    use crate::chain::spec::is_name;
    use crate::cli::exit::Usage;
    use anyhow::Context as _;

    let read = |given: &String| {
        let (name, path) =
            given.split_once('=').ok_or_else(|| Usage("--processor takes NAME=PATH".into()))?;
        if Registry::builtin().is_reserved(name) {
            return Err(Usage(format!("--processor: `{name}` is built in; give it another name")).into());
        }
        if !is_name(name) {
            return Err(Usage(format!("--processor: `{name}` cannot name a processor")).into());
        }
        std::fs::metadata(path).with_context(|| format!("--processor {name}: `{path}`"))?;
        Ok(Source { name: name.to_owned(), path: path.into() })
    };
    options.processor.iter().map(read).collect()
}

/// Builds those that are crates, into `scratch`: a component beside the crate's sources is not asked for.
#[cfg(feature = "wasm")]
pub(super) fn components(sources: &[Source], scratch: &Path) -> anyhow::Result<Vec<Component>> {
    use crate::toolchain::{BuildOptions, build};

    let component = |source: &Source| {
        let name = source.name.clone();
        if !source.path.is_dir() {
            return Ok(Component { name, file: source.path.clone() });
        }
        let file = scratch.join(format!("{name}.wasm"));
        let options = BuildOptions { output: Some(file.clone()), ..BuildOptions::default() };
        build(&source.path, &options)?;
        Ok(Component { name, file })
    };
    sources.iter().map(component).collect()
}
