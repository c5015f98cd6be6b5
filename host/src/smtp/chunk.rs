//! Cuts the octets of `BDAT` chunks out of what a client sends (RFC 3030).
//!
//! ```text
//! begin(5), wire "helloBDAT 0 LAST"  ->  content "hello", nothing left; "BDAT 0 LAST" is a command again
//! ```
//!
//! Knows nothing of commands or limits. Nothing in the content ends a chunk: only the count does.

use memchr::memchr2;

/// Cuts the chunks of one message, and counts bare newlines through all of them: where a chunk ends means nothing to its
/// content, a CR may be the last octet of one and its LF the first of the next.
#[derive(Debug, Default)]
pub struct ChunkDecoder {
    left: u64,
    bare_newlines: u64,
    /// The last octet was a CR.
    after_cr: bool,
}

impl ChunkDecoder {
    /// A decoder before the first chunk of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next chunk begins. What was left of the one before is given up.
    pub fn begin(&mut self, octets: u64) {
        self.left = octets;
    }

    /// The content that `wire` begins with: what of it belongs to the chunk. It is used up, what follows is not.
    ///
    /// Cannot fail: a CR or LF without the other is content, counted by [`bare_newlines`](Self::bare_newlines).
    pub fn feed<'a>(&mut self, wire: &'a [u8]) -> &'a [u8] {
        let len = usize::try_from(self.left).map_or(wire.len(), |left| left.min(wire.len()));
        let content = &wire[..len];
        self.left -= len as u64;
        self.count(content);
        content
    }

    /// Octets of the chunk that are still to come.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The message is complete: a CR at its end is bare.
    pub fn end(&mut self) {
        self.bare_newlines += u64::from(std::mem::take(&mut self.after_cr));
    }

    /// How many CR without LF and LF without CR the content had so far. A CR at its end is not known before
    /// [`end`](Self::end).
    pub fn bare_newlines(&self) -> u64 {
        self.bare_newlines
    }

    fn count(&mut self, mut content: &[u8]) {
        while let Some(&first) = content.first() {
            if std::mem::take(&mut self.after_cr) {
                if first == b'\n' {
                    content = &content[1..];
                    continue;
                }
                self.bare_newlines += 1;
            }
            let Some(at) = memchr2(b'\r', b'\n', content) else { return };
            if content[at] == b'\r' {
                self.after_cr = true;
            } else {
                self.bare_newlines += 1;
            }
            content = &content[at + 1..];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::smtp::framing::{DotDecoder, Progress};

    /// What the decoder makes of chunks of these sizes on a wire that comes in pieces of `piece` octets.
    fn decode(wire: &[u8], sizes: &[u64], piece: usize) -> (Vec<u8>, u64, usize) {
        let (mut decoder, mut body, mut at) = (ChunkDecoder::new(), Vec::new(), 0);
        for &size in sizes {
            decoder.begin(size);
            while decoder.left() > 0 && at < wire.len() {
                let content = decoder.feed(&wire[at..wire.len().min(at + piece)]);
                body.extend_from_slice(content);
                at += content.len();
            }
        }
        decoder.end();
        (body, decoder.bare_newlines(), at)
    }

    #[test]
    fn a_chunk_ends_by_its_count_alone() {
        let wire = b"he\r\n.\r\nQUIT\r\nBDAT 0 LAST\r\n";
        for piece in 1..=wire.len() {
            assert_eq!(decode(wire, &[13], piece), (b"he\r\n.\r\nQUIT\r\n".to_vec(), 0, 13), "{piece}");
            assert_eq!(decode(wire, &[0, 3, 0, 10], piece).0, wire[..13], "{piece}");
        }
        assert_eq!(decode(wire, &[0], 99), (Vec::new(), 0, 0));
    }

    #[test]
    fn a_size_beyond_memory_takes_all_there_is() {
        let mut decoder = ChunkDecoder::new();
        decoder.begin(u64::MAX);
        assert_eq!(decoder.feed(b"hello"), b"hello");
        assert_eq!(decoder.left(), u64::MAX - 5);
    }

    #[test]
    fn bare_newlines_are_counted_across_chunks() {
        for (wire, bare) in
            [("\r\n", 0), ("\r", 1), ("\n", 1), ("\n\r", 2), ("\r\r\n", 1), ("a\r\nb\nc\r", 2), ("\r\rx", 2)]
        {
            let ones = vec![1; wire.len()];
            assert_eq!(decode(wire.as_bytes(), &ones, 9).1, bare, "{wire:?}");
            assert_eq!(decode(wire.as_bytes(), &[wire.len() as u64], 1).1, bare, "{wire:?}");
        }
    }

    proptest! {
        /// Goal: content in chunks is the same content, with as many bare newlines, as it is after DATA.
        /// Method: random content, stuffed for one way and cut into chunks and pieces for the other.
        #[test]
        fn agrees_with_data_however_it_is_cut(
            lines in proptest::collection::vec("[.a\r\n\\x00]{0,6}", 0..12),
            sizes in proptest::collection::vec(0u64..7, 0..20),
            piece in 1usize..9,
        ) {
            let content: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let mut stuffed = content.replace("\r\n.", "\r\n..");
            if stuffed.starts_with('.') {
                stuffed.insert(0, '.');
            }
            stuffed += ".\r\n";
            let (mut decoder, mut body) = (DotDecoder::new(), Vec::new());
            let done = Progress::Done { consumed: stuffed.len() };
            prop_assert_eq!(decoder.feed(stuffed.as_bytes(), &mut body), done);

            let sizes: Vec<u64> = sizes.into_iter().chain([content.len() as u64]).collect();
            let (chunked, bare, used) = decode(content.as_bytes(), &sizes, piece);
            prop_assert_eq!(used, content.len());
            prop_assert_eq!(chunked, body);
            prop_assert_eq!(bare, decoder.bare_newlines());
        }
    }
}
