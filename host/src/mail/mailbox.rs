//! A mailbox: `local-part@domain`, checked once, then only carried.
//!
//! The grammar of paths (angle brackets, source routes) is the protocol's: `smtp::address`.

use std::fmt;

use super::domain::{self, DomainError};
use super::idna::lookup_form;

/// Longest local part in octets, quotes included: RFC 5321 §4.5.3.1.1.
pub const LOCAL_MAX: usize = 64;
/// Longest mailbox in octets: what fits a path of 256 octets with its angle brackets (RFC 5321 §4.5.3.1.3).
pub const MAILBOX_MAX: usize = 254;

/// A recipient or sender address (RFC 5321 §4.1.2, RFC 6531 §3.3).
///
/// `local` is kept as the client wrote it, quotes included: no Unicode normalisation is applied. `domain` is lower-case,
/// a name of A-labels or U-labels, or an address literal with its brackets; it is empty only for the bare `postmaster` of
/// RFC 5321 §4.5.1. Limits count octets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mailbox {
    local: String,
    domain: String,
}

/// Why a text is no mailbox. The texts are fit for the client: they say what is wrong and repeat nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MailboxError {
    /// A character beyond ASCII that is no visible text: see [`domain::is_visible`].
    #[error("a character cannot be shown")]
    Invisible,
    /// More than [`MAILBOX_MAX`] octets.
    #[error("the address is longer than 256 octets with its brackets")]
    TooLong,
    /// No `@domain`, and it is not the bare `postmaster`.
    #[error("the domain is missing")]
    NoDomain,
    /// More than [`LOCAL_MAX`] octets before the `@`.
    #[error("the local part is longer than 64 octets")]
    LocalTooLong,
    /// Neither a dot-string nor a quoted string stands before the `@`.
    #[error("the local part is malformed")]
    BadLocal,
    /// What stands after the `@` is no domain.
    #[error(transparent)]
    Domain(#[from] DomainError),
}

impl Mailbox {
    /// A mailbox of parts that the caller has checked. `domain` is made lower-case here.
    pub fn from_parts(local: impl Into<String>, domain: impl AsRef<str>) -> Self {
        Self { local: local.into(), domain: domain::lower(domain.as_ref()) }
    }

    /// The bare `postmaster` (RFC 5321 §4.5.1): no domain.
    pub fn postmaster() -> Self {
        Self::from_parts("postmaster", "")
    }

    /// Parses `local@domain` without angle brackets (RFC 5321 §4.1.2 `Mailbox`), or the bare `postmaster` in any case,
    /// which is kept in lower case. Reads back what `Display` writes. Whether characters beyond ASCII may be used at all
    /// is for the caller to say.
    pub fn parse(text: &str) -> Result<Self, MailboxError> {
        if text.chars().any(|c| !c.is_ascii() && !domain::is_visible(c)) {
            return Err(MailboxError::Invisible);
        }
        if text.eq_ignore_ascii_case("postmaster") {
            return Ok(Self::postmaster());
        }
        let (local, after) = split_local(text)?;
        let domain = domain::normalise(after.strip_prefix('@').ok_or(MailboxError::NoDomain)?)?;
        if local.len() > LOCAL_MAX {
            return Err(MailboxError::LocalTooLong);
        }
        let mailbox = Self { local: local.to_owned(), domain };
        // The normalised form counts too: an IPv6 literal may grow, and it is what goes on to the next hop.
        if text.len().max(mailbox.local.len() + 1 + mailbox.domain.len()) > MAILBOX_MAX {
            return Err(MailboxError::TooLong);
        }
        Ok(mailbox)
    }

    /// The local part, quotes included where the client used them.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// Whether mail to both is mail to one: the same local part, and domains that are [looked up](lookup_form) as one, be they
    /// written with A-labels or U-labels.
    pub fn is_same(&self, other: &Self) -> bool {
        self.local == other.local
            && (self.domain == other.domain || lookup_form(&self.domain) == lookup_form(&other.domain))
    }

    /// Whether it can travel without SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii() && self.domain.is_ascii()
    }

    /// The lower-case domain, or an address literal in brackets, or empty for the bare `postmaster`.
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.local)?;
        if !self.domain.is_empty() {
            write!(f, "@{}", self.domain)?;
        }
        Ok(())
    }
}

/// Splits after the local part, which is checked but for its length.
fn split_local(text: &str) -> Result<(&str, &str), MailboxError> {
    if text.starts_with('"') {
        let end = quoted_end(text.as_bytes()).ok_or(MailboxError::BadLocal)?;
        return Ok(text.split_at(end));
    }
    let (local, after) = text.split_at(text.find('@').unwrap_or(text.len()));
    if after.is_empty() {
        return Err(MailboxError::NoDomain);
    }
    let dot_string = local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atext));
    if dot_string { Ok((local, after)) } else { Err(MailboxError::BadLocal) }
}

/// The length of the quoted string that `text`, of UTF-8, begins with, quotes included (RFC 5321 §4.1.2 `Quoted-string`,
/// RFC 6531 §3.3).
pub(crate) fn quoted_end(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' if matches!(text.get(at + 1)?, b' '..=b'~') => at += 2,
            b' '..=b'[' | b']'..=b'~' | 0x80.. => at += 1,
            _ => return None,
        }
    }
}

/// RFC 5322 §3.2.3, RFC 6531 §3.3.
fn is_atext(byte: u8) -> bool {
    !byte.is_ascii() || byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&str, MailboxError>) {
        let found = Mailbox::parse(text).map(|mailbox| mailbox.to_string());
        assert_eq!(found, expect.map(str::to_owned), "{text:?}");
    }

    #[test]
    fn mailboxes() {
        check("Jo.Doe+tag@MX.Example", Ok("Jo.Doe+tag@mx.example"));
        check("a/b%c!d@x", Ok("a/b%c!d@x"));
        check(r#""a b@c\"\\d"@X.example"#, Ok(r#""a b@c\"\\d"@x.example"#));
        check(r#"""@x.example"#, Ok(r#"""@x.example"#));
        check("a@[192.0.2.1]", Ok("a@[192.0.2.1]"));
        check("a@[IPv6:0:0::1]", Ok("a@[ipv6:::1]"));
        check("PostMaster", Ok("postmaster"));
        check("用户@例え.JP", Ok("用户@例え.jp"));
        check("Jürgen.Ω@BÜCHER.example", Ok("Jürgen.Ω@bücher.example"));
        check("\"ü ü\"@x", Ok("\"ü ü\"@x"));
    }

    #[test]
    fn a_mailbox_is_one_in_either_form_of_its_domain() {
        let is_same = |a: &str, b: &str| Mailbox::parse(a).unwrap().is_same(&Mailbox::parse(b).unwrap());
        assert!(is_same("jo@bücher.example", "jo@xn--bcher-kva.example"));
        assert!(is_same("jo@bu\u{308}cher.example", "jo@BÜCHER.example"));
        assert!(is_same("postmaster", "PostMaster") && is_same("jo@x", "jo@X"));
        for other in ["Jo@bücher.example", "jo@bucher.example", "jo@xn--bcher-kvb.example", "postmaster"] {
            assert!(!is_same("jo@bücher.example", other), "{other}");
        }
    }

    #[test]
    fn what_is_no_mailbox() {
        for text in ["", "a", "postmasters", r#""postmaster""#] {
            check(text, Err(MailboxError::NoDomain));
        }
        for text in [
            "@x",
            ".a@x",
            "a.@x",
            "a..b@x",
            "../x@d",
            "a b@x",
            "a\0@x",
            "a\r\n@x",
            "a\t@x",
            "a\u{7f}@x",
            "<a@x",
            "a>@x",
            "a,b@x",
            r#"a"b"@x"#,
            r#""a@x"#,
            "\"a\nb\"@x",
            "\"a\\\r\"@x",
            r#""a\"#,
        ] {
            check(text, Err(MailboxError::BadLocal));
        }
        check(r#""a"b@x"#, Err(MailboxError::NoDomain));
        check("a@", Err(DomainError::EmptyLabel.into()));
        check("a@b@d", Err(DomainError::NotAName.into()));
        check("\"ü\\ü\"@x", Err(MailboxError::BadLocal));
        for invisible in [
            "\u{85}",
            "\u{9b}",
            "\u{2028}",
            "\u{2029}",
            "\u{202e}",
            "\u{2066}",
            "\u{200f}",
            "\u{200b}",
            "\u{ad}",
            "\u{feff}",
            "\u{e0001}",
            "\u{fffe}",
            "\u{1ffff}",
        ] {
            check(&format!("a{invisible}@x"), Err(MailboxError::Invisible));
            check(&format!("\"a{invisible}\"@x"), Err(MailboxError::Invisible));
            check(&format!("a@x{invisible}"), Err(MailboxError::Invisible));
        }
    }

    #[test]
    fn lengths_at_the_limit_and_past_it() {
        let local = "l".repeat(LOCAL_MAX);
        check(&format!("{local}@x"), Ok(&format!("{local}@x")));
        check(&format!("{local}l@x"), Err(MailboxError::LocalTooLong));
        let umlauts = "ü".repeat(LOCAL_MAX / 2);
        check(&format!("{umlauts}@x"), Ok(&format!("{umlauts}@x")));
        check(&format!("{umlauts}l@x"), Err(MailboxError::LocalTooLong));

        let label = "d".repeat(62);
        let full = format!("{local}@{label}.{label}.{label}");
        assert_eq!(full.len(), MAILBOX_MAX - 1);
        check(&format!("{full}d"), Ok(&format!("{full}d")));
        check(&format!("{full}.d"), Err(MailboxError::TooLong));
    }

    proptest! {
        /// Goal: a mailbox that was taken in is one when it goes out again, and carries nothing that ends a line or a
        /// path. Method: texts likely to parse, and any text at all.
        #[test]
        fn display_reads_back(text in r#"([a-zA-ZÄΣ語.+"\\@ ]{1,12}@([a-zA-ZÄΣȺ語-]{1,4}\.){0,2}[a-z]{1,4})|(\PC{0,20})|(.{1,4}@.{1,4})"#) {
            if let Ok(mailbox) = Mailbox::parse(&text) {
                let shown = mailbox.to_string();
                prop_assert!(shown.chars().all(domain::is_visible));
                prop_assert!(shown.len() <= MAILBOX_MAX);
                prop_assert_eq!(Mailbox::parse(&shown), Ok(mailbox));
            }
        }
    }
}
