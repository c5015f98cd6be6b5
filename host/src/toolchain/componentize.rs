//! Core module in, component out: the same way for every guest language.
//!
//! Knows nothing of compilers. What the component may import is not judged here but when it is uploaded.

use std::error::Error;

use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata, metadata};
use wit_parser::Resolve;

use super::ToolchainError;

/// The interface that guests are built against.
const WIT: &str = include_str!("../../../wit/processor.wit");
/// The world of a module that does not say its own.
const WORLD: &str = "mail-processor";
/// The interfaces of which a component exports one at least, without their version.
const EXPORTS: [&str; 2] = ["gatepost:processor/processor@", "gatepost:processor/recipients@"];
/// What stands behind `\0asm` in a component: binary version 13, layer 1.
const COMPONENT: [u8; 4] = [0x0d, 0, 1, 0];

/// Makes `module` a component and validates it. A module without type metadata is taken for one of the world
/// `mail-processor` (as freestanding C or Zig gives). What is a component already is handed back as it is.
///
/// # Errors
/// [`ToolchainError::Module`], naming what the module lacks.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, ToolchainError> {
    if is_component(module) {
        return Ok(module.to_vec());
    }
    let component = encode(module).map_err(|error| {
        // The innermost cause names the item.
        let text = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
        module_error(hint(&text), error)
    })?;
    let exports = interfaces(&component)?.exports;
    if exports.iter().any(|name| EXPORTS.iter().any(|export| name.starts_with(export))) {
        return Ok(component);
    }
    let error = anyhow::anyhow!("its exports: [{}]", exports.join(", "));
    Err(module_error(NO_EXPORT.into(), error))
}

fn is_component(wasm: &[u8]) -> bool {
    wasm.get(4..8) == Some(&COMPONENT[..])
}

fn encode(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (stripped, _) = metadata::decode(module)?;
    let mut module = module.to_vec();
    if stripped.is_none() {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("processor.wit", WIT)?;
        let world = resolve.select_world(&[package], Some(WORLD))?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    }
    ComponentEncoder::default().module(&module)?.validate(true).encode()
}

const NO_EXPORT: &str =
    "it does not export `gatepost:processor/processor` (in Rust: `gatepost_sdk::export!(MyProcessor);`)";

/// What to tell an author about the encoder's `error`.
fn hint(error: &str) -> String {
    let foreign = [
        ("wasi_snapshot_preview1", "it was built against WASI; build it for wasm32-unknown-unknown"),
        (
            "__wbindgen",
            "a dependency expects a browser (wasm-bindgen); turn off its `js` or `wasmbind` feature",
        ),
        ("`env`", "it calls a C function that nobody defines"),
    ];
    let known = foreign.iter().find(|(name, _)| error.contains(name)).map(|(_, hint)| *hint);
    match known {
        Some(hint) => hint.into(),
        None if error.contains("gatepost:processor/processor") => NO_EXPORT.into(),
        None => "it does not fit its interface".into(),
    }
}

fn module_error(hint: String, error: anyhow::Error) -> ToolchainError {
    let source: Box<dyn Error + Send + Sync> = error.into();
    ToolchainError::Module { hint, source }
}

/// What a component imports and exports, by name, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interfaces {
    /// Such as `gatepost:processor/next@0.1.0`. The import list is the permission request.
    pub imports: Vec<String>,
    /// Such as `gatepost:processor/processor@0.1.0`.
    pub exports: Vec<String>,
}

/// Reads the interfaces of `component`. For components that were just built here: what strangers upload is read in the
/// compile jail.
///
/// # Errors
/// [`ToolchainError::Module`] if the bytes are no component.
pub fn interfaces(component: &[u8]) -> Result<Interfaces, ToolchainError> {
    let no_component = |error| module_error("it is not a component".into(), error);
    if !is_component(component) {
        return Err(no_component(anyhow::anyhow!("its layer is another")));
    }
    let (resolve, world) = match wit_component::decode(component).map_err(no_component)? {
        DecodedWasm::Component(resolve, world) => (resolve, world),
        DecodedWasm::WitPackage(..) => return Err(no_component(anyhow::anyhow!("it is a WIT package"))),
    };
    let names = |items: &mut dyn Iterator<Item = String>| {
        let mut names: Vec<_> = items.collect();
        names.sort_unstable();
        names
    };
    let world = &resolve.worlds[world];
    Ok(Interfaces {
        imports: names(&mut world.imports.keys().map(|key| resolve.name_world_key(key))),
        exports: names(&mut world.exports.keys().map(|key| resolve.name_world_key(key))),
    })
}
