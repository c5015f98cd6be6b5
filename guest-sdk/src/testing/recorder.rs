//! The host's native stand-in: an envelope to ask, and a record of what a processor wrote, set, logged and counted.
//!
//! Holds to the limits of `wit/processor.wit` on facts and output; knows nothing of chunks.

use std::collections::BTreeMap;

use crate::context::{Context, Host};
use crate::types::{Level, Refusal};

/// What may be written beyond 4 times the input, of one call or of the message, in bytes.
const OUTPUT_EXTRA: usize = 1 << 20;
const OUTPUT_RATIO: usize = 4;
const FACTS_MAX: usize = 64;
const FACT_NAME_MAX: usize = 64;
const FACT_VALUE_MAX: usize = 1 << 10;

/// The envelope that a processor under test finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The message's id.
    pub id: String,
    /// The reverse-path; `None`: null.
    pub sender: Option<String>,
    /// The forward-paths.
    pub recipients: Vec<String>,
    /// Facts at the start.
    pub facts: BTreeMap<String, String>,
}

impl Default for Envelope {
    fn default() -> Self {
        Self {
            id: "test-1".into(),
            sender: Some("sender@client.example".into()),
            recipients: vec!["recipient@tenant.example".into()],
            facts: BTreeMap::new(),
        }
    }
}

/// Stands in for the host.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    pub(super) envelope: Envelope,
    pub(super) log: Vec<(Level, String)>,
    pub(super) counts: BTreeMap<String, u64>,
    /// Written in the call at hand.
    written: Vec<u8>,
    /// Bytes of input of the call at hand, and of the message so far.
    input: (usize, usize),
    /// Bytes written in earlier calls.
    written_before: usize,
    /// A write was refused: the processor has failed, whatever it answers.
    overrun: bool,
}

impl Recorder {
    /// For a message with this envelope.
    pub fn new(envelope: Envelope) -> Self {
        Self { envelope, ..Self::default() }
    }

    /// What a processor is given, to call its methods one by one.
    pub fn context(&mut self) -> Context<'_> {
        Context::new(self)
    }

    /// A call with `input` bytes begins.
    pub fn begin_call(&mut self, input: usize) {
        self.input = (input, self.input.1 + input);
        self.written.clear();
    }

    /// The call has returned well: what it wrote.
    ///
    /// # Errors
    /// It has written more than it may.
    pub fn end_call(&mut self) -> Result<Vec<u8>, Refusal> {
        if self.overrun {
            return Err(Refusal::failed("wrote more than the host allows"));
        }
        self.written_before += self.written.len();
        Ok(std::mem::take(&mut self.written))
    }
}

impl Host for Recorder {
    fn id(&self) -> String {
        self.envelope.id.clone()
    }

    fn sender(&self) -> Option<String> {
        self.envelope.sender.clone()
    }

    fn recipients(&self) -> Vec<String> {
        self.envelope.recipients.clone()
    }

    fn fact(&self, name: &str) -> Option<String> {
        self.envelope.facts.get(name).cloned()
    }

    fn set_fact(&mut self, name: &str, value: &str) -> bool {
        let facts = &mut self.envelope.facts;
        let of_stages = facts.keys().filter(|name| name.starts_with("x.")).count();
        let fits = name.starts_with("x.")
            && name.len() <= FACT_NAME_MAX
            && value.len() <= FACT_VALUE_MAX
            && (of_stages < FACTS_MAX || facts.contains_key(name));
        if fits {
            facts.insert(name.into(), value.into());
        }
        fits
    }

    fn write(&mut self, bytes: &[u8]) -> bool {
        let call = self.written.len() + bytes.len();
        let over = |written: usize, input: usize| written > OUTPUT_RATIO * input + OUTPUT_EXTRA;
        self.overrun |= over(call, self.input.0) || over(self.written_before + call, self.input.1);
        if !self.overrun {
            self.written.extend_from_slice(bytes);
        }
        !self.overrun
    }

    fn log(&mut self, level: Level, text: &str) {
        self.log.push((level, text.into()));
    }

    fn count(&mut self, name: &str, delta: u64) {
        *self.counts.entry(name.into()).or_default() += delta;
    }
}
