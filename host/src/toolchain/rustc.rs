//! Finds a Rust compiler that builds for [`TARGET`].
//!
//! 1. `GATEPOST_RUSTC` (and `GATEPOST_CARGO`), and then no other.
//! 2. `$RUSTC`, `rustc` on PATH, `/usr/bin/rustc`: the first that has the target's standard library. The fact is tested,
//!    not the tool: this covers rustup, Debian 13, Ubuntu, Arch, Nix.
//! 3. One that rustup owns: rustup is asked to add the target.
//! 4. One that has its library's sources (`rust-src`): cargo then builds the library with the guest, once in each target
//!    folder, by `-Zbuild-std` with `RUSTC_BOOTSTRAP=1`.
//! 5. Otherwise the error's last line is the command for this system. Nothing is installed by package managers, and sudo is
//!    never called.
//!
//! Knows nothing of what is built.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{TARGET, ToolchainError};

/// How long rustup may take to add the target.
const RUSTUP_TIME_MAX: Duration = Duration::from_secs(120);
const RUSTUP_POLL: Duration = Duration::from_millis(50);

/// A compiler that builds for [`TARGET`], with the cargo that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiler {
    /// The compiler.
    pub rustc: PathBuf,
    /// The cargo beside it, else the one on PATH.
    pub cargo: PathBuf,
    /// The standard library must be built along (step 4).
    pub build_std: bool,
    /// The linker, where the compiler does not bring its own.
    pub linker: Option<PathBuf>,
}

/// Where to look. [`Search::from_env`] for use, other values for tests.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// `GATEPOST_RUSTC`: the only compiler to be looked at.
    pub rustc: Option<PathBuf>,
    /// `GATEPOST_CARGO`.
    pub cargo: Option<PathBuf>,
    /// Compilers to be looked at, in order.
    pub candidates: Vec<PathBuf>,
    /// Folders of PATH: for cargo, rustup and the linker.
    pub path: Vec<PathBuf>,
    /// The text of `/etc/os-release`, for the last line of the error.
    pub os_release: String,
    /// The crate's folder: rustup chooses the toolchain by it.
    pub dir: PathBuf,
}

impl Search {
    /// As the environment says, for the crate in `dir`.
    pub fn from_env(dir: &Path) -> Self {
        let var = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let path: Vec<_> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
        let on_path = in_folders(&path, "rustc");
        let candidates = [var("RUSTC"), on_path, Some("/usr/bin/rustc".into())];
        Self {
            rustc: var("GATEPOST_RUSTC"),
            cargo: var("GATEPOST_CARGO"),
            candidates: candidates.into_iter().flatten().collect(),
            path,
            os_release: std::fs::read_to_string("/etc/os-release").unwrap_or_default(),
            dir: dir.to_path_buf(),
        }
    }

    /// Takes the steps above until one succeeds. Blocks, for as long as rustup needs at most.
    ///
    /// # Errors
    /// [`ToolchainError::NoCompiler`], with the command that would help.
    pub fn find(&self) -> Result<Compiler, ToolchainError> {
        let mut candidates =
            self.rustc.as_ref().map_or_else(|| self.candidates.clone(), |only| vec![only.clone()]);
        let mut seen = Vec::new();
        candidates.retain(|rustc| {
            !seen.contains(rustc) && {
                seen.push(rustc.clone());
                true
            }
        });
        let has_std = |rustc: &&PathBuf| self.has_std(rustc);
        if let Some(rustc) = candidates.iter().find(has_std) {
            return Ok(self.compiler(rustc, false));
        }
        for rustc in &candidates {
            self.ask_rustup(rustc);
            if self.has_std(rustc) {
                return Ok(self.compiler(rustc, false));
            }
        }
        if let Some(rustc) = candidates.iter().find(|rustc| self.has_sources(rustc)) {
            return Ok(self.compiler(rustc, true));
        }
        let tried: Vec<_> = candidates.iter().map(|rustc| rustc.display().to_string()).collect();
        Err(ToolchainError::NoCompiler { tried: tried.join(", "), command: self.command() })
    }

    /// One line that `rustc --print` answers.
    fn print(&self, rustc: &Path, args: &[&str]) -> Option<PathBuf> {
        let mut command = Command::new(rustc);
        command.arg("--print").args(args).current_dir(&self.dir).stderr(Stdio::null());
        let output = command.output().ok().filter(|output| output.status.success())?;
        Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
    }

    /// Whether the target's standard library is there. Its folder is printed even where it is missing.
    fn has_std(&self, rustc: &Path) -> bool {
        let Some(folder) = self.print(rustc, &["target-libdir", "--target", TARGET]) else { return false };
        let is_std = |name: OsString| {
            name.to_str().is_some_and(|name| name.starts_with("libstd-") && name.ends_with(".rlib"))
        };
        std::fs::read_dir(folder).is_ok_and(|files| files.flatten().any(|file| is_std(file.file_name())))
    }

    fn has_sources(&self, rustc: &Path) -> bool {
        let sources =
            |sysroot: PathBuf| sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml").is_file();
        self.print(rustc, &["sysroot"]).is_some_and(sources)
    }

    /// Has rustup add the target where it owns `rustc`. Whether that worked is for the caller to look at.
    fn ask_rustup(&self, rustc: &Path) {
        let Some(sysroot) = self.print(rustc, &["sysroot"]) else { return };
        let in_toolchains =
            sysroot.parent().and_then(Path::file_name).is_some_and(|name| name == "toolchains");
        let (true, Some(toolchain), Some(rustup)) =
            (in_toolchains, sysroot.file_name(), in_folders(&self.path, "rustup"))
        else {
            return;
        };
        let mut command = Command::new(rustup);
        command.args(["target", "add", TARGET, "--toolchain"]).arg(toolchain);
        let Ok(mut child) = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn() else { return };
        let began = Instant::now();
        while let Ok(None) = child.try_wait() {
            if began.elapsed() > RUSTUP_TIME_MAX {
                let _ = child.kill();
                let _ = child.wait();
                return;
            }
            std::thread::sleep(RUSTUP_POLL);
        }
    }

    fn compiler(&self, rustc: &Path, build_std: bool) -> Compiler {
        let beside = rustc.parent().map(|folder| folder.join("cargo")).filter(|cargo| cargo.is_file());
        let cargo = self.cargo.clone().or(beside).or_else(|| in_folders(&self.path, "cargo"));
        Compiler {
            rustc: rustc.into(),
            cargo: cargo.unwrap_or_else(|| "cargo".into()),
            build_std,
            linker: self.linker(rustc),
        }
    }

    /// `None` where the compiler brings `rust-lld`, as rustup's do, or where no other is found either.
    fn linker(&self, rustc: &Path) -> Option<PathBuf> {
        let own = |libdir: PathBuf| libdir.parent().is_some_and(|host| host.join("bin/rust-lld").is_file());
        if self.print(rustc, &["target-libdir"]).is_some_and(own) {
            return None;
        }
        let versioned = (14..=30).rev().map(|version| format!("wasm-ld-{version}"));
        ["rust-lld", "wasm-ld"]
            .map(String::from)
            .into_iter()
            .chain(versioned)
            .find_map(|name| in_folders(&self.path, &name))
    }

    /// What gives this system a compiler.
    fn command(&self) -> String {
        if in_folders(&self.path, "rustup").is_some() {
            return format!("rustup target add {TARGET}");
        }
        let value = |key: &str| {
            let line = self.os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches('"')
        };
        let ids = format!("{} {}", value("ID"), value("ID_LIKE"));
        let is = |id: &str| ids.split(' ').any(|word| word == id);
        if is("debian") && value("VERSION_ID") == "12" {
            "apt-get install -y --no-install-recommends rustc-web cargo-web rust-web-src lld".into()
        } else if is("debian") || is("ubuntu") {
            "apt-get install -y --no-install-recommends rustc cargo libstd-rust-dev-wasm32 lld".into()
        } else if is("arch") {
            "pacman -S rust rust-wasm lld".into()
        } else if is("fedora") {
            format!("dnf install rust cargo rust-std-static-{TARGET} lld")
        } else {
            format!("curl --proto '=https' -sSf https://sh.rustup.rs | sh -s -- -y --target {TARGET}")
        }
    }
}

/// The first of `folders` that holds a file `name`, joined with it.
fn in_folders(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file())
}
