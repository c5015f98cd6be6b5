//! Finds header sections and delimiter lines (RFC 2046 §5.1) in a stream of bytes.
//!
//! ```text
//! "--b\r\n", "A: b\r\n\r\n", "text", "\r\n--b--\r\n"  ->  Other, Header, Body, End, Other
//! ```
//!
//! Withholds header sections until they are whole, and at the end of a chunk what may become a line break with a
//! delimiter line behind it. Knows nothing of what header fields say: that is `part`.

mod header;
mod text;

use crate::limits::{Limits, Problem};
use crate::part::Part;

/// A piece of the message. The pieces together, in order, are the message.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A part begins: its header section, whole, its blank line included. Empty where it has none.
    Header {
        /// What the section says.
        part: &'a Part,
        /// The section, raw.
        raw: &'a [u8],
    },
    /// Bytes of the body of a leaf: of a part that is neither a multipart nor a message that is descended into. Never empty;
    /// still transfer-encoded.
    Body {
        /// Whose.
        part: &'a Part,
        /// The bytes.
        raw: &'a [u8],
    },
    /// A part ended, leaf or not. Holds no bytes.
    End {
        /// Which one.
        part: &'a Part,
    },
    /// Bytes of no part: delimiter lines, each with the line break before it, preambles and epilogues. Never empty.
    Other(&'a [u8]),
}

impl<'a> Event<'a> {
    /// The input bytes it stands for.
    pub fn raw(&self) -> &'a [u8] {
        match *self {
            Self::Header { raw, .. } | Self::Body { raw, .. } | Self::Other(raw) => raw,
            Self::End { .. } => &[],
        }
    }
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy)]
enum Mode {
    /// A header section. Holds all of it so far; the line at hand starts at `line`.
    Header { line: usize },
    /// A body, preamble or epilogue: lines among which there may be delimiters.
    Text(Place),
    /// What follows the boundary on a delimiter line.
    Delimiter { close: bool },
    /// What comes behind the last part that is allowed.
    Rest,
}

/// Position within a line of text.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Behind what cannot begin a delimiter line.
    Inside,
    /// Holds a `\r` that may begin a line break.
    Cr,
    /// Holds the line break before this line, `line_break` bytes, and the line so far: nothing, `-`, or what begins `--`.
    Start { line_break: usize },
}

/// The start of a text, which has no line break before it.
const TEXT: Mode = Mode::Text(Place::Start { line_break: 0 });

/// A part that has begun and not ended.
#[derive(Debug)]
struct Frame {
    part: Part,
    is_leaf: bool,
    /// Parts begun inside it.
    children: usize,
}

/// The boundary of an open multipart.
#[derive(Debug)]
struct Boundary {
    /// Which of the open parts it belongs to.
    frame: usize,
    text: Vec<u8>,
    /// Its closing delimiter was met: it delimits no more, but is still looked for.
    closed: bool,
}

/// The machine. One value scans one message.
#[derive(Debug)]
pub struct Scanner {
    limits: Limits,
    mode: Mode,
    held: Vec<u8>,
    open: Vec<Frame>,
    boundaries: Vec<Boundary>,
    /// Parts begun so far.
    parts: usize,
    /// Bytes given out so far.
    offset: u64,
    /// Each kind once, in order.
    problems: Vec<Problem>,
}

impl Scanner {
    /// Before the first byte.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            mode: Mode::Header { line: 0 },
            held: Vec::new(),
            open: Vec::new(),
            boundaries: Vec::new(),
            parts: 0,
            offset: 0,
            problems: Vec::new(),
        }
    }

    /// Feeds the next bytes. Chunk boundaries have no meaning: events may be cut otherwise, what they amount to for each part
    /// is the same. Cannot fail.
    pub fn feed(&mut self, chunk: &[u8], on: &mut impl FnMut(Event<'_>)) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let used = match self.mode {
                Mode::Header { line } => self.header(line, rest, on),
                Mode::Text(place) => self.text(place, rest, on),
                Mode::Delimiter { close } => self.delimiter(close, rest, on),
                Mode::Rest => {
                    self.other(rest, on);
                    rest.len()
                }
            };
            rest = &rest[used..];
        }
    }

    /// The end: gives out what is withheld and ends all open parts. Nothing may be fed afterwards.
    pub fn finish(&mut self, on: &mut impl FnMut(Event<'_>)) {
        while let Mode::Header { line } = self.mode {
            let held = std::mem::take(&mut self.held);
            let cut = if self.find_boundary(&held[line..]).is_some() { line } else { held.len() };
            self.begin(&held[..cut], false, on);
            self.feed(&held[cut..], on);
        }
        match self.mode {
            Mode::Text(Place::Start { line_break }) => self.settle(line_break, on),
            _ => self.release(0, on),
        }
        self.release(0, on);
        self.end_down_to(0, on);
        self.mode = Mode::Rest;
    }

    /// What was met so far: the first limit, else the first defect. Known before the events behind it are given out.
    pub fn problem(&self) -> Option<Problem> {
        self.problems.iter().find(|problem| problem.is_limit()).or(self.problems.first()).copied()
    }

    /// All that was met so far, each kind once, in order.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    fn record(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// What is given out.
impl Scanner {
    /// Gives out what is held, but for the last `kept` bytes, as text.
    fn release(&mut self, kept: usize, on: &mut impl FnMut(Event<'_>)) {
        let mut held = std::mem::take(&mut self.held);
        let cut = held.len() - kept;
        self.pass(&held[..cut], on);
        held.drain(..cut);
        self.held = held;
    }

    /// Gives out text: of the leaf at hand, or of no part.
    fn pass(&mut self, raw: &[u8], on: &mut impl FnMut(Event<'_>)) {
        match self.open.last() {
            Some(Frame { part, is_leaf: true, .. }) if !raw.is_empty() => {
                self.offset += raw.len() as u64;
                on(Event::Body { part, raw });
            }
            _ => self.other(raw, on),
        }
    }

    fn other(&mut self, raw: &[u8], on: &mut impl FnMut(Event<'_>)) {
        if !raw.is_empty() {
            self.offset += raw.len() as u64;
            on(Event::Other(raw));
        }
    }

    /// Ends open parts, innermost first, until `len` are left.
    fn end_down_to(&mut self, len: usize, on: &mut impl FnMut(Event<'_>)) {
        while self.open.len() > len
            && let Some(frame) = self.open.pop()
        {
            on(Event::End { part: &frame.part });
        }
    }
}

#[cfg(test)]
mod tests;
