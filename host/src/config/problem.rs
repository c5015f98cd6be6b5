//! One thing that is wrong with a file, and where. All of a file's problems are reported at once.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[schema(as = FileProblem)]
pub struct Problem {
    /// The file as it was named; empty where no file is at fault.
    pub file: String,
    /// Line, from 1; 0: the file as a whole.
    pub line: usize,
    /// Dotted key, such as `listener.mx.address`; may be empty.
    pub key: String,
    /// What is wrong.
    pub text: String,
}

impl Problem {
    /// A problem of a whole file.
    pub fn of_file(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), line: 0, key: String::new(), text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            f.write_str(&self.file)?;
            if self.line > 0 {
                write!(f, ":{}", self.line)?;
            }
            f.write_str(": ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.text)
    }
}

/// Longest word that gets a hint, in bytes: the longest name.
const WORD_MAX: usize = 64;

/// The one of `known` that is most like `word`, if any other one is like it.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A longer word is none that somebody mistyped, and distances cost its length times the others'.
    if word.len() > WORD_MAX {
        return None;
    }
    let others = known.into_iter().filter(|name| *name != word);
    let scored = others.map(|name| (strsim::damerau_levenshtein(word, name), name));
    let (distance, name) = scored.min()?;
    (distance <= 1 + word.chars().count() / 3).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_as_far_as_known() {
        let problem = Problem { file: "f.toml".into(), line: 3, key: "a.b".into(), text: "no".into() };
        assert_eq!(problem.to_string(), "f.toml:3: a.b: no");
        assert_eq!(Problem::of_file("f.toml", "no").to_string(), "f.toml: no");
        assert_eq!(Problem::of_file("", "no").to_string(), "no");
    }

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["address", "name", "tls"];
        assert_eq!(nearest("adress", known), Some("address"));
        assert_eq!(nearest("tsl", known), Some("tls"));
        assert_eq!(nearest("sessions", known), None);
    }
}
