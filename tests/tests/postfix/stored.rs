//! What Postfix stores otherwise than it came, and we do not: its changes, made once more.
//!
//! ```text
//! of(b"Bcc: x\r\nA: b\r\n\r\n", b"A: b\n\n", true)  ->  Changed::As(["fields-that-are-dropped"])
//! ```
//!
//! The reasons are in docs/postfix-differences.md, under the same names. A change that is not made here just as Postfix makes it is
//! unlisted.

/// How the two stand to each other.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// The same, but for line ends.
    Not,
    /// In these ways.
    As(Vec<&'static str>),
    /// In another way.
    Unlisted,
}

/// One of Postfix's changes: of octets whose lines end in LF.
struct Change {
    name: &'static str,
    /// Whether it is made of what came by DATA, and of what came in chunks.
    is_made: fn(by_data: bool) -> bool,
    make: fn(&[u8]) -> Vec<u8>,
}

/// Before line ends become LF, and of what came by DATA only.
const DOTS: &str = "dots-after-bare-lf";
/// In the order in which they are made, after [`DOTS`].
const CHANGES: [Change; 6] = [
    Change { name: "bare-cr-is-a-blank", is_made: |_| true, make: with_blanks },
    Change { name: "content-that-begins-folded", is_made: |by_data| !by_data, make: less_folded_start },
    Change { name: "content-that-begins-with-from", is_made: |by_data| by_data, make: with_mailbox_line },
    Change { name: "fields-that-are-dropped", is_made: |_| true, make: |octets| header(octets, drop_field) },
    Change { name: "blank-before-a-colon", is_made: |_| true, make: |octets| header(octets, close_up) },
    Change { name: "header-without-end", is_made: |_| true, make: with_end_of_header },
];

/// Holds what we stored, as it is, against what Postfix did.
pub(crate) fn of(ours: &[u8], theirs: &[u8], by_data: bool) -> Changed {
    if with_lf(ours) == theirs {
        return Changed::Not;
    }
    let mut classes = Vec::new();
    let mut octets = if by_data { without_dots(ours) } else { ours.to_vec() };
    if octets != ours {
        classes.push(DOTS);
    }
    octets = with_lf(&octets);
    for change in CHANGES.iter().filter(|change| (change.is_made)(by_data)) {
        let changed = (change.make)(&octets);
        if changed != octets {
            classes.push(change.name);
        }
        octets = changed;
    }
    if octets == theirs { Changed::As(classes) } else { Changed::Unlisted }
}

/// The names of all changes.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CHANGES.iter().map(|change| change.name).chain([DOTS])
}

/// CRLF to LF.
fn with_lf(octets: &[u8]) -> Vec<u8> {
    let mut all: Vec<u8> = Vec::with_capacity(octets.len());
    for &byte in octets {
        if byte == b'\n' && all.last() == Some(&b'\r') {
            all.pop();
        }
        all.push(byte);
    }
    all
}

/// A dot at the start of a line is transparency, also where the line before ended in a bare LF. A line that is only a dot is no
/// line, if it does not end the content: where CRLF was before it and a bare LF after it, we have left an empty line of it.
fn without_dots(octets: &[u8]) -> Vec<u8> {
    let mut all: Vec<u8> = Vec::with_capacity(octets.len());
    let mut before: &[u8] = b"\r\n";
    for line in octets.split_inclusive(|&b| b == b'\n') {
        let after_crlf = before.ends_with(b"\r\n");
        let is_dot = matches!(line, b".\n" | b".\r\n") && !after_crlf;
        let was_dot = line == b"\n" && after_crlf;
        if !is_dot && !was_dot {
            all.extend_from_slice(if after_crlf { line } else { line.strip_prefix(b".").unwrap_or(line) });
        }
        before = line;
    }
    all
}

fn with_blanks(octets: &[u8]) -> Vec<u8> {
    octets.iter().map(|&b| if b == b'\r' { b' ' } else { b }).collect()
}

/// The first line of a message in an mbox file, sent along by mistake, becomes a field.
fn with_mailbox_line(octets: &[u8]) -> Vec<u8> {
    if octets.starts_with(b"From ") { [b"X-Mailbox-Line: ", octets].concat() } else { octets.to_vec() }
}

/// Both part their own fields from a first line that would continue them, by an empty line; but in a chunk Postfix lets it.
fn less_folded_start(octets: &[u8]) -> Vec<u8> {
    match octets.strip_prefix(b"\n") {
        Some(rest) if rest.starts_with(b" ") => {
            rest.split_inclusive(|&b| b == b'\n').skip(1).collect::<Vec<_>>().concat()
        }
        _ => octets.to_vec(),
    }
}

/// Changes each field of the header section, which ends at the first line that is no field.
fn header(octets: &[u8], change: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let mut all = Vec::with_capacity(octets.len());
    let mut lines = octets.split_inclusive(|&b| b == b'\n').peekable();
    while let Some(line) = lines.next_if(|line| is_field(line)) {
        let mut field = line.to_vec();
        while let Some(more) = lines.next_if(|line| is_folded(line)) {
            field.extend_from_slice(more);
        }
        all.extend(change(&field).unwrap_or(field));
    }
    lines.for_each(|line| all.extend_from_slice(line));
    all
}

fn drop_field(field: &[u8]) -> Option<Vec<u8>> {
    let dropped = [&b"Bcc:"[..], b"Return-Path:", b"Content-Length:"];
    dropped.iter().any(|name| field.starts_with(name)).then(Vec::new)
}

fn close_up(field: &[u8]) -> Option<Vec<u8>> {
    let colon = field.iter().position(|&b| b == b':')?;
    let (name, rest) = field.split_at(colon);
    name.ends_with(b" ").then(|| [name.trim_ascii_end(), rest].concat())
}

/// An empty line before the first line that is no field, or after the last field.
fn with_end_of_header(octets: &[u8]) -> Vec<u8> {
    let mut at = 0;
    for line in octets.split_inclusive(|&b| b == b'\n') {
        let goes_on = at > 0 && is_folded(line);
        if !(is_field(line) || goes_on) {
            if line == b"\n" {
                return octets.to_vec();
            }
            break;
        }
        at += line.len();
    }
    [&octets[..at], b"\n", &octets[at..]].concat()
}

fn is_folded(line: &[u8]) -> bool {
    line.starts_with(b" ") || line.starts_with(b"\t")
}

fn is_field(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|&b| b == b':') else { return false };
    let name = line[..colon].trim_ascii_end();
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}
