//! Processors that are crates of the workspace, those that come with Gatepost above all, built as `gatepost processor build`
//! builds them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use gatepost::toolchain::{BuildOptions, build};

/// The component of `processors/NAME`. Built once a process; cargo builds nothing anew where nothing has changed.
///
/// # Panics
/// Where it cannot be built: these tests are never skipped.
pub fn component(name: &str) -> &'static [u8] {
    crate_component(&workspace().join("processors").join(name))
}

/// The component of a crate in `folder`. Built once a process.
///
/// # Panics
/// Where it cannot be built.
pub fn crate_component(folder: &Path) -> &'static [u8] {
    static COMPONENTS: Mutex<Option<HashMap<PathBuf, &'static [u8]>>> = Mutex::new(None);
    let mut built = COMPONENTS.lock().unwrap_or_else(PoisonError::into_inner);
    built.get_or_insert_default().entry(folder.to_owned()).or_insert_with(|| build_one(folder).leak())
}

/// The names of all of them, sorted.
///
/// # Panics
/// If `processors/` cannot be read.
pub fn names() -> Vec<String> {
    let folders = std::fs::read_dir(workspace().join("processors")).expect("the processors' folder");
    let mut names: Vec<String> = folders
        .map(|entry| entry.expect("the processors' folder").path())
        .filter(|path| path.join("Cargo.toml").is_file())
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    names.sort_unstable();
    names
}

fn build_one(folder: &Path) -> Vec<u8> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    // A file of this process's own: others may be at it at the same time.
    let output = target().join(format!("{name}-{}.wasm", std::process::id()));
    let options = BuildOptions {
        output: Some(output.clone()),
        target_dir: Some(target().join("gatepost-guest")),
        ..BuildOptions::default()
    };
    let built = build(folder, &options);
    // Left behind it would only lie about.
    let _ = std::fs::remove_file(&output);
    built.unwrap_or_else(|error| panic!("{}", gatepost::telemetry::causes(&error))).component
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above")
}

/// cargo's target folder: the test executable lies in `TARGET/PROFILE/deps`.
pub(crate) fn target() -> PathBuf {
    let test = std::env::current_exe().expect("the test executable has a path");
    test.ancestors().nth(3).expect("a test executable lies three folders deep").to_owned()
}
