//! Limits over a whole session, and over all sessions of a client: each at the limit and one past it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use gatepost_tests::{Server, Smtp};

const FROM: &str = "a@client.test";
const TO: &str = "jo@acme.example";

fn expect_end(client: &mut Smtp, line: &str, starts: &str) {
    let reply = client.ask(line).unwrap();
    assert!(reply.lines[0].starts_with(starts), "{line}: {}", reply.text());
    client.expect_closed();
}

/// Goal: a list's dead addresses are answered one by one, late from the half on, and a guesser's many end the session.
/// Method: four with a delay of 300 ms, the answers' order and no time asserted but that the delay was there.
#[test]
fn unknown_recipients_are_slowed_then_421() {
    let lines = "unknown_recipients_max = 4\nunknown_recipients_delay = \"300ms\"\nerrors_max = 2";
    let server = Server::builder().mx(lines).start();
    let mut client = server.smtp();
    client.expect("MAIL FROM:<a@client.test>", 250);
    client.expect("RCPT TO:<x@nobody.example>", 550);
    client.expect("RCPT TO:<x@nobody.example>", 550);
    let began = Instant::now();
    client.expect("RCPT TO:<x@nobody.example>", 550);
    assert!(began.elapsed() >= Duration::from_millis(300), "it came at once");
    client.expect("RCPT TO:<jo@acme.example>", 250);
    expect_end(&mut client, "RCPT TO:<x@nobody.example>", "421 4.7.0 ");
    assert_eq!(server.wait_records("session_closed", 1)[0]["reason"], "unknown_recipients_max");
    assert_eq!(server.wait_records("limit_reached", 1)[0]["limit"], "unknown_recipients_max");
}

#[test]
fn messages_and_recipients_of_a_session() {
    let server = Server::builder().mx("session_messages_max = 2\nsession_recipients_max = 3").start();
    let mut client = server.smtp();
    for _ in 0..2 {
        assert_eq!(client.deliver(FROM, &[TO], b"hi\r\n").unwrap().code, 250);
    }
    expect_end(&mut client, "MAIL FROM:<>", "421 4.7.0 ");
    let mut client = server.smtp();
    client.expect("MAIL FROM:<>", 250);
    for _ in 0..3 {
        client.expect("RCPT TO:<jo@acme.example>", 250);
    }
    expect_end(&mut client, "RCPT TO:<jo@acme.example>", "421 4.7.0 ");
    assert_eq!(server.maildir("acme").count(), 2);
}

/// Goal: what one client may begin is counted over its sessions, and another client is not touched by it.
#[test]
fn message_and_recipient_rates_hold_over_sessions() {
    let server = Server::builder().mx("message_rate = \"2/1h\"\nrecipient_rate = \"3/1h\"").start();
    for _ in 0..2 {
        let mut client = server.smtp();
        assert_eq!(client.deliver(FROM, &[TO], b"hi\r\n").unwrap().code, 250);
    }
    let mut client = server.smtp();
    let reply = client.expect("MAIL FROM:<>", 450);
    assert!(reply.text().starts_with("450 4.7.1 "), "{}", reply.text());
    client.expect("RCPT TO:<jo@acme.example>", 503);
    let reply = Smtp::one_message_from(
        [127, 0, 0, 2].into(),
        server.mx(),
        FROM,
        &[TO, "b@acme.example", "c@acme.example", "d@acme.example"],
        b"hi\r\n",
    )
    .unwrap();
    assert!(reply.text().starts_with("450 4.7.1 "), "the fourth recipient: {}", reply.text());
    let limits = server.wait_records("limit_reached", 2);
    assert_eq!(
        (&limits[0]["limit"], &limits[1]["limit"]),
        (&"message_rate".into(), &"recipient_rate".into())
    );
    assert_eq!(server.maildir("acme").count(), 2);
}

/// Goal: who sends an octet now and then is not silent, but too slow; who keeps the rate is waited for.
/// Method: 1 s of patience and 20 octets a second; one client sends 1 octet each 100 ms, one 42.
#[test]
fn content_must_keep_the_rate() {
    let server =
        Server::builder().mx("data_timeout = \"1s\"\ndata_grace = \"1s\"\ndata_rate_min = \"20B\"").start();
    let mut honest = server.smtp();
    honest.expect_data(FROM, TO);
    for _ in 0..30 {
        honest.write(b"forty octets of text are not much each..\r\n").unwrap();
        sleep(Duration::from_millis(100));
    }
    honest.write(b".\r\n").unwrap();
    honest.expect_reply(250);

    for chunk in [false, true] {
        let mut slow = server.smtp();
        if chunk {
            slow.expect("MAIL FROM:<>", 250);
            slow.expect("RCPT TO:<jo@acme.example>", 250);
            slow.write(b"BDAT 1000 LAST\r\n").unwrap();
        } else {
            slow.expect_data(FROM, TO);
        }
        for _ in 0..100 {
            if slow.write(b"x").is_err() {
                break;
            }
            sleep(Duration::from_millis(100));
        }
        let end = slow.read_line().unwrap();
        assert!(end.is_none_or(|line| line.starts_with("421 4.4.2 ")), "chunk: {chunk}");
    }
    let reasons = server.wait_records("session_closed", 2);
    assert_eq!(reasons.iter().filter(|record| record["reason"] == "too_slow").count(), 2, "{reasons:?}");
    assert_eq!(server.maildir("acme").count(), 1);
}

/// Goal: a session ends when its time is over, however busy it is, and so does content.
#[test]
fn session_timeout_ends_the_busy_too() {
    let server = Server::builder().mx("session_timeout = \"1s\"").start();
    let mut busy = server.smtp();
    let mut in_content = server.smtp();
    in_content.expect_data(FROM, TO);
    let end = loop {
        match busy.ask("NOOP") {
            Ok(reply) if reply.code == 250 => sleep(Duration::from_millis(50)),
            other => break other,
        }
    };
    if let Ok(reply) = end {
        assert!(reply.text().starts_with("421 4.4.2 "), "{}", reply.text());
    }
    let reply = in_content.expect_reply(421);
    assert!(reply.text().starts_with("421 4.4.2 "), "{}", reply.text());
    in_content.expect_closed();
    assert_eq!(server.maildir("acme").count(), 0);
}

/// Goal: who talks before the greeting is told so and sent away; who waits is served.
#[test]
fn who_talks_before_the_greeting_gets_554() {
    let server = Server::builder().mx("greeting_delay = \"500ms\"").start();
    let mut hasty = Smtp::connect_unread(server.mx()).unwrap();
    hasty.write(b"EHLO client.test\r\n").unwrap();
    let reply = hasty.expect_reply(554);
    assert!(reply.text().starts_with("554 5.5.1 "), "{}", reply.text());
    hasty.expect_closed();
    assert_eq!(server.wait_records("session_closed", 1)[0]["reason"], "early_talk");
    assert_eq!(server.smtp().deliver(FROM, &[TO], b"hi\r\n").unwrap().code, 250);
}

/// Goal: a line of content at the limit is taken, one octet more is not, in DATA and in BDAT; by default any length is.
#[test]
fn text_lines_at_the_limit_and_past_it() {
    let server = Server::builder().listener("strict", "text_line_max = \"998B\"").start();
    let line = |len: usize| [vec![b'x'; len], b"\r\n".to_vec()].concat();
    let mut client = server.smtp_at("strict");
    assert_eq!(client.deliver(FROM, &[TO], &line(998)).unwrap().code, 250);
    let reply = client.deliver(FROM, &[TO], &line(999)).unwrap();
    assert!(reply.text().starts_with("554 5.6.0 "), "{}", reply.text());
    client.expect("MAIL FROM:<>", 250);
    client.expect("RCPT TO:<jo@acme.example>", 250);
    client.write(&[b"BDAT 999 LAST\r\n".to_vec(), vec![b'x'; 999]].concat()).unwrap();
    client.expect_reply(554);
    let sizes: Vec<u64> =
        server.wait_records("message", 3).iter().filter_map(|record| record["size"].as_u64()).collect();
    assert_eq!(sizes, [1000, 1001, 999], "also of what was refused");
    let mut client = server.smtp();
    for len in [998, 999, 1000, 1002, 10_000, 1_000_000] {
        server.maildir("acme").clear();
        let content = [b"Subject: hi\r\n\r\n".to_vec(), line(len)].concat();
        assert_eq!(client.deliver(FROM, &[TO], &content).unwrap().code, 250);
        assert_eq!(server.maildir("acme").messages(), [content], "{len}");
    }
}

/// Goal: XCLIENT is believed from who may use it, and from nobody else; what it says is what the log and the facts say.
#[test]
fn xclient_from_a_proxy() {
    let server = Server::builder()
        .mx("xclient = [\"127.0.0.2/32\"]")
        .listener("proxied", "xclient = [\"127.0.0.0/8\"]")
        .chain("acme", "acme.example", "header | maildir")
        .start();
    let mut client = server.smtp();
    assert!(!client.expect("EHLO client.test", 250).text().contains("XCLIENT"));
    client.expect("XCLIENT ADDR=192.0.2.9", 550);

    let mut proxy = server.smtp_at("proxied");
    assert!(proxy.expect("EHLO proxy.test", 250).text().contains("XCLIENT NAME ADDR PORT PROTO HELO LOGIN"));
    proxy.expect(
        "XCLIENT ADDR=IPV6:2001:db8::9 NAME=far.example HELO=far.example PROTO=ESMTP LOGIN=jo+40x",
        220,
    );
    assert_eq!(proxy.deliver(FROM, &[TO], b"Subject: hi\r\n\r\n").unwrap().code, 250);
    let record = &server.wait_records("message", 1)[0];
    assert_eq!((&record["client"], &record["helo"]), (&"2001:db8::9".into(), &"far.example".into()));
    let stored = String::from_utf8(server.maildir("acme").messages().concat()).unwrap();
    assert!(stored.contains("2001:db8::9") && !stored.contains("127.0.0.1"), "{stored}");
    proxy.expect("XCLIENT ADDR=bad", 501);
}
