//! The domain of a mailbox: a host name or an address literal, checked and brought to one spelling.
//!
//! ```text
//! "MX.Example"  ->  "mx.example"        "[IPv6:2001:DB8:0:0::1]"  ->  "[ipv6:2001:db8::1]"
//! ```
//!
//! Two spellings of one domain compare equal as strings afterwards, so tenants are found by plain lookup. Knows nothing
//! of DNS and of who owns a domain.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest label of a name, in octets: RFC 1035 §2.3.4.
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

/// Checks a domain or address literal (RFC 5321 §4.1.2, §4.1.3) and gives its one spelling: lower-case; an address
/// literal as the standard library prints the address (RFC 5952).
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
        check_label(label.as_bytes())?;
    }
    Ok(text.to_ascii_lowercase())
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

fn check_label(label: &[u8]) -> Result<(), DomainError> {
    let (Some(first), Some(last)) = (label.first(), label.last()) else {
        return Err(DomainError::EmptyLabel);
    };
    let named = label.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !named || *first == b'-' || *last == b'-' {
        return Err(DomainError::NotAName);
    }
    if label.len() > LABEL_MAX {
        return Err(DomainError::LabelTooLong);
    }
    Ok(())
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
        for text in ["-a", "a-.b", "a b", "a\0", "a\r\nb", "ü.example", "a@b", "a,b", "a]", "x/y", "*.a"] {
            check(text, Err(DomainError::NotAName));
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
