//! `subject-tag`: puts a tag such as `[EXT]` before the subject of a message.
//!
//! Looks at the header section only: from the first chunk of the body on it is out of the line. What it does to the
//! subject is said in `README.md`. Knows nothing of who sent the message: whether to tag is what the chain decides.

use gatepost_sdk::header::Header;
use gatepost_sdk::{Context, Description, Flow, Processor, Refusal};
use serde::Deserialize;

/// Longest tag, in bytes of UTF-8.
const TAG_MAX: usize = 100;
/// What stands between brackets before a tag, at most, in bytes: a mailing list's name, say.
const BRACKETS_MAX: usize = 64;
/// Letters of a reply prefix such as `Re`, `Fwd`, `Antw`, at most.
const REPLY_MAX: usize = 8;

/// The stage's config.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What to put before the subject: 1 to 100 bytes of UTF-8 without control characters and without white space at its
    /// ends. Default `[EXT]`.
    pub tag: String,
    /// Leave a subject alone that has the tag already, also behind reply prefixes and other tags. Default true.
    pub skip_if_present: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { tag: "[EXT]".into(), skip_if_present: true }
    }
}

/// The processor.
#[derive(Debug)]
pub struct SubjectTag {
    config: Config,
    header_done: bool,
}

gatepost_sdk::export!(SubjectTag);

impl Processor for SubjectTag {
    type Config = Config;

    fn describe() -> Description {
        Description::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"))
    }

    fn configure(config: Config) -> Result<Self, String> {
        let tag = &config.tag;
        if tag.is_empty() {
            return Err("tag: must not be empty".into());
        }
        if tag.len() > TAG_MAX {
            return Err(format!("tag: {} bytes, but at most {TAG_MAX} are allowed", tag.len()));
        }
        if let Some(control) = tag.chars().find(|c| c.is_control()) {
            return Err(format!("tag: holds the control character {control:?}"));
        }
        if tag.trim() != tag {
            return Err("tag: must not begin or end with white space".into());
        }
        Ok(Self { config, header_done: false })
    }

    fn write(&mut self, chunk: &[u8], cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        if std::mem::replace(&mut self.header_done, true) {
            return Ok(Flow::Splice);
        }
        let tag = &self.config.tag;
        let mut header = Header::parse(chunk);
        let subject = header.get("Subject");
        if self.config.skip_if_present && subject.is_some_and(|subject| is_tagged(&subject.text(), tag)) {
            return Ok(Flow::Splice);
        }
        let failed = |error: gatepost_sdk::header::BadField| Refusal::failed(error.to_string());
        if !header.prefix("Subject", tag).map_err(failed)? {
            let added = if header.fields().next().is_some() {
                // Trace fields stay on top (RFC 5321 §4.4).
                header.add_last("Subject", tag)
            } else {
                header.add_first("Subject", tag)
            };
            added.map_err(failed)?;
        }
        cx.write(&header.to_bytes())?;
        Ok(Flow::Replaced)
    }
}

/// Whether `subject`, as a reader sees it, begins with `tag`, apart from reply prefixes and bracketed tags of others.
fn is_tagged(subject: &str, tag: &str) -> bool {
    let mut rest = subject.trim_start();
    loop {
        if let Some(behind) = rest.strip_prefix(tag)
            && (behind.is_empty() || behind.starts_with(char::is_whitespace))
        {
            return true;
        }
        match strip_reply(rest).or_else(|| strip_brackets(rest)) {
            Some(behind) => rest = behind.trim_start(),
            None => return false,
        }
    }
}

/// What follows `Re:`, `Fwd :`, `RE[2]:`, `回复：` and the like.
fn strip_reply(subject: &str) -> Option<&str> {
    let behind = subject.trim_start_matches(char::is_alphabetic);
    let letters = subject[..subject.len() - behind.len()].chars().count();
    if !(1..=REPLY_MAX).contains(&letters) {
        return None;
    }
    let behind = strip_brackets(behind).unwrap_or(behind).trim_start();
    behind.strip_prefix([':', '：'])
}

/// What follows `[list]`.
fn strip_brackets(subject: &str) -> Option<&str> {
    let inside = subject.strip_prefix('[')?;
    let end = inside.bytes().take(BRACKETS_MAX + 1).position(|byte| byte == b']')?;
    Some(&inside[end + 1..])
}
