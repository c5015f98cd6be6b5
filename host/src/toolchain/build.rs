//! One guest: cargo builds its module, which becomes a component, which is written to a file.
//!
//! What makes a guest quick is told to cargo from outside, so stand-alone crates and members of a workspace build alike,
//! whatever profile or RUSTFLAGS they have. Knows nothing of what the component may import.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::componentize::componentize;
use super::rustc::{Compiler, Search};
use super::{TARGET, ToolchainError};

/// Speed over size: `opt-level = "s"` was measured to cost 1.7 times the instructions.
const PROFILE: &[&str] = &[
    "profile.release.opt-level=3",
    "profile.release.lto='fat'",
    "profile.release.codegen-units=1",
    "profile.release.panic='abort'",
    "profile.release.strip=true",
    "profile.release.debug=false",
];

/// How to build. [`Default`] is what a user wants.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// The file to write. Default: `NAME.wasm` in the crate's folder.
    pub output: Option<PathBuf>,
    /// cargo's folder. Default: `gatepost-guest` in the crate's usual one, so that neither waits for the other's lock.
    pub target_dir: Option<PathBuf>,
    /// Never touch the network.
    pub offline: bool,
    /// Size of the linear memory at start, in bytes, a multiple of 64 KiB. Statics and heap share it, so a guest with
    /// large tables needs more; growing it costs each message. Default 1 MiB.
    pub initial_memory: u32,
    /// Size of the stack, in bytes, a multiple of 16. Default 64 KiB; an overflow traps.
    pub stack_size: u32,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self { output: None, target_dir: None, offline: false, initial_memory: 1 << 20, stack_size: 64 << 10 }
    }
}

/// A component that was built.
#[derive(Debug, Clone)]
pub struct Built {
    /// The component.
    pub component: Vec<u8>,
    /// The file it was written to.
    pub path: PathBuf,
    /// The crate's name.
    pub name: String,
    /// The crate's version.
    pub version: String,
}

/// Builds the crate in `dir`. cargo's own messages go to stderr as they come. Blocks.
///
/// # Errors
/// No crate, no compiler, a crate that does not compile, a module that is no processor, a file that cannot be written.
pub fn build(dir: &Path, options: &BuildOptions) -> Result<Built, ToolchainError> {
    let dir = dir.canonicalize().map_err(|source| ToolchainError::File { path: dir.into(), source })?;
    let compiler = Search::from_env(&dir).find()?;
    let package = Package::read(&dir, &compiler, options.offline)?;
    let module_path = compile(&dir, &package, &compiler, options)?;
    let module = std::fs::read(&module_path)
        .map_err(|source| ToolchainError::File { path: module_path.clone(), source })?;
    let component = componentize(&module)?;
    let path = options.output.clone().unwrap_or_else(|| dir.join(format!("{}.wasm", package.name)));
    write(&path, &component)?;
    Ok(Built { component, path, name: package.name, version: package.version })
}

/// What cargo says of a crate.
struct Package {
    name: String,
    version: String,
    workspace_root: PathBuf,
    target_dir: PathBuf,
}

impl Package {
    fn read(dir: &Path, compiler: &Compiler, offline: bool) -> Result<Self, ToolchainError> {
        let manifest = dir.join("Cargo.toml");
        let not_a_crate =
            |reason: &str| ToolchainError::NotACrate { dir: dir.into(), reason: reason.trim().into() };
        if !manifest.is_file() {
            return Err(not_a_crate("there is no Cargo.toml"));
        }
        let mut command = cargo(compiler, dir);
        command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(&manifest);
        command.args(offline.then_some("--offline"));
        let output = command.output().map_err(|source| run_error(compiler, source))?;
        if !output.status.success() {
            return Err(not_a_crate(&String::from_utf8_lossy(&output.stderr)));
        }
        let metadata: Value =
            serde_json::from_slice(&output.stdout).map_err(|error| not_a_crate(&error.to_string()))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let package = packages
            .iter()
            .find(|package| package["manifest_path"].as_str().map(Path::new) == Some(&manifest))
            .ok_or_else(|| not_a_crate("it is a workspace; name the folder of one of its crates"))?;
        Ok(Self {
            name: text(&package["name"]),
            version: text(&package["version"]),
            workspace_root: text(&metadata["workspace_root"]).into(),
            target_dir: text(&metadata["target_directory"]).into(),
        })
    }
}

/// Runs cargo; the path of the module.
fn compile(
    dir: &Path,
    package: &Package,
    compiler: &Compiler,
    options: &BuildOptions,
) -> Result<PathBuf, ToolchainError> {
    let target_dir = options.target_dir.clone().unwrap_or_else(|| package.target_dir.join("gatepost-guest"));
    let mut command = cargo(compiler, dir);
    // `--crate-type`: also for a crate whose manifest does not ask for a cdylib.
    command.args(["rustc", "--lib", "--crate-type", "cdylib", "--release", "--target", TARGET]);
    command.args(["--message-format", "json-render-diagnostics"]);
    command.arg("--manifest-path").arg(dir.join("Cargo.toml")).arg("--target-dir").arg(target_dir);
    command.args(options.offline.then_some("--offline"));
    command.args(PROFILE.iter().flat_map(|setting| ["--config", setting]));
    if compiler.build_std {
        command.arg("-Zbuild-std=std,panic_abort").env("RUSTC_BOOTSTRAP", "1");
    }
    command.env("CARGO_ENCODED_RUSTFLAGS", rustflags(&package.workspace_root, compiler, options));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|source| run_error(compiler, source))?;
    let messages = child.stdout.take().map(|stdout| BufReader::new(stdout).lines().map_while(Result::ok));
    let module = messages.into_iter().flatten().filter_map(|line| module_of(&line, dir)).last();
    let status = child.wait().map_err(|source| run_error(compiler, source))?;
    if !status.success() {
        return Err(ToolchainError::Cargo { status });
    }
    module.ok_or_else(|| ToolchainError::NoModule { name: package.name.clone() })
}

/// cargo with this compiler, free of what the surrounding build or shell would put into ours.
fn cargo(compiler: &Compiler, dir: &Path) -> Command {
    let mut command = Command::new(&compiler.cargo);
    command.current_dir(dir).env("RUSTC", &compiler.rustc);
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WORKSPACE_WRAPPER"] {
        command.env_remove(name);
    }
    command
}

/// Flags in cargo's own encoding, which allows for spaces in paths.
fn rustflags(root: &Path, compiler: &Compiler, options: &BuildOptions) -> OsString {
    let mut flags: Vec<OsString> = vec![
        "-Ctarget-feature=+simd128,+bulk-memory".into(),
        format!("-Clink-arg=--initial-memory={}", options.initial_memory).into(),
        format!("-Clink-arg=-zstack-size={}", options.stack_size).into(),
    ];
    // The same bytes wherever the sources lie.
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    for (from, to) in [(Some(root.to_path_buf()), "/guest"), (cargo_home, "/cargo")] {
        if let Some(from) = from {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(from);
            flag.push("=");
            flag.push(to);
            flags.push(flag);
        }
    }
    if let Some(linker) = &compiler.linker {
        let mut flag = OsString::from("-Clinker=");
        flag.push(linker);
        flags.push(flag);
    }
    flags.join("\u{1f}".as_ref())
}

/// The module that a message of cargo's names, if it is of the crate in `dir`.
fn module_of(line: &str, dir: &Path) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let ours = message["reason"] == "compiler-artifact"
        && message["manifest_path"].as_str().map(Path::new) == Some(&dir.join("Cargo.toml"));
    let files = message["filenames"].as_array().filter(|_| ours)?;
    let mut files = files.iter().filter_map(Value::as_str).map(PathBuf::from);
    files.find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

/// Writes by a file beside it and rename: nobody sees half a component.
fn write(path: &Path, component: &[u8]) -> Result<(), ToolchainError> {
    let file_error = |source| ToolchainError::File { path: path.into(), source };
    let beside = path.with_extension(format!("wasm.{}.tmp", std::process::id()));
    std::fs::write(&beside, component).map_err(file_error)?;
    std::fs::rename(&beside, path).map_err(|source| {
        let _ = std::fs::remove_file(&beside);
        file_error(source)
    })
}

fn run_error(compiler: &Compiler, source: std::io::Error) -> ToolchainError {
    ToolchainError::Run { program: compiler.cargo.clone(), source }
}
