//! Certificates: by name, renewed while the server runs, of clients; handshakes that fail; connections that break.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use gatepost_tests::tls::{Certificate, NAME};
use gatepost_tests::wait::until;
use gatepost_tests::{Server, Smtp};

const FROM: &str = "a@client.test";
const TO: &str = "jo@acme.example";
const MESSAGE: &[u8] = b"Subject: x\r\n\r\nx\r\n";
const STARTTLS: &str = "tls = { cert = \"mx.pem\", key = \"mx.key\", mode = \"starttls\" }\n";
const IMPLICIT: &str = "tls = { cert = \"mx.pem\", key = \"mx.key\", mode = \"implicit\" }\n";

/// A server with a certificate, and whatever lines more.
fn start(certificate: &Certificate, lines: &str) -> Server {
    let site = Server::builder().mx(lines).site();
    certificate.write(site.path());
    site.start()
}

/// Whether a client that trusts `certificate` alone, and asks for `name`, gets TLS.
fn gets(server: &Server, certificate: &Certificate, name: &str) -> bool {
    let mut client = server.smtp();
    client.expect("STARTTLS", 220);
    let done = client.start_tls_for(certificate, name).is_ok();
    if done {
        client.expect("EHLO client.test", 250);
        assert_eq!(client.deliver(FROM, &[TO], MESSAGE).unwrap().code, 250);
    }
    done
}

/// Goal: each name gets its own certificate, and any other the first.
#[test]
fn each_name_gets_its_certificate() {
    let (first, second) = (Certificate::new(), Certificate::of("*.shop.test"));
    let lines = "tls = { cert = \"mx.pem\", key = \"mx.key\", mode = \"starttls\", \
                 more = [{ cert = \"shop.pem\", key = \"shop.key\" }] }";
    let site = Server::builder().mx(lines).site();
    first.write(site.path());
    second.write_as(site.path(), "shop");
    let server = site.start();
    assert!(gets(&server, &first, NAME));
    assert!(gets(&server, &second, "mail.shop.test"));
    assert!(!gets(&server, &first, "mail.shop.test"));
    // It is the first's, so the name does not fit; the client says so.
    assert!(!gets(&server, &second, "other.test"));
    let failed = server.wait_records("handshake_failed", 2);
    assert!(failed[0]["error"].as_str().unwrap().contains("alert"), "{}", failed[0]);
    until("the session to end", || {
        server.records("session_closed").iter().find(|record| record["reason"] == "tls_failed").cloned()
    });
}

/// Goal: new files are taken up by themselves once they fit, without a word to sessions that are open; what does not fit
/// changes nothing and is told once.
#[test]
fn renewed_files_are_taken_up() {
    let (old, new) = (Certificate::new(), Certificate::new());
    let server = start(&old, STARTTLS);
    let mut open = server.smtp();
    open.expect("STARTTLS", 220);
    open.start_tls(&old).unwrap();
    let key = std::fs::read(server.site().path().join("mx.key")).unwrap();
    new.write(server.site().path());
    let new_key = std::fs::read(server.site().path().join("mx.key")).unwrap();
    server.site().write("mx.key", &key);
    until("the misfit to be told", || {
        server.log().contains("cannot be used, the old ones go on").then_some(())
    });
    assert!(gets(&server, &old, NAME));
    server.site().write("mx.key", &new_key);
    until("the new one", || gets(&server, &new, NAME).then_some(()));
    assert!(!gets(&server, &old, NAME));
    assert_eq!(server.log().matches("cannot be used, the old ones go on").count(), 1);
    open.expect("EHLO client.test", 250);
    assert_eq!(open.deliver(FROM, &[TO], MESSAGE).unwrap().code, 250);
}

/// Goal: a reload takes new files up at once, and says so.
#[test]
fn a_reload_reads_certificates_again() {
    let (old, new) = (Certificate::new(), Certificate::new());
    let server = start(&old, STARTTLS);
    new.write(server.site().path());
    let answer = server.api("POST", "/v1/reload");
    assert!(answer.body.contains("\"change\":\"certificates\""), "{}", answer.body);
    assert!(gets(&server, &new, NAME) && !gets(&server, &old, NAME));
    server.site().write("mx.key", b"no key");
    let answer = server.api("POST", "/v1/reload");
    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("listener `mx` cannot have its TLS"), "{}", answer.body);
    assert!(gets(&server, &new, NAME));
}

/// Goal: `check` finds what the server would not start with.
#[test]
fn check_reads_certificates() {
    let site = Server::builder().mx(STARTTLS).site();
    Certificate::new().write(site.path());
    site.gatepost(&["check"]).exits(0);
    Certificate::new().write_as(site.path(), "other");
    std::fs::copy(site.path().join("other.key"), site.path().join("mx.key")).unwrap();
    for verb in [&["check"][..], &["check", "--json"]] {
        let done = site.gatepost(verb).exits(78);
        let said = done.text() + &done.stderr;
        assert!(said.contains("listener `mx` cannot have its TLS"), "{said}");
    }
    let said = site.gatepost(&["serve"]).exits(74).stderr;
    assert!(said.contains("listener `mx` cannot have its TLS"), "{said}");
}

/// Goal: a handshake has its deadline, under STARTTLS and at once.
#[test]
fn handshakes_have_a_deadline() {
    let certificate = Certificate::new();
    for lines in [STARTTLS, IMPLICIT] {
        let server = start(&certificate, &format!("{lines}handshake_timeout = \"1s\""));
        let began = Instant::now();
        let mut silent = if lines == STARTTLS {
            let mut silent = server.smtp();
            silent.expect("STARTTLS", 220);
            silent
        } else {
            Smtp::connect_unread(server.mx()).unwrap()
        };
        silent.expect_closed();
        assert!(began.elapsed() >= Duration::from_secs(1));
        assert_eq!(server.wait_records("handshake_failed", 1)[0]["error"], "not done within 1s");
    }
}

/// Goal: plain text where TLS begins at once has no session, and the log says why.
#[test]
fn plain_text_is_no_handshake() {
    let certificate = Certificate::new();
    let server = start(&certificate, IMPLICIT);
    let mut plain = Smtp::connect_unread(server.mx()).unwrap();
    plain.write(b"EHLO client.test\r\n").unwrap();
    let _alert = plain.read_all();
    let record = &server.wait_records("handshake_failed", 1)[0];
    assert!(!record["error"].as_str().unwrap().is_empty());
}

/// Goal: a connection that breaks in mid-content leaves nothing, plain and under TLS, whether it is reset or, as an attacker
/// may do it, TLS ends without its close_notify.
#[test]
fn a_broken_connection_stores_nothing() {
    let certificate = Certificate::new();
    let server = start(&certificate, STARTTLS);
    let mut aborted = 0;
    for tls in [false, true] {
        for bdat in [false, true] {
            for reset in [false, true] {
                let mut client = server.smtp();
                if tls {
                    client.expect("STARTTLS", 220);
                    client.start_tls(&certificate).unwrap();
                    client.expect("EHLO client.test", 250);
                }
                client.expect(&format!("MAIL FROM:<{FROM}>"), 250);
                client.expect(&format!("RCPT TO:<{TO}>"), 250);
                if bdat {
                    client.write(b"BDAT 100 LAST\r\nSubject: x\r\n\r\nhalf").unwrap();
                } else {
                    client.expect("DATA", 354);
                    client.write(b"Subject: x\r\n\r\nhalf\r\n.").unwrap();
                }
                if reset {
                    client.reset().unwrap();
                } else {
                    client.cut(Shutdown::Both).unwrap();
                }
                aborted += 1;
                let records = server.wait_records("message", aborted);
                assert_eq!(records[aborted - 1]["verdict"], "aborted");
            }
        }
    }
    assert_eq!(server.maildir("acme").count(), 0);
    until("an empty tmp", || server.maildir("acme").unfinished().is_empty().then_some(()));
}
