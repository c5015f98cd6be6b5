//! The library, used as its example shows.

use std::path::Path;
use std::process::{Command, Stdio};

/// Goal: a program can embed the host with a stage and a sink of its own, and hear of what happens.
/// Method: the example itself, which errs where its message is not taken or its events do not come.
#[test]
fn the_example_runs() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--package", "gatepost", "--example", "embed"]);
    let output = command.current_dir(workspace).stdin(Stdio::null()).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    for expected in [
        "\"event\":\"started\"",
        "\"verdict\":\"accept\"",
        "\"name\":\"shout\"",
        "Received: from me.example",
        "Subject: dinner",
        "AT EIGHT",
        "!!",
        "which was, before `shout`",
        "at eight",
        "shutdown of shout",
        "shutdown of mailbox, 1 held",
    ] {
        assert!(stdout.contains(expected), "no `{expected}` in:\n{stdout}");
    }
}
