//! What stands before a stage: gathers the header section for those that take `message`, and cuts the rest to size.
//!
//! ```text
//! "Sub" "ject: x\r\n\r\nbo" "dy"   ->   "Subject: x\r\n\r\n" "bo" "dy"      (takes message)
//! ```
//!
//! Knows nothing of stages or their failures.

use bytes::{Bytes, BytesMut};

use crate::mail::header_section::HeaderEnd;

/// The header section is longer than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderTooLarge;

/// Turns arriving chunks into those that the stage is given.
#[derive(Debug)]
pub struct Intake {
    chunk_size: usize,
    gathering: Option<Gathering>,
}

#[derive(Debug)]
struct Gathering {
    end: HeaderEnd,
    held: BytesMut,
    limit: usize,
}

impl Intake {
    /// For a stage that takes anything: chunks of at most `chunk_size` bytes.
    pub fn any(chunk_size: usize) -> Self {
        Self { chunk_size, gathering: None }
    }

    /// For a stage that takes `message`: first the whole header section, of at most `header_size_max` bytes.
    pub fn message(chunk_size: usize, header_size_max: usize) -> Self {
        let gathering =
            Gathering { end: HeaderEnd::default(), held: BytesMut::new(), limit: header_size_max };
        Self { chunk_size, gathering: Some(gathering) }
    }

    /// Takes an arriving chunk and appends to `ready` what the stage can be given now, in order.
    pub fn feed(&mut self, mut chunk: Bytes, ready: &mut Vec<Bytes>) -> Result<(), HeaderTooLarge> {
        if let Some(gathering) = &mut self.gathering {
            let end = gathering.end.feed(&chunk);
            if gathering.held.len() + end.unwrap_or(chunk.len()) > gathering.limit {
                return Err(HeaderTooLarge);
            }
            let Some(end) = end else {
                gathering.held.extend_from_slice(&chunk);
                return Ok(());
            };
            let rest = chunk.split_off(end);
            ready.push(joined(&mut gathering.held, chunk));
            self.gathering = None;
            chunk = rest;
        }
        while !chunk.is_empty() {
            ready.push(chunk.split_to(chunk.len().min(self.chunk_size)));
        }
        Ok(())
    }

    /// Whether a part of a header section is held.
    pub fn holds_bytes(&self) -> bool {
        self.gathering.as_ref().is_some_and(|gathering| !gathering.held.is_empty())
    }

    /// At the end: the message had no empty line, so all of it is the header section. `None`: nothing is held.
    pub fn flush(&mut self) -> Option<Bytes> {
        let held = self.gathering.take()?.held;
        (!held.is_empty()).then(|| held.freeze())
    }
}

/// `held` and `last` as one, without a copy where nothing was held.
fn joined(held: &mut BytesMut, last: Bytes) -> Bytes {
    if held.is_empty() {
        return last;
    }
    held.extend_from_slice(&last);
    held.split().freeze()
}

/// Joins `pieces` and cuts them to `chunk_size` again (`docs/semantics.md`, Emission).
pub fn recut(pieces: Vec<Bytes>, chunk_size: usize) -> Vec<Bytes> {
    if pieces.len() <= 1 && pieces.iter().all(|piece| piece.len() <= chunk_size) {
        return pieces;
    }
    let mut whole = match pieces.len() {
        1 => pieces.into_iter().next().unwrap_or_default(),
        _ => Bytes::from(pieces.concat()),
    };
    let mut cut = Vec::with_capacity(whole.len() / chunk_size + 1);
    while !whole.is_empty() {
        cut.push(whole.split_to(whole.len().min(chunk_size)));
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(mut intake: Intake, pieces: &[&[u8]]) -> Result<Vec<Bytes>, HeaderTooLarge> {
        let mut ready = Vec::new();
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            intake.feed(Bytes::copy_from_slice(piece), &mut ready)?;
        }
        ready.extend(intake.flush());
        Ok(ready)
    }

    #[test]
    fn the_first_chunk_is_the_header_section_however_it_arrives() {
        let message = b"A: b\r\nC: d\r\n\r\nbody\r\n\r\nmore";
        for cut in 0..=message.len() {
            let ready = run(Intake::message(8, 64), &[&message[..cut], &message[cut..]]).unwrap();
            assert_eq!(ready[0], &message[..14]);
            assert_eq!(ready.concat(), message);
            assert!(ready[1..].iter().all(|chunk| !chunk.is_empty() && chunk.len() <= 8));
        }
    }

    #[test]
    fn without_an_empty_line_all_is_header_section() {
        assert_eq!(run(Intake::message(2, 64), &[b"A: b", b"\r\nC"]).unwrap(), [&b"A: b\r\nC"[..]]);
        assert_eq!(run(Intake::message(2, 64), &[]).unwrap(), Vec::<Bytes>::new());
    }

    #[test]
    fn a_header_section_may_be_as_long_as_the_limit_and_no_longer() {
        let text = b"A: bcd\r\n\r\nbody";
        for cut in 0..10 {
            assert!(run(Intake::message(99, 10), &[&text[..cut], &text[cut..]]).is_ok(), "{cut}");
            assert_eq!(
                run(Intake::message(99, 9), &[&text[..cut], &text[cut..]]),
                Err(HeaderTooLarge),
                "{cut}"
            );
        }
        assert!(run(Intake::message(99, 3), &[b"abc"]).is_ok());
        assert!(run(Intake::message(99, 3), &[b"ab", b"cd"]).is_err());
    }

    #[test]
    fn output_is_joined_and_cut_again() {
        let pieces = |sizes: &[usize]| sizes.iter().map(|&n| Bytes::from(vec![b'x'; n])).collect::<Vec<_>>();
        let sizes = |pieces: Vec<Bytes>| pieces.iter().map(Bytes::len).collect::<Vec<_>>();
        assert_eq!(sizes(recut(pieces(&[]), 4)), [0usize; 0]);
        assert_eq!(sizes(recut(pieces(&[4]), 4)), [4]);
        assert_eq!(sizes(recut(pieces(&[5]), 4)), [4, 1]);
        assert_eq!(sizes(recut(pieces(&[1, 2, 6]), 4)), [4, 4, 1]);
    }
}
