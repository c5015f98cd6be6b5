//! The host's native stand-in: an envelope to ask, and a record of what a processor wrote, set, logged and counted.
//!
//! Holds to the limits of `wit/processor.wit`; knows nothing of chunks.

use std::collections::BTreeMap;

use super::MemoryKv;
use crate::context::{Context, Host};
use crate::kv::KvError;
use crate::types::{Level, Refusal};

/// What may be written beyond 4 times the input, of one call or of the message, in bytes.
const OUTPUT_EXTRA: usize = 1 << 20;
const OUTPUT_RATIO: usize = 4;
const FACTS_MAX: usize = 64;
const FACT_NAME_MAX: usize = 64;
const FACT_VALUE_MAX: usize = 1 << 10;
/// The host's default for recipients of a message, the added ones included.
const RECIPIENTS_MAX: usize = 100;
const RANDOM_MAX: u32 = 64 << 10;

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

/// What a processor under test finds besides its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// What the clock shows, in milliseconds since 1970. It stands still while a message is at work.
    pub now_ms: u64,
    /// What random bytes are made of: the same seed gives the same bytes.
    pub seed: u64,
    /// What earlier messages left.
    pub kv: MemoryKv,
}

impl Default for Surroundings {
    /// The first moment of 2026, and an empty key-value space.
    fn default() -> Self {
        Self { now_ms: 1_767_225_600_000, seed: 1, kv: MemoryKv::default() }
    }
}

/// Stands in for the host.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    pub(super) envelope: Envelope,
    pub(super) surroundings: Surroundings,
    /// Domains of the recipients at the start, taken for the tenant's own.
    domains: Vec<String>,
    /// The processor has let bytes out: the envelope stands.
    let_out: bool,
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
        Self::within(envelope, Surroundings::default())
    }

    /// For a message with this envelope, at this time, with this key-value space.
    pub fn within(envelope: Envelope, surroundings: Surroundings) -> Self {
        let domains = envelope.recipients.iter().filter_map(|address| domain(address)).collect();
        Self { envelope, surroundings, domains, ..Self::default() }
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
        self.let_out |= !self.written.is_empty();
        Ok(std::mem::take(&mut self.written))
    }

    /// The processor has passed a chunk on: its envelope stands.
    pub fn passed(&mut self) {
        self.let_out = true;
    }

    fn expires(&self, ttl_ms: Option<u64>) -> Option<u64> {
        ttl_ms.map(|ttl_ms| self.surroundings.now_ms.saturating_add(ttl_ms))
    }
}

/// The domain of something like an address, lower-case.
fn domain(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    (!local.is_empty() && !domain.is_empty()).then(|| domain.to_ascii_lowercase())
}

/// Whether two addresses are the same: domains have no case (RFC 5321 §2.4).
fn same(a: &str, b: &str) -> bool {
    let local = |address: &str| address.rsplit_once('@').map(|(local, _)| local.to_owned());
    local(a) == local(b) && domain(a) == domain(b)
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

    fn set_sender(&mut self, sender: Option<&str>) -> bool {
        let fits = !self.let_out && sender.is_none_or(|sender| domain(sender).is_some());
        if fits {
            self.envelope.sender = sender.map(Into::into);
        }
        fits
    }

    fn add_recipient(&mut self, address: &str) -> bool {
        let own = domain(address).is_some_and(|domain| self.domains.contains(&domain));
        if self.let_out || !own {
            return false;
        }
        let recipients = &mut self.envelope.recipients;
        if recipients.iter().any(|known| same(known, address)) {
            return true;
        }
        let fits = recipients.len() < RECIPIENTS_MAX;
        if fits {
            recipients.push(address.into());
        }
        fits
    }

    fn remove_recipient(&mut self, address: &str) -> bool {
        let recipients = &mut self.envelope.recipients;
        let at = recipients.iter().position(|known| same(known, address));
        let Some(at) = at.filter(|_| !self.let_out && recipients.len() > 1) else { return false };
        recipients.remove(at);
        true
    }

    fn now_ms(&self) -> u64 {
        self.surroundings.now_ms
    }

    fn random(&mut self, len: u32) -> Vec<u8> {
        assert!(len <= RANDOM_MAX, "more than 64 KiB of random bytes: a trap in the sandbox");
        // splitmix64
        let mut byte = || {
            self.surroundings.seed = self.surroundings.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.surroundings.seed;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)).to_le_bytes()[0]
        };
        (0..len).map(|_| byte()).collect()
    }

    fn kv_get(&mut self, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        self.surroundings.kv.get(key, self.surroundings.now_ms)
    }

    fn kv_set(&mut self, key: &str, value: &[u8], ttl_ms: Option<u64>) -> Result<(), KvError> {
        let expires_ms = self.expires(ttl_ms);
        self.surroundings.kv.set(key, value, expires_ms)
    }

    fn kv_add(&mut self, key: &str, delta: i64, ttl_ms: Option<u64>) -> Result<i64, KvError> {
        let expires_ms = self.expires(ttl_ms);
        self.surroundings.kv.add(key, delta, self.surroundings.now_ms, expires_ms)
    }
}
