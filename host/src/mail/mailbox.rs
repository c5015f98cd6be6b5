//! A mailbox: `local-part@domain`, checked once, then only carried.
//!
//! The grammar of paths (angle brackets, source routes, parameters) is the protocol's: `smtp::address`.

use std::fmt;

/// A recipient or sender address (RFC 5321 §4.1.2, RFC 6531 §3.3).
///
/// `local` is kept as the client wrote it, quotes included. `domain` is lower-case, an IDNA A-label or U-label name or
/// an address literal with its brackets; it is empty only for the bare `postmaster` of RFC 5321 §4.5.1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mailbox {
    local: String,
    domain: String,
}

impl Mailbox {
    /// A mailbox of parts that the caller has checked. `domain` is made lower-case here.
    pub fn from_parts(local: impl Into<String>, domain: impl AsRef<str>) -> Self {
        Self { local: local.into(), domain: domain.as_ref().to_lowercase() }
    }

    /// The local part, quotes included where the client used them.
    pub fn local(&self) -> &str {
        &self.local
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
