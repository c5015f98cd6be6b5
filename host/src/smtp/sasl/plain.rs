//! The one message of PLAIN (RFC 4616): `[authzid] NUL authcid NUL passwd`.
//!
//! ```text
//! "\0jo\0secret"  ->  user "jo", password "secret"
//! ```
//!
//! Knows nothing of who is who.

use super::Failure;

/// Who wants in, for whom, and by which password.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plain<'a> {
    /// None: the user itself.
    pub(super) authzid: Option<&'a str>,
    pub(super) user: &'a str,
    pub(super) password: &'a str,
}

pub(super) fn parse(message: &str) -> Result<Plain<'_>, Failure> {
    let mut parts = message.split('\0');
    let (Some(authzid), Some(user), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Failure::Malformed);
    };
    if user.is_empty() || password.is_empty() {
        return Err(Failure::Malformed);
    }
    Ok(Plain { authzid: (!authzid.is_empty()).then_some(authzid), user, password })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let plain = |authzid, user, password| Ok(Plain { authzid, user, password });
        assert_eq!(parse("\0tim\0tanstaaftanstaaf"), plain(None, "tim", "tanstaaftanstaaf"));
        assert_eq!(parse("Ursel\0Kurt\0xipj3plmq"), plain(Some("Ursel"), "Kurt", "xipj3plmq"));
        for bad in ["", "\0", "\0\0", "a\0b", "\0a\0", "\0\0b", "\0a\0b\0", "\0a\0b\0c"] {
            assert_eq!(parse(bad), Err(Failure::Malformed), "{bad:?}");
        }
    }
}
