//! Where the `gatepost` binary is, and how a command of it is run to its end.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The binary under test: `GATEPOST_BIN`, else `gatepost` beside the folder of the test executable.
///
/// # Panics
/// Where there is none.
pub fn path() -> PathBuf {
    if let Some(path) = std::env::var_os("GATEPOST_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("the test executable has a path");
    // TARGET/debug/deps/TEST -> TARGET/debug/gatepost
    let folder = test.parent().and_then(Path::parent).expect("a test executable lies two folders deep");
    let path = folder.join("gatepost");
    assert!(
        path.exists(),
        "there is no {}: run the tests with `cargo xtask test`, which builds it first, or name one in GATEPOST_BIN",
        path.display()
    );
    path
}

/// What a command came to.
#[derive(Debug)]
pub struct Done {
    /// The exit code; -1 where a signal ended it.
    pub code: i32,
    /// Its output.
    pub stdout: Vec<u8>,
    /// Its messages.
    pub stderr: String,
}

impl Done {
    /// The output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Asserts the exit code and passes on.
    ///
    /// # Panics
    /// With all output where it is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code\nstdout: {}\nstderr: {}", self.text(), self.stderr);
        self
    }
}

/// Runs `gatepost ARGUMENTS` in `folder` with `input` on stdin.
///
/// # Panics
/// Where it cannot be started.
pub fn gatepost(folder: &Path, arguments: &[&str], input: &[u8]) -> Done {
    run(Command::new(path()).args(arguments).current_dir(folder), input)
}

/// Runs a command to its end with `input` on stdin.
///
/// # Panics
/// Where it cannot be started.
pub fn run(command: &mut Command, input: &[u8]) -> Done {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_vec();
    // From a thread of its own: a command that writes before it has read all must not block us.
    let feeding = std::thread::spawn(move || {
        // A command that does not want all of it closes the pipe.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("a child can be waited for");
    feeding.join().expect("feeding does not panic");
    Done {
        code: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Whether `client` can be run here. Where it cannot, the test is to be skipped.
///
/// # Panics
/// It cannot, and this is CI.
pub fn is_installed(client: &str) -> bool {
    let found =
        Command::new(client).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        skipped(&format!("`{client}` is not installed"));
    }
    found
}

/// Says why a test is skipped.
///
/// # Panics
/// This is CI, where none may be.
pub fn skipped(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}, and this is CI");
    eprintln!("skipped: {why}");
}
