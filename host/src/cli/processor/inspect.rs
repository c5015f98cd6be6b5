//! `gatepost processor inspect`: what a component is, imports, takes and gives.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use serde::Serialize;

use crate::catalog::load_limits;
use crate::catalog::store::HOST;
use crate::cli::exit::Exit;
use crate::config::Limits;
use crate::wasm::{Compiler, Loaded, PoolSettings, Sandboxes};

pub(super) fn run(file: &Path, json: bool) -> anyhow::Result<Exit> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let loaded = load(&bytes).with_context(|| format!("`{}`", file.display()))?;
    show(file, &loaded, json)
}

/// Loads it as the server would: it is compiled, instantiated and asked to describe itself.
pub(super) fn load(bytes: &[u8]) -> anyhow::Result<Arc<Loaded>> {
    let sandboxes = Sandboxes::new(PoolSettings::default(), Compiler::own_jail())?;
    Ok(sandboxes.load(bytes, &load_limits(&Limits::default()), HOST)?)
}

#[derive(Serialize)]
struct Shown<'a> {
    file: String,
    hash: String,
    size: u64,
    name: &'a str,
    version: &'a str,
    summary: &'a str,
    takes: String,
    gives: String,
    imports: &'a [String],
    exports: &'a [String],
}

pub(super) fn show(file: &Path, loaded: &Loaded, json: bool) -> anyhow::Result<Exit> {
    let description = &loaded.description;
    let shown = Shown {
        file: file.display().to_string(),
        hash: loaded.id.to_hex().to_string(),
        size: loaded.census.size,
        name: &description.name,
        version: &description.version,
        summary: &description.summary,
        takes: description.takes.to_string(),
        gives: description.gives.to_string(),
        imports: &loaded.imports,
        exports: &loaded.exports,
    };
    if json {
        outln!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(Exit::Ok);
    }
    outln!("{}", shown.file);
    outln!("  name     {} {}", shown.name.escape_debug(), shown.version.escape_debug());
    outln!("  summary  {}", shown.summary.escape_debug());
    outln!("  takes    {}", shown.takes);
    outln!("  gives    {}", shown.gives);
    outln!("  size     {} bytes", shown.size);
    outln!("  hash     {}", shown.hash);
    for import in shown.imports {
        outln!("  imports  {import}");
    }
    if loaded.imports_wasi() {
        outln!("  needs    [host] wasi = \"stub\"");
    }
    for export in shown.exports {
        outln!("  exports  {export}");
    }
    Ok(Exit::Ok)
}
