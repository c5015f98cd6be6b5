//! Postfix's own smtp(8) and lmtp(8) hand messages on to us.

use gatepost_tests::guest::Guest;
use gatepost_tests::tls::Certificate;
use gatepost_tests::{Postfix, Server, Smtp};

/// What Postfix must not change on its way, and we must not: dots, blanks at ends, 8-bit, the longest line that it does not
/// break, empty lines at the end.
pub(crate) fn content(size: usize) -> Vec<u8> {
    let mut content =
        b"From: a@client.test\r\nTo: jo@one.example\r\nSubject: hi\r\n\r\n.dot\r\n..\r\n. \r\n".to_vec();
    content.extend_from_slice("blanks  \r\n\tüber\r\nFrom here\r\n".as_bytes());
    content.extend(std::iter::repeat_n(b'l', 998));
    content.extend_from_slice(b"\r\n");
    while content.len() < size {
        content.extend_from_slice(b"the quick brown fox jumps over the lazy dog\r\n");
    }
    content.extend_from_slice(b"\r\n\r\n");
    content
}

/// A relay for whoever asks, to `transports`, pairs of a domain and a transport; anything else is thrown away.
fn relay(transports: &[(&str, String)]) -> Option<Postfix> {
    let entries: Vec<String> =
        transports.iter().map(|(domain, to)| format!("{{ {domain} = {to} }}")).collect();
    Postfix::builder()
        .main("mynetworks = 127.0.0.0/8")
        .main(&format!("transport_maps = inline:{{ {} }}", entries.join(" ")))
        .main("smtp_tls_security_level = may")
        .main("smtp_tls_loglevel = 1")
        .main("lmtp_destination_recipient_limit = 50")
        .smtpd("in", &[])
        .start()
}

/// What Postfix wrote of one recipient's fate.
#[track_caller]
fn fate(log: &str, recipient: &str) -> String {
    let line =
        log.lines().find(|line| line.contains(&format!("to=<{recipient}>")) && line.contains("status="));
    let line = line.unwrap_or_else(|| panic!("nothing about {recipient} in\n{log}"));
    line.split_once("status=").map(|(_, fate)| fate.to_owned()).unwrap_or_default()
}

/// The message less the one `Received` that Postfix put before it.
#[track_caller]
fn less_received(message: &[u8]) -> &[u8] {
    assert!(message.starts_with(b"Received: from "), "{}", message[..200.min(message.len())].escape_ascii());
    let mut at = 0;
    for line in message.split_inclusive(|&b| b == b'\n') {
        if at > 0 && !line.starts_with(b"\t") && !line.starts_with(b" ") {
            break;
        }
        at += line.len();
    }
    &message[at..]
}

/// Goal: smtp(8) delivers to us, in plain text and by STARTTLS, byte for byte, and hears a 250 that it believes.
#[test]
fn smtp_relays_to_us() {
    let tls = "tls = { cert = \"mx.pem\", key = \"mx.key\", mode = \"starttls\" }";
    let site = Server::builder()
        .tenant("one", "domains = [\"one.example\"]\nchain = \"maildir\"\n")
        .tenant("two", "domains = [\"two.example\"]\nchain = \"maildir\"\n")
        .listener("tls", tls)
        .site();
    Certificate::new().write(site.path());
    let server = site.start();
    let to = |listener: &str| format!("smtp:[127.0.0.1]:{}", server.listener(listener).port());
    let Some(postfix) = relay(&[("one.example", to("mx")), ("two.example", to("tls"))]) else { return };
    let contents = [content(0), content(300_000)];
    for content in &contents {
        for recipient in ["jo@one.example", "jo@two.example"] {
            let reply =
                Smtp::one_message(postfix.smtpd("in"), "a@client.test", &[recipient], content).unwrap();
            assert_eq!(reply.code, 250, "{}", reply.text());
            postfix.wait_idle();
        }
    }
    for tenant in ["one", "two"] {
        let stored = server.maildir(tenant).messages();
        let stored: Vec<&[u8]> = stored.iter().map(|message| less_received(message)).collect();
        assert!(stored == contents, "{tenant} got {} messages, and not what was sent", stored.len());
        let fate = fate(&postfix.log(), &format!("jo@{tenant}.example"));
        assert!(fate.starts_with("sent (250 2.0.0 Ok: queued as "), "{fate}");
    }
    let records = server.wait_records("message", 4);
    let under_tls = |tenant: &str| {
        let of_tenant = records.iter().filter(|record| record["tenant"] == tenant);
        of_tenant
            .map(|record| record["tls"].as_str().unwrap_or_default().starts_with("TLS"))
            .collect::<Vec<_>>()
    };
    assert_eq!((under_tls("one"), under_tls("two")), (vec![false; 2], vec![true; 2]), "{records:?}");
}

/// Goal: lmtp(8) hands one message over for several tenants, and each recipient has the fate that its own reply says: taken,
/// refused at RCPT, refused after the content (RFC 2033 §4.2).
#[test]
fn lmtp_relays_to_us() {
    let refuse = "(call $refuse (i32.const 0) (i32.const 550) @\"5.7.1\" @\"not for us\")";
    let server = Server::builder()
        .tenant("one", "domains = [\"one.example\"]\nchain = \"maildir\"\n")
        .tenant("two", "domains = [\"two.example\"]\nchain = \"maildir\"\n")
        .tenant("strict", "domains = [\"strict.example\"]\nchain = \"guest | maildir\"\n")
        .file("catalog/processors/strict/guest/1.0.0.wasm", &Guest::new().write(refuse).component())
        .listener("lmtp", "protocol = \"lmtp\"")
        .start();
    let to = || format!("lmtp:inet:127.0.0.1:{}", server.listener("lmtp").port());
    let domains = ["one.example", "two.example", "strict.example", "nobody.example"];
    let Some(postfix) = relay(&domains.map(|domain| (domain, to()))) else { return };
    let content = content(100_000);
    let recipients =
        ["jo@one.example", "x@strict.example", "mo@one.example", "x@nobody.example", "jo@two.example"];
    let reply = Smtp::one_message(postfix.smtpd("in"), "a@client.test", &recipients, &content).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text());
    postfix.wait_idle();

    for tenant in ["one", "two"] {
        let stored = server.maildir(tenant).messages();
        assert_eq!(stored.len(), 1, "{tenant}: one message for all its recipients");
        assert!(less_received(&stored[0]) == content, "{tenant} got something else");
    }
    assert_eq!(server.maildir("strict").count(), 0);
    let log = postfix.log();
    for recipient in ["jo@one.example", "mo@one.example", "jo@two.example"] {
        let fate = fate(&log, recipient);
        assert!(fate.starts_with("sent (250 2.0.0 Ok: queued as "), "{recipient}: {fate}");
    }
    for (recipient, said, to) in [
        ("x@strict.example", "550 5.7.1 not for us", "end of DATA"),
        ("x@nobody.example", "550 5.7.1 Relay access denied", "RCPT TO"),
    ] {
        let fate = fate(&log, recipient);
        let as_said = fate.starts_with("bounced (host 127.0.0.1[127.0.0.1] said: ") && fate.contains(said);
        assert!(as_said && fate.contains(&format!("in reply to {to}")), "{recipient}: {fate}");
    }
}
