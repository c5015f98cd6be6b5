//! Tests of `header`.

use proptest::prelude::*;

use super::*;

const SECTION: &[u8] =
    b"Received: from a\r\n\tby b\r\nSubject: one\r\nno field here\r\n  nor this\r\nsubject : two\r\n\r\n";

fn edited(section: &[u8], edit: impl FnOnce(&mut Header<'_>)) -> String {
    let mut header = Header::parse(section);
    edit(&mut header);
    String::from_utf8(header.to_bytes()).unwrap()
}

/// Goal: what nobody edits comes out byte for byte, and each field is where a simple reader sees it.
/// Method: every string over `A : space \r \n` up to 8 bytes.
#[test]
fn every_short_section_survives() {
    for len in 0..=8u32 {
        for n in 0..5usize.pow(len) {
            let text: Vec<u8> = (0..len).map(|i| b"A: \r\n"[n / 5usize.pow(i) % 5]).collect();
            let header = Header::parse(&text);
            assert_eq!(header.to_bytes(), text, "{text:?}");
            assert!(!header.is_changed());
            assert!(header.fields().all(|field| field.name.bytes().all(|byte| byte == b'A')), "{text:?}");
        }
    }
}

#[test]
fn finds_fields_without_regard_to_case() {
    let header = Header::parse(SECTION);
    assert_eq!(header.get("RECEIVED").unwrap().value, b" from a\r\n\tby b");
    assert_eq!(header.get("received").unwrap().text(), "from a\tby b");
    let subjects: Vec<_> = header.get_all("Subject").map(|field| (field.name, field.text())).collect();
    assert_eq!(subjects, [("Subject", "one".into()), ("subject", "two".into())]);
    assert_eq!(header.fields().count(), 3);
    assert!(header.get("no field here").is_none());
    assert!(header.get("").is_none());
}

#[test]
fn adds_replaces_removes_renames() {
    assert_eq!(
        edited(SECTION, |header| {
            header.add_first("X-Top", "t").unwrap();
            header.add_first("X-Over", "").unwrap();
            header.add_last("X-End", "e").unwrap();
            assert_eq!(header.replace("subject", "new"), Ok(true));
            assert_eq!(header.replace("absent", "new"), Ok(false));
            assert_eq!(header.remove("received"), 1);
            assert_eq!(header.remove("received"), 0);
            assert_eq!(header.rename("SUBJECT", "X-Was"), Ok(2));
            assert_eq!(header.get("x-was").unwrap().text(), "new");
            assert!(header.is_changed());
        }),
        "X-Over:\r\nX-Top: t\r\nX-Was: new\r\nno field here\r\n  nor this\r\nX-Was : two\r\nX-End: e\r\n\r\n"
    );
}

#[test]
fn new_fields_end_as_the_first_line_does() {
    let add = |section: &[u8]| {
        edited(section, |header| {
            header.add_first("T", "t").unwrap();
            header.add_last("E", "e").unwrap();
        })
    };
    assert_eq!(add(b"A: b\nC: d\r\n\r\n"), "T: t\nA: b\nC: d\r\nE: e\n\r\n");
    assert_eq!(add(b"A: b\r\nC: d\n\n"), "T: t\r\nA: b\r\nC: d\nE: e\r\n\n");
    assert_eq!(add(b"\n"), "T: t\nE: e\n\n");
    assert_eq!(add(b"\r\nbody"), "T: t\r\nE: e\r\n\r\nbody");
    assert_eq!(add(b"A: b"), "T: t\r\nA: b\r\nE: e\r\n");
    assert_eq!(add(b""), "T: t\r\nE: e\r\n");
}

/// What stands first may be no field of ours: an mbox line must stay first, and a line that starts with white space would
/// continue whatever is put before it.
#[test]
fn nothing_is_put_before_what_must_stay_first() {
    let add = |section: &[u8]| edited(section, |header| header.add_first("T", "t").unwrap());
    assert_eq!(add(b"From a@b Mon\r\nA: b\r\n\r\n"), "From a@b Mon\r\nT: t\r\nA: b\r\n\r\n");
    assert_eq!(add(b" odd\r\n\todd\r\nA: b\r\n\r\n"), " odd\r\n\todd\r\nT: t\r\nA: b\r\n\r\n");
    assert_eq!(add(b" odd"), " odd\r\nT: t\r\n");
    assert_eq!(add(b"From : a@b\r\n\r\n"), "T: t\r\nFrom : a@b\r\n\r\n");
    assert_eq!(add(b"From: a@b\r\n\r\n"), "T: t\r\nFrom: a@b\r\n\r\n");
}

#[test]
fn line_breaks_and_bad_names_are_refused() {
    let mut header = Header::parse(SECTION);
    for text in ["a\r\nBcc: x", "a\nb", "a\rb", "a\0b", "\u{7f}", "\u{85}"] {
        assert_eq!(header.add_first("A", text), Err(BadField::Text), "{text:?}");
        assert_eq!(header.replace("Subject", text), Err(BadField::Text));
        assert_eq!(header.prefix("Subject", text), Err(BadField::Text));
    }
    let longest = "a".repeat(76);
    for name in ["", "a b", "a:", "ä", "a\r\n", &"a".repeat(77)] {
        assert_eq!(header.add_last(name, "t"), Err(BadField::Name), "{name:?}");
        assert_eq!(header.rename("Subject", name), Err(BadField::Name));
    }
    assert!(!header.is_changed());
    assert_eq!(header.to_bytes(), SECTION);
    assert_eq!(header.add_last(&longest, "t\tu"), Ok(()));
}

#[test]
fn prefix_keeps_the_value() {
    let check = |section: &str, text: &str, expected: &str| {
        let got = edited(section.as_bytes(), |header| assert_eq!(header.prefix("Subject", text), Ok(true)));
        assert_eq!(got, expected);
    };
    check("Subject: Hi\r\n\r\n", "[E]", "Subject: [E] Hi\r\n\r\n");
    check("Subject:Hi\r\n", "[E]", "Subject: [E] Hi\r\n");
    check("Subject:\r\n", "[E]", "Subject: [E]\r\n");
    check("Subject:", "[E]", "Subject: [E]");
    check("Subject:\r\n Hi\r\n\tyou\r\n\r\n", "[E]", "Subject: [E]\r\n Hi\r\n\tyou\r\n\r\n");
    check("SUBJECT :  Hi\n\n", "[E]", "SUBJECT : [E]  Hi\n\n");
    check("Subject: Hi\r\n", "[Ä]", "Subject: =?UTF-8?B?W8OEXQ==?= Hi\r\n");
    // Both encoded: the space between must be inside, or no reader sees it.
    check("Subject: =?utf-8?q?=C3=84?=\n", "[Ä]", "Subject: =?UTF-8?B?W8OEXSA=?= =?utf-8?q?=C3=84?=\n");
    check("Subject: \u{fc}\r\n", "[E]", "Subject: [E] \u{fc}\r\n");
}

/// 78 characters stay on the line, 79 are folded before the old value.
#[test]
fn prefix_folds_past_78_characters() {
    let value = "v".repeat(78 - "Subject: [E] ".len());
    let kept = edited(format!("Subject: {value}\r\n\r\n").as_bytes(), |h| {
        assert!(h.prefix("Subject", "[E]").unwrap());
    });
    assert_eq!(kept, format!("Subject: [E] {value}\r\n\r\n"));
    let folded = edited(format!("Subject: {value}v\r\n\r\n").as_bytes(), |h| {
        assert!(h.prefix("Subject", "[E]").unwrap());
    });
    assert_eq!(folded, format!("Subject: [E]\r\n {value}v\r\n\r\n"));
    let unspaced =
        edited(format!("Subject:{value}v\n\n").as_bytes(), |h| assert!(h.prefix("Subject", "[E]").unwrap()));
    assert_eq!(unspaced, format!("Subject: [E]\n {value}v\n\n"));
}

/// Found by fuzzing: with LF for line ends a field put behind a lone `\r` stood behind a blank line, in the body.
#[test]
fn a_blank_line_cut_short_stays_last() {
    let added = edited(b"A: b\n\r", |header| header.add_last("C", "d").unwrap());
    assert_eq!(added, "A: b\nC: d\n\r");
}

/// Goal: decoding and editing stay linear on input made to be hard.
/// Method: a megabyte of each; quadratic code would take minutes.
#[test]
fn hard_input_takes_linear_time() {
    for unit in
        ["=?a?q?", "=?a?b?", "=?", "=?a?q?x ", "?=", "=?utf-8?b?AAAA?= ", "\r\n ", "A:\r\n", "\n ", ":"]
    {
        let raw = unit.repeat((1 << 20) / unit.len());
        gatepost_mime::words::decode(raw.as_bytes());
        let mut header = Header::parse(raw.as_bytes());
        for _ in 0..100 {
            header.add_first("A", "b").unwrap();
        }
        header.rename("A", "B").unwrap();
        header.remove("B");
        header.to_bytes();
    }
}

fn longest_line(section: &[u8]) -> usize {
    section.split(|&byte| byte == b'\n').map(|line| line.trim_ascii_end().len()).max().unwrap_or(0)
}

#[test]
fn a_long_run_is_encoded_rather_than_making_an_overlong_line() {
    let run = "x".repeat(901);
    let section = edited(b"\r\n", |header| header.add_last("Subject", &run).unwrap());
    assert!(longest_line(section.as_bytes()) <= 78, "{section}");
    assert_eq!(Header::parse(section.as_bytes()).get("Subject").unwrap().text(), run);
}

proptest! {
    /// Goal: any text that may stand in a field reads back as written, on lines within the aim, as one field.
    #[test]
    fn text_reads_back(words in prop::collection::vec("[a-z=?äß€\u{1f600}_]{1,60}", 0..12)) {
        let text = words.join(" ");
        let mut header = Header::parse(b"\r\n");
        header.add_last("Subject", &text).unwrap();
        let bytes = header.to_bytes();
        prop_assert!(bytes.is_ascii());
        prop_assert!(longest_line(&bytes) <= 78, "{:?}", String::from_utf8_lossy(&bytes));
        let again = Header::parse(&bytes);
        prop_assert_eq!(again.fields().count(), 1);
        prop_assert_eq!(again.get("subject").unwrap().text(), &*text);
        for word in bytes.split(u8::is_ascii_whitespace).filter(|word| word.starts_with(b"=?")) {
            prop_assert!(word.len() <= 75);
        }
    }

    /// Goal: a prefix is read before the old text with one space between, and no other field changes.
    #[test]
    fn prefix_reads_back(tag in "[a-zä]{1,40}", old in "[a-zß]{1,60}( [a-zß]{1,60}){0,5}", raw: bool) {
        let mut header = Header::parse(b"\r\n");
        header.add_last("Subject", &old).unwrap();
        let section = if raw { format!("Subject:{old}\r\n\r\n").into_bytes() } else { header.to_bytes() };
        let mut header = Header::parse(&section);
        header.prefix("Subject", &tag).unwrap();
        let bytes = header.to_bytes();
        prop_assert_eq!(Header::parse(&bytes).get("Subject").unwrap().text(), format!("{tag} {old}"));
    }
}
