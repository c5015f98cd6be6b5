//! Tests of `text`.

use proptest::prelude::*;

use super::*;
use crate::replace::Replacer;
use crate::testing::Recorder;

/// Replaces, and puts a text in at the end of each part.
#[derive(Debug, Clone)]
struct Sample {
    replacer: Replacer,
    end: Vec<u8>,
    left: Vec<Left>,
    bodies: Vec<String>,
}

impl Editor for Sample {
    fn begin(&mut self, part: &TextPart<'_>) -> bool {
        if part.is_body {
            self.bodies.push(part.part.path.clone());
        }
        true
    }

    fn edit(&mut self, text: &[u8], last: bool, edits: &mut Edits) -> usize {
        let settled = self.replacer.edit(text, last, edits);
        if last {
            edits.insert(text.len(), &self.end);
        }
        settled
    }

    fn left(&mut self, _part: &TextPart<'_>, why: Left) {
        self.left.push(why);
    }
}

fn sample(pairs: &[(&str, &str)], end: &str) -> Sample {
    let replacer = Replacer::new(pairs.iter().map(|(from, to)| (*from, *to))).unwrap();
    Sample { replacer, end: end.into(), left: vec![], bodies: vec![] }
}

fn rewrite<'m>(editor: &Sample, chunks: impl Iterator<Item = &'m [u8]>) -> (Vec<u8>, u64, Sample) {
    let mut rewriter = Rewriter::new(editor.clone());
    let mut out = Vec::new();
    let mut host = Recorder::default();
    for chunk in chunks {
        host.begin_call(chunk.len());
        let flow = rewriter.write(chunk, &mut host.context()).unwrap();
        out.append(&mut host.end_call().unwrap());
        if flow == crate::Flow::Pass {
            out.extend_from_slice(chunk);
        }
    }
    host.begin_call(0);
    rewriter.close(&mut host.context()).unwrap();
    out.append(&mut host.end_call().unwrap());
    (out, rewriter.refused(), rewriter.editor().clone())
}

/// Over every way of cutting it in two, and in pieces of one size.
#[track_caller]
fn check(editor: &Sample, message: &[u8], expected: &[u8], refused: u64) {
    let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for size in (1..=message.len()).rev() {
        let (out, count, _) = rewrite(editor, message.chunks(size));
        assert_eq!(show(&out), show(expected), "pieces of {size}");
        assert_eq!(count, refused, "pieces of {size}");
    }
    for cut in 1..message.len() {
        let (left, right) = message.split_at(cut);
        let (out, ..) = rewrite(editor, [left, right].into_iter());
        assert_eq!(show(&out), show(expected), "cut at {cut}");
    }
}

fn quoted(body: &str) -> Vec<u8> {
    format!("Content-Transfer-Encoding: quoted-printable\r\n\r\n{body}").into_bytes()
}

#[track_caller]
fn check_quoted(pairs: &[(&str, &str)], end: &str, body: &str, expected: &str, refused: u64) {
    check(&sample(pairs, end), &quoted(body), &quoted(expected), refused);
}

#[test]
fn quoted_printable_is_encoded_anew_where_it_changed_only() {
    check_quoted(
        &[("x", "y")],
        "",
        "=e4=\r\n =C3 \t\r\n=\r\nab= \r\n",
        "=e4=\r\n =C3 \t\r\n=\r\nab= \r\n",
        0,
    );
    check_quoted(&[("secret", "ä=")], "", "=e4 se=\r\ncr=65t =e4\r\n", "=e4 =C3=A4=3D =e4\r\n", 0);
    check_quoted(&[("b", "")], "", "a b\r\nc b  \r\n", "a =\r\n\r\nc =\r\n  \r\n", 0);
    check_quoted(&[("b", "c ")], "", "ab\r\nb", "ac=20\r\nc=20", 0);
    check_quoted(&[("\r\n", " ")], "", "a\r\nb\r\n", "a=20=\r\nb=20", 0);
}

#[test]
fn text_goes_in_before_the_padding_of_the_part() {
    check_quoted(&[("x", "x")], "\nend", "a  ", "a\r\nend  ", 0);
    check_quoted(&[("q", "q")], "end", "a=", "aend=", 0);
    check_quoted(&[("q", "q")], "end\n", "a\r\n", "a\r\nend\r\n", 0);
    check_quoted(&[("q", "q")], "end", "", "end", 0);
}

/// A space in column 76, where a soft line break would take it along to the line's end again.
#[test]
fn a_space_before_a_new_line_break_stays_in_any_column() {
    for with in ["", "\nq"] {
        for count in 72..80 {
            let message = quoted(&format!("{} x\r\n", "a".repeat(count)));
            let (out, ..) = rewrite(&sample(&[("x", with)], ""), [&message[..]].into_iter());
            let body = String::from_utf8(decode(&out[quoted("").len()..])).unwrap();
            let expected = format!("{} {}\r\n", "a".repeat(count), with.replace('\n', "\r\n"));
            assert_eq!(body, expected, "{count}");
        }
    }
}

#[test]
fn malformed_escapes_stay() {
    check_quoted(&[("a=zz", "-"), ("b", "c")], "", "a=zz b =", "a=zz c =", 1);
}

/// Goal: no line grows past 76.
/// Method: insert at each place of a full line, and at the end of one.
#[test]
fn quoted_lines_stay_short() {
    for at in 0..76 {
        let line = format!("{}!{}", "a".repeat(at), "b".repeat(75 - at));
        for with in ["", "?", "??", "=", "- ", "a longer text that goes in, with ümlauts"] {
            let message = quoted(&format!("{line}\r\n{line}=\r\nnext"));
            let (out, ..) = rewrite(&sample(&[("!", with)], ""), [&message[..]].into_iter());
            let body = String::from_utf8(out).unwrap();
            let body = body.split_once("\r\n\r\n").unwrap().1;
            assert!(body.lines().all(|line| line.len() <= 76), "{body}");
            let decoded = decode(body.as_bytes());
            let expected = format!("{line}\r\n{line}next").replace('!', with);
            assert_eq!(String::from_utf8_lossy(&decoded), expected);
        }
    }
}

/// By the RFC's rules, a line at a time.
fn decode(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in raw.split_inclusive(|&byte| byte == b'\n') {
        let text = line.strip_suffix(b"\r\n").or(line.strip_suffix(b"\n")).unwrap_or(line);
        let line_break = &line[text.len()..];
        let padding = text.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let text = &text[..text.len() - padding];
        let (text, soft) = text.strip_suffix(b"=").map_or((text, false), |text| (text, true));
        let mut at = 0;
        while at < text.len() {
            let hex = text.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
            match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| text[at] == b'=') {
                Some(byte) => {
                    out.push(byte);
                    at += 3;
                }
                None => {
                    out.push(text[at]);
                    at += 1;
                }
            }
        }
        if !soft {
            out.extend_from_slice(line_break);
        }
    }
    out
}

proptest! {
    /// Goal: any text in quoted-printable, cut anyhow, gives what replacing in the decoded text gives; and without a match
    /// the same bytes.
    #[test]
    fn quoted_agrees_with_replacing_in_the_decoded_text(
        tokens in proptest::collection::vec(
            proptest::sample::select(&["a", "b", "=61", "=62", "=\r\n", "-", "x\r\n", "=3d", "=0D=0A", "=2d", "."][..]), 0..60),
        with in "[a .=\\-]{0,4}",
        size in 1_usize..40,
    ) {
        let body = tokens.concat();
        let message = quoted(&body);
        let (out, refused, _) = rewrite(&sample(&[("ab", &with)], ""), message.chunks(size));
        let (whole, ..) = rewrite(&sample(&[("ab", &with)], ""), [&message[..]].into_iter());
        prop_assert_eq!(&out, &whole);
        if refused == 0 {
            let text = String::from_utf8(decode(body.as_bytes())).unwrap();
            let head = quoted("").len();
            prop_assert_eq!(String::from_utf8(decode(&out[head..])).unwrap(), text.replace("ab", &with));
        }
        let (same, ..) = rewrite(&sample(&[("nothing", "")], ""), message.chunks(size));
        prop_assert_eq!(same, message);
    }
}

proptest! {
    /// Goal: beside malformed escapes and padding, too, what is not refused reads as edited, and all else as it was, however
    /// the message is cut.
    /// Method: the decoded output is the decoded input with all edits made but as many as were refused.
    #[test]
    fn quoted_agrees_beside_malformed_escapes(
        tokens in proptest::collection::vec(
            proptest::sample::select(&["x", "x", "=", "=4", "=z", "4", "1", "a", " ", "\t", "=\r\n", "= \r\n", "\r\n", "=20", "=41"][..]),
            0..24),
        with in proptest::sample::select(&["", "\n", "41", " ", "=", "\nq", "4 ", " \n"][..]),
        fill in proptest::sample::select(&[0_usize, 68, 73][..]),
        size in 1_usize..40,
    ) {
        let body = format!("{}{}", "b".repeat(fill), tokens.concat());
        let message = quoted(&body);
        let editor = sample(&[("x", with)], "");
        let (out, refused, _) = rewrite(&editor, message.chunks(size));
        prop_assert_eq!(&out, &rewrite(&editor, [&message[..]].into_iter()).0);
        let latin = |raw: &[u8]| decode(raw).into_iter().map(char::from).collect::<String>();
        let (text, read) = (latin(body.as_bytes()), latin(&out[quoted("").len()..]));
        let with = with.replace('\n', "\r\n");
        let pieces: Vec<&str> = text.split('x').collect();
        let agrees = (0_u32..1 << (pieces.len() - 1)).filter(|kept| u64::from(kept.count_ones()) == refused).any(|kept| {
            let mut edited = String::new();
            for (at, piece) in pieces.iter().enumerate() {
                edited += match at.checked_sub(1) {
                    None => "",
                    Some(at) if kept >> at & 1 == 1 => "x",
                    Some(_) => &with,
                };
                edited += piece;
            }
            edited == read
        });
        prop_assert!(agrees, "{:?} -> {:?}, {} refused", body, String::from_utf8_lossy(&out[quoted("").len()..]), refused);
    }
}

#[test]
fn plain_text_is_edited_in_place() {
    let editor = sample(&[("secret", "*"), ("gone\r\n", "")], "the\nend\n");
    check(&editor, b"A: b\r\n\r\na secret\r\ngone\r\n-", b"A: b\r\n\r\na *\r\n-the\r\nend\r\n", 0);
    check(&editor, b"A: b\n\na secret\n", b"A: b\n\na *\nthe\nend\n", 0);
}

#[test]
fn seven_bits_stay_seven() {
    let editor = sample(&[("a", "ä")], "");
    check(&editor, b"A: b\r\n\r\na\r\n", b"A: b\r\n\r\na\r\n", 1);
    let eight = "Content-Transfer-Encoding: 8bit\r\n\r\n";
    check(&editor, format!("{eight}a").as_bytes(), format!("{eight}ä").as_bytes(), 0);
}

/// Goal: the limit of a line holds, at it and one past it.
#[test]
fn lines_grow_to_998_octets_and_not_past() {
    let editor = sample(&[("!", "??")], "");
    let body = |len: usize, mark: &str| {
        format!("A: b\r\n\r\n{}{mark}{}\r\nb", "a".repeat(500), "c".repeat(len - 500))
    };
    let run = |message: String, size: usize| {
        let (out, refused, _) = rewrite(&editor, message.as_bytes().chunks(size));
        (String::from_utf8(out).unwrap(), refused)
    };
    for size in [1, 7, 500, 1000, 5000] {
        assert_eq!(run(body(996, "!"), size), (body(996, "??"), 0));
        assert_eq!(run(body(997, "!"), size), (body(997, "!"), 1));
        assert_eq!(run(body(9000, "!"), size), (body(9000, "!"), 1));
    }
}

#[test]
fn no_edit_makes_a_delimiter() {
    let head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n";
    let editor = sample(&[("!", ""), ("?", "\n--b\n"), ("sig", "-- \nme")], "");
    for (body, expected, refused) in [
        ("-!-b\r\n", "-!-b\r\n", 1),
        ("!--b", "!--b", 1),
        ("a?", "a?", 1),
        ("sig", "-- \r\nme", 0),
        ("a!--b", "a--b", 0),
    ] {
        let end = "\r\n--b--\r\n";
        check(
            &editor,
            format!("{head}{body}{end}").as_bytes(),
            format!("{head}{expected}{end}").as_bytes(),
            refused,
        );
    }
    check_quoted(&[("!", "")], "", "-!-b", "-=2Db", 0);
    check_quoted(&[("!", "")], "", "!--b", "=2D-b", 0);
    check_quoted(&[("!", "--b")], "", "!", "=2D-b", 0);
}

#[test]
fn what_must_not_change_does_not() {
    let part = |head: &str| format!("--b\r\n{head}\r\n\r\nsecret\r\n");
    let message = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}{}{}{}{}--b--\r\n",
        part("Content-Transfer-Encoding: base64"),
        part("Content-Disposition: attachment"),
        part("Content-Type: text/plain; charset=utf-16"),
        part("Content-Type: multipart/signed; boundary=c\r\n\r\n--c\r\n"),
        part("Content-Type: image/svg+xml"),
    );
    let editor = sample(&[("secret", "*")], "");
    check(&editor, message.as_bytes(), message.as_bytes(), 0);
    let (.., seen) = rewrite(&editor, [message.as_bytes()].into_iter());
    assert_eq!(seen.left, [Left::Encoding, Left::Attachment, Left::Charset, Left::Protected]);
}

#[test]
fn bodies_are_told_from_what_comes_along() {
    let message = b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\
        Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\none\r\n--a\r\n\
        Content-Type: text/html\r\n\r\ntwo\r\n--a--\r\n--m\r\n\r\nthree\r\n--m\r\n\
        Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\nfour\r\n--m--\r\n";
    let (out, _, seen) = rewrite(&sample(&[("q", "")], ""), [&message[..]].into_iter());
    assert_eq!(out, message);
    assert_eq!(seen.bodies, ["1.1", "1.2"]);
}
