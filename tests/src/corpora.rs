//! Messages of other projects.
//!
//! None is committed here: cargo fetches those of the crate mail-parser, the system has those of Python's `test_email` or
//! not, and `tests/corpora.sh` fetches the rest into `target/corpora`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A message, and where it is from.
pub struct Sample {
    /// Its file, for messages to people.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// The messages in `resources/eml` of the crate mail-parser. It is a dependency that no platform compiles, so cargo
/// fetches its source here where nothing has done so before.
///
/// # Panics
/// Where cargo cannot say where the crate is, or it holds no messages.
pub fn mail_parser() -> Vec<Sample> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--manifest-path"]).arg(manifest);
    let output = command.output().expect("cargo can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let package = packages.iter().find(|package| package["name"] == "mail-parser");
    let manifest =
        package.and_then(|package| package["manifest_path"].as_str()).expect("cargo knows mail-parser");
    let folder = Path::new(manifest).with_file_name("resources").join("eml");
    let samples = samples(&folder, &|path| path.extension().is_some_and(|extension| extension == "eml"));
    assert!(samples.len() > 150, "{} messages in {}", samples.len(), folder.display());
    samples
}

/// The messages of Python's own tests. `None`: this machine has none, and the reason has been printed.
///
/// # Panics
/// Where there are none and this is CI (`CI=true`): it installs them.
pub fn python() -> Option<Vec<Sample>> {
    let debian = PathBuf::from("/usr/lib/python3.11/test/test_email/data");
    let Some(folder) = Some(debian).filter(|folder| folder.is_dir()).or_else(ask_python) else {
        let what = "no test_email/data here: install Debian's libpython3.11-testsuite";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{what}");
        said(&format!("skipped: {what}"));
        return None;
    };
    let samples = samples(&folder, &|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("msg_"))
    });
    assert!(samples.len() > 30, "{} messages in {}", samples.len(), folder.display());
    Some(samples)
}

/// Where the Python on PATH keeps them.
fn ask_python() -> Option<PathBuf> {
    let code = "import os, test.test_email as t; print(os.path.join(os.path.dirname(t.__file__), 'data'))";
    let output = Command::new("python3").args(["-c", code]).output().ok()?;
    let folder = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    (output.status.success() && folder.is_dir()).then_some(folder)
}

/// What `tests/corpora.sh` has fetched, each file a message, whatever it is. What it has not is told.
///
/// # Panics
/// Where one is missing and this is CI (`CI=true`): it fetches them.
pub fn fetched() -> Vec<Sample> {
    let folder = crate::shipped::target().join("corpora");
    let mut all = Vec::new();
    for (name, least) in
        [("notmuch", 300), ("gmime", 50), ("bounceparser", 120), ("mail-parser-py", 20), ("mail-auth", 80)]
    {
        let samples = samples(&folder.join(name), &|_| true);
        if samples.is_empty() {
            let what = format!("no messages of {name} here: run tests/corpora.sh");
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{what}");
            said(&format!("skipped: {what}"));
            continue;
        }
        assert!(samples.len() >= least, "{} messages of {name}", samples.len());
        all.extend(samples);
    }
    all
}

/// All of them.
pub fn all() -> Vec<Sample> {
    mail_parser().into_iter().chain(python().unwrap_or_default()).chain(fetched()).collect()
}

#[allow(clippy::print_stderr)]
fn said(text: &str) {
    eprintln!("{text}");
}

fn samples(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if wanted(&path) {
                let bytes =
                    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                samples.push(Sample { name: path.display().to_string(), bytes });
            }
        }
    }
    samples.sort_by(|a, b| a.name.cmp(&b.name));
    samples
}
