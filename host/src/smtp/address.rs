//! The paths of `MAIL FROM:` and `RCPT TO:` (RFC 5321 §4.1.2).
//!
//! ```text
//! "<@relay.example:Jo@MX.example> SIZE=5"  ->  Jo@mx.example, and " SIZE=5" is left
//! ```
//!
//! Adds to a mailbox what only the wire has: angle brackets, the null reverse-path, source routes. Knows nothing of
//! parameters, and of which mailboxes exist.

use crate::mail::domain;
use crate::mail::mailbox::{self, Mailbox, MailboxError};

/// Longest path in octets, with its angle brackets and route: RFC 5321 §4.5.3.1.3.
pub const PATH_MAX: usize = 256;

/// Why a text is no path. The texts are fit for the client: they say what is wrong and repeat nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with `<` or has no `>`.
    #[error("write it in angle brackets")]
    NoBrackets,
    /// More than [`PATH_MAX`] octets.
    #[error("it is longer than 256 octets")]
    TooLong,
    /// It begins like a source route but is none.
    #[error("the source route is malformed; leave it out")]
    BadRoute,
    /// `<>` where a recipient is to be named.
    #[error("a recipient cannot be empty")]
    EmptyRecipient,
    /// What the brackets hold is no mailbox.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
}

/// Parses the reverse-path that `text` begins with; `None` is `<>`. Gives also what follows it.
pub fn reverse_path(text: &str) -> Result<(Option<Mailbox>, &str), PathError> {
    let (inner, rest) = split_path(text)?;
    if inner.is_empty() {
        return Ok((None, rest));
    }
    let mailbox = Mailbox::parse(strip_route(inner)?)?;
    if mailbox.domain().is_empty() {
        // Only a recipient may be the bare postmaster (RFC 5321 §4.1.1.3).
        return Err(MailboxError::NoDomain.into());
    }
    Ok((Some(mailbox), rest))
}

/// Parses the forward-path that `text` begins with, `<postmaster>` included. Gives also what follows it.
pub fn forward_path(text: &str) -> Result<(Mailbox, &str), PathError> {
    let (inner, rest) = split_path(text)?;
    if inner.is_empty() {
        return Err(PathError::EmptyRecipient);
    }
    Ok((Mailbox::parse(strip_route(inner)?)?, rest))
}

/// Splits `<inner>rest`. A `>` within a quoted local part does not end the path.
fn split_path(text: &str) -> Result<(&str, &str), PathError> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'<') {
        return Err(PathError::NoBrackets);
    }
    let mut at = 1;
    loop {
        match bytes.get(at).ok_or(PathError::NoBrackets)? {
            b'>' => break,
            b'"' => at += mailbox::quoted_end(&bytes[at..]).ok_or(MailboxError::BadLocal)?,
            _ => at += 1,
        }
    }
    if at + 1 > PATH_MAX {
        return Err(PathError::TooLong);
    }
    Ok((&text[1..at], &text[at + 1..]))
}

/// Takes the source route `@a,@b:` off. RFC 5321 §4.1.1.3, appendix C: accepted, never followed; in ASCII only, being older
/// than all else.
fn strip_route(inner: &str) -> Result<&str, PathError> {
    if !inner.starts_with('@') {
        return Ok(inner);
    }
    let (route, mailbox) = inner.split_once(':').ok_or(PathError::BadRoute)?;
    for hop in route.split(',') {
        let host = hop.strip_prefix('@').ok_or(PathError::BadRoute)?;
        domain::normalise(host).map_err(|_| PathError::BadRoute)?;
        if !host.is_ascii() {
            return Err(PathError::BadRoute);
        }
    }
    Ok(mailbox)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn forward(text: &str, expect: Result<(&str, &str), PathError>) {
        let found = forward_path(text).map(|(mailbox, rest)| (mailbox.to_string(), rest));
        assert_eq!(found, expect.map(|(mailbox, rest)| (mailbox.to_owned(), rest)), "{text:?}");
    }

    #[test]
    fn paths_end_at_their_bracket() {
        forward("<a@X.example>", Ok(("a@x.example", "")));
        forward("<a@x.example> SIZE=1", Ok(("a@x.example", " SIZE=1")));
        forward(r#"<"a>b"@x.example>>"#, Ok((r#""a>b"@x.example"#, ">")));
        forward(r#"<"a\">b"@x.example>"#, Ok((r#""a\">b"@x.example"#, "")));
        forward("<POSTMASTER>", Ok(("postmaster", "")));
        forward("<用户@例え.jp> X", Ok(("用户@例え.jp", " X")));
        forward("<\"ü>ü\"@x>", Ok(("\"ü>ü\"@x", "")));
        for text in ["", "a@x.example", "<a@x.example", " <a@x.example>"] {
            forward(text, Err(PathError::NoBrackets));
        }
        forward(r#"<"a>@x.example>"#, Err(MailboxError::BadLocal.into()));
        forward("<<a@x.example>>", Err(MailboxError::BadLocal.into()));
    }

    #[test]
    fn a_source_route_is_stripped() {
        forward("<@r.example:a@x.example>", Ok(("a@x.example", "")));
        forward("<@r.example,@s.example:a@x.example>", Ok(("a@x.example", "")));
        forward("<@r.example:postmaster>", Ok(("postmaster", "")));
        for text in [
            "<@r.example>",
            "<@r.example,:a@x>",
            "<@r.example,s:a@x>",
            "<@-r:a@x>",
            "<@a@b:c@x>",
            "<@:a@x>",
            "<@ü:a@x>",
        ] {
            forward(text, Err(PathError::BadRoute));
        }
        forward("<@r.example:>", Err(MailboxError::NoDomain.into()));
        forward("<@r.example:@s.example:a@x>", Err(MailboxError::BadLocal.into()));
    }

    #[test]
    fn only_a_sender_may_be_empty_and_only_a_recipient_bare() {
        assert_eq!(reverse_path("<> BODY=7BIT"), Ok((None, " BODY=7BIT")));
        assert_eq!(reverse_path("<a@X>"), Ok((Some(Mailbox::from_parts("a", "x")), "")));
        assert_eq!(reverse_path("<postmaster>"), Err(MailboxError::NoDomain.into()));
        forward("<>", Err(PathError::EmptyRecipient));
    }

    #[test]
    fn a_path_at_its_limit_and_past_it() {
        let (local, label) = ("l".repeat(64), "d".repeat(62));
        let path = format!("{local}@{label}.{label}.{label}");
        assert!(forward_path(&format!("<{path}d>")).is_ok(), "{PATH_MAX} octets");
        assert!(forward_path(&format!("<{path}dd>")).is_err(), "one more");
        let route = "r".repeat(60);
        let path = |hops: usize, label: usize| {
            let hops = vec![format!("@{route}.example"); hops].join(",");
            format!("<{hops}:a@{}>", "d".repeat(label))
        };
        assert_eq!(path(3, 42).len(), PATH_MAX);
        assert!(forward_path(&path(3, 42)).is_ok());
        assert_eq!(forward_path(&path(3, 43)), Err(PathError::TooLong));
    }
}
