//! Text whose bytes stand for themselves: 7bit, 8bit, binary.
//!
//! Says how much may be handed over, and lets out what is settled with the edits that can be made.

use gatepost_mime::Encoding;
use memchr::memchr;

use super::LINE_MAX;
use super::edits::Edits;
use super::output::Output;
use super::window::{Emitted, Line, line_start};

/// One part's text.
#[derive(Debug)]
pub(super) struct Plain {
    ascii_only: bool,
    line_max: usize,
    line_end: &'static [u8],
    /// Lines are looked at by those who seek delimiters.
    is_inside: bool,
    /// Length of the input line at hand, as far as it is let out.
    input: usize,
    line: Line,
}

impl Plain {
    /// As [`Window::plain`](super::window::Window::plain).
    pub(super) fn new(encoding: Encoding, line_end: &'static [u8], is_inside: bool) -> Self {
        Self {
            ascii_only: encoding == Encoding::SevenBit,
            line_max: if encoding == Encoding::Binary { usize::MAX } else { LINE_MAX },
            line_end,
            is_inside,
            input: 0,
            line: Line::default(),
        }
    }

    /// How much of `raw` is whole lines, or of a line that is too long already.
    pub(super) fn whole(&self, raw: &[u8], last: bool) -> usize {
        let whole = line_start(raw, raw.len());
        let before = if whole == 0 { self.input } else { 0 };
        if last || before + raw.len() - whole > LINE_MAX { raw.len() } else { whole }
    }

    /// Lets out what of `raw` is settled, but for an edit behind which its line is not there yet.
    pub(super) fn emit(
        &mut self,
        raw: &[u8],
        settled: usize,
        last: bool,
        edits: &Edits,
        out: &mut Output<'_>,
    ) -> Emitted {
        let (mut upto, mut count) = (settled, edits.iter().count());
        if let Some((range, _)) = edits.iter().next_back()
            && !last
            && range.end == line_start(raw, raw.len())
            && range.end == self.whole(raw, false)
        {
            upto = range.start;
            count -= 1;
        }
        let mut at = 0;
        let mut refused = 0;
        for (range, with) in edits.iter().take(count) {
            out.raw(&raw[at..range.start]);
            self.line.push(&raw[at..range.start]);
            at = range.start;
            let with = lines_as(with, self.line_end);
            if self.fits(raw, last, range.clone(), &with) {
                out.put(&with);
                self.line.push(&with);
                at = range.end;
            } else {
                refused += 1;
            }
        }
        out.raw(&raw[at..upto]);
        self.line.push(&raw[at..upto]);
        let start = line_start(raw, upto);
        self.input = upto - start + if start == 0 { self.input } else { 0 };
        Emitted { raw: upto, text: upto, edits: count, refused }
    }

    /// Whether `with` can stand in for `range`, in front of which all is let out.
    fn fits(&self, raw: &[u8], last: bool, range: std::ops::Range<usize>, with: &[u8]) -> bool {
        if self.ascii_only && !with.is_ascii() {
            return false;
        }
        let behind = &raw[range.end..];
        let rest = memchr(b'\n', behind).map_or(behind.len(), |newline| newline + 1);
        if self.is_inside {
            let near = [self.line.head(), with, &behind[..rest.min(4)]].concat();
            let is_open = |line: &[u8]| {
                line.starts_with(b"--") && !matches!(line.trim_ascii_end(), b"--") || line == b"--"
            };
            let mut lines = near.split_inclusive(|&byte| byte == b'\n');
            if lines.any(|line| is_open(line) && !line.ends_with(b"-- \r\n") && !line.ends_with(b"-- \n")) {
                return false;
            }
        }
        let removed = &raw[range.clone()];
        let grows = with.len() > removed.len() || memchr(b'\n', removed).is_some();
        if !grows || self.line_max == usize::MAX {
            return true;
        }
        let rest = &behind[..rest];
        let text = rest.strip_suffix(b"\r\n").or(rest.strip_suffix(b"\n")).unwrap_or(rest);
        let start = line_start(raw, range.start);
        let before = if start == 0 { self.input } else { 0 };
        let is_cut = rest.len() == text.len() && !last;
        let is_one_line = memchr(b'\n', removed).is_none();
        // So that it does not depend on how much of a long line is there.
        if is_cut || (is_one_line && before + range.end + text.len() - start > LINE_MAX) {
            return false;
        }
        let mut len = self.line.len;
        for line in with.split_inclusive(|&byte| byte == b'\n') {
            let text = line.strip_suffix(self.line_end).unwrap_or(line);
            if len + text.len() > self.line_max {
                return false;
            }
            len = if line.ends_with(b"\n") { 0 } else { len + text.len() };
        }
        len + text.len() <= self.line_max
    }
}

/// `text` with its line breaks, CRLF or LF, written as `line_end`.
fn lines_as<'t>(text: &'t [u8], line_end: &[u8]) -> std::borrow::Cow<'t, [u8]> {
    if memchr(b'\n', text).is_none() {
        return text.into();
    }
    let mut out = Vec::with_capacity(text.len() + 16);
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_suffix(b"\r\n").or(line.strip_suffix(b"\n")) {
            Some(text) => {
                out.extend_from_slice(text);
                out.extend_from_slice(line_end);
            }
            None => out.extend_from_slice(line),
        }
    }
    out.into()
}
