//! Gathers a part's header section and begins the part.
//!
//! Ends a section at its blank line, at a delimiter line, or at the limit; knows nothing of bodies.

use memchr::memchr;

use super::{Boundary, Event, Frame, Mode, Scanner, TEXT};
use crate::limits::Problem;
use crate::part::Part;

impl Scanner {
    /// How much of `chunk` was used. What is held is the section so far, within the limit.
    pub(super) fn header(&mut self, line: usize, chunk: &[u8], on: &mut impl FnMut(Event<'_>)) -> usize {
        let mut held = std::mem::take(&mut self.held);
        let before = held.len();
        let chunk = &chunk[..chunk.len().min(self.limits.header_max.saturating_add(1) - before)];
        let section = if before == 0 {
            chunk
        } else {
            held.extend_from_slice(chunk);
            &held
        };
        let (cut, opaque) = match self.section_end(section, line) {
            SectionEnd::Unknown { line } => {
                if before == 0 {
                    held.extend_from_slice(chunk);
                }
                self.held = held;
                self.mode = Mode::Header { line };
                return chunk.len();
            }
            SectionEnd::At(cut) => (cut, false),
            SectionEnd::TooLong { line } => {
                self.record(Problem::HeaderTooLong);
                (line, true)
            }
        };
        self.begin(&section[..cut], opaque, on);
        // The line that cut it may have begun in an earlier chunk.
        self.feed(&section[cut.min(before)..before], on);
        cut.saturating_sub(before)
    }

    /// Looks for the end of `section` from `line` on, where a line starts.
    fn section_end(&self, section: &[u8], mut line: usize) -> SectionEnd {
        while let Some(length) = memchr(b'\n', &section[line..]) {
            let end = line + length + 1;
            if end > self.limits.header_max {
                return SectionEnd::TooLong { line };
            }
            let text = &section[line..end];
            if matches!(text, b"\n" | b"\r\n") {
                return SectionEnd::At(end);
            }
            if self.find_boundary(text).is_some() {
                return SectionEnd::At(line);
            }
            line = end;
        }
        if section.len() > self.limits.header_max {
            SectionEnd::TooLong { line }
        } else {
            SectionEnd::Unknown { line }
        }
    }

    /// A part begins, whose header is `section`.
    pub(super) fn begin(&mut self, section: &[u8], opaque: bool, on: &mut impl FnMut(Event<'_>)) {
        let parent = self.open.last_mut();
        let in_digest = parent.as_ref().is_some_and(|parent| parent.part.is("multipart", "digest"));
        let default_type = if in_digest { ("message", "rfc822") } else { ("text", "plain") };
        let (mut part, boundary) = Part::read(section, default_type);
        if let Some(parent) = parent {
            parent.children += 1;
            let dot = if parent.part.path.is_empty() { "" } else { "." };
            part.path = format!("{}{dot}{}", parent.part.path, parent.children);
            part.depth = parent.part.depth + 1;
            part.protected |= parent.part.protected;
        }
        part.header_offset = self.offset;
        self.offset += section.len() as u64;
        part.body_offset = self.offset;
        part.opaque = opaque;
        self.parts += 1;
        let inside = self.inside(&mut part, boundary);
        let is_leaf = matches!(inside, Inside::Nothing);
        self.open.push(Frame { part, is_leaf, children: 0 });
        if let Some(frame) = self.open.last() {
            on(Event::Header { part: &frame.part, raw: section });
        }
        self.mode = TEXT;
        match inside {
            Inside::Nothing => {}
            Inside::Parts(text) => {
                self.boundaries.push(Boundary { frame: self.open.len() - 1, text, closed: false });
            }
            Inside::Message => self.expect_part(),
        }
    }

    /// What is looked for in the body of a part.
    fn inside(&mut self, part: &mut Part, boundary: Option<Vec<u8>>) -> Inside {
        if part.opaque || !(part.is_multipart() || part.is_message()) {
            return Inside::Nothing;
        }
        if part.is_message() && part.encoding.is_encoded() {
            self.record(Problem::EncodedMessage);
            return Inside::Nothing;
        }
        let boundary = boundary.unwrap_or_default();
        if part.is_multipart() && boundary.is_empty() {
            self.record(Problem::NoBoundary);
            return Inside::Nothing;
        }
        let limit = if part.depth >= self.limits.depth_max {
            Some(Problem::TooDeep)
        } else {
            (boundary.len() > self.limits.boundary_max).then_some(Problem::BoundaryTooLong)
        };
        if let Some(limit) = limit {
            self.record(limit);
            part.opaque = true;
            return Inside::Nothing;
        }
        if part.is_message() {
            return Inside::Message;
        }
        if part.encoding.is_encoded() {
            self.record(Problem::EncodedMultipart);
        }
        Inside::Parts(boundary)
    }

    /// A part's header section is next, if one more part is allowed.
    pub(super) fn expect_part(&mut self) {
        if self.parts < self.limits.parts_max {
            self.mode = Mode::Header { line: 0 };
        } else {
            self.record(Problem::TooManyParts);
            self.mode = Mode::Rest;
        }
    }
}

/// Where a header section ends.
enum SectionEnd {
    /// Not in what has come so far; the line at hand starts at `line`.
    Unknown { line: usize },
    /// Behind its blank line, or before a delimiter line.
    At(usize),
    /// It passes the limit in the line that starts at `line`.
    TooLong { line: usize },
}

/// What the body of a part holds.
enum Inside {
    Nothing,
    Parts(Vec<u8>),
    Message,
}
