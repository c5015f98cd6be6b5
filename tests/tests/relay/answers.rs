//! What the next server says is what our client hears, where it hears it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gatepost_tests::hop::{Act, Hop};

use crate::{CONTENT, relaying, send, wire};

/// Goal: a message goes on as it is, and our 250 comes after theirs.
/// Method: their answer to the content takes a while; when ours is there, theirs has been given.
#[test]
fn a_message_goes_on() {
    let answered = Arc::<AtomicBool>::default();
    let seen = answered.clone();
    let hop = Hop::script(move |line| {
        if line == "CONTENT" {
            std::thread::sleep(Duration::from_millis(200));
            seen.store(true, Ordering::SeqCst);
        }
        Act::Usual
    });
    let hop = hop.start();
    let server = relaying(&hop, "").start();
    let reply = send(&server, CONTENT);
    assert!(answered.load(Ordering::SeqCst), "our 250 came before theirs");
    assert!(reply.text().starts_with("250 2.0.0 "), "{}", reply.text());
    assert_eq!(hop.messages(), [wire(CONTENT)]);
    let said = hop.sessions().remove(0).lines;
    let expect = [
        "CONNECT",
        "EHLO mx.test",
        "MAIL FROM:<a@client.test> BODY=8BITMIME",
        "RCPT TO:<b@acme.example>",
        "DATA",
        "CONTENT",
    ];
    assert_eq!(said[..6], expect, "{said:?}");
    let relayed = server.wait_records("relayed", 1).remove(0);
    assert_eq!(relayed["reply"], "250 2.0.0 ok: queued as HOP1");
    assert_eq!((&relayed["tls"], &relayed["converted"]), (&false.into(), &0.into()));
    assert_eq!(relayed["hop"], hop.address().to_string());
    assert_eq!(server.wait_records("message", 1)[0]["sinks"][0], "relay");
}

/// Goal: each refusal, at each point, reaches the client with code, enhanced code and text; 421 as 451, since it is their
/// connection that ends; and no message is left there.
#[test]
fn refusals_are_theirs() {
    let at_rcpt = [
        ("MAIL", "553 5.1.8 <a@client.test>: sender unknown", "553 5.1.8 <a@client.test>: sender unknown"),
        ("MAIL", "451 4.7.1 greylisted", "451 4.7.1 greylisted"),
        ("RCPT", "550 5.1.1 <b@acme.example>: no such user", "550 5.1.1 <b@acme.example>: no such user"),
        ("RCPT", "550-5.7.1 first\r\n550 5.7.1 second", "550 5.7.1 first second"),
        ("RCPT", "452 4.2.2 mailbox full", "452 4.2.2 mailbox full"),
        ("RCPT", "554 go away", "554 5.0.0 go away"),
        ("RCPT", "550 5.7.1 a\u{1b}[2J b\u{7f}", "550 5.7.1 a [2J b"),
    ];
    let at_end = [
        ("DATA", "554 5.7.0 no content, thanks", "554 5.7.0 no content, thanks"),
        ("DATA", "421 4.3.2 shutting down", "451 4.3.2 shutting down"),
        ("CONTENT", "550 5.7.1 this is spam", "550 5.7.1 this is spam"),
        ("CONTENT", "452 4.3.1 disk full", "452 4.3.1 disk full"),
        ("CONTENT", "421 4.3.2 shutting down", "451 4.3.2 shutting down"),
    ];
    for (point, theirs, ours) in at_rcpt {
        let hop = Hop::answering(point, theirs);
        let server = relaying(&hop, "").start();
        let mut client = server.smtp();
        client.expect("MAIL FROM:<a@client.test>", 250);
        assert_eq!(client.ask("RCPT TO:<b@acme.example>").unwrap().text(), ours, "{point}");
        assert!(hop.lines("DATA").is_empty());
        assert!(server.records("sink_failed").is_empty(), "a refusal is no failure");
        assert_eq!(server.wait_records("recipient_refused", 1)[0]["reply"], ours);
    }
    for (point, theirs, ours) in at_end {
        let hop = Hop::answering(point, theirs);
        let server = relaying(&hop, "").start();
        assert_eq!(send(&server, CONTENT).text(), ours, "{point}");
        let record = server.wait_records("message", 1).remove(0);
        let verdict = if ours.starts_with('5') { "reject" } else { "defer" };
        assert_eq!((record["verdict"].as_str(), record["reply"].as_str()), (Some(verdict), Some(ours)));
        assert!(
            record["reason"].as_str().is_some_and(|reason| reason.contains(&hop.address().to_string())),
            "{record}"
        );
        assert!(server.records("sink_failed").is_empty(), "a refusal is no failure");
        let ends = usize::from(point == "CONTENT");
        assert_eq!(hop.messages().len(), ends);
    }
}

/// Goal: what is no answer is a failure, never a yes, and the client hears that it was one.
#[test]
fn what_is_no_answer() {
    for (point, theirs) in [
        ("RCPT", "999 what"),
        ("RCPT", "ok"),
        ("RCPT", "354 go ahead"),
        ("MAIL", "250-never ends\r\n251 or does it"),
        ("DATA", "250 2.0.0 no"),
        ("DATA", "354 go ahead\r\n250 2.0.0 queued before it came"),
        ("CONTENT", "354 more"),
        ("CONTENT", "250_ok"),
        ("CONTENT", "* OK IMAP4rev1"),
    ] {
        let hop = Hop::answering(point, theirs);
        let server = relaying(&hop, "").start();
        let reply = send(&server, CONTENT).text();
        assert!(reply.starts_with("451 4.5.0 "), "{point} {theirs}: {reply}");
        assert!(reply.contains("answers that are no SMTP"), "{reply}");
    }
    let long = format!("250 {}", "x".repeat(3000));
    let hop = Hop::script(move |line| if line == "CONTENT" { Act::say(&long) } else { Act::Usual }).start();
    let server = relaying(&hop, "").start();
    assert!(send(&server, CONTENT).text().starts_with("451 4.5.0 "));
}

/// Goal: one recipient that is refused does not keep the others from their message.
#[test]
fn each_recipient_has_its_answer() {
    let hop = Hop::answering("RCPT TO:<no@", "550 5.1.1 no such user");
    let server = relaying(&hop, "").start();
    let mut client = server.smtp();
    client.expect("MAIL FROM:<>", 250);
    client.expect("RCPT TO:<no@acme.example>", 550);
    client.expect("RCPT TO:<b@acme.example>", 250);
    client.expect("RCPT TO:<no@acme.example>", 550);
    client.expect("RCPT TO:<c@acme.example>", 250);
    client.expect("DATA", 354);
    client.write(&wire(CONTENT)).unwrap();
    client.expect_reply(250);
    let session = hop.sessions().remove(0);
    assert_eq!(session.messages.len(), 1);
    assert!(!session.lines.iter().any(|line| line == "RSET"), "nothing had changed: {:?}", session.lines);
    assert_eq!(hop.lines("MAIL"), ["MAIL FROM:<> BODY=8BITMIME"]);
}

/// Goal: who is refused hears it and nobody else does: no bounce is ever made (RFC 5321 §4.5.5).
#[test]
fn no_bounce_is_made() {
    let hop = Hop::answering("CONTENT", "550 5.7.1 no");
    let server = relaying(&hop, "").start();
    for sender in ["", "a@client.test"] {
        let reply = server.smtp().deliver(sender, &["b@acme.example"], CONTENT).unwrap();
        assert_eq!(reply.text(), "550 5.7.1 no");
    }
    drop(server);
    assert_eq!(hop.lines("MAIL").len(), 2);
}

/// Goal: LMTP is answered by recipient; ours is one answer: all, none, or 451.
#[test]
fn lmtp() {
    for (theirs, ours) in [
        ("250 2.0.0 a\r\n250 2.0.0 b", "250 2.0.0 "),
        ("552 5.2.2 a is full\r\n550 5.7.1 b says no", "552 5.2.2 a is full"),
        ("250 2.0.0 a\r\n452 4.2.2 b is full", "451 4.3.0 "),
        ("550 5.2.2 a\r\n250 2.0.0 b", "451 4.3.0 "),
        ("452 4.2.2 a\r\n452 4.2.2 b", "451 4.3.0 "),
    ] {
        for offers in ["PIPELINING", "PIPELINING CHUNKING"] {
            let script = move |line: &str| if line == "CONTENT" { Act::say(theirs) } else { Act::Usual };
            let hop = Hop::script(script).offers(offers).start();
            let server = relaying(&hop, "protocol = \"lmtp\"").start();
            let to = ["b@acme.example", "c@acme.example"];
            let reply = server.smtp().deliver("a@client.test", &to, CONTENT).unwrap().text();
            assert!(reply.starts_with(ours), "{theirs}: {reply}");
            assert_eq!(hop.lines("LHLO").len(), 1);
            if ours.starts_with("451") {
                let failed = server.wait_records("sink_failed", 1).remove(0);
                let error = failed["error"].as_str().unwrap();
                assert!(error.contains("b@acme.example: ") && error.contains("c@acme.example: "), "{error}");
            }
        }
    }
}

/// Goal: a parameter goes on only where it is offered, and what a message cannot go without is refused.
#[test]
fn extensions() {
    let utf8 = "MAIL FROM:<\u{e4}@client.test> SMTPUTF8 BODY=8BITMIME";
    let eight = "Subject: x\r\n\r\n\u{e4}\r\n".as_bytes();
    let at = |offers: &str, mail: &str, content: &[u8]| {
        let hop = Hop::script(|_| Act::Usual).offers(offers).start();
        let server = relaying(&hop, "").start();
        let mut client = server.smtp();
        client.expect(mail, 250);
        let reply = client.ask("RCPT TO:<b@acme.example>").unwrap();
        let answer = if reply.code == 250 {
            client.expect("DATA", 354);
            client.write(&wire(content)).unwrap();
            client.read_reply().unwrap().text()
        } else {
            reply.text()
        };
        let prefix = answer.chars().take(9).collect::<String>();
        (prefix, hop.lines("MAIL").pop().unwrap_or_default(), hop.messages().len())
    };
    let told = |code: &str, mail: &str, n| (code.to_owned(), mail.to_owned(), n);
    let sized = "MAIL FROM:<a@client.test> SIZE=100 BODY=8BITMIME";
    assert_eq!(at("SIZE 8BITMIME", sized, eight), told("250 2.0.0", sized, 1));
    assert_eq!(at("", sized, CONTENT), told("250 2.0.0", "MAIL FROM:<a@client.test>", 1));
    assert_eq!(at("", sized, eight), told("554 5.6.3", "MAIL FROM:<a@client.test>", 0));
    assert_eq!(at("8BITMIME", utf8, eight), told("553 5.6.7", "", 0));
    let expect = "MAIL FROM:<\u{e4}@client.test> BODY=8BITMIME SMTPUTF8";
    assert_eq!(at("8BITMIME SMTPUTF8", utf8, eight), told("250 2.0.0", expect, 1));
}

/// Goal: a server that knows no EHLO is spoken to as RFC 5321 §3.2 asks.
#[test]
fn a_server_of_old() {
    let hop = Hop::answering("EHLO", "502 5.5.1 what?");
    let server = relaying(&hop, "").start();
    assert_eq!(send(&server, CONTENT).code, 250);
    assert_eq!(hop.lines("MAIL"), ["MAIL FROM:<a@client.test>"]);
}

/// Goal: what a client asks to be told of (RFC 3461) goes on where the next server offers it, and is dropped where it does not.
#[test]
fn notifications() {
    for (offers, mail, rcpt) in [
        (
            "DSN",
            "MAIL FROM:<a@client.test> RET=HDRS ENVID=x+20y",
            "RCPT TO:<b@acme.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@x.test",
        ),
        ("PIPELINING", "MAIL FROM:<a@client.test>", "RCPT TO:<b@acme.example>"),
    ] {
        let hop = Hop::script(|_| Act::Usual).offers(offers).start();
        let server = relaying(&hop, "").mx("dsn = true").start();
        let mut client = server.smtp();
        client.expect("MAIL FROM:<a@client.test> RET=HDRS ENVID=x+20y", 250);
        client.expect("RCPT TO:<b@acme.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@x.test", 250);
        client.expect("RCPT TO:<c@acme.example>", 250);
        client.expect("DATA", 354);
        client.write(&wire(CONTENT)).unwrap();
        client.expect_reply(250);
        let lines = hop.sessions().remove(0).lines;
        assert_eq!(lines[2..6], [mail, rcpt, "RCPT TO:<c@acme.example>", "DATA"], "{offers}");
    }
}

/// Goal: binary content goes on octet for octet where that is offered, and is refused where it is not.
#[test]
fn binary_content() {
    let content = b"Subject: x\r\n\r\n\0\n.\n\r.\xff";
    for (offers, is_taken) in
        [("CHUNKING BINARYMIME", true), ("CHUNKING 8BITMIME", false), ("BINARYMIME", false)]
    {
        let hop = Hop::script(|_| Act::Usual).offers(offers).start();
        let server = relaying(&hop, "").mx("binarymime = true").start();
        let mut client = server.smtp();
        client.expect("MAIL FROM:<a@client.test> BODY=BINARYMIME", 250);
        let reply = client.ask("RCPT TO:<b@acme.example>").unwrap().text();
        if is_taken {
            assert!(reply.starts_with("250 "), "{reply}");
            client.write(&[format!("BDAT {} LAST\r\n", content.len()).as_bytes(), content].concat()).unwrap();
            client.expect_reply(250);
            assert_eq!(hop.messages(), [content]);
            assert_eq!(hop.lines("MAIL"), ["MAIL FROM:<a@client.test> BODY=BINARYMIME"]);
        } else {
            assert!(reply.starts_with("554 5.6.3 "), "{offers}: {reply}");
            assert!(hop.lines("MAIL").is_empty());
        }
    }
}
