//! `greylist` natively and in the sandbox, and in a running server: at RCPT and at DATA, over a kill and a restart, with a store
//! that is full, locked or gone.

use std::collections::BTreeMap;

use gatepost_sdk::testing::{Envelope, Surroundings};
use gatepost_sdk::{Refusal, Verdict};
use gatepost_tests::site::Builder;
use gatepost_tests::twin::Twin;
use gatepost_tests::wait::until;
use gatepost_tests::{Server, Smtp, shipped};
use greylist::Greylist;
use rustix::fs::{FlockOperation, fcntl_lock};

const FROM: &str = "a@client.test";
const MESSAGE: &[u8] = b"Subject: x\r\n\r\nx\r\n";
const MINUTE: u64 = 60_000;
const AT_RCPT: &str = "recipients = \"greylist\"\nchain = \"maildir\"";
const AT_DATA: &str = "chain = \"greylist | maildir\"";
/// What one contact takes of a tenant's space: key, value and overhead, in bytes.
const ENTRY: usize = "greylist:".len() + 32 + "f1767225600000".len() + 64;

fn twin() -> Twin<Greylist> {
    let recipients = vec!["jo@tenant.example".to_owned(), "al@tenant.example".to_owned()];
    let facts = BTreeMap::from([("client.ip".to_owned(), "192.0.2.1".to_owned())]);
    Twin::new("greylist").grants(&["kv", "clock"]).envelope(Envelope {
        recipients,
        facts,
        ..Envelope::default()
    })
}

fn later(minutes: u64, kv: gatepost_sdk::testing::MemoryKv) -> Surroundings {
    let begin = Surroundings::default();
    Surroundings { now_ms: begin.now_ms + minutes * MINUTE, kv, ..begin }
}

/// Goal: the same logic in two engines gives the same decisions and remembers the same, to the millisecond.
/// Method: one contact's life as a stage, over every cut: the first try, one too early, one in time, one much later.
#[test]
fn native_and_sandboxed_agree_over_every_cut() {
    let mut twin = twin();
    let config = r#"{"delay": "5m"}"#;
    let mut kv = Surroundings::default().kv;
    for (minutes, taken) in [(0, false), (4, false), (5, true), (60 * 24, true), (60 * 24 * 100, false)] {
        twin.surround(later(minutes, kv));
        let outcome = twin.agree(config, MESSAGE);
        assert_eq!(outcome.result == Ok(Verdict::Accept), taken, "{minutes}: {:?}", outcome.result);
        assert_eq!(outcome.kv.keys(0).count(), 2, "both recipients are known from the first try on");
        kv = outcome.kv;
    }
    for message in [&b""[..], b"only text", b"Subject: a\n\n\xff\0\r"] {
        twin.surround(Surroundings::default());
        assert!(twin.agree(config, message).result.is_err());
        assert!(twin.agree(r#"{"networks_allowed": ["192.0.2.0/24"]}"#, message).result.is_ok());
    }
}

/// Goal: the same at RCPT.
#[test]
fn native_and_sandboxed_checkers_agree() {
    let mut twin = twin();
    let first = twin.ask("{}", "jo@tenant.example");
    assert!(matches!(first.result, Err(Refusal::Defer(_))));
    twin.surround(later(4, first.kv.clone()));
    assert!(twin.ask("{}", "jo@tenant.example").result.is_err());
    twin.surround(later(5, first.kv));
    let third = twin.ask("{}", "jo@tenant.example");
    assert_eq!(third.result, Ok(()));
    assert!(twin.ask("{}", "al@tenant.example").result.is_err(), "another recipient");
}

#[test]
fn it_refuses_configs_and_imports_no_more_than_it_needs() {
    let twin = twin();
    twin.refuse(r#"{"delay": "4h"}"#);
    twin.refuse(r#"{"delays": "5m"}"#);
    twin.refuse(r#"{"networks_allowed": ["x"]}"#);
    twin.imports_only(&["envelope", "next", "log", "clock", "kv"]);
}

fn tenant(domain: &str, lines: &str, more: &str) -> String {
    format!(
        "domains = [\"{domain}\"]\n{lines}\n[stage.greylist]\ngrants = [\"kv\", \"clock\"]\n\
         config = {{ delay = \"50ms\"{more} }}\n[host]\ngrants_allowed = [\"kv\", \"clock\"]\n"
    )
}

fn site() -> Builder {
    Server::builder().file("catalog/processors/host/greylist/1.0.0.wasm", shipped::component("greylist"))
}

/// The answer to one RCPT.
fn rcpt(server: &Server, to: &str) -> u16 {
    let mut smtp = server.smtp();
    smtp.expect(&format!("MAIL FROM:<{FROM}>"), 250);
    smtp.ask(&format!("RCPT TO:<{to}>")).unwrap().code
}

/// The answer to a whole message.
fn deliver(server: &Server, to: &str) -> u16 {
    let mut smtp = Smtp::connect(server.mx()).unwrap();
    smtp.expect("EHLO client.test", 250);
    smtp.expect(&format!("MAIL FROM:<{FROM}>"), 250);
    let reply = smtp.ask(&format!("RCPT TO:<{to}>")).unwrap();
    if reply.code != 250 {
        return reply.code;
    }
    smtp.expect("DATA", 354);
    smtp.write(&gatepost_tests::smtp::stuffed(MESSAGE)).unwrap();
    smtp.read_reply().unwrap().code
}

/// Waits until a known contact's delay is over.
fn until_known(server: &Server, to: &str) {
    until("the delay to pass", || (rcpt(server, to) == 250).then_some(()));
}

/// Goal: the first contact waits, the next one passes, what was learned survives kill -9, and another tenant knows nothing of it.
#[test]
fn a_first_contact_waits_at_rcpt() {
    let mut server = site()
        .tenant("acme", &tenant("acme.example", AT_RCPT, ""))
        .tenant("other", &tenant("other.example", AT_RCPT, ""))
        .start();
    assert_eq!(rcpt(&server, "jo@acme.example"), 451);
    until_known(&server, "jo@acme.example");
    assert_eq!(deliver(&server, "jo@acme.example"), 250);
    assert_eq!(rcpt(&server, "jo@other.example"), 451);
    server.restart();
    assert_eq!(deliver(&server, "jo@acme.example"), 250, "it is known over a kill");
    assert_eq!(rcpt(&server, "al@acme.example"), 451);
    assert_eq!(server.maildir("acme").messages().len(), 2);
}

#[test]
fn a_first_contact_waits_at_data() {
    let server = site().tenant("acme", &tenant("acme.example", AT_DATA, "")).start();
    assert_eq!(deliver(&server, "jo@acme.example"), 451);
    until("the delay to pass", || (deliver(&server, "jo@acme.example") == 250).then_some(()));
    assert_eq!(server.maildir("acme").messages().len(), 1);
}

/// Goal: pipelined RCPTs are answered in order, each for itself, and the message goes to those that were taken.
#[test]
fn pipelined_recipients_are_answered_in_order() {
    let server = site().tenant("acme", &tenant("acme.example", AT_RCPT, "")).start();
    for known in ["a@acme.example", "c@acme.example"] {
        assert_eq!(rcpt(&server, known), 451);
        until_known(&server, known);
    }
    let mut smtp = server.smtp();
    let commands: String =
        ["a", "b", "c", "d", "a"].map(|name| format!("RCPT TO:<{name}@acme.example>\r\n")).concat();
    smtp.write(format!("MAIL FROM:<{FROM}>\r\n{commands}DATA\r\n").as_bytes()).unwrap();
    for code in [250, 250, 451, 250, 451, 250, 354] {
        smtp.expect_reply(code);
    }
    smtp.write(&gatepost_tests::smtp::stuffed(MESSAGE)).unwrap();
    smtp.expect_reply(250);
    assert_eq!(server.maildir("acme").messages().len(), 1);
}

/// Goal: a space that holds one contact holds one and no more; the one past it is taken without waiting, and the log says why.
#[test]
fn a_full_space_lets_mail_pass() {
    let with = |size: usize| {
        let text = tenant("acme.example", AT_RCPT, ", retry_window = \"1h\"");
        site().tenant("acme", &format!("{text}[limits]\nkv_size_max = \"{size}B\"\n")).start()
    };
    let at = with(ENTRY);
    assert_eq!(rcpt(&at, "jo@acme.example"), 451);
    assert_eq!(rcpt(&at, "al@acme.example"), 250, "there is no room to remember it");
    until_known(&at, "jo@acme.example");
    let logged = at.wait_records("stage_log", 1);
    assert!(logged[0].to_string().contains("past a limit of the key-value space"), "{logged:?}");
    let below = with(ENTRY - 1);
    assert_eq!(rcpt(&below, "jo@acme.example"), 250);
}

/// Goal: a store that is gone is an answer, and mail behaves as `on_kv_failure` says; no crash, no other reply.
/// Method: `kv.db` is a folder, is rubbish, is locked by another process; at RCPT and at DATA.
#[test]
fn without_the_store_mail_passes_or_waits() {
    for (policy, code) in [("pass", 250), ("defer", 451)] {
        let more = format!(", on_kv_failure = \"{policy}\"");
        for lines in [AT_RCPT, AT_DATA] {
            let text = tenant("acme.example", lines, &more);
            let folder = site().tenant("acme", &text).file("kv.db/x", b"").start();
            assert_eq!(deliver(&folder, "jo@acme.example"), code, "{policy} {lines}");
            let rubbish = site().tenant("acme", &text).file("kv.db", &[b'x'; 8192]).start();
            assert_eq!(deliver(&rubbish, "jo@acme.example"), code, "{policy} {lines}");
        }
    }
}

/// Goal: a store that is locked for long does not hold mail up for long, whatever the number of recipients; once it is free it
/// is used.
#[test]
fn a_locked_store_is_waited_for_once() {
    let text = tenant("acme.example", AT_DATA, ", on_kv_failure = \"defer\"");
    let text = format!("{text}[limits]\nwall_per_message = \"15s\"\n");
    let mut server = site().tenant("acme", &text).file("kv.db", b"").start();
    let file = std::fs::File::options().write(true).open(server.site().path().join("kv.db")).unwrap();
    fcntl_lock(&file, FlockOperation::LockExclusive).unwrap();
    let mut smtp = server.smtp();
    let many: Vec<String> = (0..20).map(|n| format!("{n}@acme.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let reply = smtp.deliver(FROM, &many, MESSAGE).unwrap();
    assert!(reply.code == 451 && reply.text().contains("Greylisted"), "{}", reply.text());
    assert!(server.is_alive());
    let logged = server.wait_records("stage_log", 1);
    assert!(logged.len() == 1 && logged[0].to_string().contains("unavailable"), "{logged:?}");
    fcntl_lock(&file, FlockOperation::Unlock).unwrap();
    drop(file);
    assert_eq!(deliver(&server, "jo@acme.example"), 451);
    until("the delay to pass", || (deliver(&server, "jo@acme.example") == 250).then_some(()));
}

/// Goal: what is missing or too much is said at `check`, with file, line and key.
#[test]
fn grants_are_asked_for() {
    let check = |lines: &str, expect: &str| {
        let text = format!("domains = [\"acme.example\"]\n{lines}\n");
        let told = site().tenant("acme", &text).site().gatepost(&["check"]).exits(78);
        let told = told.text() + &told.stderr;
        assert!(told.contains(expect), "{told}");
    };
    check(AT_DATA, "needs the grant `kv`: `[stage.greylist] grants = [\"kv\"]`");
    check(AT_RCPT, "needs the grant `clock`: `[stage.greylist] grants = [\"clock\"]`");
    check(
        &format!("{AT_DATA}\n[stage.greylist]\ngrants = [\"kv\"]"),
        "acme.toml:4: stage.greylist.grants: \"kv\" is not allowed here: `[host] grants_allowed` does not name it",
    );
    check(
        &format!("{AT_DATA}\n[stage.greylist]\ngrants = [\"disk\"]"),
        "acme.toml:4: stage.greylist.grants: unknown grant \"disk\": there are kv, clock, random, envelope, redirect",
    );
}
