//! Answers that nobody asked for: none of them is ever taken for the one to the content.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatepost_tests::hop::{Act, Builder, Hop};
use gatepost_tests::tls::Certificate;
use gatepost_tests::wait::until;

use crate::{CONTENT, relaying, send, wire};

/// The same next server without TLS, with it, and each with CHUNKING.
fn each_way(script: impl Fn() -> Builder) -> [(&'static str, Hop); 4] {
    let certificate = Certificate::of("127.0.0.1");
    let with = |offers: &str| script().offers(offers);
    [
        ("DATA", with("8BITMIME").start()),
        ("DATA, TLS", with("8BITMIME").tls(&certificate).start()),
        ("BDAT", with("8BITMIME CHUNKING").start()),
        ("BDAT, TLS", with("8BITMIME CHUNKING").tls(&certificate).start()),
    ]
}

/// How often a line that begins so came before.
fn counter() -> impl Fn(&str, &str) -> Option<usize> {
    let count = Arc::new(AtomicUsize::new(0));
    move |line, start| line.starts_with(start).then(|| count.fetch_add(1, Ordering::SeqCst))
}

/// Goal: a server that answers once too often moves none of the answers to the next message, whatever is spoken.
/// Method: the surplus 250 is there before the second message, whose content is refused.
#[test]
fn one_answer_too_many_between_two_messages() {
    let script = || {
        let nth = counter();
        Hop::script(move |line| match nth(line, "CONTENT") {
            Some(0) => Act::twice("250 2.0.0 stored", 50, "250 2.0.0 again"),
            Some(_) => Act::say("550 5.7.1 content refused"),
            None => {
                // So slow that its own answers do not give it away.
                if line.starts_with("MAIL") || line.starts_with("RCPT") {
                    std::thread::sleep(Duration::from_millis(100));
                }
                Act::Usual
            }
        })
    };
    for (way, hop) in each_way(script) {
        let server = relaying(&hop, "").start();
        let first = send(&server, CONTENT);
        until("the surplus answer", || (hop.lines("AGAIN").len() == 1).then_some(()));
        // After a chunk there is one question more, which may meet with it already.
        assert!(first.code == 250 || (way.starts_with("BDAT") && first.code == 451), "{way}: {first:?}");
        assert_eq!(send(&server, CONTENT).text(), "550 5.7.1 content refused", "{way}");
        assert_eq!(hop.sessions().len(), 2, "{way}: the connection was out of step");
    }
}

/// Goal: the same where it comes only when we have begun to speak: what a connection that was kept answers to EHLO is known
/// beforehand, and any other answer ends it.
#[test]
fn one_answer_too_many_at_the_next_greeting() {
    let nth = counter();
    let hop = Hop::script(move |line| match nth(line, "EHLO") {
        Some(1) => Act::say("250 2.0.0 again"),
        _ => Act::Usual,
    });
    let hop = hop.start();
    let server = relaying(&hop, "").start();
    for _ in 0..2 {
        assert_eq!(send(&server, CONTENT).code, 250);
    }
    let messages: Vec<usize> = hop.sessions().iter().map(|session| session.messages.len()).collect();
    assert_eq!(messages, [1, 1]);
    assert_eq!(hop.lines("MAIL").len(), 2, "nothing was begun where the answer was another");
}

/// Goal: among the answers to RCPT and to chunks, which look alike, one too many does not make a refused message a stored one.
/// Method: the server is one answer behind; the one to RCPT comes after the last chunk, the one to the chunk later still.
#[test]
fn one_answer_too_many_before_the_last_chunk() {
    for (theirs, ours) in [("550 5.7.1 content refused", 451), ("250 2.0.0 stored", 250)] {
        let certificate = Certificate::of("127.0.0.1");
        for certificate in [None, Some(&certificate)] {
            let hop = Hop::script(move |line| match line {
                line if line.starts_with("RCPT") => Act::say("250 2.1.0 sender ok, once more"),
                "CONTENT" => Act::twice("250 2.1.5 recipient ok", 300, theirs),
                _ => Act::Usual,
            });
            let hop = hop.offers("8BITMIME CHUNKING");
            let hop = match certificate {
                Some(certificate) => hop.tls(certificate).start(),
                None => hop.start(),
            };
            let server = relaying(&hop, "").start();
            for n in 1..=2 {
                assert_eq!(send(&server, CONTENT).code, ours, "{theirs}");
                assert_eq!(hop.sessions().len(), n, "{theirs}: out of step, and used again");
            }
        }
    }
}

/// Goal: a 250 that comes before the content has its end is no answer to it, in a record of its own under TLS neither.
/// Method: it is there before the client sends the rest; then the server waits for an end that it must not get.
#[test]
fn an_answer_before_the_end() {
    let script = || {
        Hop::script(|line| match line {
            "DATA" => Act::twice("354 go ahead", 50, "250 2.0.0 queued before it came"),
            "CHUNK" => Act::twice("250 2.0.0 more", 50, "250 2.0.0 queued before it came"),
            _ => Act::Usual,
        })
    };
    let content = [b"Subject: large\r\n\r\n".as_slice(), &b"0123456789abcd\r\n".repeat(10_000)].concat();
    for (way, hop) in each_way(script) {
        let server = relaying(&hop, "").start();
        let mut client = server.smtp();
        client.expect_data("a@client.test", "b@acme.example");
        let wire = wire(&content);
        let (most, rest) = wire.split_at(wire.len() - 100);
        client.write(most).unwrap();
        until("the early answer", || (!hop.lines("AGAIN").is_empty()).then_some(()));
        client.write(rest).unwrap();
        let reply = client.read_reply().unwrap().text();
        assert!(reply.starts_with("451 4.5.0 "), "{way}: {reply}");
        let sessions = hop.ended();
        assert!(sessions.iter().all(|session| session.messages.is_empty()), "{way}");
    }
}
