//! Asks a recipient checker natively, as the host does at RCPT time.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use super::{Envelope, MemoryKv, Recorder, Surroundings};
use crate::recipients::{RecipientChecker, RecipientContext, configure};
use crate::types::{Level, Refusal};

/// What came of one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The decision.
    pub result: Result<(), Refusal>,
    /// The key-value space as it was left: hand it to the next check.
    pub kv: MemoryKv,
    /// What was logged.
    pub log: Vec<(Level, String)>,
    /// What was counted.
    pub counts: BTreeMap<String, u64>,
}

/// A recipient checker under test, with its config, what it knows of the client, and its surroundings.
#[derive(Debug, Clone)]
pub struct CheckRecipient<R> {
    config: String,
    envelope: Envelope,
    surroundings: Surroundings,
    checker: PhantomData<fn() -> R>,
}

impl<R: RecipientChecker> Default for CheckRecipient<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: RecipientChecker> CheckRecipient<R> {
    /// With the config `{}` and an envelope of one sender and no recipient yet.
    pub fn new() -> Self {
        Self {
            config: "{}".into(),
            envelope: Envelope { recipients: Vec::new(), ..Envelope::default() },
            surroundings: Surroundings::default(),
            checker: PhantomData,
        }
    }

    /// With this config, JSON text.
    #[must_use]
    pub fn config(self, json: impl Into<String>) -> Self {
        Self { config: json.into(), ..self }
    }

    /// With this envelope: its recipients are those taken before.
    #[must_use]
    pub fn envelope(self, envelope: Envelope) -> Self {
        Self { envelope, ..self }
    }

    /// At this time, with this key-value space.
    #[must_use]
    pub fn surroundings(self, surroundings: Surroundings) -> Self {
        Self { surroundings, ..self }
    }

    /// Asks a fresh checker about `address`.
    ///
    /// # Panics
    /// If the config is refused.
    pub fn ask(&self, address: &str) -> Answer {
        let mut checker: R = match configure(&self.config) {
            Ok(checker) => checker,
            Err(error) => panic!("the config was refused: {error}"),
        };
        let mut host = Recorder::within(self.envelope.clone(), self.surroundings.clone());
        let result = checker.check(address, &mut RecipientContext::new(&mut host));
        Answer { result, kv: host.surroundings.kv, log: host.log, counts: host.counts }
    }
}
