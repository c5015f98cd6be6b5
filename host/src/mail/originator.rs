//! Adds what a message lacks that a user has just written: Date and Message-ID (RFC 6409 §8.1, §8.2).
//!
//! ```text
//! "Subject: hi CRLF CRLF text"  ->  "Subject: hi CRLF Date: ... CRLF Message-ID: <...> CRLF CRLF text"
//! ```
//!
//! They go to the end of the header section, which may come in any pieces. Nothing else is touched.

use std::mem;

/// Longest field name that is looked for, in octets: `message-id`.
const NAME_MAX: usize = 10;

/// The work on one message.
#[derive(Debug)]
pub struct Originator {
    /// The fields that were not seen so far, by lower-case name, as they are added.
    missing: Vec<(&'static str, String)>,
    place: Place,
    /// The begin of a line's name so far.
    name: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    LineStart,
    /// A CR at the begin of a line is withheld: it may be that of the empty line.
    AfterCr,
    Name,
    Text,
    /// The header section is over.
    Body,
}

impl Originator {
    /// `date` as RFC 5322 §3.3 has it, `id` without angle brackets.
    pub fn new(date: &str, id: &str) -> Self {
        let missing =
            vec![("date", format!("Date: {date}\r\n")), ("message-id", format!("Message-ID: <{id}>\r\n"))];
        Self { missing, place: Place::LineStart, name: Vec::new() }
    }

    /// Takes the next piece of content and leaves in its place what goes on. `complete`: it is the last.
    pub fn feed(&mut self, piece: &mut Vec<u8>, complete: bool) {
        if self.place == Place::Body {
            return;
        }
        let content = mem::take(piece);
        let mut at = 0;
        while at < content.len() && self.place != Place::Body {
            at = self.step(&content, at, piece);
        }
        piece.extend_from_slice(&content[at..]);
        if complete && self.place != Place::Body {
            self.end(piece);
        }
    }

    /// Looks at the octet at `at`, or at more; gives where to go on.
    fn step(&mut self, content: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
        let byte = content[at];
        match (self.place, byte) {
            (Place::LineStart, b'\r') => self.place = Place::AfterCr,
            (Place::LineStart | Place::AfterCr, b'\n') => {
                self.add(out);
                if self.place == Place::AfterCr {
                    out.push(b'\r');
                }
                out.push(b'\n');
                self.place = Place::Body;
            }
            (Place::AfterCr, _) => {
                out.push(b'\r');
                self.place = Place::Text;
                return at;
            }
            (Place::LineStart, _) => {
                self.name.clear();
                self.place = Place::Name;
                return at;
            }
            (Place::Name, b':') => {
                let name = self.name.trim_ascii_end().to_ascii_lowercase();
                self.missing.retain(|(missing, _)| missing.as_bytes() != name);
                self.place = Place::Text;
                return at;
            }
            (Place::Name, _) if byte == b'\n' || self.name.len() > NAME_MAX + 1 => {
                self.place = Place::Text;
                return at;
            }
            (Place::Name, _) => {
                self.name.push(byte);
                out.push(byte);
            }
            (Place::Text | Place::Body, _) => {
                let end = memchr::memchr(b'\n', &content[at..]).map(|end| at + end + 1);
                out.extend_from_slice(&content[at..end.unwrap_or(content.len())]);
                if end.is_some() {
                    self.place = Place::LineStart;
                }
                return end.unwrap_or(content.len());
            }
        }
        at + 1
    }

    /// The content ends within its header section.
    fn end(&mut self, out: &mut Vec<u8>) {
        match self.place {
            Place::AfterCr => out.push(b'\r'),
            Place::Name | Place::Text => out.extend_from_slice(b"\r\n"),
            Place::LineStart | Place::Body => {}
        }
        self.add(out);
        self.place = Place::Body;
    }

    fn add(&mut self, out: &mut Vec<u8>) {
        for (_, field) in mem::take(&mut self.missing) {
            out.extend_from_slice(field.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Date: D\r\n";
    const ID: &str = "Message-ID: <i>\r\n";

    fn run(content: &str, piece: usize) -> String {
        let mut originator = Originator::new("D", "i");
        let mut out = Vec::new();
        for part in content.as_bytes().chunks(piece) {
            let mut part = part.to_vec();
            originator.feed(&mut part, false);
            out.extend(part);
        }
        let mut last = Vec::new();
        originator.feed(&mut last, true);
        out.extend(last);
        String::from_utf8(out).unwrap()
    }

    /// Goal: what is missing is added once, at the end of the header section, however the content is cut.
    #[test]
    fn what_is_missing_is_added() {
        let cases = [
            ("A: b\r\n\r\nDate: x\r\n", format!("A: b\r\n{DATE}{ID}\r\nDate: x\r\n")),
            ("date: x\r\nMESSAGE-id : y\r\n\r\nt", "date: x\r\nMESSAGE-id : y\r\n\r\nt".into()),
            ("A: b\r\n Date: folded\r\n\r\n", format!("A: b\r\n Date: folded\r\n{DATE}{ID}\r\n")),
            ("Date: x\r\n\r\n", format!("Date: x\r\n{ID}\r\n")),
            (
                "Resent-Message-ID: x\r\nDated: y\r\n\r\n",
                format!("Resent-Message-ID: x\r\nDated: y\r\n{DATE}{ID}\r\n"),
            ),
            ("\r\nbody\r\n", format!("{DATE}{ID}\r\nbody\r\n")),
            ("A: b\n\nbody\n", format!("A: b\n{DATE}{ID}\nbody\n")),
            ("", format!("{DATE}{ID}")),
            ("A: b\r\n", format!("A: b\r\n{DATE}{ID}")),
            ("A: b", format!("A: b\r\n{DATE}{ID}")),
            ("\rx\r\n\r\n", format!("\rx\r\n{DATE}{ID}\r\n")),
        ];
        for (content, expect) in cases {
            for piece in 1..=content.len().max(1) {
                assert_eq!(run(content, piece), expect, "{content:?} in pieces of {piece}");
            }
        }
    }
}
