//! The domain of a mailbox: a host name or an address literal, checked and brought to one spelling.
//!
//! ```text
//! "MX.Example"  ->  "mx.example"        "[IPv6:2001:DB8:0:0::1]"  ->  "[ipv6:2001:db8::1]"
//! "Bücher.example"  ->  "bücher.example"
//! ```
//!
//! Two spellings of one domain compare equal as strings afterwards. Not so the U-label and the A-label (`xn--...`) of one
//! name, nor two Unicode normalisations of it, which are kept as they were written: [`lookup_form`](super::idna::lookup_form)
//! makes them one where a domain is looked up. Knows nothing of DNS and of who owns a domain.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest label of a name, in octets, of UTF-8 too: RFC 1035 §2.3.4.
pub const LABEL_MAX: usize = 63;
/// Longest domain, in octets: RFC 5321 §4.5.3.1.2.
pub const DOMAIN_MAX: usize = 255;

/// Why a text is no domain. The texts are fit for the client: they say what is wrong and repeat nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DomainError {
    /// More than [`DOMAIN_MAX`] octets.
    #[error("the domain is longer than 255 octets")]
    TooLong,
    /// A label of more than [`LABEL_MAX`] octets.
    #[error("a label of the domain is longer than 63 octets")]
    LabelTooLong,
    /// No domain at all, or an empty label as in `a..b` or `a.`.
    #[error("the domain has an empty label")]
    EmptyLabel,
    /// A character that no host name has, or a hyphen at an end of a label.
    #[error("the domain is not a host name")]
    NotAName,
    /// Brackets that hold no IPv4 address and no `IPv6:` with an address.
    #[error("the address literal is not an address")]
    BadLiteral,
}

/// Checks a domain or address literal (RFC 5321 §4.1.2, §4.1.3, RFC 6531 §3.3) and gives its one spelling: [`lower`]
/// case; an address literal as the standard library prints the address (RFC 5952).
///
/// Beyond the RFC an underscore may stand where a letter may, as senders' host names in the field have it. Refused
/// though in the RFC: tagged literals other than `IPv6`, and IPv4 numbers with leading zeros, which some read as octal.
pub fn normalise(text: &str) -> Result<String, DomainError> {
    if text.len() > DOMAIN_MAX {
        return Err(DomainError::TooLong);
    }
    if text.starts_with('[') {
        return literal(text).ok_or(DomainError::BadLiteral);
    }
    for label in text.split('.') {
        check_label(label)?;
    }
    let lower = lower(text);
    // A few letters take more octets in lower case.
    if lower.len() > DOMAIN_MAX {
        return Err(DomainError::TooLong);
    }
    if lower.split('.').any(|label| label.len() > LABEL_MAX) {
        return Err(DomainError::LabelTooLong);
    }
    Ok(lower)
}

/// The case that domains are compared in: each character by itself, so that a part of a name and the whole agree, which
/// `str::to_lowercase` with its final sigma does not give.
pub fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Whether `c` is visible text. Not so: control characters, the separators of lines and paragraphs, what turns the
/// direction of writing, what has no width, tags and what is no character: each would let a name show as another one in a
/// log or a list. The joiners U+200C and U+200D are text in some scripts.
pub fn is_visible(c: char) -> bool {
    let is_no_character = u32::from(c) & 0xfffe == 0xfffe || matches!(c, '\u{fdd0}'..='\u{fdef}');
    let is_hidden = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    );
    !c.is_control() && !is_no_character && !is_hidden
}

/// RFC 5321 §4.1.3: `[1.2.3.4]` or `[IPv6:...]`, the tag in any case.
fn literal(text: &str) -> Option<String> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    if let Ok(v4) = inner.parse::<Ipv4Addr>() {
        return Some(format!("[{v4}]"));
    }
    let (tag, address) = inner.split_once(':')?;
    let v6 = address.parse::<Ipv6Addr>().ok()?;
    tag.eq_ignore_ascii_case("ipv6").then(|| format!("[ipv6:{v6}]"))
}

fn check_label(label: &str) -> Result<(), DomainError> {
    if label.is_empty() {
        return Err(DomainError::EmptyLabel);
    }
    if !label.chars().all(is_label_char) || label.starts_with('-') || label.ends_with('-') {
        return Err(DomainError::NotAName);
    }
    if label.len() > LABEL_MAX {
        return Err(DomainError::LabelTooLong);
    }
    Ok(())
}

/// ASCII as in a host name; beyond it all that is visible, but for what others would read as ASCII: the dots of UTS 46
/// §2.3 and the Kelvin sign, which is a `k` in lower case.
fn is_label_char(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    }
    let reads_as_ascii = matches!(c, '\u{3002}' | '\u{ff0e}' | '\u{ff61}' | '\u{212a}');
    let is_joiner = matches!(c, '\u{200c}' | '\u{200d}');
    is_visible(c) && !c.is_whitespace() && !reads_as_ascii && !is_joiner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&str, DomainError>) {
        assert_eq!(normalise(text), expect.map(str::to_owned), "{text:?}");
    }

    #[test]
    fn names() {
        check("MX.Example", Ok("mx.example"));
        check("localhost", Ok("localhost"));
        check("a-b.c_d.xn--p1ai", Ok("a-b.c_d.xn--p1ai"));
        for text in ["", ".", "a.", ".a", "a..b"] {
            check(text, Err(DomainError::EmptyLabel));
        }
        for text in ["-a", "a-.b", "a b", "a\0", "a\r\nb", "a@b", "a,b", "a]", "x/y", "*.a"] {
            check(text, Err(DomainError::NotAName));
        }
    }

    /// RFC 6531 §3.3, RFC 5890 §2.3.2.1. The virama of Hindi is no letter, yet part of names.
    #[test]
    fn names_beyond_ascii() {
        check("例え.jp", Ok("例え.jp"));
        check("BÜCHER.Example", Ok("bücher.example"));
        check("हिन्दी.भारत", Ok("हिन्दी.भारत"));
        check("ΑΣ.example", Ok("ασ.example"));
        for text in [
            "a\u{85}b",
            "a\u{a0}b",
            "a\u{2028}b",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\u{200d}b",
            "a\u{2066}b",
            "a\u{3000}b",
            "a\u{3002}b",
            "a\u{ff0e}b",
            "\u{212a}",
            "-ü",
            "[ü]x",
        ] {
            let error = if text.starts_with('[') { DomainError::BadLiteral } else { DomainError::NotAName };
            check(text, Err(error));
        }
    }

    #[test]
    fn a_label_and_a_domain_at_the_limit_and_past_it() {
        let label = "l".repeat(LABEL_MAX);
        check(&label, Ok(&label));
        check(&format!("{label}l"), Err(DomainError::LabelTooLong));
        let domain = format!("{label}.{label}.{label}.{label}");
        assert_eq!(domain.len(), DOMAIN_MAX);
        check(&domain, Ok(&domain));
        check(&format!("{domain}l"), Err(DomainError::TooLong));

        let label = "ü".repeat(31);
        check(&format!("{label}l"), Ok(&format!("{label}l")));
        check(&format!("{label}ü"), Err(DomainError::LabelTooLong));
        // Two octets that are three in lower case.
        let label = "Ⱥ".repeat(21);
        check(&label, Ok(&"ⱥ".repeat(21)));
        check(&format!("{label}Ⱥ"), Err(DomainError::LabelTooLong));
    }

    #[test]
    fn address_literals_have_one_spelling() {
        check("[192.0.2.1]", Ok("[192.0.2.1]"));
        check("[IPv6:2001:DB8:0:0::1]", Ok("[ipv6:2001:db8::1]"));
        check("[ipv6:::ffff:192.0.2.1]", Ok("[ipv6:::ffff:192.0.2.1]"));
        for text in [
            "[",
            "[]",
            "[1.2.3]",
            "[1.2.3.256]",
            "[01.2.3.4]",
            "[1.2.3.4",
            "[::1]",
            "[IPv6:]",
            "[IPv6:::1%eth0]",
        ] {
            check(text, Err(DomainError::BadLiteral));
        }
        check("[x-tag:abc]", Err(DomainError::BadLiteral));
    }
}
