//! Tells delimiter lines from text (RFC 2046 §5.1.1).
//!
//! Knows nothing of headers. Text is passed on as it comes; only at the end of a chunk something is withheld: each
//! [`Place`] says what.

use memchr::memchr;

use super::{Boundary, Event, Mode, Place, Scanner, TEXT};
use crate::limits::Problem;

impl Scanner {
    /// How much of `chunk` was used; where it is nothing, the place is another one.
    pub(super) fn text(&mut self, place: Place, chunk: &[u8], on: &mut impl FnMut(Event<'_>)) -> usize {
        if self.boundaries.is_empty() {
            self.pass(chunk, on);
            return chunk.len();
        }
        match place {
            Place::Inside => self.lines(chunk, on),
            Place::Cr if chunk[0] == b'\n' => {
                self.held.push(b'\n');
                self.mode = Mode::Text(Place::Start { line_break: 2 });
                1
            }
            Place::Cr => {
                self.release(0, on);
                self.mode = Mode::Text(Place::Inside);
                0
            }
            Place::Start { line_break } => self.line_start(line_break, chunk, on),
        }
    }

    /// Passes on what cannot be part of a delimiter line or of the line break before it.
    fn lines(&mut self, chunk: &[u8], on: &mut impl FnMut(Event<'_>)) -> usize {
        let mut from = 0;
        while let Some(length) = memchr(b'\n', &chunk[from..]) {
            let line = from + length + 1;
            let is_candidate = match &chunk[line..] {
                [] | [b'-'] => true,
                behind => behind.starts_with(b"--"),
            };
            if is_candidate {
                let line_break = if chunk[..line].ends_with(b"\r\n") { 2 } else { 1 };
                self.pass(&chunk[..line - line_break], on);
                self.held.extend_from_slice(&chunk[line - line_break..line]);
                self.mode = Mode::Text(Place::Start { line_break });
                return line;
            }
            from = line;
        }
        let cr = usize::from(chunk.ends_with(b"\r"));
        let (sure, cr_at_end) = chunk.split_at(chunk.len() - cr);
        self.pass(sure, on);
        if cr > 0 {
            self.held.extend_from_slice(cr_at_end);
            self.mode = Mode::Text(Place::Cr);
        }
        chunk.len()
    }

    /// Takes from `chunk` what is needed to say whether this line is a delimiter.
    fn line_start(&mut self, line_break: usize, chunk: &[u8], on: &mut impl FnMut(Event<'_>)) -> usize {
        // The hyphens before the longest boundary, and those that may close it.
        let longest = self.boundaries.iter().map(|boundary| boundary.text.len()).max().unwrap_or(0);
        let enough = line_break + 2 + longest + 2;
        for (used, &byte) in chunk.iter().enumerate() {
            let held = self.held.len();
            if held >= enough || byte == b'\n' || (held < line_break + 2 && byte != b'-') {
                self.settle(line_break, on);
                return used;
            }
            self.held.push(byte);
        }
        chunk.len()
    }

    /// Enough of this line is held, or all of it: it is a delimiter or text.
    pub(super) fn settle(&mut self, line_break: usize, on: &mut impl FnMut(Event<'_>)) {
        let Some((index, close)) = self.find_boundary(&self.held[line_break..]) else {
            if self.is_behind_close(&self.held[line_break..]) {
                self.record(Problem::DelimiterMisplaced);
            }
            // A `\r` at its end may begin a line break. One that is alone in here is what did so already.
            let cr = self.held.ends_with(b"\r");
            self.release(usize::from(cr), on);
            self.mode = Mode::Text(if cr { Place::Cr } else { Place::Inside });
            return;
        };
        // Nothing has come since that part's delimiter line.
        let inside = self.open.get(self.boundaries[index].frame + 1);
        if close && inside.is_some_and(|frame| frame.part.header_offset == self.offset) {
            self.record(Problem::DelimiterMisplaced);
        }
        self.end_down_to(self.boundaries[index].frame + 1, on);
        let boundary = self.boundaries[index].text.len();
        let tail = line_break + 2 + boundary + if close { 2 } else { 0 };
        if !is_padding(&self.held[tail..]) {
            self.record(Problem::DelimiterTail);
        }
        self.boundaries.truncate(index + 1);
        self.boundaries[index].closed = close;
        let held = std::mem::take(&mut self.held);
        self.other(&held, on);
        self.mode = Mode::Delimiter { close };
    }

    /// The rest of a delimiter line.
    pub(super) fn delimiter(&mut self, close: bool, chunk: &[u8], on: &mut impl FnMut(Event<'_>)) -> usize {
        let end = memchr(b'\n', chunk).map(|at| at + 1);
        let line = &chunk[..end.unwrap_or(chunk.len())];
        if !is_padding(line) {
            self.record(Problem::DelimiterTail);
        }
        self.other(line, on);
        if end.is_some() {
            if close {
                self.mode = TEXT;
            } else {
                self.expect_part();
            }
        }
        line.len()
    }

    /// Which open multipart `line` is a delimiter of, and whether it closes it.
    ///
    /// Of several boundaries that `line` begins with the longest counts, of equal ones the innermost (RFC 2046 §5.1.2).
    pub(super) fn find_boundary(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = line.strip_prefix(b"--")?;
        let fits = |boundary: &Boundary| !boundary.closed && line.starts_with(&boundary.text);
        let matches = self.boundaries.iter().enumerate().filter(|(_, boundary)| fits(boundary));
        let (index, boundary) = matches.max_by_key(|(_, boundary)| boundary.text.len())?;
        Some((index, line[boundary.text.len()..].starts_with(b"--")))
    }

    /// Whether `line` would begin a part, had its multipart not been closed. Closing twice is common and hides nothing.
    fn is_behind_close(&self, line: &[u8]) -> bool {
        let Some(line) = line.strip_prefix(b"--") else { return false };
        let mut closed = self.boundaries.iter().filter(|boundary| boundary.closed);
        closed.any(|boundary| line.strip_prefix(&*boundary.text).is_some_and(|tail| !tail.starts_with(b"--")))
    }
}

/// RFC 2046 §5.1.1, transport-padding, and the line end.
fn is_padding(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}
