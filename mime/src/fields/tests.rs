//! Tests of `fields`, and of `part` which reads by them.

use proptest::prelude::*;

use super::*;
use crate::part::{Disposition, Encoding, Part, names, types};

fn part(section: &str) -> Part {
    Part::read(section.as_bytes(), ("text", "plain")).0
}

#[track_caller]
fn name(fields: &str, expected: &str) {
    assert_eq!(part(fields).name.as_deref(), Some(expected), "{fields}");
}

#[test]
fn fields_are_found_with_their_folds() {
    let section = b"From x\r\nA: 1\r\n 2\r\nnone\r\nb :3\r\nc d: 4\r\n: 5\r\nE:6";
    let found: Vec<_> = fields(section).collect();
    assert_eq!(found, [(&b"A"[..], &b" 1\r\n 2\r\n"[..]), (b"b", b"3\r\n"), (b"E", b"6")]);
    assert_eq!(fields(b"A: b\n\nC: d\n").count(), 1);
}

#[test]
fn types_are_read_leniently_and_fall_back_to_text() {
    let check = |value: &str, expected: &str| {
        let part = part(&format!("Content-Type: {value}\r\n\r\n"));
        assert_eq!(format!("{}/{}", part.media_type, part.subtype), expected, "{value}");
    };
    check("TEXT/HTML", "text/html");
    check(" text\r\n / (a (nested) \\) comment)\r\n\thtml ; x", "text/html");
    check("application/vnd.ms-excel.sheet+xml; name=x", "application/vnd.ms-excel.sheet+xml");
    for bad in ["", "text", "text/", "/html", "text/html/x", "a b@/c", "text/\"x\"", "(text/html"] {
        check(bad, "text/plain");
    }
    assert_eq!(Part::read(b"A: b\n\n", ("message", "rfc822")).0.subtype, "rfc822");
    assert_eq!(part("Content-Type: text/html\nContent-Type: image/png\n").subtype, "html");
    assert_eq!(types(b"Content-Type: text/html\nContent-type: Image/PNG; x\n"), ["text/html", "image/png"]);
}

#[test]
fn encodings_dispositions_and_charsets() {
    let encoding = |value: &str| part(&format!("content-transfer-encoding: {value}\r\n")).encoding;
    assert_eq!(encoding(" Base64 (x)"), Encoding::Base64);
    assert_eq!(encoding("QUOTED-printable; x"), Encoding::QuotedPrintable);
    assert_eq!(encoding("8bit"), Encoding::EightBit);
    assert_eq!(encoding("binary"), Encoding::Binary);
    assert_eq!(encoding(""), Encoding::SevenBit);
    assert_eq!(encoding("x-uuencode"), Encoding::Other);
    let disposition = |value: &str| part(&format!("Content-Disposition: {value}\r\n")).disposition;
    assert_eq!(disposition("Inline"), Disposition::Inline);
    assert_eq!(disposition("ATTACHMENT; x"), Disposition::Attachment);
    assert_eq!(disposition("form-data"), Disposition::Other);
    assert_eq!(part("").disposition, Disposition::None);
    let charset = |value: &str| part(&format!("Content-Type: text/plain; {value}\r\n")).charset;
    assert_eq!(charset("charset=UTF-8 (x)").as_deref(), Some("utf-8"));
    assert_eq!(charset("Charset = \"ISO-8859-1\"; x").as_deref(), Some("iso-8859-1"));
    assert_eq!(charset("x=charset"), None);
}

/// The forms in which names come, by the standards and beside them.
#[test]
fn names_are_decoded() {
    name("Content-Disposition: attachment; filename=a.txt", "a.txt");
    name("Content-Disposition: attachment; FileName=\"a b;\\\"c\\\".txt\" ; x=y", "a b;\"c\".txt");
    name("Content-Disposition: attachment; filename=my file(1).txt ; x", "my file(1).txt");
    name("Content-Disposition: attachment; filename=\"no end.txt", "no end.txt");
    name("Content-Disposition: attachment;\r\n filename=\"a\r\n b.txt\"", "a b.txt");
    name("Content-Disposition: ; filename=a.txt", "a.txt");
    name("Content-Type: text/plain; name=b.txt", "b.txt");
    name("Content-Type: text/plain; name=b.txt\r\nContent-Disposition: inline; filename=a.txt", "a.txt");
    name("Content-Type: text/plain; name=b.txt\r\nContent-Disposition: inline; filename=\"\"", "b.txt");
    name("Content-Disposition: attachment; filename=\"=?utf-8?q?Gr=C3=BC=C3=9Fe?=.txt\"", "Grüße.txt");
    name("Content-Disposition: attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt", "Grüße.txt");
    name("Content-Disposition: attachment; filename*=iso-8859-1'de'%DF.txt", "ß.txt");
    name("Content-Disposition: attachment; filename*=koi8-r''%DF.exe", "\u{fffd}.exe");
    name("Content-Disposition: attachment; filename=x; filename*=utf-8''a%2Etxt", "a.txt");
    name("Content-Disposition: attachment; filename*1=b; filename*0=\"a \"; filename*2*=%63%zz", "a bc%zz");
    name("Content-Disposition: attachment; filename*0*=utf-8''%C3; filename*1*=%9F.txt", "ß.txt");
    name("Content-Disposition: attachment; filename*0=a; filename*2=c", "a");
    name("Content-Disposition: attachment; filename*0=a; filename*0=b; filename*1=c", "ac");
    name("Content-Disposition: attachment; filename*0=\"=?utf-8?q?=C3\"; filename*1=\"=9F?=.txt\"", "ß.txt");
    for none in ["filename", "filename=", "filename*1=b", "filename*x=b", "name=b", "xfilename=b"] {
        assert_eq!(part(&format!("Content-Disposition: attachment; {none}")).name, None, "{none}");
    }
}

/// Goal: a reader that picks another one of several names cannot be shown what nobody looked at.
#[test]
fn every_name_is_told() {
    let section = b"Content-Disposition: attachment; filename=a; filename=b; filename*=''c; filename*0=d; name=e\n\
        Content-Type: text/plain; name=f; filename=g\nContent-Disposition: inline; filename=h\n\nContent-Type: x; name=i";
    let mut all = names(section);
    all.sort();
    all.dedup();
    assert_eq!(all, ["a", "b", "c", "d", "e", "f", "g", "h"]);
}

proptest! {
    /// Goal: no bytes make it panic, and what is read does not outgrow them.
    #[test]
    fn any_bytes_are_read(raw in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b";=*\"\\()'%?0a\r\n "[..])], 0..200)) {
        let section = [b"Content-Type: text/plain; name*0=x;", &raw[..]].concat();
        let (part, _) = Part::read(&section, ("text", "plain"));
        prop_assert!(part.name.is_none_or(|name| name.len() <= 3 * section.len()));
        names(&section);
    }
}
