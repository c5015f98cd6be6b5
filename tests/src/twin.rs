//! One processor in two engines: natively by the SDK's driver, and in the sandbox. The same outcome, however it is cut.
//!
//! ```text
//! message --cut--> Check::<P>      --> bytes, decision, facts, sender, recipients, what is remembered
//!         --cut--> Lab, component  --> the same, or the test fails
//! ```

use std::marker::PhantomData;

use gatepost::chain::{Content, Fixed, PlannedStage};
use gatepost::kv::Entries;
use gatepost::mail::{Envelope, Mailbox, MessageId};
use gatepost_sdk::testing::{self, Answer, Check, CheckRecipient, MemoryKv, Outcome, Surroundings};
use gatepost_sdk::types::{Refusal, Verdict};
use gatepost_sdk::{Processor, RecipientChecker, processor};

use crate::lab::{Lab, StagePlan, TENANT};
use crate::shipped;

/// Up to this length, in bytes, a message is cut in two everywhere and into single bytes; a longer one at some hundred places.
const EVERY_CUT_MAX: usize = 4096;

/// A shipped processor, natively as `P` and as a component.
pub struct Twin<P> {
    /// Where the component runs.
    pub lab: Lab,
    name: &'static str,
    envelope: testing::Envelope,
    grants: &'static [&'static str],
    surroundings: Surroundings,
    native: PhantomData<P>,
}

impl<P: Processor> Twin<P> {
    /// `P` and the component of `processors/NAME`.
    pub fn new(name: &'static str) -> Self {
        Self {
            lab: Lab::new(),
            name,
            envelope: testing::Envelope::default(),
            grants: &[],
            surroundings: Surroundings::default(),
            native: PhantomData,
        }
    }

    /// With this envelope in both engines.
    #[must_use]
    pub fn envelope(self, envelope: testing::Envelope) -> Self {
        Self { envelope, ..self }
    }

    /// With these grants.
    #[must_use]
    pub fn grants(self, grants: &'static [&'static str]) -> Self {
        Self { grants, ..self }
    }

    /// From now on at this time, with these random bytes and this key-value space in both engines.
    pub fn surround(&mut self, surroundings: Surroundings) {
        self.surroundings = surroundings;
    }

    fn stage(&self, config: &str) -> StagePlan<'_> {
        let fixed = Fixed { now_ms: self.surroundings.now_ms, seed: self.surroundings.seed };
        self.lab.stage(shipped::component(self.name)).config(config).fixed(fixed).grants(self.grants)
    }

    /// The sandbox finds in its key-value space what the native side finds.
    fn remember(&self) {
        let Surroundings { now_ms, kv, .. } = &self.surroundings;
        self.lab.kv.reset(TENANT, entries(kv, *now_ms), *now_ms);
    }

    /// Both engines give the same bytes, decision, facts, envelope and memory, whole, in single bytes, and cut in two everywhere. Gives the
    /// outcome.
    ///
    /// # Panics
    /// If they differ, or a config is refused.
    #[track_caller]
    pub fn agree(&self, config: &str, message: &[u8]) -> Outcome {
        let expect = Check::<P>::new().config(config).envelope(self.envelope.clone());
        let expect = expect.surroundings(self.surroundings.clone());
        let expect = expect.run(message);
        let stages = [self.stage(config).plan()];
        self.agree_on(&stages, &expect, &[message]);
        if message.len() <= EVERY_CUT_MAX {
            self.agree_on(&stages, &expect, &message.chunks(1).collect::<Vec<_>>());
        }
        for cut in (1..message.len()).step_by(message.len() / 300 + 1) {
            let (left, right) = message.split_at(cut);
            self.agree_on(&stages, &expect, &[left, right]);
        }
        expect
    }

    /// The sandboxed outcome for these pieces is `expect`.
    #[track_caller]
    fn agree_on(&self, stages: &[PlannedStage], expect: &Outcome, pieces: &[&[u8]]) {
        self.remember();
        let ran = self.lab.run_envelope(stages, self.host_envelope(), pieces.iter().copied());
        let cut: Vec<_> = pieces.iter().map(|piece| piece.len()).collect();
        assert_eq!(ran.end(), end(expect), "cut {cut:?}");
        // What was remembered stays, also where the message is refused.
        let remembered = self.lab.kv.entries(TENANT);
        assert_eq!(remembered, entries(&expect.kv, self.surroundings.now_ms), "cut {cut:?}");
        if expect.result.is_ok() {
            let texts = |list: &[Mailbox]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!(ran.envelope.sender().map(ToString::to_string), expect.sender, "cut {cut:?}");
            assert_eq!(texts(ran.envelope.recipients()), expect.recipients, "cut {cut:?}");
            assert!(ran.output == expect.output, "cut {cut:?}: {:?}", ran.text());
            assert_eq!(ran.envelope.facts(), &expect.facts, "cut {cut:?}");
        }
    }

    fn host_envelope(&self) -> Envelope {
        let mailbox = |text: &String| Mailbox::parse(text).expect("a mailbox");
        let said = &self.envelope;
        let recipients = said.recipients.iter().map(mailbox).collect();
        let mut envelope = Envelope::new(MessageId::next(1), said.sender.as_ref().map(mailbox), recipients);
        for (name, value) in &said.facts {
            envelope.set_host_fact(name, value.clone());
        }
        envelope
    }

    /// Both engines refuse this config, with the same words.
    ///
    /// # Panics
    /// If one does not, or the words differ or are none.
    #[track_caller]
    pub fn refuse(&self, config: &str) -> String {
        let native = processor::configure::<P>(config).err();
        let sandboxed = self.stage(config).try_plan().err();
        assert_eq!(sandboxed, native, "{config}");
        native
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| panic!("accepted, or for no reason: {config}"))
    }

    /// The component says what the crate says, and imports no interface but `allowed`: the import list is the permission
    /// request.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn imports_only(&self, allowed: &[&str]) {
        let loaded = self.lab.load(shipped::component(self.name)).expect("it loads");
        for import in &loaded.imports {
            let name =
                import.strip_prefix("gatepost:processor/").and_then(|name| name.strip_suffix("@0.1.0"));
            assert!(name.is_some_and(|name| name == "types" || allowed.contains(&name)), "{import}");
        }
        let (said, meant) = (&loaded.description, P::describe());
        assert_eq!((&said.name, &said.version), (&meant.name, &meant.version));
        assert_eq!((said.takes, said.gives), (content(meant.takes), content(meant.gives)));
    }
}

impl<R: Processor + RecipientChecker> Twin<R> {
    /// Both engines say the same of `address` and remember the same. Gives the answer.
    ///
    /// # Panics
    /// If they differ, or a config is refused.
    #[track_caller]
    pub fn ask(&self, config: &str, address: &str) -> Answer {
        let native = CheckRecipient::<R>::new().config(config).envelope(self.envelope.clone());
        let expect = native.surroundings(self.surroundings.clone()).ask(address);
        let planned = self.stage(config).try_check().unwrap_or_else(|error| panic!("{error}"));
        self.remember();
        let said = self.lab.ask(&planned, self.host_envelope(), address);
        assert_eq!(said, answer(&expect.result), "{address}");
        let remembered = self.lab.kv.entries(TENANT);
        assert_eq!(remembered, entries(&expect.kv, self.surroundings.now_ms), "{address}");
        expect
    }
}

/// A native key-value space in the host's words.
fn entries(kv: &MemoryKv, now_ms: u64) -> Entries {
    let ms = |at: u64| i64::try_from(at).expect("a time");
    kv.entries(now_ms).map(|(key, value, over)| (key.to_owned(), (value.to_vec(), over.map(ms)))).collect()
}

fn content(content: gatepost_sdk::Content) -> Content {
    match content {
        gatepost_sdk::Content::Message => Content::Message,
        gatepost_sdk::Content::Bytes => Content::Bytes,
        gatepost_sdk::Content::Any => Content::Any,
    }
}

/// A native outcome in the words of [`Ran::end`](crate::lab::Ran::end).
fn end(outcome: &Outcome) -> String {
    match &outcome.result {
        Ok(Verdict::Accept) => "accept".into(),
        Ok(Verdict::Discard) => "discard".into(),
        Ok(Verdict::Quarantine(reason)) => format!("quarantine: {reason}"),
        Err(Refusal::Failed(reason)) => format!("failed: guest: failed: failed: {reason}"),
        Err(refusal) => refused(refusal),
    }
}

/// A native answer in the words of [`Lab::ask`].
fn answer(result: &Result<(), Refusal>) -> String {
    match result {
        Ok(()) => "accept".into(),
        Err(Refusal::Failed(reason)) => format!("failed: {reason}"),
        Err(refusal) => refused(refusal),
    }
}

fn refused(refusal: &Refusal) -> String {
    let reply = |what: &str, reply: &gatepost_sdk::Reply| {
        let enhanced = reply.enhanced.as_deref().map(|code| format!("{code} ")).unwrap_or_default();
        format!("{what} {} {enhanced}{}", reply.code, reply.text)
    };
    match refusal {
        Refusal::Reject(with) => reply("reject", with),
        Refusal::Defer(with) => reply("defer", with),
        Refusal::Failed(reason) => format!("failed: {reason}"),
    }
}
