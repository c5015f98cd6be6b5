//! The processors that come with Gatepost, built as `gatepost processor build` builds them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gatepost::toolchain::{BuildOptions, build};

/// The component `subject-tag`. Built once a process; cargo builds nothing anew where nothing has changed.
///
/// # Panics
/// Where it cannot be built: these tests are never skipped.
pub fn subject_tag() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above");
        // A file of this process's own: others may be at it at the same time.
        let output = target().join(format!("subject-tag-{}.wasm", std::process::id()));
        let options = BuildOptions {
            output: Some(output.clone()),
            target_dir: Some(target().join("gatepost-guest")),
            ..BuildOptions::default()
        };
        let built = build(&root.join("processors/subject-tag"), &options);
        // Left behind it would only lie about.
        let _ = std::fs::remove_file(&output);
        built.unwrap_or_else(|error| panic!("{}", gatepost::telemetry::causes(&error))).component
    })
}

/// cargo's target folder: the test executable lies in `TARGET/PROFILE/deps`.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("the test executable has a path");
    test.ancestors().nth(3).expect("a test executable lies three folders deep").to_owned()
}
