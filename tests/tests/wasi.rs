//! `[host] wasi = "stub"` as operators and processors' authors meet it.

use std::path::{Path, PathBuf};
use std::process::Command;

use gatepost_tests::guest::Guest;
use gatepost_tests::{Server, Smtp};

const DOMAIN: &str = "domains = [\"acme.example\"]\nchain = \"prints | maildir\"\n";
const STUB: &str = "[host]\nwasi = \"stub\"\n";
const MESSAGE: &[u8] = b"Subject: x\r\n\r\nx\r\n";

/// Prints a line at each message.
fn prints() -> Vec<u8> {
    Guest::new()
        .wasi("0.2.0")
        .open("(call $print (call $stdout) @\"hello\" (i32.const 128)) (global.get $ok)")
        .component()
}

fn delivers(server: &Server) -> u16 {
    Smtp::one_message(server.mx(), "a@client.test", &["jo@acme.example"], MESSAGE).unwrap().code
}

/// Goal: a tenant has WASI only where its file's `[host]` says so; taken away again, its file is refused, each import
/// named, and the revision that has it goes on.
#[test]
fn a_tenant_is_given_the_stub_and_loses_it_at_a_reload() {
    let file = "catalog/processors/acme/prints/1.0.0.wasm";
    let server = Server::builder().tenant("acme", &format!("{DOMAIN}{STUB}")).file(file, &prints()).start();
    assert_eq!(delivers(&server), 250);
    let said = server.wait_records("stage_log", 1);
    assert_eq!((said[0]["text"].as_str(), said[0]["stage"].as_str()), (Some("hello"), Some("prints")));

    for taken in [String::new(), "[host]\nwasi = \"none\"\n".to_owned()] {
        server.site().write("catalog/tenants/acme.toml", format!("{DOMAIN}{taken}").as_bytes());
        let report = server.api("POST", "/v1/reload");
        assert_eq!(report.status, 422, "{}", report.body);
        for import in ["wasi:io/streams@0.2.0", "wasi:cli/stdout@0.2.0"] {
            let expect =
                format!("imports `{import}`: needs `[host] wasi = \\\"stub\\\"`, which the host sets");
            assert!(report.body.contains(&expect), "no `{expect}` in {}", report.body);
        }
        assert_eq!(delivers(&server), 250);
    }
    let check = server.site().gatepost(&["check"]).exits(78);
    assert!(check.text().contains("needs `[host] wasi") || check.stderr.contains("needs `[host] wasi"));
}

/// Goal: the bytes that a tenant with the stub uses are still refused to one without it, and the other way round.
#[test]
fn the_same_bytes_are_one_tenants_and_not_the_others() {
    let other = DOMAIN.replace("acme.example", "other.example");
    let server = Server::builder()
        .tenant("acme", &format!("{DOMAIN}{STUB}"))
        .tenant("other", &other)
        .file("catalog/processors/host/prints/1.0.0.wasm", &prints())
        .start();
    assert_eq!(delivers(&server), 250);
    let reply = Smtp::one_message(server.mx(), "a@client.test", &["jo@other.example"], MESSAGE).unwrap();
    assert_eq!(reply.code, 451, "{}", reply.text());
}

/// Goal: `inspect` says what a component needs, and `run` gives it and says that a server may not.
#[test]
fn the_command_line_says_what_wasi_needs() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("prints.wasm"), prints()).unwrap();
    let gatepost = |arguments: &[&str]| gatepost_tests::binary::gatepost(folder.path(), arguments, MESSAGE);
    let shown = gatepost(&["processor", "inspect", "prints.wasm"]).exits(0).text();
    for line in ["imports  wasi:cli/stdout@0.2.0", "needs    [host] wasi = \"stub\""] {
        assert!(shown.contains(line), "no `{line}` in {shown}");
    }
    let ran = gatepost(&["run", "--chain", "prints", "--processor", "prints=prints.wasm"]).exits(0);
    assert_eq!(ran.stdout, MESSAGE);
    for line in ["info: `prints` imports WASI: a server gives it", "info prints: hello"] {
        assert!(ran.stderr.contains(line), "no `{line}` in {}", ran.stderr);
    }
}

/// Builds the probe as its author would. None, and says so: the target is not here.
fn probe() -> Option<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked =
        Command::new(rustc).args(["--print", "target-libdir", "--target", "wasm32-wasip2"]).output().unwrap();
    if !Path::new(String::from_utf8_lossy(&asked.stdout).trim()).is_dir() {
        eprintln!("NOT TESTED: `rustup target add wasm32-wasip2` is needed to build a program for WASI");
        return None;
    }
    let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("wasi");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--locked", "--release", "--package", "wasi-probe"]);
    build.args(["--target", "wasm32-wasip2", "--target-dir"]).arg(&target).current_dir(workspace);
    assert!(build.status().unwrap().success());
    Some(target.join("wasm32-wasip2/release/wasi_probe.wasm"))
}

/// Goal: a Rust program built for `wasm32-wasip2` with the standard library works as it is, and what it asks of the world
/// is answered with nothing.
#[test]
fn a_program_for_wasi_finds_an_empty_world() {
    let Some(probe) = probe() else { return };
    let folder = tempfile::tempdir().unwrap();
    let run = |config: &str| {
        let processor = format!("probe={}", probe.display());
        let stage = format!("probe={config}");
        let arguments = ["run", "--chain", "probe", "--processor", &processor, "--stage", &stage];
        gatepost_tests::binary::gatepost(folder.path(), &arguments, MESSAGE)
    };
    let ran = run("{}").exits(0);
    assert_eq!(ran.stdout, MESSAGE);
    for line in [
        "info probe: slept 0ns",
        "info probe: now 946684800",
        "info probe: environment 0, arguments 0",
        "info probe: read Err(NotFound), made Err(NotFound), listed Some(NotFound)",
        "info probe: stdin Ok(0)",
        "info probe: map 100",
        "warn probe: done",
    ] {
        assert!(ran.stderr.contains(line), "no `{line}` in {}", ran.stderr);
    }
    let exited = run("{\"config\": {\"exit\": 0}}").exits(70);
    assert!(exited.stderr.contains("the guest called `exit` with success"), "{}", exited.stderr);
    let panicked = run("{\"config\": {\"panic\": true}}").exits(70);
    assert!(
        panicked.stderr.contains("error probe: panicked at") && panicked.stderr.contains("as it was told"),
        "{}",
        panicked.stderr
    );
}
