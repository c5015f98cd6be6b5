//! Encoded words (RFC 2047) and folding (RFC 5322 §2.2.3) of unstructured text.
//!
//! Knows nothing of fields: gets text and the column it starts at.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memchr;

/// Longest line that is aimed at, without its line end (RFC 5322 §2.1.1).
pub(super) const LINE_AIM: usize = 78;
/// Longest encoded word (RFC 2047 §2).
const WORD_MAX: usize = 75;
/// `=?UTF-8?Q?` and `?=`.
const WORD_FRAME: usize = 12;
/// A longer run without white space is encoded, or its line could pass the 998 of RFC 5322 §2.1.1.
const RUN_MAX: usize = 900;
/// Longest character set name that is looked for.
const CHARSET_MAX: usize = 64;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

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

/// What `raw` shows to a reader: unfolded, encoded words decoded, trimmed. For comparing, not for writing back.
///
/// Knows UTF-8, US-ASCII and ISO-8859-1; bytes beyond ASCII of other character sets become U+FFFD. Linear, also on
/// input made to be hard.
pub(super) fn decode(raw: &[u8]) -> String {
    let mut text = Vec::with_capacity(raw.len());
    // White space is shown only where it does not stand between two encoded words.
    let mut space: Vec<u8> = Vec::new();
    let mut after_word = false;
    let mut at = 0;
    while at < raw.len() {
        match raw[at] {
            b'\r' | b'\n' => at += 1,
            byte @ (b' ' | b'\t') => {
                space.push(byte);
                at += 1;
            }
            byte => {
                let word = if raw[at..].starts_with(b"=?") { word_at(raw, at) } else { None };
                if !(after_word && word.is_some()) {
                    text.append(&mut space);
                }
                space.clear();
                after_word = word.is_some();
                if let Some((decoded, end)) = word {
                    text.extend_from_slice(&decoded);
                    at = end;
                } else {
                    text.push(byte);
                    at += 1;
                }
            }
        }
    }
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// The encoded word at `at`, where `=?` stands: its bytes in UTF-8 and where it ends.
fn word_at(raw: &[u8], at: usize) -> Option<(Vec<u8>, usize)> {
    let charset_at = at + 2;
    let window = &raw[charset_at..raw.len().min(charset_at + CHARSET_MAX)];
    let charset = &window[..memchr(b'?', window)?];
    let encoding_at = charset_at + charset.len() + 1;
    let [encoding, b'?'] = raw.get(encoding_at..encoding_at + 2)? else { return None };
    let text_at = encoding_at + 2;
    // Up to the next `?` and no farther, which keeps all attempts together linear (and is what RFC 2047 §2 says).
    let close = text_at + memchr(b'?', &raw[text_at..])?;
    let text = &raw[text_at..close];
    if raw.get(close + 1) != Some(&b'=') || text.iter().any(u8::is_ascii_whitespace) {
        return None;
    }
    let bytes = match encoding {
        b'B' | b'b' => BASE64.decode(text).ok()?,
        b'Q' | b'q' => q_decode(text),
        _ => return None,
    };
    // RFC 2231 §5: a language may follow the character set.
    let charset = charset.split(|&byte| byte == b'*').next()?;
    let utf8 = if charset.eq_ignore_ascii_case(b"utf-8") {
        bytes
    } else if charset.eq_ignore_ascii_case(b"iso-8859-1") {
        bytes.iter().map(|&byte| char::from(byte)).collect::<String>().into_bytes()
    } else {
        let ascii = |&byte: &u8| if byte.is_ascii() { char::from(byte) } else { char::REPLACEMENT_CHARACTER };
        bytes.iter().map(ascii).collect::<String>().into_bytes()
    };
    Some((utf8, close + 2))
}

/// RFC 2047 §4.2. What is no valid escape stands for itself.
fn q_decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'=', high, low, ..] => char::from(*high).to_digit(16).zip(char::from(*low).to_digit(16)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            out.push(u8::try_from(high * 16 + low).unwrap_or(0));
            rest = &rest[3..];
        } else {
            out.push(if *first == b'_' { b' ' } else { *first });
            rest = tail;
        }
    }
    out
}
