//! A message's parts as the scanner and as mail-parser see them, and in what the two differ.

use gatepost_mime::{Encoding, Event, Limits, Part, Scanner};
use mail_parser_whole::{Message, MessageParser, MimeHeaders, PartType};

/// A part, as either of the two sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    path: String,
    media_type: String,
    name: Option<String>,
    encoding: &'static str,
    /// Where the body of a leaf begins and ends.
    body: Option<(u64, u64)>,
}

impl Seen {
    fn is_container(&self) -> bool {
        self.media_type.starts_with("multipart/") || self.media_type == "message/rfc822"
    }
}

/// The parts that the scanner sees, in the order of their beginning.
pub(crate) fn scanned(message: &[u8]) -> Vec<Seen> {
    let mut parts: Vec<Seen> = Vec::new();
    let mut on = |event: Event<'_>| match event {
        Event::Header { part, .. } => {
            parts.push(seen(part));
        }
        Event::Body { raw, .. } => {
            if let Some((_, end)) = parts.last_mut().and_then(|part| part.body.as_mut()) {
                *end += raw.len() as u64;
            }
        }
        _ => {}
    };
    let mut scanner = Scanner::new(Limits::default());
    scanner.feed(message, &mut on);
    scanner.finish(&mut on);
    for part in parts.iter_mut().filter(|part| part.is_container()) {
        part.body = part.body.filter(|(start, end)| start < end);
    }
    parts
}

fn seen(part: &Part) -> Seen {
    Seen {
        path: part.path.clone(),
        media_type: format!("{}/{}", part.media_type, part.subtype),
        name: part.name.clone(),
        encoding: match part.encoding {
            Encoding::QuotedPrintable => "qp",
            Encoding::Base64 => "base64",
            _ => "none",
        },
        body: Some((part.body_offset, part.body_offset)),
    }
}

/// The parts that mail-parser sees.
pub(crate) fn parsed(message: &[u8]) -> Vec<Seen> {
    let mut parts = Vec::new();
    if let Some(parsed) = MessageParser::default().parse(message) {
        walk(&parsed, 0, "", "text/plain", &mut parts);
    }
    parts
}

fn walk(message: &Message<'_>, index: usize, path: &str, default_type: &str, parts: &mut Vec<Seen>) {
    let Some(part) = message.parts.get(index) else { return };
    let media_type = part.content_type().map(|found| {
        format!("{}/{}", found.ctype(), found.subtype().unwrap_or_default()).to_ascii_lowercase()
    });
    let encoding = part.content_transfer_encoding().map(str::to_ascii_lowercase);
    let media_type = media_type.unwrap_or_else(|| default_type.into());
    let mut seen = Seen {
        path: path.into(),
        name: part.attachment_name().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()),
        encoding: match encoding.as_deref() {
            Some("quoted-printable") => "qp",
            Some("base64") => "base64",
            _ => "none",
        },
        body: None,
        media_type,
    };
    let default_type = if seen.media_type == "multipart/digest" { "message/rfc822" } else { "text/plain" };
    let child = |n: usize| if path.is_empty() { n.to_string() } else { format!("{path}.{n}") };
    match &part.body {
        PartType::Multipart(ids) => {
            parts.push(seen);
            for (n, &id) in ids.iter().enumerate() {
                walk(message, id as usize, &child(n + 1), default_type, parts);
            }
        }
        PartType::Message(nested) if part.encoding == mail_parser_whole::Encoding::None => {
            parts.push(seen);
            walk(nested, 0, &child(1), "text/plain", parts);
        }
        _ => {
            seen.body = Some((part.offset_body.into(), part.offset_end.into()));
            parts.push(seen);
        }
    }
}

/// In what the two differ: in the parts there are, or else in what they are.
pub(crate) fn difference(scanned: &[Seen], parsed: &[Seen]) -> Vec<&'static str> {
    let paths = |parts: &[Seen]| parts.iter().map(|part| part.path.clone()).collect::<Vec<_>>();
    if paths(scanned) != paths(parsed) {
        return vec!["parts"];
    }
    let pairs = || scanned.iter().zip(parsed);
    let mut found = Vec::new();
    if pairs().any(|(a, b)| a.media_type != b.media_type) {
        found.push("type");
    }
    if pairs().any(|(a, b)| a.name != b.name) {
        found.push("name");
    }
    if pairs().any(|(a, b)| a.encoding != b.encoding) {
        found.push("encoding");
    }
    if pairs().any(|(a, b)| a.body != b.body) {
        found.push("body");
    }
    found
}
