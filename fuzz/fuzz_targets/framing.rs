//! Lines and content: where the network cuts has no meaning, and only `<CRLF>.<CRLF>` ends content.
//!
//! The first octet says how the wire is cut. The oracle works on the whole at once.

#![no_main]

use gatepost::smtp::framing::LineProgress;
use gatepost::smtp::{DotDecoder, LineDecoder, Progress};
use libfuzzer_sys::fuzz_target;

/// What the content before the end mark is, how long it is on the wire, and its bare newlines. `None`: no end mark.
fn oracle(wire: &[u8]) -> Option<(Vec<u8>, usize, u64)> {
    let seen = [b"\r\n", wire].concat();
    let end = seen.windows(5).position(|five| five == b"\r\n.\r\n")?;
    // The CRLF before the mark belongs to the content, but for the one that we have put there.
    let raw = &seen[..end + 2];
    let mut body = Vec::new();
    for (at, &byte) in raw.iter().enumerate().skip(2) {
        if byte == b'.' && raw[..at].ends_with(b"\r\n") {
            continue;
        }
        body.push(byte);
    }
    let crlf = raw.windows(2).filter(|two| two == b"\r\n").count();
    let newlines = raw.iter().filter(|byte| b"\r\n".contains(byte)).count();
    Some((body, end + 3, (newlines - 2 * crlf) as u64))
}

fn content(wire: &[u8], piece: usize) {
    let (mut decoder, mut body, mut used, mut done) = (DotDecoder::new(), Vec::new(), 0, false);
    for part in wire.chunks(piece) {
        let before = body.len();
        match decoder.feed(part, &mut body) {
            Progress::NeedMore => used += part.len(),
            Progress::Done { consumed } => {
                used += consumed;
                done = true;
                break;
            }
        }
        assert!(body.len() - before <= part.len() + 1);
    }
    match oracle(wire) {
        Some((expect, len, bare)) => {
            assert!(done, "an end mark was overlooked");
            assert_eq!((body, used, decoder.bare_newlines()), (expect, len, bare));
        }
        None => assert!(!done, "content was ended by something else"),
    }
}

fn lines(wire: &[u8], piece: usize, max: usize) -> Vec<Result<Vec<u8>, ()>> {
    let (mut decoder, mut found) = (LineDecoder::new(max), Vec::new());
    for mut part in wire.chunks(piece) {
        while !part.is_empty() {
            match decoder.feed(part) {
                LineProgress::NeedMore => break,
                LineProgress::Line { consumed, line } => {
                    assert!(line.len() < max);
                    found.push(Ok(line.to_vec()));
                    part = &part[consumed..];
                }
                LineProgress::Overlong { consumed, start } => {
                    assert!(start.len() <= max);
                    found.push(Err(()));
                    part = &part[consumed..];
                }
            }
        }
    }
    found
}

fuzz_target!(|data: &[u8]| {
    let Some((&cut, wire)) = data.split_first() else { return };
    if wire.is_empty() {
        return;
    }
    let piece = usize::from(cut) + 1;
    content(wire, piece);
    content(wire, usize::MAX);
    assert_eq!(lines(wire, piece, 16), lines(wire, wire.len(), 16), "a cut has a meaning");
});
