//! Cuts what a client sends: into command lines, and after `DATA` into message content.
//!
//! ```text
//! wire "NOOP\r\nQU"         ->  line "NOOP", 6 bytes consumed; "QU" is for the next call
//! wire "..hi\r\n.\r\nQUIT"  ->  body ".hi\r\n", 9 bytes consumed; "QUIT" is a command again
//! ```
//!
//! Knows nothing of sockets, sessions or commands. Only `<CRLF>.<CRLF>` ends content (RFC 5321 §4.1.1.4): a looser match
//! lets a client smuggle another message. A command line, though, ends at any LF: content never reaches that decoder.

use memchr::{memchr, memchr2};

/// Cuts command lines.
///
/// Holds at most `line_max` bytes, whatever comes.
#[derive(Debug)]
pub struct LineDecoder {
    line: Vec<u8>,
    line_max: usize,
    state: LineState,
}

/// What becomes of the bytes up to the next LF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineState {
    /// They belong to the line held.
    Within,
    /// The line held was given out; they begin the next.
    Fresh,
    /// They are the rest of a line that was too long.
    Skipping,
}

/// What [`LineDecoder::feed`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum LineProgress<'a> {
    /// All was consumed; no line has ended.
    NeedMore,
    /// A line without its end. The first `consumed` bytes are used up; feed the rest again.
    Line {
        /// Bytes used, the line's end included.
        consumed: usize,
        /// The line, without CRLF or LF.
        line: &'a [u8],
    },
    /// The line is over the limit. Told once, as soon as it is sure; what is left of the line is skipped by later calls.
    Overlong {
        /// Bytes used.
        consumed: usize,
        /// What of it could be held.
        start: &'a [u8],
    },
}

impl LineDecoder {
    /// A decoder for lines of at most `line_max` octets with their end (RFC 5321 §4.5.3.1.4).
    pub fn new(line_max: usize) -> Self {
        Self { line: Vec::new(), line_max, state: LineState::Fresh }
    }

    /// Looks for the end of a line in `wire`. Chunk boundaries have no meaning.
    ///
    /// A line ends at LF, and one CR before it is not part of the line; any other CR is, and is for the parser to refuse.
    pub fn feed(&mut self, wire: &[u8]) -> LineProgress<'_> {
        let mut skipped = 0;
        if self.state == LineState::Skipping {
            let Some(end) = memchr(b'\n', wire) else { return LineProgress::NeedMore };
            skipped = end + 1;
            self.state = LineState::Fresh;
        }
        if self.state == LineState::Fresh {
            self.line.clear();
        }
        let wire = &wire[skipped..];
        let end = memchr(b'\n', wire);
        let piece = &wire[..end.unwrap_or(wire.len())];
        let consumed = skipped + end.map_or(wire.len(), |at| at + 1);
        self.state = if end.is_some() { LineState::Fresh } else { LineState::Within };

        if self.line.len() + piece.len() + b"\n".len() > self.line_max {
            if end.is_none() {
                self.state = LineState::Skipping;
            }
            let room = self.line_max - self.line.len();
            self.line.extend_from_slice(&piece[..room.min(piece.len())]);
            return LineProgress::Overlong { consumed, start: &self.line };
        }
        self.line.extend_from_slice(piece);
        match end {
            None => LineProgress::NeedMore,
            Some(_) => {
                LineProgress::Line { consumed, line: self.line.strip_suffix(b"\r").unwrap_or(&self.line) }
            }
        }
    }
}

/// Cuts the content that follows `DATA` out of the wire and undoes its transparency. One serves one message.
#[derive(Debug, Default, Clone)]
pub struct DotDecoder {
    state: DotState,
    bare_newlines: u64,
}

/// Position within a line. Every byte withheld has its own state.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum DotState {
    /// After `<CRLF>`, or before the first byte.
    #[default]
    LineStart,
    /// Inside a line.
    Text,
    /// After a `\r` already passed on.
    Cr,
    /// Holds a leading `.`.
    Dot,
    /// Holds `.\r`: one `\n` short of the end mark.
    DotCr,
}

/// What [`DotDecoder::feed`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// All was consumed; the content goes on.
    NeedMore,
    /// The content is complete; what follows the first `consumed` bytes is no part of it.
    Done {
        /// Bytes used, the end mark included.
        consumed: usize,
    },
}

impl DotDecoder {
    /// A decoder at the first byte of the content.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes `wire`, appending content to `body`.
    ///
    /// Appends at most `wire.len() + 1` bytes. Chunk boundaries have no meaning. Cannot fail: a lone `\r` or `\n` is
    /// content, counted by [`bare_newlines`](Self::bare_newlines); so is NUL. Transparency: RFC 5321 §4.5.2. Feed no more
    /// after `Done`.
    pub fn feed(&mut self, wire: &[u8], body: &mut Vec<u8>) -> Progress {
        // Bytes from `run` up to `at` are content not yet copied: runs are long, as only a leading dot ends one.
        let (mut run, mut at) = (0, 0);
        while at < wire.len() {
            match (self.state, wire[at]) {
                (DotState::Text, _) => match memchr2(b'\r', b'\n', &wire[at..]) {
                    None => at = wire.len(),
                    Some(skip) => {
                        at += skip + 1;
                        if wire[at - 1] == b'\r' {
                            self.state = DotState::Cr;
                        } else {
                            self.bare_newlines += 1;
                        }
                    }
                },
                (DotState::Cr, b'\n') => {
                    self.state = DotState::LineStart;
                    at += 1;
                }
                (DotState::Cr, _) => {
                    self.bare_newlines += 1;
                    self.state = DotState::Text;
                }
                (DotState::LineStart, b'.') => {
                    body.extend_from_slice(&wire[run..at]);
                    self.state = DotState::Dot;
                    at += 1;
                    run = at;
                }
                (DotState::Dot, b'\r') => {
                    self.state = DotState::DotCr;
                    at += 1;
                    run = at;
                }
                // The dot was transparency: it is dropped.
                (DotState::LineStart | DotState::Dot, _) => self.state = DotState::Text,
                (DotState::DotCr, b'\n') => return Progress::Done { consumed: at + 1 },
                (DotState::DotCr, _) => {
                    body.push(b'\r');
                    self.bare_newlines += 1;
                    self.state = DotState::Text;
                }
            }
        }
        body.extend_from_slice(&wire[run..]);
        Progress::NeedMore
    }

    /// How many CR without LF and LF without CR the content had so far. One CR at the end of what was fed is not yet known.
    pub fn bare_newlines(&self) -> u64 {
        self.bare_newlines
    }
}

#[cfg(test)]
mod tests;
