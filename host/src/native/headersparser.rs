//! `headersparser`: the subject and chosen fields of the header section as facts, decoded.
//!
//! ```text
//! Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=   ->   x.subject = "Grüße"
//! List-Id: Birds <birds.example>       ->   x.header.list-id = "Birds <birds.example>"
//! ```
//!
//! The fields that are asked for are found here, in one pass that keeps nothing of the others; mail-parser decodes them
//! (RFC 2047) one by one. So half a million fields cost the time of reading them, and no memory. The message passes
//! unchanged. Knows nothing of bodies.

use async_trait::async_trait;
use bytes::Bytes;
use mail_parser::{HeaderName, MessageParser};

use crate::chain::{
    Content, Flow, Keys, Processor, Settings, Stage, StageContext, StageEnd, StageError, StageScope,
};
use crate::mail::envelope::{FACT_KEY_MAX, FACT_VALUE_MAX};

/// Most names in `headers`: so many, at their longest, fit into the fact that lists the truncated ones.
pub const HEADERS_MAX: usize = 16;
/// Most bytes of a value that are decoded. What decodes to a fact's 1 KiB is far shorter, whatever its encoding.
const VALUE_MAX: usize = 16 << 10;
/// The fact that holds the subject.
const SUBJECT: &str = "x.subject";
/// What stands before a field's name in its fact's key.
const PREFIX: &str = "x.header.";
/// The fact that names, with spaces between, the fields whose values were cut to fit a fact.
const TRUNCATED: &str = "x.headers.truncated";

/// A configured `headersparser`.
pub struct HeadersParser {
    /// What is looked for: names in lower case, and the facts' keys.
    wanted: Vec<(String, String)>,
    parser: MessageParser,
}

/// Setting: `headers`, at most [`HEADERS_MAX`] names of fields besides `Subject`, whatever their case; default none.
pub fn configure(_scope: &StageScope, settings: Settings) -> Result<HeadersParser, String> {
    let mut keys = Keys::new(settings);
    let names: Vec<String> = keys.take("headers").unwrap_or_default();
    if names.len() > HEADERS_MAX {
        keys.refuse("headers", &format!("{} names, at most {HEADERS_MAX} are taken", names.len()));
    }
    let mut wanted = vec![("subject".to_owned(), SUBJECT.to_owned())];
    for name in names.iter().take(HEADERS_MAX) {
        let (name, shown) = (name.to_ascii_lowercase(), name.escape_debug());
        // RFC 5322 §3.6.8; the `.` of a fact's key is ours.
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
            keys.refuse("headers", &format!("\"{shown}\" is no name of a field"));
        } else if name.len() > FACT_KEY_MAX - PREFIX.len() {
            let max = FACT_KEY_MAX - PREFIX.len();
            keys.refuse("headers", &format!("\"{shown}\" is longer than {max} characters"));
        } else if wanted.iter().skip(1).any(|(standing, _)| *standing == name) {
            keys.refuse("headers", &format!("\"{shown}\" stands twice"));
        } else {
            let key = format!("{PREFIX}{name}");
            wanted.push((name, key));
        }
    }
    keys.finish()?;
    Ok(HeadersParser { wanted, parser: MessageParser::new().header_text(HeaderName::Subject) })
}

impl Processor for HeadersParser {
    fn id(&self) -> &str {
        "headersparser"
    }

    fn takes(&self) -> Content {
        Content::Message
    }

    fn gives(&self) -> Content {
        Content::Message
    }

    fn stage(&self) -> Box<dyn Stage> {
        Box::new(HeadersStage { wanted: self.wanted.clone(), parser: self.parser.clone() })
    }
}

struct HeadersStage {
    wanted: Vec<(String, String)>,
    parser: MessageParser,
}

#[async_trait]
impl Stage for HeadersStage {
    async fn write(&mut self, chunk: &Bytes, cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        let mut truncated = Vec::new();
        for (raw, (name, key)) in first_values(chunk, &self.wanted).into_iter().zip(&self.wanted) {
            let Some(raw) = raw else { continue };
            let (value, whole) = decoded(&self.parser, raw);
            set(cx, key, &value)?;
            if !whole {
                truncated.push(name.as_str());
            }
        }
        if !truncated.is_empty() {
            set(cx, TRUNCATED, &truncated.join(" "))?;
        }
        Ok(Flow::Splice)
    }
}

fn set(cx: &mut StageContext<'_>, key: &str, value: &str) -> Result<(), StageError> {
    match cx.envelope.set_stage_fact(key, value) {
        true => Ok(()),
        false => Err(StageError::Failed(format!("no room for the fact `{key}`: the message has too many"))),
    }
}

/// For each name what stands behind the colon of the first field that has it, with its folded lines. One pass.
fn first_values<'a>(section: &'a [u8], wanted: &[(String, String)]) -> Vec<Option<&'a [u8]>> {
    let mut found = vec![None; wanted.len()];
    let mut at = 0;
    while at < section.len() {
        let end = field_end(section, at);
        let field = &section[at..end];
        at = end;
        // A name is short: what has no colon near its begin is none of ours.
        let head = &field[..field.len().min(FACT_KEY_MAX + 1)];
        let Some(colon) = memchr::memchr(b':', head) else { continue };
        let name = field[..colon].trim_ascii_end();
        let is_it = |(wanted, _): &(String, String)| name.eq_ignore_ascii_case(wanted.as_bytes());
        for (place, _) in found.iter_mut().zip(wanted).filter(|(_, wanted)| is_it(wanted)) {
            let _ = place.get_or_insert(&field[colon + 1..]);
        }
    }
    found
}

/// Where the field that begins at `at` ends: behind the first line end that no folding follows.
fn field_end(section: &[u8], at: usize) -> usize {
    let mut end = at;
    loop {
        let Some(newline) = memchr::memchr(b'\n', &section[end..]) else { return section.len() };
        end += newline + 1;
        if !matches!(section.get(end), Some(b' ' | b'\t')) {
            return end;
        }
    }
}

/// The value `raw`, decoded, as one line that fits a fact; and whether it is all of it.
fn decoded(parser: &MessageParser, raw: &[u8]) -> (String, bool) {
    let mut whole = raw.len() <= VALUE_MAX;
    // Under a name whose values are text: of some others mail-parser makes addresses or dates. It wants the line's end,
    // and one more to see that no folding follows.
    let alone = [&b"Subject:"[..], &raw[..raw.len().min(VALUE_MAX)], b"\r\n\r\n"].concat();
    let message = parser.parse_headers(&alone);
    let header = message.as_ref().and_then(|message| message.headers().first());
    let text = header.and_then(|header| header.value().as_text()).unwrap_or_default();
    // Encoded words may bring line ends and other controls.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut text = text.trim();
    if text.len() > FACT_VALUE_MAX {
        whole = false;
        text = &text[..text.floor_char_boundary(FACT_VALUE_MAX)];
    }
    (text.to_owned(), whole)
}

#[cfg(test)]
mod tests;
