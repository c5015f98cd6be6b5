//! Patterns with `*` and `?`, without regard to case.
//!
//! Knows nothing of mail. `*.ext`, which nearly all patterns are, is a look-up; the others are tried one by one.

use std::collections::BTreeSet;

/// A list of patterns.
#[derive(Debug, Clone)]
pub struct Patterns {
    /// What follows the last dot.
    extensions: BTreeSet<String>,
    others: Vec<Vec<char>>,
}

impl Patterns {
    /// Takes the patterns as they stand in the config.
    pub fn new(patterns: &[String]) -> Self {
        let (mut extensions, mut others) = (BTreeSet::new(), Vec::new());
        for pattern in patterns {
            let pattern = pattern.to_lowercase();
            match pattern.strip_prefix("*.") {
                Some(extension) if !extension.contains(['*', '?', '.']) => {
                    extensions.insert(extension.to_owned());
                }
                _ => others.push(pattern.chars().collect()),
            }
        }
        Self { extensions, others }
    }

    /// Whether one of them matches all of `text`, which is in lower case. In the order of `text` times the length of the
    /// patterns that are more than `*.ext`.
    pub fn match_any(&self, text: &str) -> bool {
        if text.rsplit_once('.').is_some_and(|(_, extension)| self.extensions.contains(extension)) {
            return true;
        }
        if self.others.is_empty() {
            return false;
        }
        let text: Vec<char> = text.chars().collect();
        self.others.iter().any(|pattern| matches(pattern, &text))
    }
}

/// Greedy, going back to the last `*` only: what an earlier one could take, the last one can take as well.
fn matches(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the matcher is what its definition says.
    /// Method: every pattern and text over two letters, a dot and the signs, against the definition, which tries all.
    #[test]
    fn agrees_with_the_definition_on_short_texts() {
        fn by_definition(pattern: &[char], text: &[char]) -> bool {
            match pattern.split_first() {
                None => text.is_empty(),
                Some(('*', rest)) => (0..=text.len()).any(|taken| by_definition(rest, &text[taken..])),
                Some((&c, rest)) => text
                    .split_first()
                    .is_some_and(|(&first, behind)| (c == '?' || c == first) && by_definition(rest, behind)),
            }
        }
        let words = |letters: &[char], most: u32| -> Vec<Vec<char>> {
            let n = letters.len();
            let all = (0..=most).flat_map(|len| (0..n.pow(len)).map(move |word| (len, word)));
            all.map(|(len, word)| (0..len).map(|at| letters[word / n.pow(at) % n]).collect()).collect()
        };
        let texts = words(&['a', 'b', '.'], 5);
        for pattern in words(&['a', '.', '*', '?'], 5) {
            let patterns = Patterns::new(&[pattern.iter().collect()]);
            for text in &texts {
                let expected = by_definition(&pattern, text);
                assert_eq!(
                    patterns.match_any(&text.iter().collect::<String>()),
                    expected,
                    "{pattern:?} {text:?}"
                );
            }
        }
    }
}
