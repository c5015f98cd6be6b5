//! The committed bindings are what the generator makes of `wit/processor.wit`.

use std::path::Path;

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};

/// The worlds for which `src/bindings/` holds a file.
const WORLDS: &[&str] = &["mail-processor"];

/// Goal: bindings and interface cannot drift apart.
/// Method: generate anew and compare; `GATEPOST_BLESS=1 cargo test -p gatepost-sdk --test bindings` writes them instead.
#[test]
fn committed_bindings_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for world in WORLDS {
        let path = root.join("src/bindings").join(format!("{}.rs", world.replace('-', "_")));
        let made = generate(&root.join("../wit/processor.wit"), world);
        if std::env::var_os("GATEPOST_BLESS").is_some_and(|value| value == "1") {
            std::fs::write(&path, &made).unwrap();
        }
        let held = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            held == made,
            "{} is not what the generator makes; to write it anew:\n    \
             GATEPOST_BLESS=1 cargo test -p gatepost-sdk --test bindings",
            path.display()
        );
    }
}

fn generate(wit: &Path, world: &str) -> String {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).unwrap();
    let id = resolve.select_world(&[package], Some(world)).unwrap();
    let module = world.replace('-', "_");
    let options = wit_bindgen_rust::Opts {
        format: true,
        pub_export_macro: true,
        export_macro_name: Some(format!("__export_{module}")),
        default_bindings_module: Some(format!("gatepost_sdk::bindings::{module}")),
        ..Default::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, id, &mut files).unwrap();
    let (_, bytes) = files.iter().next().unwrap();
    let code = std::str::from_utf8(bytes).unwrap();
    format!("//! Bindings to the world `{world}`, generated: see `tests/bindings.rs`.\n\n{code}")
}
