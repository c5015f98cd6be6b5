//! Tests of the scanner: what it makes of messages, and what holds for any bytes however they are cut.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

/// What a scan amounts to, apart from how events are cut.
#[derive(Debug, Default, PartialEq)]
struct Scan {
    /// A line for each part begun (`path type`, `+` opaque) and ended (`/path`), in order.
    outline: String,
    /// Raw header and body of each part, in order of their beginning.
    parts: Vec<(Part, Vec<u8>, Vec<u8>)>,
    /// Bytes of no part, with `|` where a part began or ended between them.
    other: Vec<u8>,
    /// All bytes in order.
    all: Vec<u8>,
    problem: Option<Problem>,
}

impl Scan {
    fn see(&mut self, event: Event<'_>) {
        match event {
            Event::Header { part, raw } => {
                assert_eq!(part.header_offset, self.all.len() as u64);
                assert_eq!(part.body_offset, part.header_offset + raw.len() as u64);
                let mark = if part.opaque { "+" } else { "" };
                let _ = write!(self.outline, "{} {}/{}{mark}, ", part.path, part.media_type, part.subtype);
                self.parts.push((part.clone(), raw.to_vec(), vec![]));
                self.other.push(b'|');
            }
            Event::Body { part, raw } => {
                assert!(!raw.is_empty());
                // A leaf: the one that began last.
                let last = self.parts.last_mut().unwrap();
                assert_eq!(last.0, *part);
                last.2.extend_from_slice(raw);
            }
            Event::End { part } => {
                let _ = write!(self.outline, "/{}, ", part.path);
                self.other.push(b'|');
            }
            Event::Other(raw) => {
                assert!(!raw.is_empty());
                self.other.extend_from_slice(raw);
            }
        }
        self.all.extend_from_slice(event.raw());
    }

    fn body(&self, path: &str) -> &str {
        let part = self.parts.iter().find(|(part, ..)| part.path == path);
        std::str::from_utf8(&part.unwrap_or_else(|| panic!("no part {path}")).2).unwrap()
    }
}

fn scan_with<'m>(limits: Limits, chunks: impl IntoIterator<Item = &'m [u8]>) -> Scan {
    let mut scan = Scan::default();
    let mut scanner = Scanner::new(limits);
    for chunk in chunks {
        scanner.feed(chunk, &mut |event| scan.see(event));
        assert!(scanner.held.len() <= limits.header_max + limits.boundary_max + 8);
    }
    scanner.finish(&mut |event| scan.see(event));
    scan.problem = scanner.problem();
    scan
}

/// The scan of `message`, the same in single bytes and for every cut in two.
fn scan_limited(limits: Limits, message: &[u8]) -> Scan {
    let whole = scan_with(limits, [message]);
    assert_eq!(whole.all, message);
    assert_eq!(scan_with(limits, message.chunks(1)), whole, "in single bytes");
    for cut in 1..message.len() {
        let (left, right) = message.split_at(cut);
        assert_eq!(scan_with(limits, [left, right]), whole, "cut at {cut}");
    }
    whole
}

fn scan(message: &str) -> Scan {
    // With LF alone the same, but for the line ends.
    let scan = scan_limited(Limits::default(), message.as_bytes());
    let unix = scan_limited(Limits::default(), message.replace("\r\n", "\n").as_bytes());
    assert_eq!(unix.outline, scan.outline);
    scan
}

/// What the outline of a scan without problems is.
#[track_caller]
fn outline(message: &str, expected: &str) -> Scan {
    let scan = scan(message);
    assert_eq!(scan.outline.trim_end_matches(", "), expected);
    assert_eq!(scan.problem, None);
    scan
}

const MIXED: &str = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";

#[test]
fn a_message_without_mime_is_a_leaf() {
    let scan = outline("Subject: x\r\n\r\none\r\n--b\r\ntwo", " text/plain, /");
    assert_eq!(scan.body(""), "one\r\n--b\r\ntwo");
    outline("", " text/plain, /");
    assert_eq!(outline("\r\nbody", " text/plain, /").body(""), "body");
    assert_eq!(outline("Subject: no end", " text/plain, /").body(""), "");
}

#[test]
fn parts_are_what_stands_between_delimiters() {
    let scan = outline(
        &format!(
            "{MIXED}preamble\r\n--b\r\nA: b\r\n\r\none\r\n\r\n--b \t\r\n\r\ntwo\r\n--b--\r\nepilogue\r\n--b--\r\n"
        ),
        " multipart/mixed, 1 text/plain, /1, 2 text/plain, /2, /",
    );
    assert_eq!((scan.body("1"), scan.body("2")), ("one\r\n", "two"));
    let other = "|preamble\r\n--b\r\n||\r\n--b \t\r\n||\r\n--b--\r\nepilogue\r\n--b--\r\n|";
    assert_eq!(String::from_utf8(scan.other).unwrap(), other);
}

/// A delimiter line that some reader may take for the beginning of a part is a defect; the parts are the same.
#[test]
fn misplaced_delimiters_are_noted() {
    let parts = " multipart/mixed, 1 text/plain, /1, /, ";
    for text in ["--b\r\n\r\none\r\n--b--\r\nepilogue\r\n--b\r\nA: b", "--b\r\n--b--\r\nA: b\r\n"] {
        let scan = scan(&format!("{MIXED}{text}"));
        assert_eq!((&*scan.outline, scan.problem), (parts, Some(Problem::DelimiterMisplaced)));
    }
}

#[test]
fn empty_bodies_and_empty_header_sections() {
    let scan = outline(
        &format!("{MIXED}--b\r\nA: b\r\n\r\n--b\r\n\r\n\r\n--b\r\n--b\r\nA: b\r\n--b--"),
        " multipart/mixed, 1 text/plain, /1, 2 text/plain, /2, 3 text/plain, /3, 4 text/plain, /4, /",
    );
    let headers: Vec<_> =
        scan.parts[1..].iter().map(|(_, raw, _)| std::str::from_utf8(raw).unwrap()).collect();
    assert_eq!(headers, ["A: b\r\n\r\n", "\r\n", "", "A: b\r\n"]);
    assert!(scan.parts.iter().all(|(.., body)| body.is_empty()));
}

#[test]
fn what_is_never_closed_ends_with_the_message() {
    assert_eq!(
        outline(&format!("{MIXED}--b\r\n\r\none\r\n--"), " multipart/mixed, 1 text/plain, /1, /").body("1"),
        "one\r\n--"
    );
    outline(&format!("{MIXED}--b\r\n"), " multipart/mixed, 1 text/plain, /1, /");
    outline(&format!("{MIXED}--b"), " multipart/mixed, /");
    outline(&format!("{MIXED}no delimiter"), " multipart/mixed, /");
}

/// An inner multipart that was never closed ends with the delimiter of the outer one.
#[test]
fn an_outer_delimiter_ends_all_that_is_inside() {
    let message = format!(
        "{MIXED}--b\r\nContent-Type: multipart/alternative; boundary=\"c d\"\r\n\r\n--c d\r\n\r\nx\r\n--b\r\n\r\ny\r\n--c d\r\n--b--\r\n"
    );
    let scan = outline(
        &message,
        " multipart/mixed, 1 multipart/alternative, 1.1 text/plain, /1.1, /1, 2 text/plain, /2, /",
    );
    assert_eq!((scan.body("1.1"), scan.body("2")), ("x", "y\r\n--c d"));
}

/// Goal: of two boundaries, one of which begins with the other, each line belongs to the longer one it begins with,
/// whichever of the two is the outer one.
#[test]
fn prefix_boundaries_are_told_apart() {
    for (outer, inner) in [("b", "bb"), ("bb", "b"), ("b", "b--"), ("b--", "b"), ("=_1", "=_12")] {
        let message = format!(
            "Content-Type: multipart/mixed; boundary=\"{outer}\"\r\n\r\n--{outer}\r\n\
             Content-Type: multipart/mixed; boundary=\"{inner}\"\r\n\r\n--{inner}\r\n\r\nx\r\n--{inner}\r\n\r\ny\r\n\
             --{inner}--\r\n--{outer}\r\n\r\nz\r\n--{outer}--\r\n"
        );
        let scan = scan(&message);
        // Where the outer one ends with hyphens, what closes the inner one delimits the outer one: a part more.
        let more = if outer == "b--" { "3 text/plain, /3, " } else { "" };
        let expected = format!(
            " multipart/mixed, 1 multipart/mixed, 1.1 text/plain, /1.1, 1.2 text/plain, /1.2, /1, 2 text/plain, /2, {more}/, "
        );
        assert_eq!(scan.outline, expected, "{outer} {inner}");
    }
}

#[test]
fn the_same_boundary_twice_belongs_to_the_innermost() {
    let message = format!("{MIXED}--b\r\n{MIXED}--b\r\n\r\nx\r\n--b--\r\n--b\r\n\r\ny\r\n--b--\r\n");
    outline(&message, " multipart/mixed, 1 multipart/mixed, 1.1 text/plain, /1.1, /1, 2 text/plain, /2, /");
}

#[test]
fn nested_messages_are_descended_into() {
    let nested = "Content-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: text/html\r\n\r\n<p>\r\n";
    let scan = outline(nested, " message/rfc822, 1 text/html, /1, /");
    assert_eq!(scan.body("1"), "<p>\r\n");
    let digest = "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: a\r\n\r\nx\r\n--b\r\n\
                  Content-Type: text/plain\r\n\r\ny\r\n--b--\r\n";
    let scan =
        outline(digest, " multipart/digest, 1 message/rfc822, 1.1 text/plain, /1.1, /1, 2 text/plain, /2, /");
    assert_eq!(scan.body("1.1"), "x");
    // Cut by the outer delimiter before its own header section began.
    outline(
        &format!("{MIXED}--b\r\nContent-Type: message/rfc822\r\n--b--"),
        " multipart/mixed, 1 message/rfc822, 1.1 text/plain, /1.1, /1, /",
    );
}

#[test]
fn encoded_containers() {
    let scan = scan("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: BASE64\r\n\r\nQQ==");
    assert_eq!((&*scan.outline, scan.problem), (" message/rfc822, /, ", Some(Problem::EncodedMessage)));
    assert_eq!(scan.body(""), "QQ==");
    let scan = self::scan(&format!("Content-Transfer-Encoding: base64\r\n{MIXED}--b\r\n\r\nx\r\n--b--"));
    assert_eq!(scan.outline, " multipart/mixed, 1 text/plain, /1, /, ");
    assert_eq!(scan.problem, Some(Problem::EncodedMultipart));
}

#[test]
fn a_multipart_without_a_boundary_is_a_leaf() {
    for parameter in ["", "; boundary", "; boundary=", "; boundary=\"\"", "; boundary=\"  \"", "; boundry=b"]
    {
        let scan = scan(&format!("Content-Type: multipart/mixed{parameter}\r\n\r\n--b\r\n\r\nx\r\n--\r\n"));
        assert_eq!((&*scan.outline, scan.problem), (" multipart/mixed, /, ", Some(Problem::NoBoundary)));
        assert_eq!(scan.parts[0].2.len(), scan.all.len() - scan.parts[0].1.len());
    }
}

#[test]
fn more_than_white_space_behind_a_boundary_is_noted() {
    for tail in ["x", "-", " x", "--x", "-- x"] {
        let scan = scan(&format!("{MIXED}--b{tail}\r\n\r\nx\r\n"));
        assert_eq!(scan.problem, Some(Problem::DelimiterTail), "{tail}");
        assert_eq!(scan.parts.len(), if tail.starts_with("--") { 1 } else { 2 }, "{tail}");
    }
    for tail in ["", " ", "\t ", "--", "-- \t"] {
        assert_eq!(scan(&format!("{MIXED}--b{tail}\r\n\r\nx\r\n")).problem, None, "{tail}");
    }
}

/// A `\r` before the line break is of the body; one alone is no line break.
#[test]
fn lone_carriage_returns_are_text() {
    let scan = scan_limited(
        Limits::default(),
        format!("{MIXED}--b\r\n\r\nx\r\r\n--b\r\n\r\n\r--b\r\r\n--b--").as_bytes(),
    );
    assert_eq!((scan.body("1"), scan.body("2")), ("x\r", "\r--b\r"));
    let scan = scan_limited(Limits::default(), format!("{MIXED}--b\r\n\r\nx\r\n--y\r\n--b--").as_bytes());
    assert_eq!(scan.body("1"), "x\r\n--y");
}

fn nested(depth: usize) -> String {
    let levels =
        (0..depth).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}.\r\n\r\n--b{n}.\r\n"));
    levels.collect::<String>() + "\r\nx\r\n"
}

/// `check(limits, message)` at each limit and one past it.
#[test]
fn limits_hold_at_and_past() {
    let problem = |limits, message: &str| scan_limited(limits, message.as_bytes()).problem;
    let depth = Limits { depth_max: 3, ..Limits::default() };
    assert_eq!(problem(depth, &nested(3)), None);
    let deep = scan_limited(depth, nested(4).as_bytes());
    assert_eq!(deep.problem, Some(Problem::TooDeep));
    assert!(deep.outline.contains("1.1.1 multipart/mixed+, /1.1.1, "), "{}", deep.outline);

    let parts = Limits { parts_max: 4, ..Limits::default() };
    let many = |n: usize| format!("{MIXED}{}--b--", "--b\r\n\r\nx\r\n".repeat(n));
    assert_eq!(problem(parts, &many(3)), None);
    let rest = scan_limited(parts, many(4).as_bytes());
    assert_eq!((rest.problem, rest.parts.len()), (Some(Problem::TooManyParts), 4));
    assert!(rest.other.ends_with(b"--b\r\n\r\nx\r\n--b--|"), "{:?}", String::from_utf8_lossy(&rest.other));
    let messages = "Content-Type: message/rfc822\r\n\r\n".repeat(5);
    assert_eq!(problem(parts, &messages), Some(Problem::TooManyParts));

    let header = Limits { header_max: 20, ..Limits::default() };
    assert_eq!(problem(header, "Subject: 01234567\r\n\n"), None);
    let long = scan_limited(header, b"Subject: 01234567\r\n\r\nbody");
    assert_eq!(long.problem, Some(Problem::HeaderTooLong));
    assert_eq!((&long.parts[0].1[..], long.body("")), (&b"Subject: 01234567\r\n"[..], "\r\nbody"));
    assert_eq!(long.outline, " text/plain+, /, ");

    let boundary = Limits { boundary_max: 5, ..Limits::default() };
    let with = |boundary: &str| {
        format!("Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n--{boundary}\r\n\r\n")
    };
    assert_eq!(problem(boundary, &with("12345")), None);
    let long = scan_limited(boundary, with("123456").as_bytes());
    assert_eq!((&*long.outline, long.problem), (" multipart/mixed+, /, ", Some(Problem::BoundaryTooLong)));
}

/// A header section past its limit may be cut by a delimiter, and the delimiter may be what passes the limit.
#[test]
fn delimiters_at_the_header_limit() {
    let head = MIXED.len();
    for more in 0..12 {
        let limits = Limits { header_max: head + more, ..Limits::default() };
        let filler = "x".repeat(head);
        let message = format!("{MIXED}--b\r\nA: {filler}\r\n--b\r\n\r\none\r\n--b--\r\n");
        let scan = scan_limited(limits, message.as_bytes());
        assert_eq!(scan.body("2"), "one", "{more}");
    }
}

/// A limit that comes behind a defect must not be hidden by it.
#[test]
fn a_limit_outweighs_a_defect() {
    let limits = Limits { parts_max: 2, ..Limits::default() };
    let message = format!("{MIXED}--bx\r\n\r\nx\r\n--b\r\n");
    assert_eq!(scan_limited(limits, message.as_bytes()).problem, Some(Problem::TooManyParts));
}

#[test]
fn parts_inside_signed_or_encrypted_ones_are_protected() {
    let scan = outline(
        "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n\
         --c\r\n\r\nx\r\n--c--\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\ny\r\n--b--\r\n",
        " multipart/signed, 1 multipart/mixed, 1.1 text/plain, /1.1, /1, 2 application/pgp-signature, /2, /",
    );
    assert!(scan.parts.iter().all(|(part, ..)| part.protected));
    let scan = outline(
        &format!("{MIXED}--b\r\nContent-Type: application/pkcs7-mime\r\n\r\n--b\r\n\r\n--b--"),
        " multipart/mixed, 1 application/pkcs7-mime, /1, 2 text/plain, /2, /",
    );
    let protected: Vec<_> = scan.parts.iter().map(|(part, ..)| part.protected).collect();
    assert_eq!(protected, [false, true, false]);
}

/// Goal: linear time and bounded state on input made to be hard.
/// Method: some megabytes of each; quadratic code would take minutes. `scan_with` checks what is held.
#[test]
fn hard_input_takes_linear_time() {
    let deep_open: String = (0..64)
        .map(|n| {
            format!("Content-Type: multipart/mixed; boundary=\"{}{n}\"\r\n\r\n--{0}{n}\r\n", "x".repeat(900))
        })
        .collect();
    let near = format!("\r\n--{}", "x".repeat(900));
    let cases: [(&str, &str); 12] = [
        ("", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"),
        ("", "Content-Type: message/rfc822\r\n\r\n"),
        (MIXED, "--b\r\n"),
        (MIXED, "--b\r\n\r\nx\r\n"),
        (MIXED, "--\r\n"),
        (MIXED, "\r"),
        (MIXED, "\r\n-"),
        ("", "From: a@b.example\r\n"),
        ("Content-Type: text/plain", ";\r\n a*1*=x"),
        ("Content-Type: text/plain; name=\"", "=?utf-8?q?a?= (\\"),
        ("Content-Type: text/plain", "((((\")"),
        (&deep_open, &near),
    ];
    for (head, unit) in cases {
        let mut message = head.as_bytes().to_vec();
        while message.len() < 4 << 20 {
            message.extend_from_slice(unit.as_bytes());
        }
        let scan = scan_with(Limits::default(), message.chunks(16 << 10));
        assert!(scan.all == message, "{unit:?}");
        assert!(scan.parts.len() <= 512);
    }
}

/// Text rich in what means something here.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "\r\n",
        "\n",
        "\r",
        "-",
        "--",
        "--b",
        "--bb",
        "--b--",
        "--bb--",
        "\r\n--b\r\n",
        "\r\n--bb\r\n\r\n",
        " ",
        "x",
        "\0",
        "Content-Type: ",
        "multipart/mixed; boundary=b\r\n\r\n",
        "multipart/digest; boundary=bb\r\n",
        "message/rfc822\r\n\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "text/plain; name*0*=",
        "''%41\"",
        ";",
        "(",
        "é",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
        "Content-Type: multipart/mixed; boundary=\"bb\"\r\n\r\n--bb\r\n",
    ]);
    prop::collection::vec(prop_oneof![12 => pieces.prop_map(|text| text.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..6)], 0..60)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Goal: every byte comes out once and in order, and the parts do not depend on how the bytes come.
    /// Method: random pieces of structure, limits close by, cut at random and into single bytes.
    #[test]
    fn any_bytes_in_any_pieces(
        message in soup(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        header_max in 0..80_usize,
        tight: bool,
    ) {
        let limits = if tight { Limits { parts_max: 5, depth_max: 2, header_max, boundary_max: 1 } } else { Limits::default() };
        let whole = scan_with(limits, [&message[..]]);
        prop_assert_eq!(&whole.all, &message);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(message.len() + 1)).collect();
        ends.extend([0, message.len()]);
        ends.sort_unstable();
        prop_assert_eq!(&scan_with(limits, ends.windows(2).map(|pair| &message[pair[0]..pair[1]])), &whole);
        prop_assert_eq!(&scan_with(limits, message.chunks(1)), &whole);
        prop_assert!(whole.parts.len() <= limits.parts_max);
    }
}
