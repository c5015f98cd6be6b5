//! The committed bindings are what the generator makes of `wit/processor.wit`.

use std::path::Path;

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::WithOption;

/// The worlds for which `src/bindings/` holds a file.
const WORLDS: &[&str] = &["mail-processor", "recipient-checker", "capabilities"];
/// What needs a grant, in a world of its own: a processor that calls none of it has none of it in its component.
const CAPABILITIES: &str = "package gatepost:sdk;
    world capabilities {
        import gatepost:processor/envelope-edit@0.1.0;
        import gatepost:processor/clock@0.1.0;
        import gatepost:processor/random@0.1.0;
        import gatepost:processor/kv@0.1.0;
    }";
/// What `recipient-checker` shares with `mail-processor`, so that it is there once.
const SHARED: &[&str] = &["types", "envelope", "log"];

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
    let sdk = resolve.push_str("capabilities.wit", CAPABILITIES).unwrap();
    let package = if world == "capabilities" { sdk } else { package };
    let id = resolve.select_world(&[package], Some(world)).unwrap();
    let module = world.replace('-', "_");
    let shared = SHARED.iter().filter(|_| world == "recipient-checker").map(|name| {
        let path = format!("crate::bindings::mail_processor::gatepost::processor::{name}");
        (format!("gatepost:processor/{name}@0.1.0"), WithOption::Path(path))
    });
    let options = wit_bindgen_rust::Opts {
        format: true,
        pub_export_macro: true,
        export_macro_name: Some(format!("__export_{module}")),
        default_bindings_module: Some(format!("gatepost_sdk::bindings::{module}")),
        with: shared.collect(),
        // Its imports are of another package.
        generate_all: world == "capabilities",
        ..Default::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, id, &mut files).unwrap();
    let (_, bytes) = files.iter().next().unwrap();
    let code = std::str::from_utf8(bytes).unwrap();
    format!("//! Bindings to the world `{world}`, generated: see `tests/bindings.rs`.\n\n{code}")
}
