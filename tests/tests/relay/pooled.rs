//! Connections are kept for the next message, and no longer, nor in a state that is not known.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatepost_tests::hop::{Act, Hop};
use gatepost_tests::tls::Certificate;
use gatepost_tests::wait::until;

use crate::{CONTENT, relaying, send, wire};

#[test]
fn one_connection_for_many_messages() {
    let hop = Hop::start();
    let server = relaying(&hop, "").start();
    for _ in 0..5 {
        assert_eq!(send(&server, CONTENT).code, 250);
    }
    let sessions = hop.sessions();
    assert_eq!((sessions.len(), sessions[0].messages.len()), (1, 5));
    assert_eq!(hop.lines("EHLO").len(), 5, "each time it is asked whether it is as it was");
}

/// Goal: `connection_messages_max` messages go over one connection, and none more.
#[test]
fn so_many_messages() {
    let hop = Hop::start();
    let server = relaying(&hop, "connection_messages_max = 2").start();
    for _ in 0..3 {
        assert_eq!(send(&server, CONTENT).code, 250);
    }
    let counts: Vec<usize> = hop.sessions().iter().map(|session| session.messages.len()).collect();
    assert_eq!(counts, [2, 1]);
    until("QUIT at the first connection", || (hop.lines("QUIT").len() == 1).then_some(()));
}

/// Goal: what is kept is given back with QUIT after `idle_timeout`, and at once where `idle_max` is 0.
#[test]
fn for_so_long() {
    for lines in ["idle_timeout = \"1s\"", "idle_max = 0"] {
        let hop = Hop::start();
        let server = relaying(&hop, lines).start();
        assert_eq!(send(&server, CONTENT).code, 250);
        assert!(hop.ended()[0].lines.contains(&"QUIT".to_owned()));
        assert_eq!(send(&server, CONTENT).code, 250);
        assert_eq!(hop.sessions().len(), 2);
    }
}

/// Goal: a connection that was closed there while it was kept costs no message, whether that shows at once or at MAIL.
#[test]
fn a_kept_connection_that_is_stale() {
    for how in ["after the message", "at the next MAIL", "with 421 at the next MAIL"] {
        let mails = Arc::new(AtomicUsize::new(0));
        let hop = Hop::script(move |line| match how {
            "after the message" if line == "CONTENT" => Act::SayAndClose("250 2.0.0 ok".into()),
            "at the next MAIL" if line.starts_with("MAIL") && mails.fetch_add(1, Ordering::SeqCst) == 1 => {
                Act::Close
            }
            "with 421 at the next MAIL"
                if line.starts_with("MAIL") && mails.fetch_add(1, Ordering::SeqCst) == 1 =>
            {
                Act::SayAndClose("421 4.4.2 idle".into())
            }
            _ => Act::Usual,
        });
        let hop = hop.start();
        let server = relaying(&hop, "").start();
        for _ in 0..2 {
            assert_eq!(send(&server, CONTENT).code, 250, "{how}");
        }
        assert_eq!((hop.sessions().len(), hop.messages().len()), (2, 2), "{how}");
        assert!(server.records("sink_failed").is_empty(), "{how}");
    }
}

/// Goal: a transaction that was given up before its content is ended by RSET, and the connection is kept.
#[test]
fn a_transaction_that_is_given_up() {
    let hop = Hop::answering("RCPT TO:<no@", "550 5.1.1 no such user");
    let server = relaying(&hop, "").start();
    let mut client = server.smtp();
    client.expect("MAIL FROM:<a@client.test>", 250);
    client.expect("RCPT TO:<no@acme.example>", 550);
    client.expect("RSET", 250);
    until("RSET at the next server", || (hop.lines("RSET").len() == 1).then_some(()));
    client.expect("MAIL FROM:<b@client.test>", 250);
    client.expect("RCPT TO:<b@acme.example>", 250);
    drop(client);
    until("another RSET", || (hop.lines("RSET").len() == 2).then_some(()));
    assert_eq!(hop.messages().len(), 0);
}

/// Goal: at most `connections_max` are in use; one past it waits as long as `connect_timeout`, then hears 451.
#[test]
fn so_many_at_once() {
    let hop = Hop::start();
    let server = relaying(&hop, "connections_max = 1\nconnect_timeout = \"1s\"").start();
    let mut first = server.smtp();
    first.expect("MAIL FROM:<a@client.test>", 250);
    first.expect("RCPT TO:<b@acme.example>", 250);
    let mut second = server.smtp();
    second.expect("MAIL FROM:<a@client.test>", 250);
    let reply = second.ask("RCPT TO:<b@acme.example>").unwrap().text();
    assert!(reply.starts_with("451 4.3.2 "), "{reply}");
    second.expect("RSET", 250);
    first.expect("RSET", 250);
    second.expect("MAIL FROM:<a@client.test>", 250);
    second.expect("RCPT TO:<b@acme.example>", 250);
}

/// Goal: a connection on which something stands that was not asked for is not kept: it would be taken for the next answer.
#[test]
fn something_that_was_not_asked() {
    for is_tls in [false, true] {
        let script = |line: &str| match line {
            "CONTENT" => Act::twice("250 2.0.0 ok", 200, "250 2.0.0 ok once more"),
            _ => Act::Usual,
        };
        let hop = Hop::script(script);
        let hop = if is_tls { hop.tls(&Certificate::of("127.0.0.1")) } else { hop }.start();
        let server = relaying(&hop, "").start();
        for n in 1..=2 {
            assert_eq!(send(&server, CONTENT).code, 250);
            until("an answer that nobody asked for", || (hop.lines("AGAIN").len() == n).then_some(()));
        }
        assert_eq!(hop.sessions().len(), 2, "TLS: {is_tls}");
    }
}

/// Goal: nor is one whose last answer leaves open what it waits for: the next MAIL might be content to it.
#[test]
fn an_answer_that_is_none() {
    let answers = AtomicUsize::new(0);
    let hop = Hop::script(move |line| match line {
        "CONTENT" if answers.fetch_add(1, Ordering::SeqCst) == 0 => Act::say("354 go on"),
        _ => Act::Usual,
    });
    let hop = hop.start();
    let server = relaying(&hop, "").start();
    assert_eq!(send(&server, CONTENT).code, 451);
    assert_eq!(send(&server, CONTENT).code, 250);
    assert_eq!(hop.sessions().len(), 2);
}

/// Goal: a client that pauses before its content keeps nobody from the next server; what it has said holds all the same.
#[test]
fn a_pause_gives_the_place_to_others() {
    let hop = Hop::start();
    let lines = "connections_max = 1\nconnect_timeout = \"20s\"\npause_timeout = \"1s\"";
    let server = relaying(&hop, lines).start();
    let mut first = server.smtp();
    first.expect("MAIL FROM:<a@client.test>", 250);
    first.expect("RCPT TO:<b@acme.example>", 250);
    let mut second = server.smtp();
    second.expect("MAIL FROM:<x@client.test>", 250);
    second.expect("RCPT TO:<x@acme.example>", 250);
    second.expect("RSET", 250);
    first.expect("RCPT TO:<c@acme.example>", 250);
    until("the first client's transaction to be given up", || (hop.lines("RSET").len() == 3).then_some(()));
    first.expect("DATA", 354);
    first.write(&wire(CONTENT)).unwrap();
    first.expect_reply(250);
    assert_eq!(hop.messages(), [wire(CONTENT)]);
    let lines = hop.lines("");
    let last = lines.iter().rposition(|line| line.starts_with("MAIL")).unwrap();
    let expect =
        ["MAIL FROM:<a@client.test>", "RCPT TO:<b@acme.example>", "RCPT TO:<c@acme.example>", "DATA"];
    let said: Vec<&str> = lines[last..].iter().map(|line| line.trim_end_matches(" BODY=8BITMIME")).collect();
    assert_eq!(said[..4], expect, "{lines:?}");
}
