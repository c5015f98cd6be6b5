//! Drives a processor natively, as the host does, over every way of cutting a message.
//!
//! ```text
//! message --cut--> open, write*, close --> Outcome      the same for every cut, or the test fails
//! ```
//!
//! Holds to what `wit/processor.wit` says of chunks, flows and output limits. Knows nothing of chains: one processor, one
//! message.

mod address;
mod kv;
mod recorder;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::marker::PhantomData;

pub use address::{Answer, CheckRecipient};
pub use kv::MemoryKv;
pub use recorder::{Envelope, Recorder, Surroundings};

use crate::processor::{Processor, configure};
use crate::types::{Content, Flow, Level, Refusal, Verdict};

/// The largest chunk, in bytes: the host's default.
pub const CHUNK_SIZE: usize = 16 << 10;
/// Up to this length, in bytes, what can be cut is cut in two at every place; longer ones at some hundred places.
pub const EVERY_CUT_MAX: usize = 4 << 10;
/// Cuts tried on a longer message: so many at line ends, and so many evenly spaced.
const SAMPLED_CUTS: usize = 200;

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the next stage got. Empty after a refusal: nothing of a refused message is delivered.
    pub output: Vec<u8>,
    /// The decision.
    pub result: Result<Verdict, Refusal>,
    /// Facts as they stand at the end, those of the envelope included.
    pub facts: BTreeMap<String, String>,
    /// The reverse-path at the end; `None`: null.
    pub sender: Option<String>,
    /// The forward-paths at the end.
    pub recipients: Vec<String>,
    /// The key-value space as it was left.
    pub kv: MemoryKv,
    /// What was logged when the message came whole. May differ from cut to cut.
    pub log: Vec<(Level, String)>,
    /// What was counted when the message came whole. May differ from cut to cut.
    pub counts: BTreeMap<String, u64>,
    /// Calls of `write` when the message came whole, in chunks of at most [`CHUNK_SIZE`].
    pub writes: usize,
}

impl Outcome {
    /// Whether it must be the same for every cut, and is.
    fn agrees(&self, other: &Self) -> bool {
        self.output == other.output
            && self.result == other.result
            && self.facts == other.facts
            && self.sender == other.sender
            && self.recipients == other.recipients
            && self.kv == other.kv
    }

    /// The output as text, for assertions. What is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }
}

/// A processor under test, with its config and envelope.
#[derive(Debug, Clone)]
pub struct Check<P> {
    config: String,
    envelope: Envelope,
    surroundings: Surroundings,
    processor: PhantomData<fn() -> P>,
}

impl<P: Processor> Default for Check<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Processor> Check<P> {
    /// With the config `{}` and an envelope of one sender and one recipient.
    pub fn new() -> Self {
        Self {
            config: "{}".into(),
            envelope: Envelope::default(),
            surroundings: Surroundings::default(),
            processor: PhantomData,
        }
    }

    /// With this config, JSON text.
    #[must_use]
    pub fn config(self, json: impl Into<String>) -> Self {
        Self { config: json.into(), ..self }
    }

    /// With this envelope.
    #[must_use]
    pub fn envelope(self, envelope: Envelope) -> Self {
        Self { envelope, ..self }
    }

    /// At this time, with these random bytes and this key-value space.
    #[must_use]
    pub fn surroundings(self, surroundings: Surroundings) -> Self {
        Self { surroundings, ..self }
    }

    /// Runs `message` whole, byte by byte, and cut in two at every place (at some hundred places where it is longer than
    /// [`EVERY_CUT_MAX`]).
    ///
    /// A processor that takes messages gets the whole header section as its first chunk in each case; no chunk is longer
    /// than [`CHUNK_SIZE`] otherwise; an empty message has no chunk.
    ///
    /// # Panics
    /// If the config is refused, or if two cuts differ in output, decision or facts.
    pub fn run(&self, message: &[u8]) -> Outcome {
        let head = if P::describe().takes == Content::Message { header_len(message) } else { 0 };
        let (head, body) = message.split_at(head);
        let whole = self.run_chunks(chunks(head, &[body], CHUNK_SIZE));
        self.assert_agrees(&whole, "byte by byte", chunks(head, &[body], 1));
        for cut in cuts(body) {
            let (left, right) = body.split_at(cut);
            let how = format!("cut at {}", head.len() + cut);
            self.assert_agrees(&whole, &how, chunks(head, &[left, right], CHUNK_SIZE));
        }
        whole
    }

    fn assert_agrees<'m>(&self, whole: &Outcome, how: &str, chunks: impl Iterator<Item = &'m [u8]>) {
        let other = self.run_chunks(chunks);
        assert!(whole.agrees(&other), "{how}, the outcome differs{}", difference(whole, &other));
    }

    /// Runs one message in exactly these chunks. Empty ones are left out.
    ///
    /// # Panics
    /// If the config is refused.
    pub fn run_chunks<'m>(&self, chunks: impl IntoIterator<Item = &'m [u8]>) -> Outcome {
        let processor = match configure::<P>(&self.config) {
            Ok(processor) => processor,
            Err(error) => panic!("the config was refused: {error}"),
        };
        let host = Recorder::within(self.envelope.clone(), self.surroundings.clone());
        let mut run = Run { processor, host, output: vec![], writes: 0 };
        let result = run.message(chunks.into_iter().filter(|chunk| !chunk.is_empty()));
        if result.is_err() {
            run.output.clear();
        }
        let Recorder { envelope, surroundings: Surroundings { kv, .. }, log, counts, .. } = run.host;
        let Envelope { sender, recipients, facts, .. } = envelope;
        Outcome { output: run.output, result, facts, sender, recipients, kv, log, counts, writes: run.writes }
    }
}

/// One message on its way.
struct Run<P> {
    processor: P,
    host: Recorder,
    output: Vec<u8>,
    writes: usize,
}

impl<P: Processor> Run<P> {
    fn message<'m>(&mut self, mut chunks: impl Iterator<Item = &'m [u8]>) -> Result<Verdict, Refusal> {
        self.call(0, |processor, host| processor.open(&mut host.context()))?;
        for chunk in chunks.by_ref() {
            match self.write(chunk)? {
                Flow::Pass | Flow::Replaced => {}
                end => {
                    let verdict = self.close()?;
                    if end == Flow::Splice {
                        chunks.for_each(|chunk| self.output.extend_from_slice(chunk));
                    }
                    return Ok(verdict);
                }
            }
        }
        self.close()
    }

    fn write(&mut self, chunk: &[u8]) -> Result<Flow, Refusal> {
        self.writes += 1;
        let flow = self.call(chunk.len(), |processor, host| processor.write(chunk, &mut host.context()))?;
        if matches!(flow, Flow::Pass | Flow::Splice) {
            self.output.extend_from_slice(chunk);
            self.host.passed();
        }
        Ok(flow)
    }

    fn close(&mut self) -> Result<Verdict, Refusal> {
        self.call(0, |processor, host| processor.close(&mut host.context()))
    }

    /// What a call writes goes on when it returns; nothing of it when it refuses or has written too much.
    fn call<T>(
        &mut self,
        input: usize,
        call: impl FnOnce(&mut P, &mut Recorder) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.host.begin_call(input);
        let answer = call(&mut self.processor, &mut self.host)?;
        self.output.append(&mut self.host.end_call()?);
        Ok(answer)
    }
}

/// `head` whole, then each part in chunks of at most `size`.
fn chunks<'m>(head: &'m [u8], parts: &[&'m [u8]], size: usize) -> impl Iterator<Item = &'m [u8]> {
    let cut: Vec<_> = parts.iter().flat_map(|part| part.chunks(size)).collect();
    std::iter::once(head).filter(|head| !head.is_empty()).chain(cut)
}

/// Length of the header section: up to and including the first empty line, or all of a message that has none.
fn header_len(message: &[u8]) -> usize {
    let mut len = 0;
    for line in message.split_inclusive(|&byte| byte == b'\n') {
        len += line.len();
        if matches!(line, b"\n" | b"\r\n") {
            break;
        }
    }
    len
}

/// Where to cut `text` in two.
fn cuts(text: &[u8]) -> Vec<usize> {
    let len = text.len();
    if len <= EVERY_CUT_MAX {
        return (1..len).collect();
    }
    let line_ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    let around = |at: usize| at.saturating_sub(1)..=at + 2;
    let mut cuts: Vec<usize> =
        (1..16).chain(len - 16..len).chain(line_ends.take(SAMPLED_CUTS).flat_map(around)).collect();
    cuts.extend(header_len(text).saturating_sub(4)..header_len(text) + 4);
    cuts.extend((1..SAMPLED_CUTS).map(|n| len * n / SAMPLED_CUTS));
    cuts.retain(|cut| (1..len).contains(cut));
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

/// The envelope and the key-value space at the end, for people.
fn left_behind(outcome: &Outcome) -> String {
    format!("{:?} {:?} {:?}", outcome.sender, outcome.recipients, outcome.kv)
}

/// In what two outcomes differ, for people.
fn difference(whole: &Outcome, other: &Outcome) -> String {
    let mut text = String::new();
    if whole.result != other.result {
        let _ = write!(text, "\n  whole: {:?}\n  cut:   {:?}", whole.result, other.result);
    }
    if whole.facts != other.facts {
        let _ = write!(text, "\n  whole: {:?}\n  cut:   {:?}", whole.facts, other.facts);
    }
    let (a, b) = (left_behind(whole), left_behind(other));
    if a != b {
        let _ = write!(text, "\n  whole: {a}\n  cut:   {b}");
    }
    if whole.output != other.output {
        let at = whole.output.iter().zip(&other.output).take_while(|(a, b)| a == b).count();
        let near = |bytes: &[u8]| {
            String::from_utf8_lossy(&bytes[at.saturating_sub(20)..bytes.len().min(at + 20)]).into_owned()
        };
        let (a, b) = (near(&whole.output), near(&other.output));
        let _ = write!(text, "\n  from byte {at} of the output:\n  whole: {a:?}\n  cut:   {b:?}");
    }
    text
}

#[cfg(test)]
mod tests;
