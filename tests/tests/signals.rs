//! Signals: SIGTERM drains, SIGHUP reloads, SIGUSR1 reopens the log.

use gatepost_tests::wait::until;
use gatepost_tests::{Server, Smtp};

const FROM: &str = "a@client.test";
const TO: &str = "jo@acme.example";

/// Goal: SIGTERM sends idle sessions away with 421, takes no new ones, and ends with exit code 0.
/// Method: one idle client, one within a transaction.
#[test]
fn sigterm_sends_idle_sessions_away() {
    let mut server = Server::builder().start();
    let mut idle = server.smtp();
    let mut open = server.smtp();
    open.expect("MAIL FROM:<a@client.test>", 250);
    server.sigterm();
    for client in [&mut idle, &mut open] {
        let reply = client.expect_reply(421);
        assert!(reply.lines[0].starts_with("421 4.3.2 "), "{}", reply.text());
        client.expect_closed();
    }
    assert_eq!(server.wait_exit(), 0);
    assert!(Smtp::connect(server.mx()).is_err());
}

/// Goal: a message in flight at SIGTERM is finished, answered 250 and stored; then 421, and exit code 0.
/// Method: half the content before the signal, the rest once no new session is taken.
#[test]
fn sigterm_finishes_the_message_in_flight() {
    let mut server = Server::builder().start();
    let mut client = server.smtp();
    client.expect_data(FROM, TO);
    client.write(b"Subject: half\r\n\r\n").unwrap();
    server.sigterm();
    until("the listener to close", || Smtp::connect(server.mx()).err());
    client.write(b"the other half\r\n.\r\n").unwrap();
    client.expect_reply(250);
    client.expect_reply(421);
    client.expect_closed();
    assert_eq!(server.wait_exit(), 0);
    assert_eq!(server.maildir("acme").messages(), [b"Subject: half\r\n\r\nthe other half\r\n"]);
}

/// Goal: a client that never ends cannot hold the server up past `drain_timeout`; it hears 421, its message is not stored,
/// and the log says that not all was finished.
/// Method: a timeout of 1 s, a message that stops in the middle.
#[test]
fn drain_timeout_ends_what_never_ends() {
    let mut server = Server::builder().section("server", "drain_timeout = \"1s\"").start();
    let mut client = server.smtp();
    client.expect_data(FROM, TO);
    client.write(b"Subject: half\r\n\r\n").unwrap();
    server.sigterm();
    client.expect_reply(421);
    client.expect_closed();
    assert_eq!(server.wait_exit(), 0);
    assert_eq!(server.records("stopped")[0]["finished"], false);
    assert_eq!(server.maildir("acme").count(), 0);
}

/// Goal: while it drains the server is alive, but not ready.
#[test]
fn a_draining_server_is_not_ready() {
    let server = Server::builder().start();
    assert_eq!(server.get("/readyz").status, 200);
    let mut client = server.smtp();
    client.expect_data(FROM, TO);
    server.sigterm();
    until("readiness to end", || Some(server.get("/readyz")).filter(|answer| answer.status == 503));
    assert_eq!(server.get("/healthz").status, 200);
}

/// Goal: SIGUSR1 lets the log be rotated: what comes after it goes to a new file of the same name, nothing is lost.
#[test]
fn sigusr1_reopens_the_log() {
    let server = Server::builder().log_file("gatepost.log").start();
    let deliver = || assert_eq!(Smtp::one_message(server.mx(), FROM, &[TO], b"\r\nx\r\n").unwrap().code, 250);
    deliver();
    server.wait_records("message", 1);
    let (log, rotated) =
        (server.site().path().join("gatepost.log"), server.site().path().join("gatepost.log.1"));
    std::fs::rename(&log, &rotated).unwrap();
    server.sigusr1();
    until("a new log file", || log.exists().then_some(()));
    deliver();
    assert_eq!(server.wait_records("message", 1).len(), 1);
    let old = std::fs::read_to_string(rotated).unwrap();
    assert_eq!(old.matches("\"event\":\"message\"").count(), 1);
}

/// Goal: SIGHUP makes a changed tenant live, without a restart, and keeps open sessions.
#[test]
fn sighup_takes_a_new_domain_over() {
    let server = Server::builder().start();
    let mut client = server.smtp();
    client.expect("MAIL FROM:<a@client.test>", 250);
    client.expect("RCPT TO:<jo@new.example>", 550);
    let text = "domains = [\"acme.example\", \"new.example\"]\nchain = \"maildir\"\n";
    server.site().write("catalog/tenants/acme.toml", text.as_bytes());
    server.sighup();
    server.wait_records("reloaded", 2);
    // The transaction keeps the generation that it found at MAIL.
    client.expect("RCPT TO:<jo@new.example>", 550);
    client.expect("RSET", 250);
    client.expect("MAIL FROM:<a@client.test>", 250);
    client.expect("RCPT TO:<jo@new.example>", 250);
}
