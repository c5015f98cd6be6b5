//! One processor in two engines: natively by the SDK's driver, and in the sandbox. The same outcome, however it is cut.
//!
//! ```text
//! message --cut--> Check::<P>      --> bytes, decision, facts
//!         --cut--> Lab, component  --> the same, or the test fails
//! ```

use std::marker::PhantomData;

use gatepost::chain::{Content, PlannedStage};
use gatepost::mail::{Envelope, Mailbox, MessageId};
use gatepost_sdk::testing::{self, Check, Outcome};
use gatepost_sdk::types::{Refusal, Verdict};
use gatepost_sdk::{Processor, processor};

use crate::lab::Lab;
use crate::shipped;

/// Up to this length, in bytes, a message is cut in two everywhere and into single bytes; a longer one at some hundred places.
const EVERY_CUT_MAX: usize = 4096;

/// A shipped processor, natively as `P` and as a component.
pub struct Twin<P> {
    /// Where the component runs.
    pub lab: Lab,
    name: &'static str,
    envelope: testing::Envelope,
    native: PhantomData<P>,
}

impl<P: Processor> Twin<P> {
    /// `P` and the component of `processors/NAME`.
    pub fn new(name: &'static str) -> Self {
        Self { lab: Lab::new(), name, envelope: testing::Envelope::default(), native: PhantomData }
    }

    /// With this envelope in both engines.
    #[must_use]
    pub fn envelope(self, envelope: testing::Envelope) -> Self {
        Self { envelope, ..self }
    }

    /// Both engines give the same bytes, decision and facts, whole, in single bytes, and cut in two everywhere. Gives the
    /// outcome.
    ///
    /// # Panics
    /// If they differ, or a config is refused.
    #[track_caller]
    pub fn agree(&self, config: &str, message: &[u8]) -> Outcome {
        let expect = Check::<P>::new().config(config).envelope(self.envelope.clone()).run(message);
        let stages = [self.lab.stage(shipped::component(self.name)).config(config).plan()];
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
        let ran = self.lab.run_envelope(stages, self.host_envelope(), pieces.iter().copied());
        let cut: Vec<_> = pieces.iter().map(|piece| piece.len()).collect();
        assert_eq!(ran.end(), end(expect), "cut {cut:?}");
        if expect.result.is_ok() {
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
        let sandboxed = self.lab.stage(shipped::component(self.name)).config(config).try_plan().err();
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
        let loaded = self.lab.sandboxes.load(shipped::component(self.name)).expect("it loads");
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

fn content(content: gatepost_sdk::Content) -> Content {
    match content {
        gatepost_sdk::Content::Message => Content::Message,
        gatepost_sdk::Content::Bytes => Content::Bytes,
        gatepost_sdk::Content::Any => Content::Any,
    }
}

/// A native outcome in the words of [`Ran::end`](crate::lab::Ran::end).
fn end(outcome: &Outcome) -> String {
    let reply = |what: &str, reply: &gatepost_sdk::Reply| {
        let enhanced = reply.enhanced.as_deref().map(|code| format!("{code} ")).unwrap_or_default();
        format!("{what} {} {enhanced}{}", reply.code, reply.text)
    };
    match &outcome.result {
        Ok(Verdict::Accept) => "accept".into(),
        Ok(Verdict::Discard) => "discard".into(),
        Ok(Verdict::Quarantine(reason)) => format!("quarantine: {reason}"),
        Err(Refusal::Reject(with)) => reply("reject", with),
        Err(Refusal::Defer(with)) => reply("defer", with),
        Err(Refusal::Failed(reason)) => format!("failed: guest: failed: failed: {reason}"),
    }
}
