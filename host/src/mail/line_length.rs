//! How long the lines of some content are.

/// Measures the longest line while content arrives in pieces. A line ends at LF; a CR before it is not counted.
#[derive(Debug, Default)]
pub struct LineLength {
    longest: u64,
    current: u64,
    after_cr: bool,
}

impl LineLength {
    /// Takes the next piece into account.
    pub fn feed(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.extend(&rest[..end]);
            (self.current, self.after_cr) = (0, false);
            rest = &rest[end + 1..];
        }
        self.extend(rest);
    }

    /// Octets of the longest line so far.
    pub fn longest(&self) -> u64 {
        self.longest
    }

    fn extend(&mut self, part: &[u8]) {
        let Some(last) = part.last() else { return };
        self.current += part.len() as u64;
        self.after_cr = *last == b'\r';
        self.longest = self.longest.max(self.current - u64::from(self.after_cr));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_however_the_content_is_cut() {
        for (content, expect) in [
            ("", 0),
            ("ab\r\nc", 2),
            ("a\r\nbcd", 3),
            ("abc\r\n", 3),
            ("ab\rcd\r\n", 5),
            ("\r\n", 0),
            ("abc\nd\r\r\n", 3),
        ] {
            for cut in 0..=content.len() {
                let mut length = LineLength::default();
                length.feed(&content.as_bytes()[..cut]);
                length.feed(&content.as_bytes()[cut..]);
                assert_eq!(length.longest(), expect, "{content:?} cut at {cut}");
            }
        }
    }
}
