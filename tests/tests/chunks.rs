//! Content in chunks (RFC 3030), beside what `transcripts/bdat-*.txt` tell: where the network cuts, what a chain says in
//! mid-transaction, and what a message keeps between two chunks.

use std::cell::RefCell;
use std::time::Duration;

use gatepost_tests::guest::Guest;
use gatepost_tests::tls::Certificate;
use gatepost_tests::wait::until;
use gatepost_tests::{Server, Smtp};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

const FROM: &str = "a@client.test";
const TO: &str = "jo@acme.example";

/// Long enough for the server to read a piece by itself, mostly; what is asserted holds either way.
const MOMENT: Duration = Duration::from_millis(2);

fn open(client: &mut Smtp) {
    client.expect(&format!("MAIL FROM:<{FROM}>"), 250);
    client.expect(&format!("RCPT TO:<{TO}>"), 250);
}

/// Says a chunk and gives the reply to it.
fn chunk(client: &mut Smtp, content: &[u8], last: bool) -> String {
    let line = format!("BDAT {}{}\r\n", content.len(), if last { " LAST" } else { "" });
    client.write(&[line.as_bytes(), content].concat()).unwrap();
    client.read_reply().unwrap().text()
}

/// Goal: where the network cuts has no meaning, within lines, between a line and its octets, within octets that look
/// like commands and like ends of content. Method: two messages in chunks, cut in two at each octet, and in single octets.
fn cut(tls: bool) {
    let certificate = Certificate::new();
    let lines = "tls = { cert = \"mx.pem\", key = \"mx.key\", mode = \"implicit\" }";
    let site = Server::builder().listener("tls", lines).site();
    certificate.write(site.path());
    let server = site.start();
    let mut client = Smtp::connect_unread(if tls { server.listener("tls") } else { server.mx() }).unwrap();
    if tls {
        client.start_tls(&certificate).unwrap();
    }
    client.expect_reply(220);
    client.expect("EHLO client.test", 250);

    let (first, second) = ("Subject: x\r\n\r\n.\r\nBDAT 9 LAST\r", "\nQUIT\r\n.\r\n");
    let begin = format!("MAIL FROM:<{FROM}>\r\nRCPT TO:<{TO}>\r\n");
    let chunks = format!("BDAT {}\r\n{first}BDAT {} LAST\r\n{second}", first.len(), second.len());
    let wire = format!("{begin}{chunks}{begin}BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n").into_bytes();
    let from = begin.len();
    let mut all: Vec<Vec<&[u8]>> = (from..wire.len()).map(|at| vec![&wire[..at], &wire[at..]]).collect();
    all.push(wire.chunks(1).collect());
    for (n, pieces) in all.iter().enumerate() {
        for piece in pieces {
            client.write(piece).unwrap();
            std::thread::sleep(MOMENT);
        }
        let told = [
            "250 2.1.0 ",
            "250 2.1.5 ",
            "250 2.0.0 29 octets",
            "250 2.0.0 Ok: queued",
            "250 2.1.0 ",
            "250 2.1.5 ",
            "250 2.0.0 Ok: queued",
            "250 2.0.0 Ok",
        ];
        for expected in told {
            let reply = client.read_reply().unwrap().text();
            assert!(reply.starts_with(expected), "cut {n}: not {expected:?} but {reply:?}");
        }
    }
    client.expect("QUIT", 221);
    client.expect_closed();
    let stored = server.maildir("acme").messages();
    assert_eq!(stored.len(), 2 * all.len());
    let whole = format!("{first}{second}");
    assert_eq!(stored.iter().filter(|message| **message == whole.as_bytes()).count(), all.len());
    assert_eq!(stored.iter().filter(|message| **message == b"QUIT\r\n").count(), all.len());
}

#[test]
fn cuts_have_no_meaning() {
    cut(false);
}

#[test]
fn cuts_have_no_meaning_over_tls() {
    cut(true);
}

/// Goal: a message in chunks is stored as the same message after DATA is.
/// Method: random content, also larger than what is collected before a chain starts, in random chunks, against the
/// server; every refusal is the same one too.
#[test]
fn however_content_is_chunked_it_is_what_data_stores() {
    let server = Server::builder().chain("acme", "acme.example", "compress | decompress | maildir").start();
    let client = RefCell::new(server.smtp());
    let line = prop_oneof!["[.a]{0,9}", Just("..".to_owned()), Just("x\ry".to_owned()), "[x]{900}"];
    let content = (proptest::collection::vec(line, 0..40), 1usize..6);
    let sizes = proptest::collection::vec(prop_oneof![Just(0usize), 1usize..40, 1000usize..90_000], 0..8);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(60));
    let outcome = runner.run(&(content, sizes), |((lines, repeat), sizes)| {
        let content: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\r\n").into_bytes()).collect();
        let content = content.repeat(repeat);
        let mut client = client.borrow_mut();
        let code = client.deliver(FROM, &[TO], &content).unwrap().code;
        let after_data = server.maildir("acme").messages();
        server.maildir("acme").clear();

        open(&mut client);
        let (mut rest, mut answers) = (&content[..], Vec::new());
        for size in sizes {
            let (now, later) = rest.split_at(size.min(rest.len()));
            answers.push(chunk(&mut client, now, false));
            rest = later;
        }
        answers.push(chunk(&mut client, rest, true));
        let after_chunks = server.maildir("acme").messages();
        server.maildir("acme").clear();
        prop_assert_eq!(after_chunks, after_data);
        let first_bad = answers.iter().find(|answer| !answer.starts_with("250 "));
        let told = first_bad.unwrap_or(answers.last().unwrap());
        prop_assert!(told.starts_with(&code.to_string()), "{} after DATA, but {:?}", code, answers);
        Ok(())
    });
    outcome.unwrap();
}

/// A chain with a stage that refuses a chunk which begins with `!`.
fn refusing(limits: &str) -> Server {
    let body = "(if (result i32) (i32.eq (i32.load8_u (local.get $ptr)) (i32.const 33))
        (then (call $refuse (i32.const 0) (i32.const 550) @\"5.7.1\" @\"No exclamations\"))
        (else (global.get $ok)))";
    let tenant = "domains = [\"acme.example\"]\nchain = \"guest | maildir\"\n";
    Server::builder()
        .file("catalog/processors/acme/guest/1.0.0.wasm", &Guest::new().write(body).component())
        .tenant("acme", &format!("{tenant}{limits}"))
        .start()
}

/// Goal: a refusal is the reply to the chunk that it is about; those after it are 503 and no commands, and the next
/// transaction is untouched. The refused message gives its place up at once, one that goes on keeps it.
/// Method: one place for the tenant; a second client delivers, or is told to come back, while the first is between chunks.
#[test]
fn a_chain_refuses_in_mid_transaction() {
    let server = refusing("[limits]\nconcurrent_messages = 1\nqueue_wait_max = \"200ms\"\n");
    let mut client = server.smtp();
    let mut other = server.smtp();
    open(&mut client);
    assert!(chunk(&mut client, b"Subject: x\r\n", false).starts_with("250 2.0.0 12 octets"));
    let busy = other.deliver(FROM, &[TO], b"one\r\n").unwrap();
    assert!(busy.text().starts_with("451 4.3.2 "), "{}", busy.text());
    assert_eq!(chunk(&mut client, b"!\r\n", false), "550 5.7.1 No exclamations");
    assert_eq!(other.deliver(FROM, &[TO], b"two\r\n").unwrap().code, 250, "the place is free");
    assert!(chunk(&mut client, b"QUIT\r\n", false).starts_with("503 5.5.1 "));
    assert!(chunk(&mut client, b"QUIT\r\n", true).starts_with("503 5.5.1 "));
    open(&mut client);
    assert!(chunk(&mut client, b"three\r\n", true).starts_with("250 2.0.0 Ok: queued"));
    assert_eq!(server.maildir("acme").messages(), [b"two\r\n".to_vec(), b"three\r\n".to_vec()]);
    let verdicts = server.wait_records("message", 4);
    let verdicts: Vec<&str> = verdicts.iter().filter_map(|record| record["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["defer", "reject", "accept", "accept"]);
}

/// Goal: a refusal in the middle of a large chunk is its reply, after its last octet.
/// Method: a chunk larger than all that is buffered, pipelined with commands behind it.
#[test]
fn a_chain_refuses_in_mid_chunk() {
    let server = refusing("");
    let mut client = server.smtp();
    open(&mut client);
    let mut content = b"!\r\n".to_vec();
    content.extend(b"QUIT\r\n".repeat(200_000));
    let head = format!("BDAT {}\r\n", content.len());
    client.write(&[head.as_bytes(), &content, b"NOOP\r\nBDAT 6 LAST\r\nQUIT\r\n"].concat()).unwrap();
    client.expect_reply(550);
    client.expect_reply(250);
    client.expect_reply(503);
    client.expect("NOOP", 250);
    assert_eq!(server.maildir("acme").count(), 0);
}

/// Goal: what RSET, a closed connection or silence between chunks leaves is nothing, and their places are free again.
#[test]
fn what_is_given_up_between_chunks_leaves_nothing() {
    let server = Server::builder()
        .tenant(
            "acme",
            "domains = [\"acme.example\"]\nchain = \"maildir\"\n[limits]\nconcurrent_messages = 1\n",
        )
        .mx("command_timeout = \"1s\"")
        .start();
    let begin = |client: &mut Smtp| {
        open(client);
        assert!(chunk(client, b"Subject: x\r\n", false).starts_with("250 "));
    };
    let mut client = server.smtp();
    begin(&mut client);
    client.expect("RSET", 250);
    begin(&mut client);
    drop(client);
    let mut silent = server.smtp();
    begin(&mut silent);
    let reply = silent.expect_reply(421);
    assert!(reply.lines[0].starts_with("421 4.4.2 "), "{}", reply.text());
    silent.expect_closed();
    let mut client = server.smtp();
    assert_eq!(client.deliver(FROM, &[TO], b"whole\r\n").unwrap().code, 250);
    let records = server.wait_records("message", 4);
    let aborted = records.iter().filter(|record| record["verdict"] == "aborted").count();
    assert_eq!(aborted, 3);
    assert_eq!(server.maildir("acme").messages(), [b"whole\r\n"]);
    until("an empty tmp", || server.maildir("acme").unfinished().is_empty().then_some(()));
}

/// Goal: empty chunks now and then do not hold a message's place for ever.
/// Method: one every 0.2 s; the waits together pass `command_timeout`.
#[test]
fn empty_chunks_do_not_hold_a_place() {
    let server = Server::builder().mx("command_timeout = \"1s\"").start();
    let mut client = server.smtp();
    open(&mut client);
    assert!(chunk(&mut client, b"Subject: x\r\n", false).starts_with("250 "));
    let ended = (0..50).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(200));
        Some(client.ask("BDAT 0").ok()?.code).filter(|code| *code != 250)
    });
    assert_eq!(ended, Some(421));
}

/// Goal: silence within a chunk ends the session as within DATA, and so it does within one that is refused.
#[test]
fn data_timeout_ends_the_silent_within_a_chunk() {
    let server = Server::builder().mx("data_timeout = \"1s\"\ncommand_timeout = \"1m\"").start();
    for wanted in [true, false] {
        let mut client = server.smtp();
        if wanted {
            open(&mut client);
        }
        client.write(b"BDAT 100 LAST\r\nSubject: never ends\r\n").unwrap();
        if !wanted {
            client.expect_reply(503);
        }
        let reply = client.expect_reply(421);
        assert!(reply.lines[0].starts_with("421 4.4.2 "), "{}", reply.text());
        client.expect_closed();
    }
    assert_eq!(server.maildir("acme").count(), 0);
}

/// Goal: a message of which chunks have come is in flight: at SIGTERM it is finished, answered 250 and stored; then 421.
#[test]
fn sigterm_finishes_a_message_in_chunks() {
    let mut server = Server::builder().start();
    let mut client = server.smtp();
    open(&mut client);
    assert!(chunk(&mut client, b"Subject: half\r\n", false).starts_with("250 "));
    server.sigterm();
    until("the listener to close", || Smtp::connect(server.mx()).err());
    assert!(chunk(&mut client, b"\r\nmore\r\n", false).starts_with("250 "));
    assert!(chunk(&mut client, b"the end\r\n", true).starts_with("250 2.0.0 Ok: queued"));
    client.expect_reply(421);
    client.expect_closed();
    assert_eq!(server.wait_exit(), 0);
    assert_eq!(server.maildir("acme").messages(), [b"Subject: half\r\n\r\nmore\r\nthe end\r\n"]);
}

/// Goal: a large message in chunks costs no memory. Method: 48 MiB in chunks of 12 MiB, and a refused one of 64 MiB.
#[test]
fn large_chunks_cost_no_memory() {
    let server = Server::builder().mx("message_size_max = \"50MiB\"").start();
    let mut client = server.smtp();
    let before = server.memory_peak();
    let content = [b"\r\n", &*b"0123456789\r\n".repeat(1 << 20)].concat();
    open(&mut client);
    for n in 1..=4 {
        assert!(chunk(&mut client, &content, n == 4).starts_with("250 "));
    }
    assert_eq!(server.maildir("acme").stored()[0].bytes.len(), 4 * content.len());
    open(&mut client);
    client.write(format!("BDAT {}\r\n", 64 << 20).as_bytes()).unwrap();
    client.expect_reply(552);
    for _ in 0..64 {
        client.write(&[b'\n'; 1 << 20]).unwrap();
    }
    client.expect("NOOP", 250);
    assert!(server.memory_peak() - before < 16 << 20, "memory grew");
}
