//! Tests of `native::header`.

use super::*;
use crate::mail::MessageId;
use crate::native::tests::{build, drive, scope};

const DATE: &str = "Fri, 2 Jan 2026 03:04:05 +0000";

fn mailbox(local: &str) -> Mailbox {
    Mailbox::from_parts(local, "b.example")
}

fn envelope(recipients: Vec<Mailbox>) -> Envelope {
    let sender = Some(Mailbox::from_parts("s", "a.example"));
    let mut envelope = Envelope::new(MessageId::from_parts(1, 1, 1), sender, recipients);
    for (key, value) in [
        ("smtp.helo", "client.example"),
        ("client.ip", "192.0.2.1"),
        ("smtp.protocol", "ESMTPS"),
        ("tls.version", "TLSv1_3"),
        ("tls.cipher", "TLS13_AES_256_GCM_SHA384"),
    ] {
        envelope.set_host_fact(key, value);
    }
    envelope
}

#[test]
fn the_fields_of_one_recipient() {
    let id = MessageId::from_parts(1, 1, 1);
    let expected = format!(
        "Return-Path: <s@a.example>\r\n\
         Delivered-To: u@b.example\r\n\
         Received: from client.example ([192.0.2.1]) (version=TLSv1_3\r\n\
         \tcipher=TLS13_AES_256_GCM_SHA384) by mx.example with ESMTPS id\r\n\
         \t{id} for <u@b.example>; Fri, 2 Jan 2026 03:04:05 +0000\r\n"
    );
    let fields = trace_fields(&envelope(vec![mailbox("u")]), "mx.example", DATE, "\r\n");
    let unfolded = |text: &str| text.replace("\r\n\t", " ");
    assert_eq!(unfolded(&fields), unfolded(&expected));
    assert!(fields.lines().all(|line| line.len() <= LINE_MAX), "{fields}");
}

/// RFC 6531 §3.7.3, §4.3: addresses in UTF-8 stand as they are, folded no longer than others.
#[test]
fn addresses_in_utf8() {
    let mut envelope = envelope(vec![Mailbox::from_parts("用户", "例え.jp")]);
    envelope.set_sender(Some(Mailbox::from_parts("ü", "bücher.example")));
    envelope.set_host_fact("smtp.protocol", "UTF8SMTPS");
    let fields = trace_fields(&envelope, "mx.example", DATE, "\r\n");
    assert!(
        fields.starts_with("Return-Path: <ü@bücher.example>\r\nDelivered-To: 用户@例え.jp\r\n"),
        "{fields}"
    );
    let received = fields.replace("\r\n\t", " ");
    assert!(received.contains(" with UTF8SMTPS id "), "{fields}");
    assert!(received.contains(" for <用户@例え.jp>; "), "{fields}");
    assert!(fields.lines().all(|line| line.len() <= LINE_MAX), "{fields}");
}

/// A blind copy's address must not be shown to the other recipients.
#[test]
fn several_recipients_are_not_named() {
    for recipients in [vec![mailbox("u"), mailbox("v")], vec![]] {
        let fields = trace_fields(&envelope(recipients), "mx.example", DATE, "\r\n");
        assert!(!fields.contains("b.example") && !fields.contains(" for"), "{fields}");
        assert!(fields.contains(&format!("{};", MessageId::from_parts(1, 1, 1))), "{fields}");
    }
}

#[test]
fn what_is_not_known_is_left_out() {
    let envelope = Envelope::new(MessageId::from_parts(1, 1, 1), None, vec![]);
    let fields = trace_fields(&envelope, "mx.example", DATE, "\n");
    let id = envelope.id();
    let expected = format!(
        "Return-Path: <>\nReceived: from unknown by mx.example id {id};\n\tFri, 2 Jan 2026 03:04:05 +0000\n"
    );
    assert_eq!(fields.replace("\n\t", " "), expected.replace("\n\t", " "));
}

#[test]
fn addresses_are_written_as_literals() {
    for (ip, expected) in
        [("2001:db8::1", "([IPv6:2001:db8::1])"), ("::ffff:192.0.2.9", "([192.0.2.9])"), ("x", "by mx")]
    {
        let mut envelope = envelope(vec![]);
        envelope.set_host_fact("client.ip", ip);
        let fields = trace_fields(&envelope, "mx.example", DATE, "\r\n");
        assert!(fields.contains(expected), "{fields}");
        assert_eq!(fields.contains("(["), expected.starts_with("(["), "{fields}");
    }
}

/// Goal: nothing that a client says can end a line, open or close a comment, or add to the field's structure.
/// Method: every ASCII character and some beyond, in each value it controls; then the structure is counted.
#[test]
fn no_value_can_forge() {
    let odd = (0..=0x7fu8).map(char::from).chain("\u{85}\u{2028}é".chars());
    for c in odd {
        let evil = format!("a{c}\r\nX-Forged: 1{c}(\"<>;,[]\\");
        let mut envelope = Envelope::new(
            MessageId::from_parts(1, 1, 1),
            Some(Mailbox::from_parts(format!("\"{c}\r\nX: \""), "a.example")),
            vec![Mailbox::from_parts(format!("\"{c}\r\nX: \""), "b.example")],
        );
        for key in ["smtp.helo", "client.ip", "smtp.protocol", "tls.version", "tls.cipher"] {
            envelope.set_host_fact(key, &*evil);
        }
        let fields = trace_fields(&envelope, "mx.example", DATE, "\r\n");
        let names: Vec<&str> = fields
            .split("\r\n")
            .filter(|line| !line.starts_with('\t'))
            .map(|l| l.split(':').next().unwrap())
            .collect();
        assert_eq!(names, ["Return-Path", "Delivered-To", "Received", ""], "{fields}");
        assert!(!fields.replace("\r\n", "").contains(['\r', '\n', '\0', '\u{85}']), "{fields:?}");
        let received =
            &fields[fields.find("Received:").unwrap()..fields.find(" by").or(fields.find("\tby")).unwrap()];
        assert!(!received.contains(['(', ')', '"', '\\', '<', '>', ';', ',', '[', ']']), "{received}");
    }
}

#[test]
fn helo_names() {
    for (said, written) in [
        ("", "unknown"),
        ("a.example", "a.example"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("[IPv6:::1]", "[IPv6:::1]"),
        ("[a]b]", "[a?b]"),
        ("a b)", "a?b?"),
        ("[", "?"),
        ("é", "?"),
    ] {
        assert_eq!(helo(said), written, "{said}");
    }
    for (len, expect) in [(NAME_MAX, NAME_MAX), (NAME_MAX + 1, NAME_MAX)] {
        assert_eq!(helo(&"x".repeat(len)).len(), expect);
    }
}

/// The longest values that the protocol lets through stay within the 998 octets of RFC 5322 §2.1.1.
#[test]
fn lines_stay_within_the_hard_limit() {
    let longest = Mailbox::from_parts("l".repeat(64), format!("{}.example", "d".repeat(240)));
    let mut envelope = envelope(vec![longest.clone()]);
    envelope.set_sender(Some(longest));
    envelope.set_host_fact("smtp.helo", "h".repeat(1000));
    let fields = trace_fields(&envelope, &"m".repeat(255), DATE, "\r\n");
    assert!(fields.lines().all(|line| line.len() <= 998), "{fields}");
}

/// Goal: the message itself leaves byte for byte as it came, whatever it is and however it is cut.
#[tokio::test]
async fn the_message_follows_unchanged() {
    let header = build(&scope(), "header", "{}").unwrap();
    for (message, newline) in [
        (&b"Subject: a\r\n\r\nbody \xff\r\n.\r\n"[..], "\r\n"),
        (b"Subject: a\nX: b\r\n\nbody", "\n"),
        (b"\r\nonly a body", "\r\n"),
        (b"no newline at all", "\r\n"),
        (b"Return-Path: <old@x>\r\nReceived: old\r\n\r\n", "\r\n"),
        (b"", "\r\n"),
    ] {
        for cut in [1, 2, 3, 7, 100] {
            let mut envelope = envelope(vec![mailbox("u")]);
            let (out, verdict) = drive(&*header, &mut envelope, message, cut).await.unwrap();
            assert_eq!(verdict, Verdict::Accept);
            let fields = out.strip_suffix(message).unwrap();
            let text = std::str::from_utf8(fields).unwrap();
            assert!(text.starts_with(&format!("Return-Path: <s@a.example>{newline}")), "{text:?}");
            assert!(text.contains("by mx.example.net") || text.contains("\tmx.example.net"), "{text}");
            assert!(text.ends_with(newline), "{text:?}");
            assert_eq!(text.matches('\n').count(), text.matches(newline).count(), "{text:?}");
            assert_eq!(text.matches("Received:").count(), 1);
        }
    }
}

/// A message that begins with white space must not read as the rest of our own field.
#[tokio::test]
async fn a_first_line_of_white_space_does_not_continue_our_field() {
    let header = build(&scope(), "header", "{}").unwrap();
    for message in [&b" ; forged\r\nSubject: a\r\n\r\n"[..], b"\tby evil\n"] {
        let (out, _) = drive(&*header, &mut envelope(vec![]), message, 9).await.unwrap();
        let fields = out.strip_suffix(message).unwrap();
        assert!(fields.ends_with(b"\r\n\r\n") || fields.ends_with(b"\n\n"));
    }
}

#[tokio::test]
async fn the_host_may_be_set() {
    let header = build(&scope(), "header", r#"{"primary_mail_host": "other.example"}"#).unwrap();
    let (out, _) = drive(&*header, &mut envelope(vec![]), b"A: b\r\n\r\n", 9).await.unwrap();
    assert!(String::from_utf8(out).unwrap().contains("other.example"));
    for bad in [r#""a b""#, r#""""#, r#""a\r\nb""#, "1"] {
        let error = build(&scope(), "header", &format!("{{\"primary_mail_host\": {bad}}}")).err().unwrap();
        assert!(error.contains("`primary_mail_host`"), "{error}");
    }
}

#[test]
fn the_date_is_of_rfc_5322() {
    let date = jiff::fmt::rfc2822::to_string(&ZonedDateTime::now()).unwrap();
    assert!(jiff::fmt::rfc2822::parse(&date).is_ok());
    let zone = date.split(' ').next_back().unwrap();
    assert!(zone.len() == 5 && zone != "-0000", "{date}");
}
