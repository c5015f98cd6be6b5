//! The sandbox side: this crate's words to and from the generated ones, and the one processor or checker an instance holds.
//!
//! For [`export!`](crate::export) and [`export_recipients!`](crate::export_recipients) only. There on wasm targets only.

use std::cell::RefCell;

use crate::bindings::capabilities::gatepost::processor::{clock, envelope_edit, kv, random};
use crate::bindings::mail_processor::exports::gatepost::processor::processor as wit;
use crate::bindings::mail_processor::gatepost::processor::{envelope, log, next, types};
use crate::context::{Context, Host};
use crate::kv::KvError;
use crate::processor::Processor;
use crate::recipients::{RecipientChecker, RecipientContext};
use crate::types::{Content, Flow, Level, Refusal, Reply, Verdict};

/// The host as the imports reach it. Holds nothing: calls cost no more than the imports themselves.
pub struct Imports;

impl Host for Imports {
    fn id(&self) -> String {
        envelope::id()
    }
    fn sender(&self) -> Option<String> {
        envelope::sender()
    }
    fn recipients(&self) -> Vec<String> {
        envelope::recipients()
    }
    fn fact(&self, name: &str) -> Option<String> {
        envelope::fact(name)
    }
    fn set_fact(&mut self, name: &str, value: &str) -> bool {
        envelope::set_fact(name, value)
    }
    fn write(&mut self, bytes: &[u8]) -> bool {
        next::write(bytes)
    }
    fn log(&mut self, level: Level, text: &str) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::emit(level, text);
    }
    fn count(&mut self, name: &str, delta: u64) {
        log::count(name, delta);
    }
    fn set_sender(&mut self, sender: Option<&str>) -> bool {
        envelope_edit::set_sender(sender)
    }
    fn add_recipient(&mut self, address: &str) -> bool {
        envelope_edit::add_recipient(address)
    }
    fn remove_recipient(&mut self, address: &str) -> bool {
        envelope_edit::remove_recipient(address)
    }
    fn now_ms(&self) -> u64 {
        clock::now_ms()
    }
    fn random(&mut self, len: u32) -> Vec<u8> {
        random::bytes(len)
    }
    fn kv_get(&mut self, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        kv::get(key).map_err(kv_error)
    }
    fn kv_set(&mut self, key: &str, value: &[u8], ttl_ms: Option<u64>) -> Result<(), KvError> {
        kv::set(key, value, ttl_ms).map_err(kv_error)
    }
    fn kv_add(&mut self, key: &str, delta: i64, ttl_ms: Option<u64>) -> Result<i64, KvError> {
        kv::add(key, delta, ttl_ms).map_err(kv_error)
    }
}

fn kv_error(error: kv::Error) -> KvError {
    match error {
        kv::Error::Quota => KvError::Quota,
        kv::Error::Unavailable(reason) => KvError::Unavailable(reason),
    }
}

/// What an instance holds once it is configured.
pub struct Slot<P>(RefCell<Option<P>>);

impl<P> Slot<P> {
    /// Not configured yet.
    #[expect(clippy::new_without_default, reason = "const, for a thread-local")]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    fn fill(&self, configured: P) {
        self.0.replace(Some(configured));
        // Only now: until `configure` is through, the imports that the hook uses trap. Free of cost for messages that
        // start from a snapshot, some nanoseconds for others.
        std::panic::set_hook(Box::new(|panic| log::emit(log::Level::Error, &panic.to_string())));
    }

    fn with<T>(&self, run: impl FnOnce(&mut P) -> Result<T, Refusal>) -> Result<T, wit::Refusal> {
        match self.0.borrow_mut().as_mut() {
            Some(configured) => run(configured).map_err(refusal),
            None => Err(wit::Refusal::Failed("called before `configure`".into())),
        }
    }
}

impl<R: RecipientChecker> Slot<R> {
    /// The export `configure` of `recipients`.
    pub fn configure_checker(&self, config: &str) -> Result<(), String> {
        self.fill(crate::recipients::configure(config)?);
        Ok(())
    }

    /// The export `check`.
    pub fn check(&self, address: &str) -> Result<(), wit::Refusal> {
        self.with(|checker| checker.check(address, &mut RecipientContext::new(&mut Imports)))
    }
}

impl<P: Processor> Slot<P> {
    /// The export `configure`.
    pub fn configure(&self, config: &str) -> Result<(), String> {
        self.fill(crate::processor::configure(config)?);
        Ok(())
    }

    /// The export `open`.
    pub fn open(&self) -> Result<(), wit::Refusal> {
        self.call(Processor::open)
    }

    /// The export `write`.
    pub fn write(&self, chunk: &[u8]) -> Result<wit::Flow, wit::Refusal> {
        self.call(|processor, cx| processor.write(chunk, cx)).map(|flow| match flow {
            Flow::Pass => wit::Flow::Pass,
            Flow::Replaced => wit::Flow::Replaced,
            Flow::Splice => wit::Flow::Splice,
            Flow::Drain => wit::Flow::Drain,
        })
    }

    /// The export `close`.
    pub fn close(&self) -> Result<wit::Verdict, wit::Refusal> {
        self.call(Processor::close).map(|verdict| match verdict {
            Verdict::Accept => wit::Verdict::Accept,
            Verdict::Quarantine(reason) => wit::Verdict::Quarantine(reason),
            Verdict::Discard => wit::Verdict::Discard,
        })
    }

    fn call<T>(
        &self,
        run: impl FnOnce(&mut P, &mut Context<'_>) -> Result<T, Refusal>,
    ) -> Result<T, wit::Refusal> {
        self.with(|processor| run(processor, &mut Context::new(&mut Imports)))
    }
}

/// The export `describe`.
pub fn describe<P: Processor>() -> wit::Description {
    let description = P::describe();
    wit::Description {
        name: description.name,
        version: description.version,
        summary: description.summary,
        takes: content(description.takes),
        gives: content(description.gives),
    }
}

fn content(content: Content) -> types::Content {
    match content {
        Content::Message => types::Content::Message,
        Content::Bytes => types::Content::Bytes,
        Content::Any => types::Content::Any,
    }
}

fn refusal(refusal: Refusal) -> wit::Refusal {
    let reply = |Reply { code, enhanced, text }| types::Reply { code, enhanced, text };
    match refusal {
        Refusal::Reject(with) => wit::Refusal::Reject(reply(with)),
        Refusal::Defer(with) => wit::Refusal::Defer(reply(with)),
        Refusal::Failed(reason) => wit::Refusal::Failed(reason),
    }
}
