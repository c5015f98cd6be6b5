//! The users' file: a name and a verifier on each line.
//!
//! ```text
//! # who may send
//! jo@acme.example SCRAM-SHA-256$600000:SALT$STOREDKEY:SERVERKEY
//! ```
//!
//! Read whole, and changed line by line: comments and the order of lines stay. Knows the text, not where it lies.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::smtp::sasl::Verifier;
use crate::smtp::sasl::prep;
use crate::smtp::sasl::verifier::ITERATIONS;

/// Most users: a file of some MiB.
pub const USERS_MAX: usize = 20_000;
/// Largest file, in bytes: room for [`USERS_MAX`] of the longest names, and comments.
pub const FILE_MAX: u64 = 16 << 20;

/// Who there is.
#[derive(Debug, Default)]
pub struct Book {
    users: HashMap<String, Arc<Verifier>>,
    /// What most verifiers have.
    iterations: Option<u32>,
}

impl Book {
    /// Reads the file's text.
    ///
    /// # Errors
    /// The first line that is wrong. It says nothing of what stands there but a name.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
        let (mut users, mut counts) = (HashMap::new(), BTreeMap::<u32, usize>::new());
        for (n, line) in text.lines().enumerate() {
            let wrong = |problem: String| format!("line {}: {problem}", n + 1);
            let Some((name, verifier)) = split(line) else { continue };
            if prep::name(name).as_deref() != Ok(name) {
                let text = format!("\"{}\" is no name as `gatepost user add` writes it", name.escape_debug());
                return Err(wrong(text));
            }
            let verifier: Verifier =
                verifier.parse().map_err(|error| wrong(format!("of `{name}`: {error}")))?;
            if users.len() == USERS_MAX {
                return Err(wrong(format!("more than {USERS_MAX} users")));
            }
            *counts.entry(verifier.iterations()).or_default() += 1;
            if users.insert(name.to_owned(), Arc::new(verifier)).is_some() {
                return Err(wrong(format!("`{name}` is there already")));
            }
        }
        let most = counts.into_iter().max_by_key(|(iterations, users)| (*users, *iterations));
        Ok(Self { users, iterations: most.map(|(iterations, _)| iterations) })
    }

    /// The verifier of a prepared name.
    pub fn get(&self, name: &str) -> Option<&Arc<Verifier>> {
        self.users.get(name)
    }

    /// Names and iteration counts, by name.
    pub fn list(&self) -> Vec<(&str, u32)> {
        let mut list: Vec<_> =
            self.users.iter().map(|(name, verifier)| (name.as_str(), verifier.iterations())).collect();
        list.sort_unstable();
        list
    }

    /// The iteration count that most users have: what somebody who is not there is said to have.
    pub fn iterations(&self) -> u32 {
        self.iterations.unwrap_or(ITERATIONS)
    }
}

/// The text with this user in it, in the place of what the text says of the name.
pub(super) fn with(text: &str, name: &str, verifier: &Verifier) -> String {
    let line = format!("{name} {verifier}\n");
    let mut is_in = false;
    let mut new = String::with_capacity(text.len() + line.len());
    for old in text.lines() {
        if split(old).is_some_and(|(other, _)| other == name) {
            new.push_str(&line);
            is_in = true;
        } else {
            new.push_str(old);
            new.push('\n');
        }
    }
    if !is_in {
        new.push_str(&line);
    }
    new
}

/// The text without this user.
pub(super) fn without(text: &str, name: &str) -> String {
    let others = text.lines().filter(|line| split(line).is_none_or(|(other, _)| other != name));
    others.fold(String::with_capacity(text.len()), |new, line| new + line + "\n")
}

/// Name and verifier of a line; none: it says nothing.
fn split(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_matches([' ', '\t']);
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (name, verifier) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    Some((name, verifier.trim_start_matches([' ', '\t'])))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::smtp::sasl::verifier::ITERATIONS_MIN;

    fn verifier(password: &str, iterations: u32) -> Verifier {
        Verifier::derive(password, b"0123456789abcdef", iterations).unwrap()
    }

    #[test]
    fn lines_are_read() {
        let (jo, ann) = (verifier("x", ITERATIONS_MIN), verifier("y", ITERATIONS_MIN + 1));
        let text = format!("# who may send\n\njo@acme.example {jo}\n  ann\t{ann}\r\nbob {jo}\n");
        let book = Book::parse(text.as_bytes()).unwrap();
        assert_eq!(book.get("ann").map(|verifier| **verifier == ann), Some(true));
        assert!(book.get("Ann").is_none() && book.get("# who may send").is_none());
        assert_eq!(book.list(), [("ann", 4097), ("bob", 4096), ("jo@acme.example", 4096)]);
        assert_eq!(book.iterations(), ITERATIONS_MIN, "what most have");
        assert_eq!(Book::parse(b"").unwrap().iterations(), ITERATIONS);
    }

    #[test]
    fn what_is_wrong_is_told_by_line_and_shows_no_key() {
        let jo = verifier("x", ITERATIONS_MIN).to_string();
        for (text, expect) in [
            (format!("\nJo {jo}"), "line 2: \"Jo\" is no name as `gatepost user add` writes it"),
            (format!("jo {jo}\njo {jo}"), "line 2: `jo` is there already"),
            (
                "jo".to_owned(),
                "line 1: of `jo`: expected `SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY`",
            ),
            (
                format!("jo {jo} x"),
                "line 1: of `jo`: expected `SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY`",
            ),
        ] {
            assert_eq!(Book::parse(text.as_bytes()).err().as_deref(), Some(expect));
        }
        assert!(Book::parse(b"\xff").is_err());
    }

    #[test]
    fn users_at_the_limit_and_past_it() {
        let jo = verifier("x", ITERATIONS_MIN).to_string();
        let text: String = (0..USERS_MAX).map(|n| format!("u{n} {jo}\n")).collect();
        assert_eq!(Book::parse(text.as_bytes()).unwrap().list().len(), USERS_MAX);
        let error = Book::parse(format!("{text}one-more {jo}").as_bytes()).err();
        assert_eq!(error.as_deref(), Some("line 20001: more than 20000 users"));
    }

    proptest! {
        /// Goal: a change touches the lines of its user and no other.
        #[test]
        fn changes_keep_the_rest(lines in prop::collection::vec("#[a-z ]{0,4}|[abc] x|", 0..8), name in "[abcd]") {
            let text = lines.join("\n");
            let jo = verifier("x", ITERATIONS_MIN);
            let others = |text: &str| {
                let other = |line: &&str| split(line).is_none_or(|(other, _)| other != name);
                text.lines().filter(other).map(str::to_owned).collect::<Vec<_>>()
            };
            let (added, removed) = (with(&text, &name, &jo), without(&text, &name));
            prop_assert_eq!(others(&added), others(&text));
            let line = format!("{name} {jo}");
            prop_assert!(added.lines().any(|added| added == line));
            prop_assert_eq!(removed.lines().map(str::to_owned).collect::<Vec<_>>(), others(&text));
        }
    }
}
