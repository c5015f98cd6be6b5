//! `hash`: digests of the content as facts and, if asked, in a header field.
//!
//! ```text
//! algorithms = ["blake3", "md5"]   ->   x.hash.blake3 = "<64 hex digits>", x.hash.md5 = "<32 hex digits>"
//! header = "X-Content-Hash"        ->   X-Content-Hash: blake3=<64 hex digits>;
//!                                         md5=<32 hex digits>
//! ```
//!
//! What is hashed is what reaches the stage: without the field that it adds. The facts stand when the content has
//! passed, so a later stage finds them in its `close`. A field goes before the content, which must therefore be held: up
//! to `header_message_max`. A longer message passes without the field, and the fact `x.hash.header` says which it was.
//! MD5 is there for what compares with others' records; it proves nothing against one who means harm.

use async_trait::async_trait;
use bytes::Bytes;
use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::chain::{
    Content, Flow, Keys, Output, Processor, Settings, Stage, StageContext, StageEnd, StageError, StageScope,
    Usage,
};
use crate::config::units::ByteSize;
use crate::mail::Verdict;
use crate::mail::header_section::first_line_end;

/// Longest message that is held for its field where no limit is set: most mail is shorter.
pub const HEADER_MESSAGE_DEFAULT: ByteSize = ByteSize(1 << 20);
/// Most that `header_message_max` can be: with 64 messages at once a tenant holds 1 GiB then.
pub const HEADER_MESSAGE_MAX: ByteSize = ByteSize(16 << 20);
/// Longest name of a field, in bytes: with it and the longest digest a line stays below 998 by far.
const NAME_MAX: usize = 64;

/// A configured `hash`.
pub struct Hash {
    algorithms: Vec<Algorithm>,
    /// The field's name, and how long a message may be to get it.
    header: Option<(String, usize)>,
}

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Algorithm {
    Blake3,
    Sha256,
    Md5,
}

/// Settings: `algorithms`, of `blake3`, `sha256`, `md5`, default `["blake3"]`; `header`, the name of a field to put on
/// top, default none; `header_message_max`, the longest message that gets it, 1B to 16MiB, default 1MiB.
pub fn configure(_scope: &StageScope, settings: Settings) -> Result<Hash, String> {
    let mut keys = Keys::new(settings);
    let algorithms = keys.take("algorithms").unwrap_or_else(|| vec![Algorithm::Blake3]);
    if algorithms.is_empty() {
        keys.refuse("algorithms", "names none");
    }
    if (1..algorithms.len()).any(|n| algorithms[..n].contains(&algorithms[n])) {
        keys.refuse("algorithms", "names one twice");
    }
    let header: Option<String> = keys.take("header");
    let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if header.as_deref().is_some_and(|name| name.is_empty() || name.len() > NAME_MAX || !plain(name)) {
        let text = format!("must be the name of a field: letters, digits and `-`, at most {NAME_MAX}");
        keys.refuse("header", &text);
    }
    let max: Option<ByteSize> = keys.take("header_message_max");
    if max.is_some_and(|max| max.0 == 0 || max > HEADER_MESSAGE_MAX) {
        keys.refuse("header_message_max", &format!("is not within 1B to {HEADER_MESSAGE_MAX}"));
    }
    if max.is_some() && header.is_none() {
        keys.refuse("header_message_max", "does not apply without `header`");
    }
    keys.finish()?;
    let max = max.unwrap_or(HEADER_MESSAGE_DEFAULT).as_usize();
    Ok(Hash { algorithms, header: header.map(|name| (name, max)) })
}

impl Processor for Hash {
    fn id(&self) -> &str {
        "hash"
    }

    fn takes(&self) -> Content {
        if self.header.is_some() { Content::Message } else { Content::Any }
    }

    fn gives(&self) -> Content {
        self.takes()
    }

    fn stage(&self) -> Box<dyn Stage> {
        let running = self.algorithms.iter().copied().map(Running::new).collect();
        let field = self.header.clone().map(|(name, max)| Field { name, max, held: Vec::new() });
        Box::new(HashStage { running, field, memory_peak: 0 })
    }
}

/// One hash at work.
enum Running {
    Blake3(Box<blake3::Hasher>),
    Sha256(Sha256),
    Md5(Md5),
}

impl Running {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Blake3 => Self::Blake3(Box::default()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Md5 => Self::Md5(Md5::new()),
        }
    }

    fn update(&mut self, chunk: &[u8]) {
        match self {
            Self::Blake3(hasher) => {
                hasher.update(chunk);
            }
            Self::Sha256(hasher) => hasher.update(chunk),
            Self::Md5(hasher) => hasher.update(chunk),
        }
    }

    /// Its name and the digest in hex digits.
    fn finish(self) -> (&'static str, String) {
        match self {
            Self::Blake3(hasher) => ("blake3", hasher.finalize().to_hex().to_string()),
            Self::Sha256(hasher) => ("sha256", hex(&hasher.finalize())),
            Self::Md5(hasher) => ("md5", hex(&hasher.finalize())),
        }
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct HashStage {
    running: Vec<Running>,
    /// The field to come, while the message is short enough for it.
    field: Option<Field>,
    memory_peak: u64,
}

/// A field whose value is not known yet, and the content that it goes before.
struct Field {
    name: String,
    max: usize,
    held: Vec<u8>,
}

#[async_trait]
impl Stage for HashStage {
    async fn write(&mut self, chunk: &Bytes, cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        self.running.iter_mut().for_each(|running| running.update(chunk));
        let Some(field) = &mut self.field else { return Ok(Flow::Pass) };
        if field.held.len() + chunk.len() <= field.max {
            field.held.extend_from_slice(chunk);
            self.memory_peak = self.memory_peak.max(field.held.capacity() as u64);
            return Ok(Flow::Replaced);
        }
        cx.output.push(std::mem::take(&mut field.held));
        self.field = None;
        set(cx, "x.hash.header", "too-large")?;
        Ok(Flow::Pass)
    }

    async fn close(&mut self, cx: &mut StageContext<'_>) -> Result<Verdict, StageEnd> {
        let digests: Vec<_> = std::mem::take(&mut self.running).into_iter().map(Running::finish).collect();
        for (name, digest) in &digests {
            set(cx, &format!("x.hash.{name}"), digest)?;
        }
        if let Some(Field { name, held, .. }) = self.field.take() {
            set(cx, "x.hash.header", "added")?;
            write_field(&name, &digests, &held, cx.output);
            cx.output.push(held);
        }
        Ok(Verdict::Accept)
    }

    fn usage(&self) -> Usage {
        Usage { memory_peak: self.memory_peak, ..Usage::default() }
    }
}

/// The field, with a line for each digest, as it stands before `content`.
fn write_field(name: &str, digests: &[(&str, String)], content: &[u8], output: &mut Output) {
    let newline = first_line_end(content);
    let values: Vec<String> = digests.iter().map(|(name, digest)| format!("{name}={digest}")).collect();
    let mut field = format!("{name}: {}{newline}", values.join(&format!(";{newline}\t")));
    if matches!(content.first(), Some(b' ' | b'\t')) {
        // Not a field, but it would be read as the rest of ours: an empty line keeps it apart.
        field.push_str(newline);
    }
    output.push(field);
}

fn set(cx: &mut StageContext<'_>, key: &str, value: &str) -> Result<(), StageError> {
    match cx.envelope.set_stage_fact(key, value) {
        true => Ok(()),
        false => Err(StageError::Failed(format!("no room for the fact `{key}`: the message has too many"))),
    }
}

#[cfg(test)]
mod tests;
