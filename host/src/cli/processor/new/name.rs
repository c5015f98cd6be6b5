//! What a new processor may be called: its name is also a crate's, so both rules hold.

use crate::catalog::Registry;
use crate::chain::spec::is_name;

/// Words that rustc or cargo gives another meaning (The Rust Reference, "Keywords"; `cargo new` refuses them as well).
const KEYWORDS: &str = include_str!("keywords.txt");
/// Crates that a processor stands on.
const CRATES: &[&str] =
    &["alloc", "core", "gatepost-mime", "gatepost-sdk", "proc-macro", "serde", "std", "test"];

/// Whether `name` can name a processor and its crate.
///
/// # Errors
/// Why not.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
    if !is_name(name) {
        return Err("a name is 1 to 63 of a-z, 0-9 and `-`, and has no `-` at its ends");
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        return Err("it is a crate's name too, and those begin with a letter");
    }
    if Registry::builtin().is_reserved(name) {
        return Err("it is built in, so a chain would never find yours");
    }
    if KEYWORDS.split_whitespace().any(|word| word == name) {
        return Err("it is a crate's name too, and Rust has another meaning for this word");
    }
    if CRATES.contains(&name) {
        return Err("it is a crate's name too, and the crate stands on one of this name");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn names_of_processors_that_can_be_crates() {
        for good in ["a", "my-filter", "x9", "a--b", &"x".repeat(63)] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", "-", "a-", "-a", "A", "a_b", "a.b", "ä", "a b", &"x".repeat(64), "9lives"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        for (taken, why) in
            [("header", "built in"), ("maildir", "built in"), ("match", "Rust"), ("serde", "stands on")]
        {
            assert!(check(taken).unwrap_err().contains(why), "{taken}");
        }
    }
}
