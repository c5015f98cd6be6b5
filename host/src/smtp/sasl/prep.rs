//! Names and passwords as they are compared: SASLprep (RFC 4013), so that what one keyboard composes and another decomposes is one.
//!
//! ```text
//! "Jo@Acme.example"  ->  "jo@acme.example"     a name, in lower case
//! "Ⅸ café"           ->  "IX café"             a password, with its case
//! ```
//!
//! Knows nothing of who has which.

use stringprep::saslprep;

use crate::mail::domain::lower;

/// Longest name, in octets once it is prepared: what a mailbox may have.
pub const NAME_MAX: usize = 254;
/// Longest password, in octets once it is prepared.
pub const PASSWORD_MAX: usize = 1024;

/// Why a text is no name or no password. Says nothing of what the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrepError {
    /// Nothing is left of it.
    #[error("is empty")]
    Empty,
    /// More than [`NAME_MAX`] or [`PASSWORD_MAX`] octets.
    #[error("is too long")]
    TooLong,
    /// A character that SASLprep prohibits, such as a control character; in a name a blank, too.
    #[error("has a character that cannot stand in it")]
    Prohibited,
}

/// A name as it is stored and looked up: prepared, and in lower case, as people type their addresses in any.
///
/// # Errors
/// It can be nobody's name.
pub fn name(text: &str) -> Result<String, PrepError> {
    // Twice: a letter in lower case may be one that SASLprep has another form for.
    let once = lower(&prepared(text, NAME_MAX)?);
    let name = prepared(&once, NAME_MAX)?;
    if name.contains(char::is_whitespace) { Err(PrepError::Prohibited) } else { Ok(name) }
}

/// A password as its key is derived.
///
/// # Errors
/// It can be nobody's password.
pub fn password(text: &str) -> Result<String, PrepError> {
    prepared(text, PASSWORD_MAX)
}

fn prepared(text: &str, max: usize) -> Result<String, PrepError> {
    // Preparing takes its time for a long text, and makes few of them shorter.
    if text.len() > max * 4 {
        return Err(PrepError::TooLong);
    }
    let prepared = saslprep(text).map_err(|_| PrepError::Prohibited)?;
    match prepared.len() {
        0 => Err(PrepError::Empty),
        len if len > max => Err(PrepError::TooLong),
        _ => Ok(prepared.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The examples of RFC 4013 §3.
    #[test]
    fn what_saslprep_makes() {
        assert_eq!(password("I\u{ad}X").as_deref(), Ok("IX"));
        assert_eq!(password("user").as_deref(), Ok("user"));
        assert_eq!(password("USER").as_deref(), Ok("USER"));
        assert_eq!(password("\u{aa}").as_deref(), Ok("a"));
        assert_eq!(password("\u{2168}").as_deref(), Ok("IX"));
        assert_eq!(password("\u{7}"), Err(PrepError::Prohibited));
        assert_eq!(password("\u{627}1"), Err(PrepError::Prohibited));
    }

    #[test]
    fn names_have_no_case_and_no_blanks() {
        assert_eq!(name("Jo@Acme.Example").as_deref(), Ok("jo@acme.example"));
        assert_eq!(name("JU\u{308}RGEN"), name("jürgen"));
        for bad in ["a b", "a\u{a0}b", "a\tb", "a\nb", "a\u{0}"] {
            assert_eq!(name(bad), Err(PrepError::Prohibited), "{bad:?}");
        }
        assert_eq!(password("a b").as_deref(), Ok("a b"));
        for empty in ["", "\u{ad}"] {
            assert_eq!(name(empty), Err(PrepError::Empty));
        }
    }

    #[test]
    fn lengths_at_the_limit_and_past_it() {
        assert!(name(&"n".repeat(NAME_MAX)).is_ok());
        assert_eq!(name(&"n".repeat(NAME_MAX + 1)), Err(PrepError::TooLong));
        assert!(password(&"p".repeat(PASSWORD_MAX)).is_ok());
        assert_eq!(password(&"p".repeat(PASSWORD_MAX + 1)), Err(PrepError::TooLong));
        assert_eq!(password(&"\u{ad}".repeat(PASSWORD_MAX * 4)), Err(PrepError::TooLong));
    }

    proptest! {
        #[test]
        fn a_name_is_final(text in "\\PC{0,12}|[A-Za-zÄİẞΣ@.]{0,12}") {
            if let Ok(prepared) = name(&text) {
                prop_assert_eq!(name(&prepared), Ok(prepared));
            }
        }
    }
}
