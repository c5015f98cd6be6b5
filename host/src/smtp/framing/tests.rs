//! Tests of `smtp::framing`.

use proptest::prelude::*;

use super::*;

/// All strings over `alphabet` of up to `len_max` bytes.
fn all_strings(alphabet: &[u8], len_max: u32) -> impl Iterator<Item = Vec<u8>> {
    let base = alphabet.len();
    (0..=len_max).flat_map(move |len| {
        (0..base.pow(len)).map(move |n| (0..len).map(|i| alphabet[n / base.pow(i) % base]).collect())
    })
}

/// Content, bytes used if it ended, bare newlines: what a decoder makes of `wire` in the given pieces.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Option<usize>, u64) {
    let (mut decoder, mut body, mut before) = (DotDecoder::new(), Vec::new(), 0);
    for piece in pieces {
        let held = body.len();
        let progress = decoder.feed(piece, &mut body);
        assert!(body.len() - held <= piece.len() + 1, "appends at most one byte more than it was fed");
        if let Progress::Done { consumed } = progress {
            return (body, Some(before + consumed), decoder.bare_newlines());
        }
        before += piece.len();
    }
    (body, None, decoder.bare_newlines())
}

/// The RFC's words on the whole input at once: find the end mark, then take one dot off each line.
fn oracle(wire: &[u8]) -> (Vec<u8>, Option<usize>, u64) {
    // As if the `<CRLF>` of the DATA command stood before the content.
    let seen = [b"\r\n", wire].concat();
    let end = (0..seen.len()).find(|&at| seen[at..].starts_with(b"\r\n.\r\n"));
    // The content keeps the end mark's first CRLF. Without an end mark, what may yet become one is withheld.
    let content = match end {
        Some(at) => &seen[2..at + 2],
        None if seen.ends_with(b"\r\n.") => &seen[2..seen.len() - 1],
        None if seen.ends_with(b"\r\n.\r") => &seen[2..seen.len() - 2],
        None => &seen[2..],
    };
    let (mut body, mut bare) = (Vec::new(), 0);
    for (at, &byte) in content.iter().enumerate() {
        let before = seen[..at + 2].to_vec();
        if !(byte == b'.' && before.ends_with(b"\r\n")) {
            body.push(byte);
        }
        let after = content.get(at + 1).copied();
        bare += match byte {
            b'\n' => u64::from(!before.ends_with(b"\r")),
            // A CR that ends what has come so far may yet get its LF.
            b'\r' => u64::from(after.is_some() && after != Some(b'\n')),
            _ => 0,
        };
    }
    (body, end.map(|at| at + 3), bare)
}

/// Goal: the decoder equals the RFC's words on *every* short input.
/// Method: all strings over `. \r \n x` up to 7 bytes, cut at every point and into single bytes, against a whole-buffer
/// oracle too simple to be wrong.
#[test]
fn agrees_with_the_oracle_however_the_input_is_cut() {
    for wire in all_strings(b".\r\nx", 7) {
        let expect = oracle(&wire);
        for cut in 0..=wire.len() {
            let (head, tail) = wire.split_at(cut);
            assert_eq!(decode([head, tail]), expect, "{:?} cut at {cut}", wire.escape_ascii().to_string());
        }
        assert_eq!(decode(wire.chunks(1)), expect, "{:?} in single bytes", wire.escape_ascii().to_string());
    }
}

/// CVE-2023-51764, -51765, -51766, CVE-2024-27938: no look-alike of the end mark ends a message.
#[test]
fn end_of_data_look_alikes_are_content() {
    for look_alike in [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r",
        "\r.\r\n",
        "\r\n.\r",
        "\r\n.\r\r\n",
        "\r\n.\0\r\n",
        "\r\n\0.\r\n",
        "\r\n. \r\n",
        "\r\n .\r\n",
        "\r\n.\t\r\n",
        "\r\n.\x0b\r\n",
        "\r\n.\x0c\r\n",
        "\u{85}.\u{85}",
        "\u{2028}.\u{2028}",
        "\r\n.\u{2028}\r\n",
        "\r\n..\r\n",
    ] {
        let wire = format!("text{look_alike}MAIL FROM:<>\r\n.\r\nQUIT\r\n");
        let end = wire.len() - "QUIT\r\n".len();
        for cut in 0..=wire.len() {
            let (head, tail) = wire.as_bytes().split_at(cut);
            let (body, consumed, _) = decode([head, tail]);
            assert_eq!(consumed, Some(end), "{look_alike:?} cut at {cut}");
            assert!(body.ends_with(b"MAIL FROM:<>\r\n"), "{look_alike:?} cut at {cut}");
        }
    }
    // `\r\r\n.\r\n` does end it: its last five bytes are the end mark. The CR before them is bare.
    assert_eq!(decode([&b"a\r\r\n.\r\r\n.\r\n"[..]]), (b"a\r\r\n\r\r\n".to_vec(), Some(11), 2));
}

#[test]
fn bare_newlines_and_nul_are_content_and_counted() {
    for (wire, body, bare) in [
        ("\r\n.\r\n", "\r\n", 0),
        (".\r\n", "", 0),
        ("a\nb\rc\0\r\n.\r\n", "a\nb\rc\0\r\n", 2),
        (".\n\r\n.\r\n", "\n\r\n", 1),
        (".\rx\r\n.\r\n", "\rx\r\n", 1),
        ("\r\r\r\n.\r\n", "\r\r\r\n", 2),
    ] {
        assert_eq!(decode([wire.as_bytes()]), (body.as_bytes().to_vec(), Some(wire.len()), bare), "{wire:?}");
    }
}

proptest! {
    /// Goal: what a client stuffs comes out as it was, up to the very byte. Method: random content, stuffed as RFC 5321
    /// §4.5.2 tells clients to, in random pieces, with a command behind it.
    #[test]
    fn undoes_what_a_client_stuffs(
        lines in proptest::collection::vec("[.a\\x00-\\x08 ]{0,6}", 0..20),
        size in 1usize..9,
    ) {
        let content: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let stuffed: String =
            lines.iter().map(|line| format!("{}{line}\r\n", if line.starts_with('.') { "." } else { "" })).collect();
        let wire = format!("{stuffed}.\r\nQUIT\r\n");
        let (body, consumed, bare) = decode(wire.as_bytes().chunks(size));
        prop_assert_eq!(body, content.into_bytes());
        prop_assert_eq!(consumed, Some(stuffed.len() + 3));
        prop_assert_eq!(bare, 0);
    }
}

/// Lines, and `None` for an overlong one, as a decoder cuts them out of the given pieces.
fn lines<'a>(line_max: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Option<Vec<u8>>> {
    let (mut decoder, mut found) = (LineDecoder::new(line_max), Vec::new());
    for mut piece in pieces {
        loop {
            let consumed = match decoder.feed(piece) {
                LineProgress::NeedMore => break,
                LineProgress::Line { consumed, line } => {
                    found.push(Some(line.to_vec()));
                    consumed
                }
                LineProgress::Overlong { consumed, start } => {
                    assert_eq!(start.len(), line_max, "as much of it as a line may have");
                    found.push(None);
                    consumed
                }
            };
            assert!(consumed > 0);
            piece = &piece[consumed..];
        }
        assert!(decoder.line.len() <= line_max, "memory is bounded");
    }
    found
}

/// Goal: lines are the same however the bytes are cut, and an overlong one costs no other.
/// Method: all strings over `a \r \n` up to 8 bytes with lines of at most 4 octets, cut at every point and into single
/// bytes, against splitting at LF.
#[test]
fn command_lines_however_the_input_is_cut() {
    const LINE_MAX: usize = 4;
    for wire in all_strings(b"a\r\n", 8) {
        let mut expect: Vec<_> = wire
            .split_inclusive(|&b| b == b'\n')
            .map(|line| match line {
                [text @ .., b'\n'] if line.len() <= LINE_MAX => {
                    Some(Some(text.strip_suffix(b"\r").unwrap_or(text).to_vec()))
                }
                // Too long as soon as the LF cannot be within the limit.
                _ if line.len() >= LINE_MAX => Some(None),
                _ => None,
            })
            .collect();
        expect.retain(Option::is_some);
        let expect: Vec<_> = expect.into_iter().flatten().collect();
        for cut in 0..=wire.len() {
            let (head, tail) = wire.split_at(cut);
            assert_eq!(
                lines(LINE_MAX, [head, tail]),
                expect,
                "{:?} cut at {cut}",
                wire.escape_ascii().to_string()
            );
        }
        assert_eq!(lines(LINE_MAX, wire.chunks(1)), expect, "{:?}", wire.escape_ascii().to_string());
    }
}

#[test]
fn a_line_at_its_limit_and_past_it() {
    let line = |len: usize| format!("{}\r\nNOOP\r\n", "x".repeat(len));
    assert_eq!(
        lines(512, [line(510).as_bytes()]),
        [Some("x".repeat(510).into_bytes()), Some(b"NOOP".to_vec())]
    );
    assert_eq!(lines(512, [line(511).as_bytes()]), [None, Some(b"NOOP".to_vec())]);
}

/// Goal: what an overlong line begins with is known, so that a verb that announces content is.
#[test]
fn the_start_of_an_overlong_line_is_told_however_it_is_cut() {
    let wire = b"BDAT 5      LAST\r\n";
    for cut in 0..=wire.len() {
        let mut decoder = LineDecoder::new(8);
        let (head, tail) = wire.split_at(cut);
        let told = [head, tail].into_iter().find_map(|piece| match decoder.feed(piece) {
            LineProgress::Overlong { start, .. } => Some(start.to_vec()),
            _ => None,
        });
        assert_eq!(told.as_deref(), Some(&b"BDAT 5  "[..]), "cut at {cut}");
    }
}

/// 64 MiB without a newline: told at once, held by nothing, and the session can go on behind it.
#[test]
fn an_endless_line_is_skipped_in_flat_memory() {
    let mebibyte = vec![b'x'; 1 << 20];
    let pieces = std::iter::repeat_n(&mebibyte[..], 64).chain([&b"x\r\nNOOP\r\n"[..]]);
    assert_eq!(lines(512, pieces), [None, Some(b"NOOP".to_vec())]);
}
