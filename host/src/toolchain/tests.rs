//! Tests of `toolchain`.

use std::error::Error as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::*;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Goal: the shipped processor builds, asks for nothing it need not, and stays small.
/// Method: a real build; the import list is read back from the component.
#[test]
fn subject_tag_builds_and_imports_only_what_it_uses() {
    let out = tempfile::tempdir().unwrap();
    let options = BuildOptions { output: Some(out.path().join("st.wasm")), ..Default::default() };
    let built = build(&repository().join("processors/subject-tag"), &options).unwrap();
    assert_eq!((built.name.as_str(), built.version.as_str()), ("subject-tag", "1.0.0"));
    assert_eq!(std::fs::read(&built.path).unwrap(), built.component);
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 1, "no temporary file is left");
    let found = interfaces(&built.component).unwrap();
    let full = |names: &[&str]| -> Vec<_> {
        names.iter().map(|name| format!("gatepost:processor/{name}@0.1.0")).collect()
    };
    assert_eq!(found.imports, full(&["log", "next", "types"]));
    assert_eq!(found.exports, full(&["processor"]));
    eprintln!("subject-tag: {} bytes", built.component.len());
    assert!(built.component.len() < 200 << 10, "{} bytes", built.component.len());
    let leaks = |path: &Path| {
        let path = path.to_str().unwrap().as_bytes();
        built.component.windows(path.len()).any(|window| window == path)
    };
    assert!(!leaks(&repository()), "holds the path of the sources");
    // What is a component already stays as it is.
    assert_eq!(componentize(&built.component).unwrap(), built.component);
}

/// Writes a crate that depends on the SDK and stands outside any workspace.
fn stand_alone(lib: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let sdk = repository().join("guest-sdk");
    let manifest = format!(
        "[package]\nname = \"alone\"\nversion = \"2.3.4\"\nedition = \"2024\"\n\
         [dependencies]\ngatepost-sdk = {{ path = {sdk:?} }}\n\
         [profile.release]\nopt-level = 0\npanic = \"unwind\"\n[workspace]\n"
    );
    std::fs::write(dir.path().join("Cargo.toml"), manifest).unwrap();
    std::fs::copy(repository().join("Cargo.lock"), dir.path().join("Cargo.lock")).unwrap();
    std::fs::create_dir(dir.path().join("src")).unwrap();
    std::fs::write(dir.path().join("src/lib.rs"), lib).unwrap();
    dir
}

const PASS: &str = r#"
use gatepost_sdk::{Context, Description, Flow, Processor, Refusal};
struct Alone;
impl Processor for Alone {
    type Config = ();
    fn describe() -> Description { Description::new("alone", "2.3.4", "") }
    fn configure(_: ()) -> Result<Self, String> { Ok(Self) }
    fn write(&mut self, _: &[u8], cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        cx.set_fact("x.seen", "1");
        Ok(Flow::Pass)
    }
}
"#;

fn build_alone(lib: &str) -> (tempfile::TempDir, Result<Built, ToolchainError>) {
    let dir = stand_alone(lib);
    // One folder for all of them, beside this test's own: the SDK and its dependencies are built once.
    let test = std::env::current_exe().unwrap();
    let target_dir = test.ancestors().nth(3).unwrap().join("gatepost-guest-tests");
    let options = BuildOptions { target_dir: Some(target_dir), ..Default::default() };
    let built = build(dir.path(), &options);
    (dir, built)
}

/// Goal: a crate outside the workspace, with a profile of its own and no `crate-type`, builds to `NAME.wasm` beside its
/// manifest; a capability it does not use is not imported.
#[test]
fn a_stand_alone_crate_builds_beside_its_manifest() {
    let (dir, built) = build_alone(&format!("{PASS}\ngatepost_sdk::export!(Alone);"));
    let built = built.unwrap();
    assert_eq!(built.path, dir.path().canonicalize().unwrap().join("alone.wasm"));
    assert!(built.path.is_file());
    assert_eq!((built.name.as_str(), built.version.as_str()), ("alone", "2.3.4"));
    let imports = interfaces(&built.component).unwrap().imports;
    assert!(!imports.iter().any(|name| name.contains("next")), "{imports:?}");
}

#[test]
fn what_is_missing_is_named() {
    let (_dir, built) = build_alone(PASS);
    let error = built.unwrap_err();
    assert!(
        error.to_string().contains("gatepost_sdk::export!(MyProcessor);"),
        "{error}: {:?}",
        error.source()
    );

    let (_dir, built) = build_alone("this does not compile");
    assert!(matches!(built.unwrap_err(), ToolchainError::Cargo { .. }));

    let empty = tempfile::tempdir().unwrap();
    let error = build(empty.path(), &BuildOptions::default()).unwrap_err();
    assert!(error.to_string().ends_with("holds no crate with a library: there is no Cargo.toml"), "{error}");

    let error = build(&repository(), &BuildOptions::default()).unwrap_err();
    assert!(error.to_string().contains("it is a workspace"), "{error}");
}

#[test]
fn a_module_that_is_no_processor_is_refused() {
    let empty_module = b"\0asm\x01\0\0\0";
    let error = componentize(empty_module).unwrap_err();
    assert!(
        error.to_string().contains("does not export `gatepost:processor/processor`"),
        "{error}: {:?}",
        error.source()
    );
    assert!(matches!(componentize(b"\x7fELF").unwrap_err(), ToolchainError::Module { .. }));
    assert!(matches!(interfaces(empty_module).unwrap_err(), ToolchainError::Module { .. }));
}

/// A folder with programs that answer as told.
struct Fake {
    dir: tempfile::TempDir,
}

impl Fake {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// A compiler whose sysroot is `toolchains/NAME`.
    fn rustc(&self, name: &str) -> PathBuf {
        let sysroot = self.path(&format!("toolchains/{name}"));
        let sysroot = sysroot.display();
        self.program(
            &format!("{name}/rustc"),
            &format!(
                "case \"$*\" in\n*'target-libdir --target'*) echo {sysroot}/lib/rustlib/{TARGET}/lib;;\n\
                 *target-libdir*) echo {sysroot}/lib/rustlib/host/lib;;\n*sysroot*) echo {sysroot};;\nesac"
            ),
        )
    }

    fn file(&self, name: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), "").unwrap();
    }

    fn std_of(&self, name: &str) -> String {
        format!("toolchains/{name}/lib/rustlib/{TARGET}/lib/libstd-0.rlib")
    }

    fn search(&self, candidates: &[&PathBuf]) -> Search {
        Search {
            candidates: candidates.iter().map(|&path| path.clone()).collect(),
            path: vec![self.path("bin")],
            dir: self.dir.path().into(),
            ..Default::default()
        }
    }
}

#[test]
fn the_first_compiler_that_has_the_library_is_taken() {
    let fake = Fake::new();
    let (without, with) = (fake.rustc("without"), fake.rustc("with"));
    fake.file(&fake.std_of("with"));
    fake.file("with/cargo");
    fake.file("bin/wasm-ld-19");
    let found = fake.search(&[&fake.path("none/rustc"), &without, &with]).find().unwrap();
    let linker = Some(fake.path("bin/wasm-ld-19"));
    let expected = Compiler { rustc: with.clone(), cargo: fake.path("with/cargo"), build_std: false, linker };
    assert_eq!(found, expected);

    fake.file("toolchains/with/lib/rustlib/host/bin/rust-lld");
    assert_eq!(fake.search(&[&with]).find().unwrap().linker, None, "it brings its own");

    let only = Search { rustc: Some(without), ..fake.search(&[&with]) };
    assert!(only.find().is_err(), "the override stands alone");
}

/// rustup's exit code means nothing: what counts is whether the library is there afterwards.
#[test]
fn rustup_is_asked_to_add_the_target() {
    let fake = Fake::new();
    let rustc = fake.rustc("mine");
    let folder = fake.path(&fake.std_of("mine"));
    let folder = folder.parent().unwrap().display().to_string();
    fake.program(
        "bin/rustup",
        &format!("[ \"$*\" = 'target add {TARGET} --toolchain mine' ] && mkdir -p {folder} && : > {folder}/libstd-1.rlib\nexit 1"),
    );
    let found = fake.search(&[&rustc]).find().unwrap();
    assert_eq!((found.rustc, found.build_std), (rustc, false));
}

#[test]
fn the_library_is_built_from_its_sources_where_it_cannot_be_had() {
    let fake = Fake::new();
    let rustc = fake.rustc("debian");
    fake.file("toolchains/debian/lib/rustlib/src/rust/library/std/Cargo.toml");
    assert!(fake.search(&[&rustc]).find().unwrap().build_std);
}

#[test]
fn the_last_line_of_the_error_is_the_command_to_run() {
    let fake = Fake::new();
    let rustc = fake.rustc("bare");
    let last_line = |os_release: &str| {
        let search = Search { os_release: os_release.into(), ..fake.search(&[&rustc]) };
        let error = search.find().unwrap_err().to_string();
        assert!(error.contains(rustc.to_str().unwrap()), "{error}");
        error.lines().last().unwrap().trim().to_owned()
    };
    assert!(last_line("ID=debian\nVERSION_ID=\"12\"").contains("rust-web-src"));
    assert!(last_line("ID=debian\nVERSION_ID=\"13\"").contains("libstd-rust-dev-wasm32"));
    assert!(last_line("ID=mint\nID_LIKE=\"ubuntu debian\"").contains("libstd-rust-dev-wasm32"));
    assert!(last_line("ID=fedora").starts_with("dnf install"));
    assert!(last_line("").contains("rustup"));
    fake.program("bin/rustup", "exit 1");
    assert_eq!(last_line("ID=debian"), format!("rustup target add {TARGET}"));
}
