//! What looks like the end of DATA and is none, however the network cuts it (RFC 5321 §4.1.1.4).
//!
//! What is answered and stored is in `transcripts/end-*.txt`; here is the cutting.

use std::time::Duration;

use gatepost_tests::tls::Certificate;
use gatepost_tests::{Server, Smtp};

/// Each without what is a bare CR or LF, and with.
const LOOKALIKES: [&[u8]; 22] = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\n\0.\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\0\n.\r\n",
    b"\r\n.\r\0\n",
    b"\r\n. \r\n",
    b"\r\n .\r\n",
    b"\r\n.\t\r\n",
    b"\r\n.\x0b\r\n",
    b"\x0b.\x0b",
    b"\x0c.\x0c",
    b"\r\n..\r\n",
    "\u{2028}.\u{2028}\u{2029}.\u{2029}".as_bytes(),
    b"\x85.\x85",
];

const SMUGGLED: &[u8] = b"MAIL FROM:<evil@client.test>\r\nRCPT TO:<jo@acme.example>\r\nDATA\r\nevil\r\n.\r\n";

/// Long enough for the server to read a piece by itself, mostly; what is asserted holds either way.
const MOMENT: Duration = Duration::from_millis(2);

/// Says the pieces one by one within DATA. One reply must come, then the 221: anything more was smuggled.
fn say(client: &mut Smtp, pieces: &[&[u8]], label: &str) -> bool {
    client.expect_data("a@client.test", "jo@acme.example");
    for piece in pieces {
        client.write(piece).unwrap();
        std::thread::sleep(MOMENT);
    }
    let reply = client.read_reply().unwrap_or_else(|error| panic!("{label}: {error}"));
    assert!([250, 550].contains(&reply.code), "{label}: {}", reply.text());
    let next = client.ask("NOOP").unwrap_or_else(|error| panic!("{label}: {error}"));
    assert_eq!(next.lines, ["250 2.0.0 Ok"], "{label}: something more was answered");
    reply.code == 250
}

/// All the ways to cut one look-alike in two, and all of it in single octets.
fn cuts(lookalike: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let wire = [b"Subject: x\r\n\r\ntext", lookalike, SMUGGLED].concat();
    let from = wire.len() - SMUGGLED.len() - lookalike.len();
    let cut = |at: usize| vec![wire[..at].to_vec(), wire[at..].to_vec()];
    let mut all: Vec<_> = (from..=from + lookalike.len()).map(cut).collect();
    let singly = wire[from..from + lookalike.len()].iter().map(|&b| vec![b]);
    let pieces = std::iter::once(wire[..from].to_vec()).chain(singly).chain([SMUGGLED.to_vec()]);
    all.push(pieces.collect());
    // Within the true end mark, too.
    all.extend((wire.len() - 5..wire.len()).map(cut));
    all
}

fn check(listener: &str, tls: bool) {
    let certificate = Certificate::new();
    let lines = "errors_max = 1000";
    let site = Server::builder()
        .listener("plain", lines)
        .listener("keep", &format!("{lines}\nbare_newlines = \"keep\""))
        .listener(
            "tls",
            &format!("{lines}\ntls = {{ cert = \"mx.pem\", key = \"mx.key\", mode = \"implicit\" }}"),
        )
        .site();
    certificate.write(site.path());
    let server = site.start();
    let mut client = Smtp::connect_unread(server.listener(listener)).unwrap();
    if tls {
        client.start_tls(&certificate).unwrap();
    }
    client.expect_reply(220);
    client.expect("EHLO client.test", 250);
    let mut taken = 0;
    for lookalike in LOOKALIKES {
        for (n, pieces) in cuts(lookalike).iter().enumerate() {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            taken += usize::from(say(&mut client, &pieces, &format!("{} cut {n}", lookalike.escape_ascii())));
        }
    }
    client.expect("QUIT", 221);
    client.expect_closed();
    assert_eq!(server.maildir("acme").count(), taken, "one file for each 250");
    let messages = server.maildir("acme").messages();
    let whole = messages.iter().filter(|message| message.ends_with(b"DATA\r\nevil\r\n")).count();
    assert_eq!(whole, taken, "each holds all that was said");
}

/// Goal: no look-alike ends a message, wherever the network cuts it.
/// Method: each, followed by commands that must stay content, cut at each of its octets and into single octets.
#[test]
fn none_ends_a_message_where_bare_newlines_are_refused() {
    check("plain", false);
}

/// As above, where bare newlines are kept: every message is taken and holds what was to be smuggled.
#[test]
fn none_ends_a_message_where_bare_newlines_are_kept() {
    check("keep", false);
}

/// As above, over TLS, where records are cut as well.
#[test]
fn none_ends_a_message_over_tls() {
    check("tls", true);
}
