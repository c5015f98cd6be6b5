//! Content as it goes over the wire: CRLF only, dots doubled, one end (`docs/relay.md`, "What leaves").
//!
//! ```text
//! ".hi\n.\n"  ->  "..hi\r\n..\r\n"     close  ->  ""     END  ->  ".\r\n"
//! ```
//!
//! A bare LF becomes CRLF, as our stages and the MIME scanner take it for the end of a line already. A bare CR is text to
//! them: made a line end here, it would show the next server lines that no stage has seen. So it is refused, as NUL is.
//! Pure: knows nothing of who sent the content, and nothing of the connection.

use memchr::{memchr, memchr2};

use crate::sink::Unfit;

/// What ends content after `DATA`. Only a commit sends it.
pub(super) const END: &[u8] = b".\r\n";

/// What the content has to be on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// A bare LF becomes CRLF; else it is refused.
    pub(super) convert: bool,
    /// Octets beyond ASCII may go.
    pub(super) eight_bit: bool,
    /// For `DATA`: dots are doubled, and the last line ends. `BDAT` counts octets and needs neither.
    pub(super) dots: bool,
    /// BINARYMIME: everything goes as it is.
    pub(super) binary: bool,
}

/// Where in a line the content stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first byte, or after CRLF.
    LineStart,
    /// Inside a line.
    Text,
    /// After a CR that is withheld until LF follows.
    Cr,
}

/// Makes the content of one message fit for the wire.
#[derive(Debug)]
pub(super) struct Canonical {
    rules: Rules,
    state: State,
    converted: u64,
}

impl Canonical {
    /// At the first byte of the content.
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, state: State::LineStart, converted: 0 }
    }

    /// Appends to `wire` at most twice as many bytes as `content` has, and one. Cuts have no meaning.
    ///
    /// # Errors
    /// The content cannot go over this connection; what was appended so far is no message and must not be ended.
    pub(super) fn feed(&mut self, content: &[u8], wire: &mut Vec<u8>) -> Result<(), Unfit> {
        if self.rules.binary {
            wire.extend_from_slice(content);
            return Ok(());
        }
        if memchr(0, content).is_some() {
            return Err(Unfit::BareNewline);
        }
        if !self.rules.eight_bit && !content.is_ascii() {
            return Err(Unfit::EightBit);
        }
        let mut rest = content;
        while let Some((&first, after)) = rest.split_first() {
            match self.state {
                State::Cr if first == b'\n' => {
                    wire.extend_from_slice(b"\r\n");
                    (self.state, rest) = (State::LineStart, after);
                }
                State::Cr => return Err(Unfit::BareNewline),
                State::LineStart if first == b'.' && self.rules.dots => {
                    wire.extend_from_slice(b"..");
                    (self.state, rest) = (State::Text, after);
                }
                State::LineStart | State::Text => rest = self.text(rest, wire)?,
            }
        }
        Ok(())
    }

    /// Takes text up to the next CR or LF and over it. Gives what follows.
    fn text<'a>(&mut self, rest: &'a [u8], wire: &mut Vec<u8>) -> Result<&'a [u8], Unfit> {
        let Some(at) = memchr2(b'\r', b'\n', rest) else {
            wire.extend_from_slice(rest);
            self.state = State::Text;
            return Ok(&[]);
        };
        wire.extend_from_slice(&rest[..at]);
        if rest[at] == b'\r' {
            self.state = State::Cr;
        } else if self.rules.convert {
            wire.extend_from_slice(b"\r\n");
            self.converted += 1;
            self.state = State::LineStart;
        } else {
            return Err(Unfit::BareNewline);
        }
        Ok(&rest[at + 1..])
    }

    /// The content is complete: ends its last line where `DATA` needs it. Not yet the end mark.
    ///
    /// # Errors
    /// It ends with a bare CR.
    pub(super) fn close(&mut self, wire: &mut Vec<u8>) -> Result<(), Unfit> {
        match self.state {
            State::Cr => return Err(Unfit::BareNewline),
            State::Text if self.rules.dots => wire.extend_from_slice(b"\r\n"),
            State::Text | State::LineStart => {}
        }
        self.state = State::LineStart;
        Ok(())
    }

    /// How many bare LF have become CRLF.
    pub(super) fn converted(&self) -> u64 {
        self.converted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::smtp::framing::{DotDecoder, Progress};

    const DATA: Rules = Rules { convert: true, eight_bit: true, dots: true, binary: false };

    /// What goes over the wire for content that comes in these pieces, the end included.
    fn wire<'a>(rules: Rules, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, Unfit> {
        let (mut canonical, mut wire) = (Canonical::new(rules), Vec::new());
        for piece in pieces {
            canonical.feed(piece, &mut wire)?;
        }
        canonical.close(&mut wire)?;
        if rules.dots {
            wire.extend_from_slice(END);
        }
        Ok(wire)
    }

    /// An oracle too simple to be wrong: the content with CRLF only, or none where there is no such.
    fn lines(content: &[u8]) -> Option<Vec<u8>> {
        let mut plain = Vec::new();
        for (n, &byte) in content.iter().enumerate() {
            match byte {
                0 => return None,
                b'\r' if content.get(n + 1) != Some(&b'\n') => return None,
                b'\n' if n == 0 || content[n - 1] != b'\r' => plain.extend_from_slice(b"\r\n"),
                other => plain.push(other),
            }
        }
        if !plain.is_empty() && !plain.ends_with(b"\r\n") {
            plain.extend_from_slice(b"\r\n");
        }
        Some(plain)
    }

    /// The wire decodes to the content by our own decoder, and holds one end: the last one.
    fn check(content: &[u8], cuts: &[usize]) {
        let mut pieces = Vec::new();
        let mut from = 0;
        for &cut in cuts.iter().filter(|cut| **cut <= content.len()) {
            if cut >= from {
                pieces.push(&content[from..cut]);
                from = cut;
            }
        }
        pieces.push(&content[from..]);
        let made = wire(DATA, pieces);
        let Some(expect) = lines(content) else {
            assert_eq!(made, Err(Unfit::BareNewline), "{content:?}");
            return;
        };
        let made = made.unwrap();
        let (mut decoder, mut body) = (DotDecoder::new(), Vec::new());
        assert_eq!(decoder.feed(&made, &mut body), Progress::Done { consumed: made.len() }, "{content:?}");
        assert_eq!(body, expect, "{content:?}");
        assert_eq!(decoder.bare_newlines(), 0);
        let after_data = [b"DATA\r\n", made.as_slice()].concat();
        let ends = after_data.windows(5).filter(|five| five == b"\r\n.\r\n").count();
        assert_eq!((ends, after_data.ends_with(b"\r\n.\r\n")), (1, true), "{content:?}");
        for pair in after_data.windows(2) {
            assert_eq!(pair[0] == b'\r', pair[1] == b'\n', "{content:?}");
        }
    }

    /// Goal: every short content is canonical or refused, however it is cut.
    /// Method: all strings over `. \r \n x NUL` up to 6 bytes, cut at every point.
    #[test]
    fn agrees_with_the_oracle_however_the_content_is_cut() {
        let letters = [b'.', b'\r', b'\n', b'x', 0];
        for len in 0..=6_u32 {
            for n in 0..letters.len().pow(len) {
                let digits = (0..len).map(|digit| letters[n / letters.len().pow(digit) % letters.len()]);
                let content: Vec<u8> = digits.collect();
                for cut in 0..=content.len() {
                    check(&content, &[cut]);
                }
            }
        }
    }

    /// Goal: no end-of-data look-alike of `threats.md` (a) ends anything, also where two writes make it.
    #[test]
    fn lookalikes() {
        for middle in [
            "\n.\n",
            "\n.\r\n",
            "\r\n.\n",
            "\r.\r",
            "\r.\r\n",
            "\r\n.\r",
            "\r\n.\r\r\n",
            "\r\r\n.\r\r\n",
            "\r\n.\r\n",
            "\r\n.\0\r\n",
            "\r\n. \r\n",
            "\r\n.\t\r\n",
            "\r\n.\u{b}\r\n",
            "\u{2028}.\u{2028}",
            "\u{85}.\u{85}",
        ] {
            let content = format!("Subject: x\r\n\r\nbefore{middle}MAIL FROM:<a@b>\r\nafter\r\n");
            for first in 0..=content.len() {
                check(content.as_bytes(), &[first]);
                check(content.as_bytes(), &[first, first + 1]);
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_bytes_in_whatever_cuts(
            content in proptest::collection::vec(
                prop_oneof![Just(b'.'), Just(b'\n'), Just(b'x'), any::<u8>()], 0..200),
            mut cuts in proptest::collection::vec(0usize..200, 0..6),
        ) {
            cuts.sort_unstable();
            check(&content, &cuts);
            // The same with every end of a line as it should be.
            let proper: Vec<u8> = content.iter().flat_map(|byte| match byte {
                b'\r' | b'\n' => b"\r\n".to_vec(),
                0 => b"0".to_vec(),
                other => vec![*other],
            }).collect();
            check(&proper, &cuts);
        }
    }

    #[test]
    fn what_the_rules_forbid() {
        let one = |rules, content: &[u8]| wire(rules, [content]);
        assert_eq!(one(Rules { convert: false, ..DATA }, b"a\nb"), Err(Unfit::BareNewline));
        assert_eq!(one(Rules { eight_bit: false, ..DATA }, "ä".as_bytes()), Err(Unfit::EightBit));
        assert_eq!(one(DATA, "ä".as_bytes()), Ok("ä\r\n.\r\n".into()));
        let bdat = Rules { dots: false, ..DATA };
        assert_eq!(one(bdat, b".a\n.\nb"), Ok(b".a\r\n.\r\nb".to_vec()));
        let binary = Rules { binary: true, ..bdat };
        assert_eq!(one(binary, b"a\n\0\r.\xff"), Ok(b"a\n\0\r.\xff".to_vec()));
    }
}
