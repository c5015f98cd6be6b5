//! What leaves is canonical, whatever came and whatever a processor made of it; and it has no end before the commit.

use gatepost::smtp::framing::{DotDecoder, Progress};
use gatepost_tests::Server;
use gatepost_tests::guest::Guest;
use gatepost_tests::hop::{Act, Hop};

use crate::{CONTENT, relaying, send, tenant, wire};

/// The look-alikes of `threats.md` (a), and whether one can go on: a bare CR or NUL cannot.
const LOOKALIKES: [(&[u8], bool); 12] = [
    (b"\n.\n", true),
    (b"\n.\r\n", true),
    (b"\r\n.\n", true),
    (b"\r.\r", false),
    (b"\r.\r\n", false),
    (b"\r\n.\r", false),
    (b"\r\n.\r\r\n", false),
    (b"\r\r\n.\r\r\n", false),
    (b"\r\n.\0\r\n", false),
    (b"\r\n. \r\n", true),
    (b"\r\n.\x0b\r\n", true),
    (b"\r\n..\r\n", true),
];

/// Content with CRLF where it has a bare LF.
fn converted(content: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    for &byte in content {
        if byte == b'\n' && lines.last() != Some(&b'\r') {
            lines.push(b'\r');
        }
        lines.push(byte);
    }
    lines
}

#[track_caller]
fn is_canonical(wire: &[u8], content: &[u8], chunked: bool) {
    if chunked {
        assert_eq!(wire, content);
        return;
    }
    let (mut decoder, mut body) = (DotDecoder::new(), Vec::new());
    assert_eq!(decoder.feed(wire, &mut body), Progress::Done { consumed: wire.len() });
    assert_eq!((body.as_slice(), decoder.bare_newlines()), (content, 0));
    assert_eq!(wire.windows(5).filter(|five| five == b"\r\n.\r\n").count(), 1);
}

/// Goal: no look-alike ends a message at the next server, in the bytes of a client.
/// Method: a listener that keeps bare newlines, each look-alike, a command behind it; before DATA and before BDAT.
#[test]
fn lookalikes_of_a_client() {
    for chunked in [false, true] {
        let offers = if chunked { "PIPELINING CHUNKING" } else { "PIPELINING" };
        let hop = Hop::script(|_| Act::Usual).offers(offers).start();
        let server = relaying(&hop, "").mx("bare_newlines = \"keep\"").start();
        let mut expect = 0;
        for (lookalike, goes) in LOOKALIKES {
            let content =
                [b"Subject: x\r\n\r\nbefore", lookalike, b"MAIL FROM:<evil@x.test>\r\nafter\r\n"].concat();
            let reply = send(&server, &content).text();
            let messages = hop.messages();
            if goes {
                expect += 1;
                assert!(reply.starts_with("250 "), "{lookalike:?}: {reply}");
                is_canonical(messages.last().unwrap(), &converted(&content), chunked);
            } else {
                assert!(reply.starts_with("550 5.6.11 "), "{lookalike:?}: {reply}");
            }
            assert_eq!(messages.len(), expect, "{lookalike:?}");
        }
        assert!(hop.lines("MAIL").iter().all(|line| !line.contains("evil")));
        let relayed = server.wait_records("relayed", expect);
        assert!(relayed.iter().any(|record| record["converted"] == 2), "{relayed:?}");
    }
}

/// Goal: the same where a processor makes them, each byte in a write of its own.
#[test]
fn lookalikes_of_a_processor() {
    let hop = Hop::start();
    for (lookalike, goes) in LOOKALIKES {
        let (text, mut writes) = ([b"end", lookalike, b"QUIT\r\n"].concat(), String::new());
        for n in 0..text.len() {
            writes += &format!("(drop (call $next (i32.const {}) (i32.const 1)))", 8192 + n);
        }
        let guest = Guest::new().content("message", "message").data(8192, &text);
        let guest = guest.close(&format!("{writes} (global.get $ok)"));
        let lines = format!("address = \"{}\"", hop.address());
        let server = Server::builder()
            .file("catalog/processors/host/guest/1.0.0.wasm", &guest.component())
            .tenant("acme", &tenant("guest | relay", &lines))
            .start();
        let before = hop.messages().len();
        let reply = send(&server, CONTENT).text();
        let messages = hop.messages();
        if goes {
            assert!(reply.starts_with("250 "), "{lookalike:?}: {reply}");
            is_canonical(messages.last().unwrap(), &converted(&[CONTENT, &text].concat()), false);
            assert_eq!(messages.len(), before + 1);
        } else {
            assert!(reply.starts_with("550 5.6.11 "), "{lookalike:?}: {reply}");
            assert_eq!(messages.len(), before);
        }
    }
}

#[test]
fn bare_newlines_can_be_refused() {
    let hop = Hop::start();
    let server = relaying(&hop, "bare_newlines = \"reject\"").mx("bare_newlines = \"keep\"").start();
    assert!(send(&server, b"Subject: x\n\r\nbody\r\n").text().starts_with("550 5.6.11 "));
    assert_eq!(send(&server, CONTENT).code, 250);
    assert_eq!(hop.messages(), [wire(CONTENT)]);
}

/// Goal: a large message goes on byte for byte, by DATA and in chunks, with answers to chunks and without waiting for them.
#[test]
fn large_messages() {
    let line = b"....... twenty-six letters and dots\r\n";
    let content = [b"Subject: large\r\n\r\n".as_slice(), &line.repeat(60_000)].concat();
    for offers in ["PIPELINING", "", "PIPELINING CHUNKING", "CHUNKING"] {
        let hop = Hop::script(|_| Act::Usual).offers(offers).start();
        let server = relaying(&hop, "").start();
        assert_eq!(send(&server, &content).code, 250, "{offers}");
        let expect = if offers.contains("CHUNKING") { content.clone() } else { wire(&content) };
        assert!(hop.messages() == [expect], "{offers}");
        assert_eq!(hop.lines("BDAT").is_empty(), !offers.contains("CHUNKING"));
        assert!(hop.lines("BDAT").iter().rev().skip(1).all(|line| !line.contains("LAST")), "{offers}");
    }
}

/// Goal: a chunk that is refused refuses the message, with their words.
#[test]
fn a_chunk_is_refused() {
    let script = |line: &str| if line == "CHUNK" { Act::say("552 5.3.4 too much") } else { Act::Usual };
    let hop = Hop::script(script).offers("CHUNKING").start();
    let server = relaying(&hop, "").start();
    let content = [b"Subject: large\r\n\r\n".as_slice(), &b"x".repeat(400_000), b"\r\n"].concat();
    assert_eq!(send(&server, &content).text(), "552 5.3.4 too much");
    assert!(hop.ended()[0].messages.is_empty());
}

/// Goal: an empty message and one without a last line end have one end.
#[test]
fn messages_without_an_end_of_line() {
    let hop = Hop::start();
    let server = relaying(&hop, "").start();
    let mut client = server.smtp();
    for (content, wire) in [(&b"Subject: x"[..], &b"Subject: x\r\n.\r\n"[..]), (b".", b"..\r\n.\r\n")] {
        client.expect("MAIL FROM:<a@client.test>", 250);
        client.expect("RCPT TO:<b@acme.example>", 250);
        client.write(&[format!("BDAT {} LAST\r\n", content.len()).as_bytes(), content].concat()).unwrap();
        client.expect_reply(250);
        assert_eq!(hop.messages().last().unwrap(), wire);
    }
}
