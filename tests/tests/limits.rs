//! Limits of a listener: sessions, silence, sizes, hops. Each at the limit and one past it.

use std::io::ErrorKind;
use std::thread::sleep;
use std::time::{Duration, Instant};

use gatepost_tests::wait::until;
use gatepost_tests::{Server, Smtp};

const FROM: &str = "a@client.test";
const TO: &str = "jo@acme.example";

/// Goal: a full house says so at once, and takes the next client once one has gone.
/// Method: `max` sessions, one more, one gone, one more.
fn full(lines: &str, reason: &str) {
    let server = Server::builder().mx(lines).start();
    let mut first = server.smtp();
    let _second = server.smtp();
    let mut third = Smtp::connect_unread(server.mx()).unwrap();
    let reply = third.expect_reply(421);
    assert!(reply.lines[0].starts_with("421 4.3.2 "), "{}", reply.text());
    third.expect_closed();
    assert_eq!(server.wait_records("session_refused", 1)[0]["reason"], reason);
    first.expect("QUIT", 221);
    first.expect_closed();
    until("a seat", || Smtp::connect(server.mx()).ok());
}

#[test]
fn sessions_max_is_answered_421() {
    full("sessions_max = 2", "sessions_max");
}

#[test]
fn sessions_per_client_is_answered_421() {
    full("sessions_per_client = 2", "sessions_per_client");
}

#[test]
fn sessions_per_network_is_answered_421() {
    full("sessions_per_network = 2", "sessions_per_network");
}

/// Goal: who begins sessions too often hears how long to wait; an address beside it does not.
#[test]
fn session_rate_is_answered_421() {
    let server = Server::builder().mx("session_rate = \"2/1h\"").start();
    for _ in 0..2 {
        server.smtp().expect("QUIT", 221);
    }
    let mut third = Smtp::connect_unread(server.mx()).unwrap();
    let reply = third.expect_reply(421);
    assert!(reply.lines[0].starts_with("421 4.7.0 Too many connections from your address, try again in "));
    third.expect_closed();
    assert_eq!(server.wait_records("session_refused", 1)[0]["reason"], "session_rate");
    let other = "127.0.0.2".parse().unwrap();
    let sent = Smtp::one_message_from(other, server.mx(), FROM, &[TO], b"Subject: x\r\n\r\n").unwrap();
    assert_eq!(sent.code, 250);
}

/// Goal: silence before a command ends the session with 421, and so does a command that dribbles.
/// Method: a timeout of 1 s; one client says nothing, one an octet every 300 ms, one a command every 400 ms.
#[test]
fn command_timeout_ends_the_silent_and_the_slow_only() {
    let server = Server::builder().mx("command_timeout = \"1s\"").start();
    let mut silent = server.smtp();
    let reply = silent.expect_reply(421);
    assert!(reply.lines[0].starts_with("421 4.4.2 "), "{}", reply.text());
    silent.expect_closed();

    let mut lively = server.smtp();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        lively.expect("NOOP", 250);
        sleep(Duration::from_millis(400));
    }

    let mut slow = server.smtp();
    // The server stops reading at some point: then writing fails, which is as good.
    for octet in b"NOOP with many words that take too long".chunks(1) {
        if slow.write(octet).is_err() {
            break;
        }
        sleep(Duration::from_millis(100));
    }
    let end = slow.read_line().unwrap();
    assert!(end.is_none_or(|line| line.starts_with("421 4.4.2 ")));
}

/// Goal: silence within the content ends the session; nothing is stored. Content that keeps coming does not.
/// Method: a timeout of 1 s; one client stops, one sends a line every 300 ms for longer than that.
#[test]
fn data_timeout_ends_the_silent_only() {
    let server = Server::builder().mx("data_timeout = \"1s\"\ncommand_timeout = \"1m\"").start();
    let mut silent = server.smtp();
    silent.expect_data(FROM, TO);
    silent.write(b"Subject: never ends\r\n").unwrap();
    let reply = silent.expect_reply(421);
    assert!(reply.lines[0].starts_with("421 4.4.2 "), "{}", reply.text());
    silent.expect_closed();
    assert_eq!(server.maildir("acme").count(), 0);
    assert_eq!(server.wait_records("message", 1)[0]["verdict"], "aborted");

    let mut lively = server.smtp();
    lively.expect_data(FROM, TO);
    for _ in 0..6 {
        lively.write(b"a line\r\n").unwrap();
        sleep(Duration::from_millis(300));
    }
    lively.write(b".\r\n").unwrap();
    lively.expect_reply(250);
    assert_eq!(server.maildir("acme").messages(), [b"a line\r\n".repeat(6)]);
    until("an empty tmp", || server.maildir("acme").unfinished().is_empty().then_some(()));
}

/// Content of exactly `size` octets with one header field.
fn of_size(size: usize) -> Vec<u8> {
    let mut content = b"Subject: x\r\n\r\n".to_vec();
    while content.len() + 100 < size {
        content.extend([b'x'; 76]);
        content.extend(b"\r\n");
    }
    content.resize(size - 2, b'y');
    content.extend(b"\r\n");
    content
}

/// Goal: `message_size_max` counts octets of content, neither the dots of transparency nor our own header fields.
/// Method: at the limit, one past it, far past it; lines that begin with dots at the limit; the session goes on.
#[test]
fn message_size_max_at_the_limit_and_past_it() {
    const MAX: usize = 100 << 10;
    let builder = Server::builder().chain("acme", "acme.example", "header | maildir");
    let server = builder.mx(&format!("message_size_max = \"{}KiB\"", MAX >> 10)).start();
    let mut client = server.smtp();
    let dots = b".\r\n"
        .repeat(MAX / 3 - 40)
        .into_iter()
        .chain(of_size(MAX - (MAX / 3 - 40) * 3))
        .collect::<Vec<_>>();
    assert_eq!(dots.len(), MAX);
    for content in [of_size(MAX), dots] {
        assert_eq!(client.deliver(FROM, &[TO], &content).unwrap().code, 250);
        let stored = server.maildir("acme").messages();
        assert!(stored.last().unwrap().ends_with(&content), "stored as it was sent");
    }
    for size in [MAX + 1, 3 * MAX] {
        let reply = client.deliver(FROM, &[TO], &of_size(size)).unwrap();
        assert!(reply.text().starts_with("552 5.3.4 "), "{size}: {}", reply.text());
    }
    client.expect("QUIT", 221);
    assert_eq!(server.maildir("acme").count(), 2);
}

/// Goal: `header_size_max` counts the header section with its blank line.
/// Method: at the limit and one past it, with a body beyond either.
#[test]
fn header_size_max_at_the_limit_and_past_it() {
    const MAX: usize = 4 << 10;
    let server = Server::builder().mx("header_size_max = \"4KiB\"").start();
    let with_header = |size: usize| {
        let field = b"X-Long: y\r\n";
        let mut header = field.repeat(size / field.len() - 1);
        header.extend(b"Z:");
        header.resize(size - 4, b'z');
        header.extend(b"\r\n\r\n");
        assert_eq!(header.len(), size);
        [header, b"body\r\n".repeat(2000)].concat()
    };
    let mut client = server.smtp();
    assert_eq!(client.deliver(FROM, &[TO], &with_header(MAX)).unwrap().code, 250);
    let reply = client.deliver(FROM, &[TO], &with_header(MAX + 1)).unwrap();
    assert!(reply.text().starts_with("552 5.3.4 "), "{}", reply.text());
    assert_eq!(server.maildir("acme").messages(), [with_header(MAX)]);
}

/// Goal: a message that goes round in circles is refused in the session, after 100 hops.
/// Method: 100 Received fields, 101, and 101 lines that only look so in the body.
#[test]
fn received_max_at_the_limit_and_past_it() {
    let server = Server::builder().start();
    let hops = |n| b"Received: from a by b; now\r\n".repeat(n);
    let mut client = server.smtp();
    let content = [hops(100), b"\r\n".to_vec(), hops(101)].concat();
    assert_eq!(client.deliver(FROM, &[TO], &content).unwrap().code, 250);
    let content = [hops(101), b"\r\nbody\r\n".to_vec()].concat();
    let reply = client.deliver(FROM, &[TO], &content).unwrap();
    assert!(reply.text().starts_with("554 5.4.6 "), "{}", reply.text());
    assert_eq!(server.maildir("acme").count(), 1);
}

/// Goal: a client that floods without a line's end is told so, costs no memory, and is not waited for.
/// Method: 16 MiB without a newline, as a command.
#[test]
fn a_flood_without_newline_costs_no_memory() {
    let server = Server::builder().mx("command_timeout = \"5s\"").start();
    let mut client = server.smtp();
    let before = server.memory_peak();
    for _ in 0..256 {
        match client.write(&[b'x'; 64 << 10]) {
            Ok(()) => {}
            Err(error) if [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset].contains(&error.kind()) => {
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    let line = client.read_line().unwrap();
    assert!(line.is_none_or(|line| line.starts_with("500 5.5.2 ")));
    assert!(server.memory_peak() - before < 4 << 20, "memory grew");
}

/// Goal: who pipelines commands and reads no answers fills no memory with them.
/// Method: while the chain is at work on a message, commands come that are read ahead, each answered with some 150 octets.
#[test]
fn answers_that_nobody_reads_cost_no_memory() {
    let tenant =
        "domains = [\"acme.example\"]\nchain = \"debug | maildir\"\n[stage.debug]\nsleep_seconds = 1\n";
    let server = Server::builder().mx("command_timeout = \"2s\"").tenant("acme", tenant).start();
    assert_eq!(server.smtp().deliver(FROM, &[TO], b"hi\r\n").unwrap().code, 250);
    let before = server.memory_peak();
    let mut clients: Vec<Smtp> = (0..6).map(|_| server.smtp()).collect();
    for client in &mut clients {
        client.expect_data(FROM, TO);
        client.write(&[b"hi\r\n.\r\n".to_vec(), b"EHLO a\r\n".repeat(40_000)].concat()).unwrap();
    }
    server.wait_records("message", 7);
    // They are sent away once they have not read for `command_timeout`.
    server.wait_records("session_closed", 7);
    let grown = (server.memory_peak() - before) >> 20;
    assert!(grown < 16, "{grown} MiB");
}
