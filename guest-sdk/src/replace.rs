//! Search and replace of several patterns in a stream of bytes.
//!
//! ```
//! use gatepost_sdk::replace::Replacer;
//!
//! let mut replacer = Replacer::new([("cat", "dog"), ("catalog", "list")]).unwrap();
//! let mut out = Vec::new();
//! for chunk in ["a ca", "t and a cata", "log"] {
//!     replacer.feed(chunk.as_bytes(), &mut out);
//! }
//! replacer.finish(&mut out);
//! assert_eq!(out, b"a dog and a list");
//! ```
//!
//! Chunk boundaries have no meaning. Of the matches that begin leftmost the longest counts; matches do not overlap, and what was
//! put in is not searched again. At most the longest pattern less one byte is held back. As an [`Editor`] it works on the
//! decoded text of a message's parts. Knows nothing of characters: patterns are bytes.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::text::{Editor, Edits, TextPart};

/// Longest pattern, in bytes: so much may be held back. 4 KiB: four times the longest line of a message.
pub const PATTERN_MAX: usize = 4 << 10;
/// All patterns together, in bytes. 64 KiB: the automaton is built anew for each message.
pub const PATTERNS_MAX: usize = 64 << 10;

/// Why patterns cannot be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPattern {
    /// There is none, or one is empty.
    Empty,
    /// One is longer than [`PATTERN_MAX`].
    TooLong,
    /// Together they are longer than [`PATTERNS_MAX`].
    TooMany,
}

impl std::fmt::Display for BadPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("a pattern must not be empty"),
            Self::TooLong => write!(f, "a pattern has at most {PATTERN_MAX} bytes"),
            Self::TooMany => write!(f, "patterns have at most {PATTERNS_MAX} bytes together"),
        }
    }
}

impl std::error::Error for BadPattern {}

/// Replaces patterns in one stream.
#[derive(Debug, Clone)]
pub struct Replacer {
    automaton: AhoCorasick,
    replacements: Vec<Vec<u8>>,
    longest: usize,
    held: Vec<u8>,
    replaced: u64,
}

impl Replacer {
    /// For these pairs of pattern and replacement. Of two equal patterns the first counts.
    ///
    /// # Errors
    /// Patterns past a limit, or empty.
    pub fn new<P: AsRef<[u8]>, R: Into<Vec<u8>>>(
        pairs: impl IntoIterator<Item = (P, R)>,
    ) -> Result<Self, BadPattern> {
        Self::build(pairs, false)
    }

    /// The same, where ASCII letters match whatever their case.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn ignoring_ascii_case<P: AsRef<[u8]>, R: Into<Vec<u8>>>(
        pairs: impl IntoIterator<Item = (P, R)>,
    ) -> Result<Self, BadPattern> {
        Self::build(pairs, true)
    }

    fn build<P: AsRef<[u8]>, R: Into<Vec<u8>>>(
        pairs: impl IntoIterator<Item = (P, R)>,
        ignore_case: bool,
    ) -> Result<Self, BadPattern> {
        let (patterns, replacements): (Vec<P>, Vec<Vec<u8>>) =
            pairs.into_iter().map(|(pattern, replacement)| (pattern, replacement.into())).unzip();
        let lengths = || patterns.iter().map(|pattern| pattern.as_ref().len());
        let longest = lengths().max().unwrap_or(0);
        if lengths().min().unwrap_or(0) == 0 {
            return Err(BadPattern::Empty);
        }
        if longest > PATTERN_MAX {
            return Err(BadPattern::TooLong);
        }
        if lengths().sum::<usize>() > PATTERNS_MAX {
            return Err(BadPattern::TooMany);
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(ignore_case)
            .build(&patterns)
            // Only past 2^31 states, which `PATTERNS_MAX` rules out.
            .map_err(|_| BadPattern::TooMany)?;
        Ok(Self { automaton, replacements, longest, held: Vec::new(), replaced: 0 })
    }

    /// Feeds the next bytes; appends what is settled to `out`.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        self.run(chunk, false, out);
    }

    /// The end: appends what was held back. A new stream may follow.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.run(&[], true, out);
    }

    /// How many matches were replaced.
    pub fn replaced(&self) -> u64 {
        self.replaced
    }

    fn run(&mut self, chunk: &[u8], last: bool, out: &mut Vec<u8>) {
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(chunk);
        let mut at = 0;
        let settled = self.matches(&text, last, |found, pattern| {
            out.extend_from_slice(&text[at..found.start]);
            out.extend_from_slice(&self.replacements[pattern]);
            at = found.end;
        });
        out.extend_from_slice(&text[at..settled.0]);
        self.replaced += settled.1;
        text.drain(..settled.0);
        self.held = text;
    }

    /// Gives every match in `text` that no byte behind `text` can change. Up to where `text` is settled, and how many
    /// matches there were. A match that begins where the longest pattern still fits in is settled.
    fn matches(&self, text: &[u8], last: bool, mut on: impl FnMut(Range<usize>, usize)) -> (usize, u64) {
        let decided = if last { text.len() } else { (text.len() + 1).saturating_sub(self.longest) };
        let mut settled = decided;
        let mut count = 0;
        for found in self.automaton.find_iter(text).take_while(|found| found.start() < decided) {
            on(found.range(), found.pattern().as_usize());
            settled = settled.max(found.end());
            count += 1;
        }
        (settled, count)
    }
}

/// On the text of every part.
impl Editor for Replacer {
    fn begin(&mut self, _part: &TextPart<'_>) -> bool {
        true
    }

    fn edit(&mut self, text: &[u8], last: bool, edits: &mut Edits) -> usize {
        let (settled, count) =
            self.matches(text, last, |found, pattern| edits.replace(found, &self.replacements[pattern]));
        self.replaced += count;
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Too simple to be wrong: at each place the longest pattern that fits.
    fn oracle(text: &[u8], pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let longest = pairs.iter().filter(|(pattern, _)| rest.starts_with(pattern));
            // `max_by_key` gives the last of equals: the first counts.
            match longest.rev().max_by_key(|(pattern, _)| pattern.len()) {
                Some((pattern, replacement)) => {
                    out.extend_from_slice(replacement);
                    rest = &rest[pattern.len()..];
                }
                None => {
                    out.push(rest[0]);
                    rest = &rest[1..];
                }
            }
        }
        out
    }

    fn cut(mut replacer: Replacer, chunks: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<u8> {
        let mut out = Vec::new();
        for chunk in chunks {
            replacer.feed(chunk.as_ref(), &mut out);
            assert!(replacer.held.len() < replacer.longest);
        }
        replacer.finish(&mut out);
        out
    }

    fn letters(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(proptest::sample::select(&b"aAb"[..]), len)
    }

    proptest! {
        /// Goal: the outcome is that of searching the whole, however the stream is cut.
        /// Method: few letters, so that patterns overlap and begin each other, against the oracle, in pieces of each size.
        #[test]
        fn agrees_with_the_oracle_however_it_is_cut(
            text in letters(0..40),
            pairs in proptest::collection::vec((letters(1..6), letters(0..4)), 1..5),
        ) {
            let replacer = Replacer::new(pairs.clone()).unwrap();
            let expected = oracle(&text, &pairs);
            for size in 1..=text.len() {
                prop_assert_eq!(&cut(replacer.clone(), text.chunks(size)), &expected);
            }
        }
    }

    #[test]
    fn case_is_ignored_where_asked() {
        let replacer = Replacer::ignoring_ascii_case([("Secret", "[gone]")]).unwrap();
        assert_eq!(cut(replacer, ["a SE", "CRET, a sEcret"]), b"a [gone], a [gone]");
    }

    #[test]
    fn limits_hold_at_the_limit_and_one_past_it() {
        let new =
            |patterns: &[Vec<u8>]| Replacer::new(patterns.iter().map(|pattern| (pattern, ""))).map(|_| ());
        assert_eq!(new(&[]), Err(BadPattern::Empty));
        assert_eq!(new(&[vec![]]), Err(BadPattern::Empty));
        assert_eq!(new(&[vec![b'x'; PATTERN_MAX]]), Ok(()));
        assert_eq!(new(&[vec![b'x'; PATTERN_MAX + 1]]), Err(BadPattern::TooLong));
        let mut full = vec![vec![b'x'; PATTERN_MAX]; PATTERNS_MAX / PATTERN_MAX];
        assert_eq!(new(&full), Ok(()));
        full.push(vec![b'y']);
        assert_eq!(new(&full), Err(BadPattern::TooMany));
    }
}
