//! Watches a client's content go by: its size, its header section, its `Received` fields, NUL.
//!
//! Counts only; what is too much is for the caller to say.

use super::header_section::HeaderEnd;

/// Figures of the content so far.
#[derive(Debug, Default)]
pub struct ContentCheck {
    size: u64,
    header_size: u64,
    received: usize,
    nul: bool,
    end: HeaderEnd,
    header_is_over: bool,
    /// How much of `received:` the current line has matched; `None`: it is another field.
    matched: Option<usize>,
    in_line: bool,
}

const RECEIVED: &[u8] = b"received:";

impl ContentCheck {
    /// Takes the next piece into account.
    pub fn feed(&mut self, piece: &[u8]) {
        self.size += piece.len() as u64;
        self.nul |= memchr::memchr(0, piece).is_some();
        if self.header_is_over {
            return;
        }
        let end = self.end.feed(piece);
        let header = &piece[..end.unwrap_or(piece.len())];
        self.header_size += header.len() as u64;
        self.header_is_over = end.is_some();
        self.count_received(header);
    }

    /// Octets of content.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Octets of the header section, its blank line included.
    pub fn header_size(&self) -> u64 {
        self.header_size
    }

    /// `Received` fields: hops so far (RFC 5321 §6.3).
    pub fn received(&self) -> usize {
        self.received
    }

    /// Whether a NUL was among it: RFC 5321 §2.3.7 has none in content.
    pub fn has_nul(&self) -> bool {
        self.nul
    }

    fn count_received(&mut self, mut header: &[u8]) {
        while let Some((&first, rest)) = header.split_first() {
            if !self.in_line {
                self.in_line = true;
                self.matched = Some(0);
            }
            match self.matched {
                Some(n) if RECEIVED[n] == first.to_ascii_lowercase() => {
                    let complete = n + 1 == RECEIVED.len();
                    self.received += usize::from(complete);
                    self.matched = (!complete).then_some(n + 1);
                }
                _ => self.matched = None,
            }
            if first == b'\n' {
                self.in_line = false;
                header = rest;
            } else if self.matched.is_none() {
                // Nothing more to learn from this line.
                let line_end = memchr::memchr(b'\n', header).unwrap_or(header.len());
                header = &header[line_end..];
            } else {
                header = rest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_is_seen_anywhere() {
        for content in [&b"\0"[..], b"a: b\r\n\r\nx\0"] {
            let mut check = ContentCheck::default();
            check.feed(&content[..content.len() - 1]);
            assert!(!check.has_nul());
            check.feed(&content[content.len() - 1..]);
            assert!(check.has_nul());
        }
    }

    #[test]
    fn counts_the_same_however_the_content_is_cut() {
        let content = b"Received: a\r\nRECEIVED:b\r\nX-Received: c\r\n Received: folded\r\nReceivedly: d\r\n\r\nReceived: body\r\n";
        for cut in 0..=content.len() {
            let mut check = ContentCheck::default();
            check.feed(&content[..cut]);
            check.feed(&content[cut..]);
            assert_eq!((check.received(), check.size()), (2, content.len() as u64), "cut at {cut}");
            assert_eq!(check.header_size(), content.len() as u64 - 16, "cut at {cut}");
        }
    }
}
