//! One event as one line, as JSON or as text. A line never holds a raw control character.
//!
//! ```text
//! {"time":"2026-01-02T03:04:05.678901Z","level":"info","event":"started","version":"0.1.0"}
//! 2026-01-02T03:04:05.678901Z INFO  started version="0.1.0"
//! ```
//!
//! Both come from one serialisation and differ in its formatter only.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use super::{Event, Level};

#[derive(Serialize)]
struct Record<'a> {
    time: &'a str,
    level: Level,
    #[serde(flatten)]
    event: &'a Event,
}

/// Appends the line for `event`, with its newline.
pub(super) fn write(line: &mut Vec<u8>, time: Timestamp, event: &Event, json: bool) -> io::Result<()> {
    let time = format!("{time:.6}");
    if json {
        let record = Record { time: &time, level: event.level(), event };
        record.serialize(&mut serde_json::Serializer::with_formatter(&mut *line, JsonLine))?;
    } else {
        write!(line, "{time} {:<5} ", event.level().name().to_ascii_uppercase())?;
        event.serialize(&mut serde_json::Serializer::with_formatter(&mut *line, TextLine::default()))?;
    }
    line.push(b'\n');
    Ok(())
}

/// Any value as one line of JSON that is safe on a terminal.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let mut line = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut line, JsonLine))?;
    // JSON is UTF-8.
    Ok(String::from_utf8(line).unwrap_or_default())
}

/// Compact JSON that escapes all control characters, not only those that JSON must.
struct JsonLine;

impl Formatter for JsonLine {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        write_escaped(writer, fragment)
    }
}

/// The event's name, then `key=value`; a value within a value is JSON.
#[derive(Default)]
struct TextLine {
    depth: usize,
    /// Within a key of the outermost object, which stands unquoted.
    in_key: bool,
    /// The name of the event, the first value, stands alone: 0 before it, 1 within it, 2 after.
    name: u8,
}

impl TextLine {
    fn is_bare(&self) -> bool {
        self.depth == 1 && (self.in_key || self.name < 2)
    }
}

impl Formatter for TextLine {
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        if self.depth > 1 { CompactFormatter.begin_object(writer) } else { Ok(()) }
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        if self.depth > 0 { CompactFormatter.end_object(writer) } else { Ok(()) }
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        CompactFormatter.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        CompactFormatter.end_array(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if self.depth > 1 {
            return CompactFormatter.begin_object_key(writer, first);
        }
        self.in_key = true;
        if first { Ok(()) } else { writer.write_all(b" ") }
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        if self.depth == 1 {
            self.in_key = false;
        }
        Ok(())
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        match (self.depth, self.name) {
            (1, 0) => {
                self.name = 1;
                Ok(())
            }
            (1, _) => writer.write_all(b"="),
            _ => CompactFormatter.begin_object_value(writer),
        }
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        if self.depth == 1 {
            self.name = 2;
        }
        Ok(())
    }

    fn begin_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.is_bare() { Ok(()) } else { CompactFormatter.begin_string(writer) }
    }

    fn end_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.is_bare() { Ok(()) } else { CompactFormatter.end_string(writer) }
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // The first key is the tag of the event, which its value already is.
        if self.in_key && self.depth == 1 && self.name == 0 {
            return Ok(());
        }
        write_escaped(writer, fragment)
    }
}

/// Writes what JSON lets stand raw but a terminal or a line reader may act upon as `\uXXXX`.
fn write_escaped<W: ?Sized + Write>(writer: &mut W, fragment: &str) -> io::Result<()> {
    let mut rest = fragment;
    while let Some((at, c)) = rest.char_indices().find(|&(_, c)| is_active(c)) {
        writer.write_all(&rest.as_bytes()[..at])?;
        // All that `is_active` names lies in the basic multilingual plane: one escape each.
        write!(writer, "\\u{:04x}", u32::from(c))?;
        rest = &rest[at + c.len_utf8()..];
    }
    writer.write_all(rest.as_bytes())
}

/// Controls (C0, DEL, C1), line and paragraph separators, and what reorders text.
pub(crate) fn is_active(c: char) -> bool {
    match c {
        ' '..='~' => false,
        c => {
            c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        }
    }
}
