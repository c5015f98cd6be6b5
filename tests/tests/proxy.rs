//! PROXY headers: believed from `trusted` alone, asked of all of it, and whose sessions are counted then.

use std::time::{Duration, Instant};

use gatepost_tests::tls::Certificate;
use gatepost_tests::wait::until;
use gatepost_tests::{Server, Smtp};

const FROM: &str = "a@client.test";
const TO: &str = "jo@acme.example";
const MESSAGE: &[u8] = b"Subject: x\r\n\r\nx\r\n";
const TRUSTING: &str = "proxy_protocol = true\ntrusted = [\"127.0.0.1\"]\n";

/// A header of version 1.
fn line(client: &str) -> Vec<u8> {
    format!("PROXY TCP4 {client} 203.0.113.1 56324 25\r\n").into_bytes()
}

/// A header of version 2 with a TLV that nobody knows.
fn binary(command: u8, client: [u8; 4]) -> Vec<u8> {
    let tlv = b"\xe0\x00\x03abc";
    let fixed = [b"\r\n\r\n\x00\r\nQUIT\n", &[command, 0x11, 0, 18][..]].concat();
    [&fixed, &client[..], &[203, 0, 113, 1, 0xdc, 4, 0, 25], tlv].concat()
}

fn proxied(server: &Server, header: &[u8]) -> Smtp {
    let mut client = Smtp::connect_unread(server.mx()).unwrap();
    client.write(header).unwrap();
    client
}

/// Goal: the client is who the proxy says, or the proxy where it says nobody.
#[test]
fn the_client_is_whom_the_proxy_names() {
    let server = Server::builder().mx(TRUSTING).start();
    let cases = [
        (line("192.0.2.7"), "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 1 25\r\n".to_vec(), "2001:db8::7"),
        (b"PROXY TCP6 ::ffff:192.0.2.8 ::1 1 25\r\n".to_vec(), "192.0.2.8"),
        (binary(0x21, [192, 0, 2, 9]), "192.0.2.9"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (binary(0x20, [192, 0, 2, 10]), "127.0.0.1"),
    ];
    for (n, (header, address)) in cases.iter().enumerate() {
        let mut client = proxied(&server, header);
        client.expect_reply(220);
        client.expect("EHLO client.test", 250);
        assert_eq!(client.deliver(FROM, &[TO], MESSAGE).unwrap().code, 250);
        assert_eq!(server.wait_records("message", n + 1)[n]["client"], *address);
        assert_eq!(server.wait_records("session_opened", n + 1)[n]["client"], *address);
    }
}

/// Goal: what comes in one segment with the header is the session's, wherever the network cuts.
#[test]
fn nothing_after_the_header_is_lost() {
    let server = Server::builder().mx(TRUSTING).start();
    for header in [line("192.0.2.7"), binary(0x21, [192, 0, 2, 7])] {
        for cut in 0..=header.len() {
            let mut client = proxied(&server, &header[..cut]);
            std::thread::sleep(Duration::from_millis(2));
            client.write(&[&header[cut..], b"EHLO client.test\r\nNOOP\r\nQUIT\r\n"].concat()).unwrap();
            for code in [220, 250, 250, 221] {
                client.expect_reply(code);
            }
            client.expect_closed();
        }
    }
    assert!(server.wait_records("session_opened", 1).iter().all(|record| record["client"] == "192.0.2.7"));
}

/// Goal: without its header a trusted peer has no session, and the log says what was wrong.
#[test]
fn a_missing_or_broken_header_ends_it() {
    let server = Server::builder().mx(&format!("{TRUSTING}handshake_timeout = \"1s\"")).start();
    let long = [b"PROXY UNKNOWN ", &[b'x'; 200][..], b"\r\n"].concat();
    let cases: [(&[u8], &str); 4] = [
        (b"EHLO client.test\r\n", "it begins otherwise"),
        (b"PROXY TCP4 192.0.2.999 203.0.113.1 1 25\r\n", "an address is none of its protocol"),
        (&long, "more than 107 bytes"),
        (b"", "in time"),
    ];
    for (n, (bytes, told)) in cases.into_iter().enumerate() {
        let began = Instant::now();
        let mut client = proxied(&server, bytes);
        client.expect_closed();
        let record = &server.wait_records("session_refused", n + 1)[n];
        assert_eq!(record["reason"], "proxy_header");
        assert!(record["detail"].as_str().unwrap().contains(told), "{record}");
        assert!(!bytes.is_empty() || began.elapsed() >= Duration::from_secs(1));
    }
    assert_eq!(server.records("session_opened").len(), 0);
}

/// Goal: nobody else is believed: a header is an unknown command, and the session is the peer's own.
#[test]
fn others_are_not_believed() {
    let server = Server::builder().mx("proxy_protocol = true\ntrusted = [\"192.0.2.0/24\"]").start();
    let mut client = proxied(&server, &line("192.0.2.7"));
    client.expect_reply(220);
    client.expect_reply(500);
    client.expect("EHLO client.test", 250);
    assert_eq!(client.deliver(FROM, &[TO], MESSAGE).unwrap().code, 250);
    assert_eq!(server.wait_records("message", 1)[0]["client"], "127.0.0.1");
}

/// Goal: sessions count where their clients are; the proxy's own address is never full.
#[test]
fn clients_are_counted_not_the_proxy() {
    let lines = format!("{TRUSTING}sessions_per_client = 1\nsessions_per_network = 2\nsessions_max = 3");
    let server = Server::builder().mx(&lines).start();
    let refused = |header: &[u8], n: usize, reason: &str| {
        let mut client = proxied(&server, header);
        assert!(client.expect_reply(421).lines[0].starts_with("421 4.3.2 "));
        client.expect_closed();
        let record = &server.wait_records("session_refused", n)[n - 1];
        assert_eq!(record["reason"], reason, "{record}");
    };
    let mut first = proxied(&server, &line("192.0.2.7"));
    first.expect_reply(220);
    refused(&line("192.0.2.7"), 1, "sessions_per_client");
    let mut second = proxied(&server, &line("192.0.2.8"));
    second.expect_reply(220);
    refused(&line("192.0.2.9"), 2, "sessions_per_network");
    let mut third = proxied(&server, &line("198.51.100.1"));
    third.expect_reply(220);
    // Before anybody has said who comes.
    refused(b"", 3, "sessions_max");
    first.expect("QUIT", 221);
    first.expect_closed();
    until("a seat", || {
        let mut again = proxied(&server, &line("192.0.2.7"));
        again.read_reply().ok().filter(|reply| reply.code == 220)
    });
}

/// Goal: XCLIENT moves a session to whom it names, who may have no more for it; who may say so is not counted itself.
#[test]
fn xclient_moves_the_session() {
    let server = Server::builder().mx("xclient = [\"127.0.0.1\"]\nsessions_per_client = 1").start();
    let (mut first, mut second) = (server.smtp(), server.smtp());
    first.expect("XCLIENT ADDR=192.0.2.7", 220);
    assert!(second.expect("XCLIENT ADDR=192.0.2.7", 421).lines[0].starts_with("421 4.3.2 "));
    second.expect_closed();
    let mut third = server.smtp();
    third.expect("XCLIENT ADDR=192.0.2.8", 220);
    first.expect("XCLIENT ADDR=192.0.2.9", 220);
    third.expect("XCLIENT ADDR=192.0.2.7", 220);
}

/// Goal: nobody may use XCLIENT whom a PROXY header only names, and no proxy that speaks for itself: whoever it lets in could say
/// so. They are counted like anybody.
#[test]
fn xclient_behind_a_proxy() {
    let lines = format!("{TRUSTING}xclient = [\"192.0.2.7\", \"127.0.0.1\"]\nsessions_per_client = 1");
    let server = Server::builder().mx(&lines).start();
    for header in [line("192.0.2.7"), b"PROXY UNKNOWN\r\n".to_vec()] {
        let mut client = proxied(&server, &header);
        client.expect_reply(220);
        assert!(!client.expect("EHLO client.test", 250).text().contains("XCLIENT"));
        client.expect("XCLIENT ADDR=198.51.100.1 LOGIN=root", 550);
    }
    let mut first = proxied(&server, &line("192.0.2.8"));
    first.expect_reply(220);
    proxied(&server, &line("192.0.2.8")).expect_reply(421);
}

/// Goal: where TLS begins at once, the header comes before the handshake, and a refusal after it.
#[test]
fn before_the_handshake() {
    let certificate = Certificate::new();
    let lines = format!(
        "{TRUSTING}sessions_per_client = 1\ntls = {{ cert = \"mx.pem\", key = \"mx.key\", mode = \"implicit\" }}"
    );
    let site = Server::builder().mx(&lines).file("mx.pem", b"").file("mx.key", b"").site();
    certificate.write(site.path());
    let server = site.start();
    let connect = || {
        let mut client = proxied(&server, &line("192.0.2.7"));
        client.start_tls(&certificate).unwrap();
        client
    };
    let mut client = connect();
    client.expect_reply(220);
    client.expect("EHLO client.test", 250);
    assert_eq!(client.deliver(FROM, &[TO], MESSAGE).unwrap().code, 250);
    let record = &server.wait_records("message", 1)[0];
    assert_eq!((&record["client"], &record["tls"]), (&"192.0.2.7".into(), &"TLSv1.3".into()));
    let mut refused = connect();
    assert!(refused.expect_reply(421).lines[0].starts_with("421 4.3.2 "));
    refused.expect_closed();
}
