//! Character sets, as far as names and subjects need them: UTF-8, US-ASCII and ISO-8859-1.
//!
//! Knows no others: their ASCII characters are kept, which is what patterns such as `*.exe` look at, and the rest becomes
//! U+FFFD.

/// `bytes` in UTF-8. What claims to be UTF-8 is given back as it is: a character may be cut between two encoded words, so
/// the caller replaces what is invalid when all is together.
pub(crate) fn to_utf8(charset: &[u8], bytes: Vec<u8>) -> Vec<u8> {
    if charset.eq_ignore_ascii_case(b"utf-8") {
        bytes
    } else if charset.eq_ignore_ascii_case(b"iso-8859-1") {
        bytes.iter().map(|&byte| char::from(byte)).collect::<String>().into_bytes()
    } else {
        let ascii = |&byte: &u8| if byte.is_ascii() { char::from(byte) } else { char::REPLACEMENT_CHARACTER };
        bytes.iter().map(ascii).collect::<String>().into_bytes()
    }
}
