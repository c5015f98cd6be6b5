//! `header`: puts the trace fields of a delivery on top of a message.
//!
//! ```text
//! Return-Path: <sender@a.example>
//! Delivered-To: user@b.example
//! Received: from client.example ([192.0.2.1]) (version=TLSv1_3
//!   cipher=TLS13_AES_256_GCM_SHA384) by mx.b.example with ESMTPS id ID for
//!   <user@b.example>; Fri, 2 Jan 2026 03:04:05 +0000
//! ```
//!
//! Sources: RFC 5321 §4.4. `Delivered-To` and `for` stand only where there is one recipient: else they would show a
//! blind copy's address to the others. Fields that stand in the message already are left alone, whatever their names:
//! its bytes are not ours to change. Whatever a client said is reduced to characters that can neither end a line nor
//! close a comment.

use std::net::IpAddr;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::ZonedDateTime;

use crate::chain::{
    Content, Flow, Keys, Processor, Settings, Stage, StageContext, StageEnd, StageError, StageScope,
};
use crate::mail::header_section::first_line_end;
use crate::mail::{Envelope, Mailbox, Verdict};

/// Where a line is folded where it can be (RFC 5322 §2.1.1).
const LINE_MAX: usize = 78;
/// Longest HELO name that is repeated (RFC 5321 §4.5.3.1.2); the rest is cut.
const NAME_MAX: usize = 255;
/// Longest name of a protocol, TLS version or cipher that is repeated.
const WORD_MAX: usize = 64;

/// A configured `header`.
pub struct Header {
    host: String,
}

/// Setting: `primary_mail_host`, the name after `by`; by default the host's own.
pub fn configure(scope: &StageScope, settings: Settings) -> Result<Header, String> {
    let mut keys = Keys::new(settings);
    let host: String = keys.take("primary_mail_host").unwrap_or_else(|| scope.hostname.clone());
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.is_empty() || host.len() > NAME_MAX || !host.chars().all(plain) {
        keys.refuse("primary_mail_host", "must be a host name of at most 255 characters");
    }
    keys.finish()?;
    Ok(Header { host })
}

impl Processor for Header {
    fn id(&self) -> &str {
        "header"
    }

    fn takes(&self) -> Content {
        Content::Message
    }

    fn gives(&self) -> Content {
        Content::Message
    }

    fn stage(&self) -> Box<dyn Stage> {
        Box::new(HeaderStage { host: self.host.clone(), done: false })
    }
}

struct HeaderStage {
    host: String,
    done: bool,
}

impl HeaderStage {
    fn emit(&mut self, first_chunk: &[u8], cx: &mut StageContext<'_>) -> Result<(), StageError> {
        self.done = true;
        let newline = first_line_end(first_chunk);
        let date = jiff::fmt::rfc2822::to_string(&ZonedDateTime::now());
        let date = date.map_err(|error| StageError::Failed(format!("the clock: {error}")))?;
        let mut fields = trace_fields(cx.envelope, &self.host, &date, newline);
        if matches!(first_chunk.first(), Some(b' ' | b'\t')) {
            // Not a field, but it would be read as the rest of our last one: an empty line keeps it apart.
            fields.push_str(newline);
        }
        cx.output.push(fields);
        Ok(())
    }
}

#[async_trait]
impl Stage for HeaderStage {
    async fn write(&mut self, chunk: &Bytes, cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        self.emit(chunk, cx)?;
        Ok(Flow::Splice)
    }

    async fn close(&mut self, cx: &mut StageContext<'_>) -> Result<Verdict, StageEnd> {
        if !self.done {
            // An empty message.
            self.emit(b"", cx)?;
        }
        Ok(Verdict::Accept)
    }
}

/// The fields, each line ended by `newline`. Lines are folded at 78 where a word's end allows it; none is longer than
/// its longest word, which for addresses within RFC 5321 §4.5.3.1 is far below 998.
fn trace_fields(envelope: &Envelope, host: &str, date: &str, newline: &str) -> String {
    let sender = envelope.sender().map(address).unwrap_or_default();
    let mut fields = format!("Return-Path: <{sender}>{newline}");
    let only = match envelope.recipients() {
        [recipient] => Some(address(recipient)),
        _ => None,
    };
    if let Some(recipient) = &only {
        fields.push_str(&format!("Delivered-To: {recipient}{newline}"));
    }
    let mut received = Folded::new("Received:", newline);
    received.word("from");
    received.word(&helo(envelope.fact("smtp.helo").unwrap_or_default()));
    if let Some(ip) = envelope.fact("client.ip").and_then(|ip| ip.parse().ok()) {
        received.word(&format!("([{}])", literal(ip)));
    }
    if let Some(version) = word(envelope.fact("tls.version")) {
        let cipher = word(envelope.fact("tls.cipher"));
        received.word(&format!("(version={version}{}", if cipher.is_some() { "" } else { ")" }));
        if let Some(cipher) = cipher {
            received.word(&format!("cipher={cipher})"));
        }
    }
    received.word("by");
    received.word(host);
    if let Some(protocol) = word(envelope.fact("smtp.protocol")) {
        received.word("with");
        received.word(&protocol);
    }
    received.word("id");
    match only {
        Some(recipient) => {
            received.word(envelope.id().as_str());
            received.word("for");
            received.word(&format!("<{recipient}>;"));
        }
        None => received.word(&format!("{};", envelope.id())),
    }
    date.split(' ').for_each(|part| received.word(part));
    fields.push_str(&received.end());
    fields
}

/// A mailbox as it stands in a field. Its grammar was checked when it was made; here only line ends are kept out.
fn address(mailbox: &Mailbox) -> String {
    mailbox.to_string().chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// What the client said in HELO, as a domain or an address literal: all other characters become `?`.
fn helo(name: &str) -> String {
    if name.is_empty() {
        return "unknown".to_owned();
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let cleaned = |text: &str| -> String {
        text.chars().take(NAME_MAX).map(|c| if plain(c) { c } else { '?' }).collect()
    };
    match name.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => format!("[{}]", cleaned(inner)),
        None => cleaned(name),
    }
}

/// A word of a closed vocabulary, such as a protocol; `None` where there is none or it is not such a word.
fn word(fact: Option<&str>) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let fact = fact.filter(|fact| !fact.is_empty() && fact.len() <= WORD_MAX)?;
    fact.chars().all(plain).then(|| fact.to_owned())
}

/// The inside of an address literal (RFC 5321 §4.1.3).
fn literal(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("IPv6:{ip}"),
    }
}

/// A field that is folded before the word that would make its line too long.
struct Folded<'a> {
    text: String,
    line_len: usize,
    newline: &'a str,
}

impl<'a> Folded<'a> {
    fn new(name: &str, newline: &'a str) -> Self {
        Self { text: name.to_owned(), line_len: name.len(), newline }
    }

    fn word(&mut self, word: &str) {
        if self.line_len + 1 + word.len() > LINE_MAX {
            self.text.push_str(self.newline);
            self.text.push('\t');
            self.line_len = 1;
        } else {
            self.text.push(' ');
            self.line_len += 1;
        }
        self.text.push_str(word);
        self.line_len += word.len();
    }

    fn end(mut self) -> String {
        self.text.push_str(self.newline);
        self.text
    }
}

#[cfg(test)]
mod tests;
