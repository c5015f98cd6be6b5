//! The compiled cache as the binary uses it: what survives a restart, what is thrown away, and a key that is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use gatepost_tests::guest::Guest;
use gatepost_tests::{Server, Site};

const TENANT: &str = "domains = [\"acme.example\"]\nchain = \"guest | maildir\"\n";

fn builder() -> gatepost_tests::site::Builder {
    Server::builder()
        .tenant("acme", TENANT)
        .file("catalog/processors/acme/guest/1.0.0.wasm", &Guest::new().component())
}

/// The files of the cache.
fn cached(site: &Site) -> Vec<PathBuf> {
    let files = fs::read_dir(site.path().join("cache")).unwrap();
    files.map(|entry| entry.unwrap().path()).collect()
}

/// Goal: what was compiled once is not compiled again at the next start, nor by a command beside the server.
#[test]
fn a_restart_compiles_nothing() {
    let mut server = builder().start();
    assert_eq!(server.records("component_compiled").len(), 1);
    assert_eq!(cached(server.site()).len(), 1);
    server.restart();
    server.site().gatepost(&["check"]).exits(0);
    assert_eq!(server.records("component_compiled").len(), 1, "compiled once");
    assert_eq!(server.records("tenant_loaded").len(), 2);
    server.smtp().expect("MAIL FROM:<a@b.example>", 250);
}

/// Goal: a file that does not hold is compiled again and written anew, with a warning; never loaded, never a crash.
#[test]
fn a_damaged_file_is_compiled_again() {
    let mut server = builder().start();
    let file = cached(server.site()).remove(0);
    let whole = fs::read(&file).unwrap();
    let mut compiled = 1;
    for at in [0, 40, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x20;
        fs::write(&file, damaged).unwrap();
        server.restart();
        compiled += 1;
        assert_eq!(server.records("component_compiled").len(), compiled, "byte {at}");
        assert_eq!(server.records("tenant_loaded").len(), compiled);
        // The MAC is over the same code: compiling is deterministic.
        assert_eq!(fs::read(&file).unwrap(), whole, "byte {at}");
    }
    let warnings = server.log().matches("is damaged or not ours: the component is compiled again").count();
    assert_eq!(warnings, 4);
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let mut server = builder().start();
    server.kill9();
    let key = server.site().path().join("cache.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    for verb in ["serve", "check"] {
        let done = server.site().gatepost(&[verb]).exits(78);
        assert!(done.stderr.contains("cache.key` must be a file of this user's"), "{}", done.stderr);
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, b"short").unwrap();
    for verb in ["serve", "check"] {
        let done = server.site().gatepost(&[verb]).exits(78);
        assert!(done.stderr.contains("is not 32 bytes long"), "{}", done.stderr);
    }
    // What has nothing to do with the server's state does without.
    let run = ["run", "--tenant", "acme", "--chain", "guest"];
    server.site().gatepost(&run).exits(0);
    fs::remove_file(&key).unwrap();
    server.restart();
    assert_eq!(server.records("component_compiled").len(), 2, "with a new key all is compiled again");
}

#[test]
fn without_room_nothing_is_kept() {
    let server = builder().section("server", "cache_size_max = \"0B\"").start();
    assert_eq!(server.records("component_compiled").len(), 1);
    assert!(!server.site().path().join("cache").exists());
    assert!(!server.site().path().join("cache.key").exists());
}
