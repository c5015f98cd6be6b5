//! Editing of a header section: fields by position, every untouched byte and fold kept.
//!
//! ```
//! use gatepost_sdk::header::Header;
//!
//! let mut header = Header::parse(b"From: a@b.example\r\nsubject: Hi\r\n\r\n");
//! header.prefix("Subject", "[EXT]").unwrap();
//! header.add_last("X-Checked", "yes").unwrap();
//! assert_eq!(header.to_bytes(), b"From: a@b.example\r\nsubject: [EXT] Hi\r\nX-Checked: yes\r\n\r\n");
//! ```
//!
//! Field names are compared without regard to case. Lines that are no field (no colon, or a name with characters that a name
//! cannot have) stay where they are. New fields end as the section's first line does. Every operation takes time linear
//! in the section's length. Knows nothing of what fields mean: text is encoded (RFC 2047) as for unstructured fields, so
//! give address fields ASCII text only.

mod words;

use std::borrow::Cow;
use std::collections::VecDeque;

use memchr::{memchr, memchr_iter};

/// Why a field cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadField {
    /// A name is not one or more printable ASCII characters other than the colon (RFC 5322 §3.6.8), at most 76 of them.
    Name,
    /// A text holds a control character; line breaks could smuggle in other fields.
    Text,
}

impl std::fmt::Display for BadField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Name => "not a header field name",
            Self::Text => "a header field cannot hold control characters",
        })
    }
}

impl std::error::Error for BadField {}

/// A field as it stands in a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'h> {
    /// The name as written.
    pub name: &'h str,
    /// What follows the colon, raw: with its folds and leading space, without its last line end.
    pub value: &'h [u8],
}

impl Field<'_> {
    /// The value as a reader sees it: unfolded, encoded words decoded, trimmed. For comparing, not for writing back:
    /// characters outside UTF-8, US-ASCII and ISO-8859-1 become U+FFFD.
    pub fn text(&self) -> String {
        gatepost_mime::words::decode(self.value)
    }
}

/// A header section in parts: `lead`, then the lines, then `tail`.
#[derive(Debug, Clone)]
pub struct Header<'a> {
    /// What must stay first: an mbox `From ` line, and lines that would continue a field put before them.
    lead: &'a [u8],
    lines: VecDeque<Line<'a>>,
    /// The blank line and what follows it; nothing where the section has none.
    tail: &'a [u8],
    line_end: &'static str,
    changed: bool,
}

/// A field, or a line that is none, with its continuation lines and line end.
#[derive(Debug, Clone)]
struct Line<'a> {
    text: Cow<'a, [u8]>,
    /// Length of the name; 0: not a field.
    name: usize,
    /// Where the value starts, behind the colon.
    value: usize,
}

impl<'a> Line<'a> {
    fn parse(text: &'a [u8]) -> Self {
        let not_a_field = Self { text: Cow::Borrowed(text), name: 0, value: 0 };
        let Some(colon) = memchr(b':', text) else { return not_a_field };
        // RFC 5322 §4.5.8: white space before the colon is obsolete, yet is to be understood.
        let name = text[..colon].trim_ascii_end();
        if is_name(name) { Self { name: name.len(), value: colon + 1, ..not_a_field } } else { not_a_field }
    }

    /// `name` must be checked.
    fn new(name: &str, text: &str, line_end: &str) -> Self {
        let mut line = Vec::with_capacity(name.len() + text.len() + 4);
        line.extend_from_slice(name.as_bytes());
        line.push(b':');
        push_value(&mut line, text, line_end);
        line.extend_from_slice(line_end.as_bytes());
        Self { name: name.len(), value: name.len() + 1, text: Cow::Owned(line) }
    }

    fn is(&self, name: &str) -> bool {
        self.name > 0 && self.text[..self.name].eq_ignore_ascii_case(name.as_bytes())
    }

    fn field(&self) -> Option<Field<'_>> {
        let name = std::str::from_utf8(&self.text[..self.name]).ok().filter(|name| !name.is_empty())?;
        let end = self.text.len() - last_line_end(&self.text);
        Some(Field { name, value: &self.text[self.value..end] })
    }
}

impl<'a> Header<'a> {
    /// Takes `chunk` apart: a header section, up to and including its blank line where there is one. What follows the blank
    /// line is kept as it is. Copies nothing, cannot fail.
    pub fn parse(chunk: &'a [u8]) -> Self {
        let mut header = Self {
            lead: &[],
            lines: VecDeque::new(),
            tail: &[],
            line_end: line_end_of(chunk),
            changed: false,
        };
        // Where the field at hand starts, where its last line so far ends.
        let mut start = 0;
        let mut end = 0;
        let line_ends = memchr_iter(b'\n', chunk).map(|at| at + 1);
        let unended = (!chunk.ends_with(b"\n")).then_some(chunk.len());
        for next in line_ends.chain(unended) {
            let line = &chunk[end..next];
            let continues = matches!(line.first(), Some(b' ' | b'\t'));
            if !continues && start < end {
                header.push(&chunk[start..end]);
                start = end;
            }
            // A `\r` alone can only be the last line, unended: a blank line cut short.
            if matches!(line, b"\n" | b"\r\n" | b"\r") {
                header.tail = &chunk[end..];
                return header;
            }
            end = next;
        }
        if start < end {
            header.push(&chunk[start..end]);
        }
        header
    }

    fn push(&mut self, text: &'a [u8]) {
        let line = Line::parse(text);
        let first = self.lead.is_empty() && self.lines.is_empty();
        if first
            && (text.starts_with(b" ")
                || text.starts_with(b"\t")
                || line.name == 0 && text.starts_with(b"From "))
        {
            self.lead = text;
        } else {
            self.lines.push_back(line);
        }
    }

    /// All fields in order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.lines.iter().filter_map(Line::field)
    }

    /// The first field of this name.
    pub fn get(&self, name: &str) -> Option<Field<'_>> {
        self.lines.iter().find(|line| line.is(name))?.field()
    }

    /// All fields of this name, in order.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = Field<'_>> {
        self.lines.iter().filter(move |line| line.is(name)).filter_map(Line::field)
    }

    /// Adds a field on top.
    ///
    /// # Errors
    /// A name or text that no field can have; nothing is changed then. So for the other methods.
    pub fn add_first(&mut self, name: &str, text: &str) -> Result<(), BadField> {
        let line = self.line(name, text)?;
        self.lines.push_front(line);
        Ok(())
    }

    /// Adds a field at the end of the section.
    ///
    /// # Errors
    /// As [`add_first`](Self::add_first).
    pub fn add_last(&mut self, name: &str, text: &str) -> Result<(), BadField> {
        let line = self.line(name, text)?;
        self.lines.push_back(line);
        Ok(())
    }

    fn line(&mut self, name: &str, text: &str) -> Result<Line<'a>, BadField> {
        check_name(name)?;
        check_text(text)?;
        self.changed = true;
        Ok(Line::new(name, text, self.line_end))
    }

    /// Gives the first field of this name another text; it keeps its place and the spelling of its name. False: there is
    /// none.
    ///
    /// # Errors
    /// As [`add_first`](Self::add_first).
    pub fn replace(&mut self, name: &str, text: &str) -> Result<bool, BadField> {
        check_text(text)?;
        let line_end = self.line_end;
        Ok(self.edit_first(name, |line| {
            let end = line.text.len() - last_line_end(&line.text);
            let mut new = line.text[..line.value].to_vec();
            push_value(&mut new, text, line_end);
            new.extend_from_slice(&line.text[end..]);
            new
        }))
    }

    /// Puts `text` before the value of the first field of this name, with a space between; the value's own bytes stay as
    /// they are. A fold is made where the line would pass 78 characters. False: there is no such field.
    ///
    /// # Errors
    /// As [`add_first`](Self::add_first).
    pub fn prefix(&mut self, name: &str, text: &str) -> Result<bool, BadField> {
        check_text(text)?;
        let line_end = self.line_end;
        Ok(self.edit_first(name, |line| prefixed(line, text, line_end)))
    }

    fn edit_first(&mut self, name: &str, edit: impl FnOnce(&Line<'_>) -> Vec<u8>) -> bool {
        let Some(line) = self.lines.iter_mut().find(|line| line.is(name)) else { return false };
        line.text = Cow::Owned(edit(line));
        self.changed = true;
        true
    }

    /// Removes all fields of this name; how many there were.
    pub fn remove(&mut self, name: &str) -> usize {
        let before = self.lines.len();
        self.lines.retain(|line| !line.is(name));
        let removed = before - self.lines.len();
        self.changed |= removed > 0;
        removed
    }

    /// Renames all fields of this name; how many there were. Their values stay as they are.
    ///
    /// # Errors
    /// As [`add_first`](Self::add_first).
    pub fn rename(&mut self, from: &str, to: &str) -> Result<usize, BadField> {
        check_name(to)?;
        let mut renamed = 0;
        for line in self.lines.iter_mut().filter(|line| line.is(from)) {
            let text = [to.as_bytes(), &line.text[line.name..]].concat();
            *line = Line { value: line.value - line.name + to.len(), name: to.len(), text: Cow::Owned(text) };
            renamed += 1;
        }
        self.changed |= renamed > 0;
        Ok(renamed)
    }

    /// Whether anything was changed since it was parsed.
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// The section as it stands now.
    pub fn to_bytes(&self) -> Vec<u8> {
        let lines = self.lines.iter();
        let texts = || lines.clone().map(|line| &*line.text);
        let len: usize = texts().map(<[u8]>::len).sum();
        let mut out = Vec::with_capacity(self.lead.len() + len + self.tail.len() + 2);
        out.extend_from_slice(self.lead);
        for text in texts() {
            // What was the last line may have come without a line end.
            if out.last().is_some_and(|&last| last != b'\n') {
                out.extend_from_slice(self.line_end.as_bytes());
            }
            out.extend_from_slice(text);
        }
        out.extend_from_slice(self.tail);
        out
    }
}

/// Appends a space and `text`, folded, behind the colon that `out` ends with.
fn push_value(out: &mut Vec<u8>, text: &str, line_end: &str) {
    if !text.is_empty() {
        out.push(b' ');
        let column = out.len();
        words::push_text(out, text, column, line_end);
    }
}

fn prefixed(line: &Line<'_>, text: &str, line_end: &str) -> Vec<u8> {
    let value = &line.text[line.value..];
    let mut new = line.text[..line.value].to_vec();
    // White space between two encoded words is not shown (RFC 2047 §6.2), so the space goes into ours.
    if words::needs_encoding(text) && value.trim_ascii_start().starts_with(b"=?") {
        push_value(&mut new, &format!("{text} "), line_end);
    } else {
        push_value(&mut new, text, line_end);
    }
    let first = &value[..memchr(b'\n', value).unwrap_or(value.len())];
    if !first.trim_ascii().is_empty() {
        let spaced = matches!(first[0], b' ' | b'\t');
        let line_start = new.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let column = new.len() - line_start + usize::from(!spaced) + first.trim_ascii_end().len();
        if column > words::LINE_AIM {
            new.extend_from_slice(line_end.as_bytes());
        }
        if !spaced {
            new.push(b' ');
        }
    }
    new.extend_from_slice(value);
    new
}

/// The line end of the first line: `"\n"` where its newline has no `\r` before it, else `"\r\n"`.
fn line_end_of(section: &[u8]) -> &'static str {
    match memchr(b'\n', section) {
        Some(at) if at == 0 || section[at - 1] != b'\r' => "\n",
        _ => "\r\n",
    }
}

/// Length of the line end that `line` ends with.
fn last_line_end(line: &[u8]) -> usize {
    if line.ends_with(b"\r\n") { 2 } else { usize::from(line.ends_with(b"\n")) }
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| matches!(byte, b'!'..=b'~') && *byte != b':')
}

fn check_name(name: &str) -> Result<(), BadField> {
    if name.len() <= 76 && is_name(name.as_bytes()) { Ok(()) } else { Err(BadField::Name) }
}

fn check_text(text: &str) -> Result<(), BadField> {
    if text.chars().any(|c| c.is_control() && c != '\t') { Err(BadField::Text) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
