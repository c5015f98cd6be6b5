//! Character sets, as far as names and subjects need them: UTF-8, US-ASCII and ISO-8859-1.
//!
//! Of others [`to_text`] tells what names need. Knows no more: their ASCII characters are kept, which is what patterns such as `*.exe` look at, and the rest becomes
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

/// `bytes` as a lax reader shows them, which knows UTF-16 and UTF-7 too and leaves the escapes of ISO-2022 out.
pub(crate) fn to_text(charset: &[u8], bytes: Vec<u8>) -> String {
    let name = String::from_utf8_lossy(charset).trim().to_ascii_lowercase().replace('_', "-");
    if let Some(order) = name.strip_prefix("utf-16").or_else(|| name.strip_prefix("utf16")) {
        return utf16(&bytes, order.ends_with("le"));
    }
    match &*name {
        "utf-7" | "utf7" | "unicode-1-1-utf-7" => utf7(&bytes),
        _ if name.starts_with("iso-2022-") => String::from_utf8_lossy(&unescape(&bytes)).into_owned(),
        _ => String::from_utf8_lossy(&to_utf8(name.as_bytes(), bytes)).into_owned(),
    }
}

/// Whether [`to_text`] tells the ASCII characters of a text in this character set.
pub(crate) fn is_readable(charset: &[u8]) -> bool {
    const PREFIXES: &[&str] = &[
        "utf-8",
        "utf8",
        "utf-16",
        "utf16",
        "utf-7",
        "utf7",
        "unicode-1-1-utf-7",
        "us-ascii",
        "ascii",
        "ansi",
        "iso-8859-",
        "iso8859",
        "latin",
        "windows-",
        "cp125",
        "cp437",
        "cp85",
        "cp86",
        "cp932",
        "cp936",
        "cp949",
        "cp950",
        "ibm437",
        "ibm85",
        "ibm86",
        "koi8",
        "gb",
        "big5",
        "euc-",
        "shift-jis",
        "sjis",
        "iso-2022-",
        "ks-c-",
        "ksc",
        "tis-620",
        "mac",
        "x-mac",
        "x-unknown",
        "unknown-8bit",
        "default",
    ];
    let name = String::from_utf8_lossy(charset).trim().to_ascii_lowercase().replace('_', "-");
    name.is_empty() || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// A mark at the start tells the order; without one and without a name for it, the order that makes more of it ASCII.
fn utf16(bytes: &[u8], little: bool) -> String {
    let zeros = |from: usize| bytes.iter().skip(from).step_by(2).filter(|&&byte| byte == 0).count();
    let little = match bytes {
        [0xff, 0xfe, ..] => true,
        [0xfe, 0xff, ..] => false,
        _ => little || zeros(1) > zeros(0),
    };
    let pairs = bytes.as_chunks::<2>().0.iter();
    let units = pairs.map(|&pair| if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) });
    let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    text.filter(|&c| c != '\u{feff}').collect()
}

/// RFC 2152: `+`, base64 of UTF-16, and `-` where it may be missing.
fn utf7(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'+' {
            out.push(if first.is_ascii() { char::from(*first) } else { char::REPLACEMENT_CHARACTER });
            continue;
        }
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let end = tail.iter().position(|byte| !is_base64(byte)).unwrap_or(tail.len());
        let (code, behind) = tail.split_at(end);
        let minus = behind.strip_prefix(b"-");
        if code.is_empty() && minus.is_some() {
            out.push('+');
        }
        // In UTF-7 the order is always big-endian.
        let bits = crate::words::base64_lax(code);
        let units = bits.as_chunks::<2>().0.iter().map(|&pair| u16::from_be_bytes(pair));
        out.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
        rest = minus.unwrap_or(behind);
    }
    out
}

/// Without escape sequences (ISO/IEC 2022: ESC, intermediate bytes, a final one) and shifts.
fn unescape(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(&byte) = rest.next() {
        match byte {
            0x1b => while rest.next().is_some_and(|byte| (0x20..0x30).contains(byte)) {},
            0x0e | 0x0f => {}
            byte => out.push(byte),
        }
    }
    out
}
