//! Reads encoded words (RFC 2047) and folds (RFC 5322 §2.2.3) of unstructured text.
//!
//! ```
//! assert_eq!(gatepost_mime::words::decode(b" =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\taus Kiel"), "Grüße\taus Kiel");
//! ```
//!
//! Knows nothing of fields: gets their values.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memchr;

use crate::charset;

/// Longest character set name that is looked for.
const CHARSET_MAX: usize = 64;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What `raw` shows to a reader: unfolded, encoded words decoded, trimmed. For comparing, not for writing back.
///
/// Knows UTF-8, US-ASCII and ISO-8859-1; bytes beyond ASCII of other character sets become U+FFFD. Linear, also on
/// input made to be hard.
pub fn decode(raw: &[u8]) -> String {
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
    Some((charset::to_utf8(charset, bytes), close + 2))
}

/// What a lax reader takes `raw` for: white space in encoded words and junk in their base64 do not matter, and more
/// character sets are known. The second value: a word is in a character set that cannot be read. Linear.
pub(crate) fn decode_lax(raw: &[u8]) -> (String, bool) {
    let mut text = String::new();
    let mut unreadable = false;
    let mut rest = raw;
    while !rest.is_empty() {
        let word = if rest.starts_with(b"=?") { lax_word(rest) } else { None };
        let Some((charset, bytes, behind)) = word else {
            // Raw bytes up to what may be the next word; a character is never cut at a `=`.
            let end = memchr::memmem::find(&rest[1..], b"=?").map_or(rest.len(), |at| at + 1);
            text.push_str(&String::from_utf8_lossy(&rest[..end]));
            rest = &rest[end..];
            continue;
        };
        unreadable |= !charset::is_readable(charset);
        text.push_str(&charset::to_text(charset, bytes));
        let next = behind.trim_ascii_start();
        rest = if next.starts_with(b"=?") { next } else { behind };
    }
    (text.replace(['\r', '\n'], "").trim().to_owned(), unreadable)
}

/// The encoded word that `raw` begins with: character set, bytes, and what is behind it, its `?=` there or not.
fn lax_word(raw: &[u8]) -> Option<(&[u8], Vec<u8>, &[u8])> {
    let window = &raw[2..raw.len().min(2 + CHARSET_MAX)];
    let charset = &window[..memchr(b'?', window)?];
    let [encoding, b'?', text @ ..] = &raw[2 + charset.len() + 1..] else { return None };
    let (text, behind) = text.split_at(memchr(b'?', text)?);
    let bytes = match encoding {
        b'B' | b'b' => base64_lax(text),
        b'Q' | b'q' => q_decode(text),
        _ => return None,
    };
    let behind = behind.strip_prefix(b"?=").unwrap_or(behind);
    Some((charset.split(|&byte| byte == b'*').next()?, bytes, behind))
}

/// The base64 in `text`, whatever else stands in it.
pub(crate) fn base64_lax(text: &[u8]) -> Vec<u8> {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let mut code: Vec<u8> = text.iter().copied().filter(is_base64).collect();
    if code.len() % 4 == 1 {
        code.pop();
    }
    BASE64.decode(code).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_readers_show() {
        let check = |raw: &str, expected: &str| assert_eq!(decode(raw.as_bytes()), expected, "{raw}");
        check(" plain\r\n text ", "plain text");
        check("=?UTF-8?Q?a_b=C3=9F?=", "a bß");
        check("=?utf-8?b?w58?= =?utf-8*de?B?w58=?=\r\n =?us-ascii?q?x?= y", "ßßx y");
        check("=?iso-8859-1?Q?=DF?=", "ß");
        check("=?koi8-r?B?W0VYVF3B?=", "[EXT]\u{fffd}");
        check(
            "=?utf-8?x?a?= =?utf-8?q?a b?= =?utf-8?b?!?= =? =?=",
            "=?utf-8?x?a?= =?utf-8?q?a b?= =?utf-8?b?!?= =? =?=",
        );
        check("a =?utf-8?q?=ZZ=4?= b", "a =ZZ=4 b");
    }

    /// A character may be cut between two words.
    #[test]
    fn words_are_joined_before_they_are_read() {
        assert_eq!(decode(b"=?utf-8?q?=C3?= =?utf-8?q?=9F?="), "\u{df}");
    }
}
