//! The shipped processors as components, built by the binary itself.

use std::path::Path;
use std::process::Command;

use crate::binary;

/// `processors/subject-tag`. Quick where it is built already.
///
/// # Panics
/// Where it does not build.
pub fn subject_tag() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let output = folder.path().join("subject-tag.wasm");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../processors/subject-tag");
    let mut build = Command::new(binary::path());
    build.args(["processor", "build"]).arg(source).arg("-o").arg(&output);
    binary::run(&mut build, b"").exits(0);
    std::fs::read(&output).expect("the component that was just built")
}
