//! Writes encoded words (RFC 2047) and folds (RFC 5322 §2.2.3) of unstructured text.
//!
//! Knows nothing of fields: gets text and the column it starts at. Reading them is `gatepost_mime::words`.

use base64::Engine as _;

/// Longest line that is aimed at, without its line end (RFC 5322 §2.1.1).
pub(super) const LINE_AIM: usize = 78;
/// Longest encoded word (RFC 2047 §2).
const WORD_MAX: usize = 75;
/// `=?UTF-8?Q?` and `?=`.
const WORD_FRAME: usize = 12;
/// A longer run without white space is encoded, or its line could pass the 998 of RFC 5322 §2.1.1.
const RUN_MAX: usize = 900;

/// Whether `text` can stand in a header section only as encoded words.
pub(super) fn needs_encoding(text: &str) -> bool {
    !text.is_ascii() || text.contains("=?") || text.split([' ', '\t']).any(|run| run.len() > RUN_MAX)
}

/// Appends `text`, which starts at `column`, encoded if it needs to be, folded with `line_end`. Linear.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str, column: usize, line_end: &str) {
    if needs_encoding(text) {
        push_encoded(out, text, column, line_end);
    } else {
        push_folded(out, text, column, line_end);
    }
}

fn push_folded(out: &mut Vec<u8>, text: &str, mut column: usize, line_end: &str) {
    let is_space = |c: char| c == ' ' || c == '\t';
    let mut rest = text;
    while !rest.is_empty() {
        let space = rest.len() - rest.trim_start_matches(is_space).len();
        let word = rest[space..].find(is_space).unwrap_or(rest.len() - space);
        // Never a line of white space alone, so never before the first word or behind the last.
        if space > 0 && word > 0 && rest.len() < text.len() && column + space + word > LINE_AIM {
            out.extend_from_slice(line_end.as_bytes());
            column = 0;
        }
        out.extend_from_slice(&rest.as_bytes()[..space + word]);
        column += space + word;
        rest = &rest[space + word..];
    }
}

/// Encodes by whichever of B and Q is shorter; words are cut between characters and joined by folds.
fn push_encoded(out: &mut Vec<u8>, text: &str, column: usize, line_end: &str) {
    let q_len: usize = text.bytes().map(q_cost).sum();
    let base64 = text.len().div_ceil(3) * 4 < q_len;
    let cost = |part: &str| {
        if base64 { part.len().div_ceil(3) * 4 } else { part.bytes().map(q_cost).sum() }
    };
    // The first word shares its line with the field name, where that leaves room for a character.
    let mut room = WORD_MAX.min(LINE_AIM.saturating_sub(column));
    if room < WORD_FRAME + 12 {
        room = WORD_MAX;
    }
    let mut start = 0;
    let mut used = 0;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        let now = if base64 { cost(&text[start..end]) } else { used + cost(&text[at..end]) };
        if now > room - WORD_FRAME {
            push_word(out, &text[start..at], base64);
            out.extend_from_slice(line_end.as_bytes());
            out.push(b' ');
            start = at;
            room = WORD_MAX;
            used = cost(&text[at..end]);
        } else {
            used = now;
        }
    }
    push_word(out, &text[start..], base64);
}

fn q_cost(byte: u8) -> usize {
    if is_q_plain(byte) || byte == b' ' { 1 } else { 3 }
}

/// What may stand for itself in every place where encoded words may stand (RFC 2047 §5 (3)).
fn is_q_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!*+-/".contains(&byte)
}

fn push_word(out: &mut Vec<u8>, text: &str, base64: bool) {
    if base64 {
        out.extend_from_slice(b"=?UTF-8?B?");
        out.extend_from_slice(base64::engine::general_purpose::STANDARD.encode(text).as_bytes());
    } else {
        out.extend_from_slice(b"=?UTF-8?Q?");
        for byte in text.bytes() {
            match byte {
                b' ' => out.push(b'_'),
                plain if is_q_plain(plain) => out.push(plain),
                other => {
                    let hex = |digit: u8| b"0123456789ABCDEF"[usize::from(digit)];
                    out.extend_from_slice(&[b'=', hex(other >> 4), hex(other & 15)]);
                }
            }
        }
    }
    out.extend_from_slice(b"?=");
}
