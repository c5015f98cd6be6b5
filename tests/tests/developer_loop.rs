//! The loop of who writes a processor: `processor new`, `processor test`, `run --watch`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gatepost_tests::binary::{self, Done, gatepost};
use serde_json::Value;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Runs `gatepost` in `folder`, building guests into a folder that the next run finds again.
fn guest(folder: &Path, arguments: &[&str]) -> Done {
    let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("loop");
    let mut command = Command::new(binary::path());
    command.args(arguments).current_dir(folder).env("CARGO_TARGET_DIR", target);
    binary::run(&mut command, b"")
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Goal: what `processor new` writes builds from nothing but a toolchain, passes its own cases, and fails one that is broken.
/// Method: in a folder outside of the workspace, with the SDK it brings along; then a snapshot is spoilt and mended.
#[test]
fn a_new_processor_passes_its_cases() {
    let folder = tempfile::tempdir().unwrap();
    gatepost(folder.path(), &["processor", "new", "my-filter"], b"").exits(0);
    let made = folder.path().join("my-filter");
    let before = names(&made);
    let manifest = fs::read_to_string(made.join("Cargo.toml")).unwrap();
    assert!(!manifest.contains(workspace().to_str().unwrap()), "it needs no checkout: {manifest}");
    let all = guest(&made, &["processor", "test"]).exits(0).text();
    assert!(all.contains("my-filter 1.0.0") && all.contains("3 passed, 0 failed"), "{all}");
    assert_eq!(names(&made), before, "a test leaves nothing beside the sources");

    let snapshot = made.join("cases/outside/expected.eml");
    let whole = fs::read(&snapshot).unwrap();
    fs::write(
        &snapshot,
        String::from_utf8_lossy(&whole).replace("X-External: yes\r\n", "X-External: no\r\n"),
    )
    .unwrap();
    let failed = guest(&made, &["processor", "test", "--filter", "outside"]).exits(1).text();
    for line in ["FAILED outside", "- X-External: no\\r\\n", "+ X-External: yes\\r\\n", "0 passed, 1 failed"]
    {
        assert!(failed.contains(line), "no `{line}` in {failed}");
    }
    let mended = guest(&made, &["processor", "test", "--update"]).exits(0).text();
    assert!(mended.contains("expected.eml written") && fs::read(&snapshot).unwrap() == whole, "{mended}");
    let again = guest(&made, &["processor", "test", "--update"]).exits(0).text();
    assert!(!again.contains("written"), "{again}");

    // The sources are what is built: a slip is cargo's to tell.
    let source = made.join("src/lib.rs");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replace("Flow::Replaced)", "Flow::Replased)")).unwrap();
    let broken = guest(&made, &["processor", "test"]).exits(70);
    assert!(broken.stderr.contains("Replased") && broken.stdout.is_empty(), "{}", broken.stderr);
}

/// Goal: what is there is never written over, and a name that cannot work is refused with the reason.
#[test]
fn new_refuses_what_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str], why: &str| {
        let done = gatepost(folder.path(), &[&["processor", "new"], arguments].concat(), b"").exits(64);
        assert!(done.stderr.contains(why), "{arguments:?}: {}", done.stderr);
    };
    refused(&["header"], "built in");
    refused(&["My-Filter"], "a name is 1 to 63");
    refused(&["match"], "Rust has another meaning");
    refused(&["x", "--lang", "cobol"], "cobol");
    refused(&["x", "--sdk", "."], "does not hold the crate `gatepost-sdk`");
    refused(&["x", "--update-sdk"], "holds no SDK");
    refused(&["x", "--with", "kv,disk"], "[possible values: kv, clock, random, envelope, recipients]");
    refused(&["x", "--update-sdk", "--with", "kv"], "cannot be used with");
    assert!(names(folder.path()).is_empty(), "a refusal writes nothing");
    fs::create_dir(folder.path().join("taken")).unwrap();
    fs::write(folder.path().join("taken/mine"), "mine").unwrap();
    refused(&["taken"], "not empty");
    assert_eq!(names(&folder.path().join("taken")), ["mine"]);
    let sdk = workspace().join("guest-sdk");
    gatepost(folder.path(), &["processor", "new", "x", "--sdk", sdk.to_str().unwrap()], b"").exits(0);
    assert!(!folder.path().join("x/sdk").exists(), "the checkout's is used");
}

/// Goal: whatever `--with` names, the crate builds without a warning, passes its tests and its cases at once, and asks for what
/// was named and no more.
/// Method: each alone with the checkout's SDK; all together with the SDK that is brought along, natively too.
#[test]
fn a_new_processor_with_capabilities_passes_its_cases() {
    let folder = tempfile::tempdir().unwrap();
    let sdk = workspace().join("guest-sdk");
    let extras = [("kv", "kv"), ("clock", "clock"), ("random", "random"), ("envelope", "envelope-edit")];
    let interface = |name: &str| format!("gatepost:processor/{name}@0.1.0");
    for with in ["kv", "clock", "random", "envelope", "recipients", "recipients,kv,clock,random,envelope"] {
        let name = if with.contains(',') { "with-all".to_owned() } else { format!("with-{with}") };
        let made = folder.path().join(&name);
        if with.contains(',') {
            gatepost(folder.path(), &["processor", "new", &name, "--with", with], b"").exits(0);
        } else {
            let sdk = ["--sdk", sdk.to_str().unwrap()];
            gatepost(folder.path(), &[&["processor", "new", &name, "--with", with], &sdk[..]].concat(), b"")
                .exits(0);
            fs::copy(workspace().join("Cargo.lock"), made.join("Cargo.lock")).unwrap();
        }
        let tested = guest(&made, &["processor", "test"]).exits(0);
        assert!(tested.text().contains("3 passed, 0 failed"), "{with}: {}", tested.text());
        assert!(!tested.stderr.contains("warning"), "{with}: {}", tested.stderr);
        let built: Value =
            serde_json::from_str(&guest(&made, &["processor", "build", "--json"]).exits(0).text()).unwrap();
        for (extra, import) in extras {
            let asked = built["imports"].as_array().unwrap().contains(&interface(import).into());
            assert_eq!(asked, with.contains(extra), "{with}: {built}");
        }
        let checks = built["exports"].as_array().unwrap().contains(&interface("recipients").into());
        assert_eq!(checks, with.contains("recipients"), "{with}: {built}");
    }
    let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("loop");
    let mut cargo = Command::new("cargo");
    cargo.args(["test"]).current_dir(folder.path().join("with-all")).env("CARGO_TARGET_DIR", target);
    let native = binary::run(&mut cargo, b"").exits(0);
    assert!(native.text().contains("5 passed; 0 failed"), "{}", native.text());
    assert!(!native.stderr.contains("warning"), "{}", native.stderr);
}

/// Goal: a case says what a stage is granted, and what it does not say it does not get; time, random bytes and memory are the
/// case's own, the same for every cut.
#[test]
fn a_case_stands_for_the_world() {
    let folder = tempfile::tempdir().unwrap();
    let sdk = workspace().join("guest-sdk");
    let new = ["processor", "new", "with-kv", "--with", "kv", "--sdk", sdk.to_str().unwrap()];
    gatepost(folder.path(), &new, b"").exits(0);
    let made = folder.path().join("with-kv");
    fs::copy(workspace().join("Cargo.lock"), made.join("Cargo.lock")).unwrap();
    guest(&made, &["processor", "build", "--output", "it.wasm"]).exits(0);
    let path = made.join("cases/outside/case.toml");
    let whole = fs::read_to_string(&path).unwrap();
    let test = |from: &str, to: &str| {
        assert!(whole.contains(from), "{whole}");
        fs::write(&path, whole.replacen(from, to, 1)).unwrap();
        guest(&made, &["processor", "test", "--component", "it.wasm", "--filter", "outside"])
    };
    let refused = test("grants = [\"kv\"]", "").exits(78).stderr;
    assert!(refused.contains("needs the grant `kv`: `[stage.with-kv] grants = [\"kv\"]`"), "{refused}");
    let refused = test("grants = [\"kv\"]", "grants = [\"disk\"]").exits(78).stderr;
    assert!(refused.contains("unknown grant \"disk\""), "{refused}");
    let failed = test("= \"7\"", "= \"8\"").exits(1).text();
    assert!(
        failed.contains(
            "kv: expected \"with-kv:stranger@elsewhere.example=8\", came \"with-kv:stranger@elsewhere.example=7\""
        ),
        "{failed}"
    );
    let failed = test("= \"6\"", "= \"x\"").exits(1).text();
    assert!(failed.contains("the value is not a number"), "{failed}");
    assert!(test("[expect.kv]", "[expect.kw]").exits(78).stderr.contains("did you mean `kv`?"));
    test("[expect.kv]", "[expect.kv]").exits(0);
}

/// Goal: the shipped processors that have cases pass them.
#[test]
fn shipped_processors_pass_their_cases() {
    for name in ["greylist", "plus-fold"] {
        let source = workspace().join("processors").join(name);
        let component = tempfile::NamedTempFile::new().unwrap();
        fs::write(component.path(), gatepost_tests::shipped::component(name)).unwrap();
        let all = guest(&source, &["processor", "test", "--component", component.path().to_str().unwrap()]);
        assert!(all.exits(0).text().contains(", 0 failed"), "{name}");
    }
}

/// Goal: the shipped processor passes its own cases, and one that is broken fails them, in text and JSON.
#[test]
fn the_shipped_processor_passes_its_cases() {
    let source = workspace().join("processors/subject-tag");
    let folder = tempfile::tempdir().unwrap();
    let component = folder.path().join("subject-tag.wasm");
    guest(&source, &["processor", "build", "--output", component.to_str().unwrap()]).exits(0);
    let test = |dir: &Path, more: &[&str]| {
        let tested = ["processor", "test", dir.to_str().unwrap(), "--component", component.to_str().unwrap()];
        guest(folder.path(), &[&tested, more].concat())
    };
    let all: Value = serde_json::from_str(&test(&source, &["--json"]).exits(0).text()).unwrap();
    assert_eq!((&all["failed"], &all["passed"]), (&0.into(), &all["cases"].as_array().unwrap().len().into()));
    for case in all["cases"].as_array().unwrap() {
        assert!(
            case["cuts"].as_u64().unwrap() > 1 && case["figures"]["memory_peak"].as_u64().unwrap() > 0,
            "{case}"
        );
        let long = case["figures"]["bytes_in"].as_u64().unwrap() >= 64 << 10;
        assert_eq!(case["figures"]["cpu_us_per_mib"].is_u64(), long, "{case}");
    }

    let copy = folder.path().join("copy");
    for name in ["plain", "refused", "loose"] {
        fs::create_dir_all(copy.join("cases").join(name)).unwrap();
        fs::copy(source.join("cases/plain/message.eml"), copy.join("cases").join(name).join("message.eml"))
            .unwrap();
    }
    let say =
        |case: &str, text: &str| fs::write(copy.join("cases").join(case).join("case.toml"), text).unwrap();
    say("plain", "[expect]\nmessage = \"unchanged\"\n");
    say("refused", "[expect]\nverdict = \"reject\"\nreply = { code = 550 }\n");
    let failed = test(&copy, &[]).exits(1).text();
    assert!(
        failed.contains("the message is changed") && failed.contains("+ Subject: [EXT] Lunch \\r\\n"),
        "{failed}"
    );
    assert!(failed.contains("verdict: expected \"reject\", came \"accept\""), "{failed}");
    assert!(failed.contains("reply code: expected \"550\", came \"250\""), "{failed}");
    assert!(failed.contains("there is no expected.eml"), "{failed}");
    test(&copy, &["--update", "--filter", "refused"]).exits(1);
    assert!(!copy.join("cases/refused/expected.eml").exists(), "a case that fails otherwise writes nothing");

    say("plain", "[stage]\nconfig = { tag = \"\" }\n");
    assert!(test(&copy, &[]).exits(78).stderr.contains("tag: must not be empty"));
    say("plain", "[expect]\nverdikt = \"accept\"\n");
    assert!(test(&copy, &[]).exits(78).stderr.contains("case.toml:2: expect.verdikt: unknown key"));
    assert!(test(&copy, &["--filter", "nothing"]).exits(64).stderr.contains("no case"));
    assert!(test(folder.path(), &[]).exits(64).stderr.contains("to add one"));
}

/// A crate whose processor does `write` to each chunk.
fn crate_that(folder: &Path, name: &str, write: &str) -> PathBuf {
    let made = folder.join(name);
    let sdk = workspace().join("guest-sdk");
    gatepost(folder, &["processor", "new", name, "--sdk", sdk.to_str().unwrap()], b"").exits(0);
    fs::copy(workspace().join("Cargo.lock"), made.join("Cargo.lock")).unwrap();
    let text = format!(
        "use gatepost_sdk::{{Content, Context, Description, Flow, Processor, Refusal}};
        pub struct It;
        gatepost_sdk::export!(It);
        impl Processor for It {{
            type Config = ();
            fn describe() -> Description {{
                Description::new(\"{name}\", \"1.0.0\", \"\").takes(Content::Any).gives(Content::Any)
            }}
            fn configure((): ()) -> Result<Self, String> {{ Ok(It) }}
            fn write(&mut self, chunk: &[u8], cx: &mut Context<'_>) -> Result<Flow, Refusal> {{ {write} }}
        }}"
    );
    fs::write(made.join("src/lib.rs"), text).unwrap();
    fs::remove_dir_all(made.join("cases")).unwrap();
    let case = made.join("cases/a");
    fs::create_dir_all(&case).unwrap();
    fs::write(case.join("message.eml"), "Subject: a\r\n\r\nbody\r\n").unwrap();
    fs::write(case.join("case.toml"), "[expect]\nmessage = \"unchanged\"\n").unwrap();
    made
}

/// Goal: a processor whose outcome depends on where the message is cut fails, and the cut is named.
#[test]
fn a_processor_that_depends_on_the_cuts_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let write = "if chunk.len() == 7 { cx.write(b\"seven\")?; return Ok(Flow::Replaced) } Ok(Flow::Pass)";
    let made = crate_that(folder.path(), "sevens", write);
    let found = guest(&made, &["processor", "test"]).exits(1).text();
    assert!(found.contains("cut in two at 7: message") && found.contains("+ seven"), "{found}");
}

/// Goal: a guest that panics says why, in `run` (text and JSON) and in `test`.
#[test]
fn the_text_of_a_panic_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let made = crate_that(
        folder.path(),
        "panics",
        "let _ = (chunk, cx); panic!(\"the {} is odd\", \"seventh byte\")",
    );
    let run = ["run", "--processor", "p=.", "--chain", "p", "--message", "cases/a/message.eml"];
    let done = guest(&made, &run).exits(70);
    assert!(
        done.stderr.contains("error p: panicked at") && done.stderr.contains("the seventh byte is odd"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("verdict: failed: 451 4.3.0") && done.stdout.is_empty(), "{}", done.stderr);
    let json: Value =
        serde_json::from_str(&guest(&made, &[&run[..], &["--json"]].concat()).exits(70).text()).unwrap();
    assert_eq!(
        (&json["verdict"], &json["failures"][0]["reason"]),
        (&"failed".into(), &"trap".into()),
        "{json}"
    );
    let tested = guest(&made, &["processor", "test"]).exits(1).text();
    assert!(tested.contains("verdict: expected \"accept\", came \"failed\""), "{tested}");
    assert!(tested.contains("the seventh byte is odd"), "{tested}");
    fs::write(made.join("cases/a/case.toml"), "[expect]\nverdict = \"failed\"\nfailure = \"trapped\"\n")
        .unwrap();
    guest(&made, &["processor", "test"]).exits(0);
}

/// Goal: `run --watch` runs again at each change, also where an editor replaces the file, says what is wrong and goes on, and
/// Ctrl-C ends it well.
#[test]
fn watch_runs_again_at_each_change() {
    let folder = tempfile::tempdir().unwrap();
    let message = folder.path().join("m.eml");
    fs::write(&message, "Subject: one\r\n\r\n").unwrap();
    let mut command = Command::new(binary::path());
    command.args(["run", "--watch", "--chain", "debug", "--message", "m.eml"]).current_dir(folder.path());
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut until = |wanted: &str| {
        let found = lines.by_ref().find(|line| line.contains(wanted));
        assert!(found.is_some(), "it ended before it said `{wanted}`");
    };
    until("in        16");
    until("watching 1 files");
    fs::write(&message, "Subject: one and two\r\n\r\n").unwrap();
    until("in        24");
    until("watching 1 files");
    fs::remove_file(&message).unwrap();
    until("--message `m.eml`");
    until("watching 0 files");
    fs::write(folder.path().join("new"), "Subject: three\r\n\r\n").unwrap();
    fs::rename(folder.path().join("new"), &message).unwrap();
    until("in        18");
    until("watching 1 files");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert!(child.wait().unwrap().success());
}
