//! Text in quoted-printable (RFC 2045 §6.7), with the way back from each decoded byte to its raw ones.
//!
//! ```text
//! raw "caf=e9 =\r\nau  \r\n"  ->  text "caf\xe9 au\r\n"       marks (0, 0), (5, 10), (9, 16)
//! ```
//!
//! Lines are decoded whole: the white space at their ends is padding (rule 3), and an edit needs to know how long its line
//! is. Of a line past [`LINE_MAX`] pieces of that length are decoded, cut between tokens. A malformed escape stands for
//! itself.

use std::ops::Range;

use memchr::memchr;

use super::edits::Edits;
use super::output::Output;
use super::window::{Emitted, Line};
use super::{LINE_MAX, QUOTED_LINE_MAX};

/// One part's text.
#[derive(Debug)]
pub(super) struct Quoted {
    line_end: &'static [u8],
    /// Decoded, from what was let out on.
    text: Vec<u8>,
    /// Where each piece begins, in text and raw; and where the last one ends.
    marks: Vec<Mark>,
    line: Line,
}

/// The start of a raw line, or of a piece of one.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    text: usize,
    raw: usize,
}

/// A raw line taken apart: what is decoded, and how it ends.
struct Piece<'r> {
    content: &'r [u8],
    /// A hard line break; nothing for a soft one, or none.
    line_break: &'r [u8],
}

impl<'r> Piece<'r> {
    /// `is_whole`: its end is that of a line, or of the part.
    fn new(raw: &'r [u8], is_whole: bool) -> Self {
        let text = raw.strip_suffix(b"\r\n").or(raw.strip_suffix(b"\n")).unwrap_or(raw);
        let line_break = &raw[text.len()..];
        if !is_whole {
            return Self { content: text, line_break };
        }
        let padding = text.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let content = &text[..text.len() - padding];
        match content.strip_suffix(b"=") {
            Some(content) => Self { content, line_break: b"" },
            None => Self { content, line_break },
        }
    }
}

/// The escaped byte that `raw` begins with.
fn escape(raw: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match raw {
        [b'=', high, low, ..] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

impl Quoted {
    /// As [`Window::quoted`](super::window::Window::quoted).
    pub(super) fn new(line_end: &'static [u8]) -> Self {
        Self { line_end, text: Vec::new(), marks: vec![Mark::default()], line: Line::default() }
    }

    /// Decodes what of `raw` is whole and was not decoded before; all text that is not let out.
    pub(super) fn decode(&mut self, raw: &[u8], last: bool) -> &[u8] {
        let mut at = self.end().raw;
        while at < raw.len() {
            let rest = &raw[at..];
            let near = &rest[..rest.len().min(LINE_MAX + 2)];
            let (len, is_whole) = match memchr(b'\n', near) {
                Some(newline) => (newline + 1, true),
                None if near.len() == LINE_MAX + 2 => (between_tokens(near), false),
                None if last => (near.len(), true),
                None => break,
            };
            let piece = Piece::new(&rest[..len], is_whole);
            decode_into(&mut self.text, piece.content);
            self.text.extend_from_slice(piece.line_break);
            at += len;
            self.marks.push(Mark { text: self.text.len(), raw: at });
        }
        &self.text
    }

    /// Where decoding has come to.
    fn end(&self) -> Mark {
        self.marks.last().copied().unwrap_or_default()
    }

    /// Lets out what of `raw` is settled: whole lines, and pieces of lines that are too long.
    pub(super) fn emit(
        &mut self,
        raw: &[u8],
        settled: usize,
        last: bool,
        edits: &Edits,
        out: &mut Output<'_>,
    ) -> Emitted {
        let upto = if last { self.end() } else { self.upto(raw, settled, edits) };
        let is_before = |range: &Range<usize>| last || range.end < upto.text;
        let count = edits.iter().take_while(|(range, _)| is_before(range)).count();
        let mut refused = 0;
        if count == 0 {
            out.raw(&raw[..upto.raw]);
            self.line.push(&raw[..upto.raw]);
        } else {
            let mut encoder = Encoder { out: Vec::new(), line_end: self.line_end, line: self.line };
            let mut at = 0;
            for (range, with) in edits.iter().take(count) {
                let (start, end) = (self.raw_of(raw, range.start, last), self.raw_of(raw, range.end, last));
                encoder.raw(&raw[at..start]);
                at = start;
                if is_well_formed(raw, start, end) && !encoder.line.head().starts_with(b"--") {
                    if with.starts_with(b"\n") || with.starts_with(b"\r\n") {
                        encoder.keep_padding();
                    }
                    encoder.text(with);
                    let begins_line = raw[..end].ends_with(b"\n");
                    at = end + encoder.join(&raw[end..], begins_line, last);
                } else {
                    refused += 1;
                }
            }
            encoder.raw(&raw[at..upto.raw]);
            self.line = encoder.line;
            out.put(&encoder.out);
        }
        self.text.drain(..upto.text);
        self.marks.retain(|mark| mark.raw > upto.raw);
        for mark in &mut self.marks {
            *mark = Mark { text: mark.text - upto.text, raw: mark.raw - upto.raw };
        }
        self.marks.insert(0, Mark::default());
        Emitted { raw: upto.raw, text: upto.text, edits: count, refused }
    }

    /// Up to where whole pieces are settled, and edits not cut in two.
    fn upto(&self, raw: &[u8], settled: usize, edits: &Edits) -> Mark {
        let upto = self.mark_before(settled);
        let mut end_before = 0;
        for (range, _) in edits.iter() {
            if range.end >= upto.text && range.start < upto.text {
                // One token less: where it ends a line of full length, a soft break must find it.
                let text = end_before.max(range.start.saturating_sub(1));
                return Mark { text, raw: self.raw_of(raw, text, false) };
            }
            end_before = range.end;
        }
        upto
    }

    /// The last piece that begins at or before this place in the text.
    fn mark_before(&self, text: usize) -> Mark {
        let after = self.marks.partition_point(|mark| mark.text <= text);
        self.marks[after.saturating_sub(1)]
    }

    /// Where the raw bytes of the text's byte `at` begin: behind soft line breaks, before the padding of a hard one.
    fn raw_of(&self, raw: &[u8], at: usize, last: bool) -> usize {
        let after = self.marks.partition_point(|mark| mark.text <= at);
        let mut mark = self.marks[after.saturating_sub(1)];
        let mut end = self.marks.get(after).map(|mark| mark.raw);
        if end.is_none() {
            // Behind all text. The last piece's padding, and a soft line break without a line, stay behind what is put in.
            let begin = self.marks.iter().rev().find(|mark| mark.raw < self.end().raw);
            let Some(begin) = begin.filter(|_| last && !raw[..mark.raw].ends_with(b"\n")) else {
                return mark.raw;
            };
            end = Some(mark.raw);
            mark = *begin;
        }
        let line = &raw[mark.raw..end.unwrap_or(raw.len())];
        let is_whole = line.ends_with(b"\n") || (last && end == Some(self.end().raw));
        let piece = Piece::new(line, is_whole);
        let mut place = mark.raw;
        let mut rest = piece.content;
        for _ in mark.text..at {
            if rest.is_empty() {
                // Between the CR and the LF of a hard line break.
                return mark.raw + line.len() - 1;
            }
            let len = if escape(rest).is_some() { 3 } else { 1 };
            place += len;
            rest = &rest[len..];
        }
        place
    }
}

/// The length of `raw` without a token that may go on behind it.
fn between_tokens(raw: &[u8]) -> usize {
    let len = raw.len();
    match raw {
        [.., b'='] => len - 1,
        [.., b'=', _] => len - 2,
        _ => len,
    }
}

fn decode_into(text: &mut Vec<u8>, content: &[u8]) {
    let mut rest = content;
    while let Some(at) = memchr(b'=', rest) {
        text.extend_from_slice(&rest[..at]);
        match escape(&rest[at..]) {
            Some(byte) => {
                text.push(byte);
                rest = &rest[at + 3..];
            }
            None => {
                text.push(b'=');
                rest = &rest[at + 1..];
            }
        }
    }
    text.extend_from_slice(rest);
}

/// Whether every `=` in `raw[start..end]` begins an escape or a soft line break, and every one before that what stands at
/// `start` could complete.
fn is_well_formed(raw: &[u8], start: usize, end: usize) -> bool {
    let start = start.saturating_sub(2);
    memchr::memchr_iter(b'=', &raw[start..end]).map(|at| start + at).all(|at| {
        let behind = &raw[at + 1..];
        let padding = behind.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let behind_padding = &behind[padding..];
        escape(&raw[at..]).is_some()
            || behind_padding.is_empty()
            || behind_padding.starts_with(b"\n")
            || behind_padding.starts_with(b"\r\n")
    })
}

/// Writes lines, part as they came and part anew.
struct Encoder {
    out: Vec<u8>,
    line_end: &'static [u8],
    line: Line,
}

impl Encoder {
    fn raw(&mut self, raw: &[u8]) {
        self.out.extend_from_slice(raw);
        self.line.push(raw);
    }

    fn soft_break(&mut self) {
        let mut moved = Vec::new();
        if self.line.len == QUOTED_LINE_MAX {
            // No room for the `=`: the last token goes to the next line.
            let out = &self.out;
            let is_escape = out.len() >= 3 && escape(&out[out.len() - 3..]).is_some();
            moved = self.out.split_off(out.len().saturating_sub(if is_escape { 3 } else { 1 }));
        }
        self.raw(b"=");
        self.raw(self.line_end);
        self.raw(&moved);
    }

    /// White space before a line break that is to come is text, not padding (RFC 2045 §6.7, rule 3).
    fn keep_padding(&mut self) {
        if let Some(byte @ (b' ' | b'\t')) = self.out.last().copied() {
            self.soft_break();
            if self.line.len == 1 {
                // A full line: the white space went along to the next.
                self.out.pop();
                self.line.len = 0;
                self.raw(if byte == b' ' { b"=20" } else { b"=09" });
            }
        }
    }

    /// Puts in `text`, encoded where it must be.
    fn text(&mut self, text: &[u8]) {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let mut rest = text;
        while let [byte, behind @ ..] = rest {
            if let Some(behind) = rest.strip_prefix(b"\r\n").or(rest.strip_prefix(b"\n")) {
                self.raw(self.line_end);
                rest = behind;
                continue;
            }
            let ends_line = behind.is_empty() || behind.starts_with(b"\n") || behind.starts_with(b"\r\n");
            let is_literal = match byte {
                b'=' => false,
                b'-' => self.line.len > 0,
                b' ' | b'\t' => !ends_line,
                byte => byte.is_ascii_graphic(),
            };
            let len = if is_literal { 1 } else { 3 };
            if self.line.len + len > QUOTED_LINE_MAX - 1 {
                self.soft_break();
            }
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            let escaped = [b'=', high, low];
            self.raw(if is_literal { std::slice::from_ref(byte) } else { &escaped });
            rest = behind;
        }
    }

    /// Goes over to raw bytes, `behind`. How many of them are written already.
    fn join(&mut self, behind: &[u8], begins_line: bool, last: bool) -> usize {
        if begins_line && !behind.is_empty() {
            if self.line.len > 0 {
                self.soft_break();
            }
            return 0;
        }
        let line = &behind[..memchr(b'\n', behind).map_or(behind.len(), |newline| newline + 1)];
        let text = line.strip_suffix(b"\r\n").or(line.strip_suffix(b"\n")).unwrap_or(line);
        let is_cut = line.len() == text.len() && !last;
        let ends = text.trim_ascii_end().is_empty() && !is_cut;
        let would_be_padding = ends && matches!(self.out.last(), Some(b' ' | b'\t'));
        let is_long = !text.is_empty() && self.line.len + text.len() > QUOTED_LINE_MAX;
        if would_be_padding {
            self.keep_padding();
        } else if self.line.len > 0 && (is_cut || is_long) {
            self.soft_break();
        }
        if behind.starts_with(b"-") && matches!(self.line.head(), b"" | b"-") {
            self.raw(b"=2D");
            if self.line.len + text.len() - 1 > QUOTED_LINE_MAX {
                self.soft_break();
            }
            return 1;
        }
        0
    }
}
