//! The shipped components, built by the binary itself.

use std::path::{Path, PathBuf};

use crate::binary;

/// `processors/subject-tag` as a component: where `cargo xtask test` puts it, else built now.
///
/// # Panics
/// Where it cannot be built: it needs a compiler that knows a wasm target.
pub fn subject_tag() -> PathBuf {
    let test = std::env::current_exe().expect("the test executable has a path");
    // TARGET/debug/deps/TEST -> TARGET/components
    let target = test.ancestors().nth(3).expect("a test executable lies three folders deep");
    let made = target.join("components/subject-tag.wasm");
    if !made.exists() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../processors/subject-tag");
        std::fs::create_dir_all(target.join("components")).expect("the target folder takes a folder");
        // Tests run at the same time: each writes a file of its own, and the last one stays.
        let mine = made.with_extension(format!("{}.wasm", std::process::id()));
        let (source, output) = (source.display().to_string(), mine.display().to_string());
        binary::gatepost(target, &["processor", "build", &source, "-o", &output], b"").exits(0);
        std::fs::rename(&mine, &made).expect("a file can be renamed within its folder");
    }
    made
}
