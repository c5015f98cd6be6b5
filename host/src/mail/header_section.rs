//! Where the header section of a message ends, and its line ends.
//!
//! Knows nothing of fields: that is for the stages that edit them.

/// Finds the end of the header section while bytes arrive in pieces.
///
/// The section ends after the first empty line (CRLF or bare LF); an empty line at the very start is a section of its
/// own (RFC 5322 §2.1, and LF because a message may be kept with bare newlines).
#[derive(Debug, Default, Clone)]
pub struct HeaderEnd {
    line: Line,
}

/// Position within the current line.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Nothing of the line has come.
    #[default]
    Empty,
    /// Only a `\r` has come.
    Cr,
    /// Something else has come.
    Text,
}

impl HeaderEnd {
    /// Looks at the next piece. `Some(n)`: the first `n` bytes of `piece` complete the section; feed no more after.
    pub fn feed(&mut self, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < piece.len() {
            if self.line == Line::Text {
                // Only a newline matters from here.
                at += memchr::memchr(b'\n', &piece[at..])? + 1;
                self.line = Line::Empty;
                continue;
            }
            self.line = match (self.line, piece[at]) {
                (_, b'\n') => return Some(at + 1),
                (Line::Empty, b'\r') => Line::Cr,
                _ => Line::Text,
            };
            at += 1;
        }
        None
    }
}

/// The line end of the first line of `text`: `"\n"` where the first newline has no `\r` before it, else `"\r\n"`.
pub fn first_line_end(text: &[u8]) -> &'static str {
    match memchr::memchr(b'\n', text) {
        Some(0) => "\n",
        Some(at) if text[at - 1] != b'\r' => "\n",
        _ => "\r\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the end is found at the same place however the bytes are cut.
    /// Method: every string over `\r \n x` up to 7 bytes, every cut in two, against a whole-buffer oracle.
    #[test]
    fn agrees_with_the_oracle_however_the_input_is_cut() {
        for len in 0..=7u32 {
            for n in 0..3usize.pow(len) {
                let text: Vec<u8> = (0..len).map(|i| b"\r\nx"[n / 3usize.pow(i) % 3]).collect();
                let expected = oracle(&text);
                for cut in 0..=text.len() {
                    let mut end = HeaderEnd::default();
                    let found = end.feed(&text[..cut]).or_else(|| end.feed(&text[cut..]).map(|n| n + cut));
                    assert_eq!(found, expected, "{text:?} cut at {cut}");
                }
            }
        }
    }

    fn oracle(text: &[u8]) -> Option<usize> {
        let mut start = 0;
        for (at, &b) in text.iter().enumerate() {
            if b == b'\n' {
                if matches!(&text[start..at], b"" | b"\r") {
                    return Some(at + 1);
                }
                start = at + 1;
            }
        }
        None
    }

    #[test]
    fn line_end_follows_the_first_line() {
        assert_eq!(first_line_end(b"A: b\r\nC: d\n"), "\r\n");
        assert_eq!(first_line_end(b"A: b\nC: d\r\n"), "\n");
        assert_eq!(first_line_end(b"\n"), "\n");
        assert_eq!(first_line_end(b"none"), "\r\n");
    }
}
