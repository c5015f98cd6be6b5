//! The sandbox side: this crate's words to and from the generated ones, and the one processor an instance holds.
//!
//! For [`export!`](crate::export) only. There on wasm targets only.

use std::cell::RefCell;

use crate::bindings::mail_processor::exports::gatepost::processor::processor as wit;
use crate::bindings::mail_processor::gatepost::processor::{envelope, log, next, types};
use crate::context::{Context, Host};
use crate::processor::Processor;
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
}

/// The processor of this instance, once it is configured.
pub struct Instance<P>(RefCell<Option<P>>);

impl<P: Processor> Instance<P> {
    /// Not configured yet.
    #[expect(clippy::new_without_default, reason = "const, for a thread-local")]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// The export `configure`.
    pub fn configure(&self, config: &str) -> Result<(), String> {
        let processor = crate::processor::configure(config)?;
        self.0.replace(Some(processor));
        // Only now: until `configure` is through, the imports that the hook uses trap. Free of cost for messages that
        // start from a snapshot, some nanoseconds for others.
        std::panic::set_hook(Box::new(|panic| log::emit(log::Level::Error, &panic.to_string())));
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
        match self.0.borrow_mut().as_mut() {
            Some(processor) => run(processor, &mut Context::new(&mut Imports)).map_err(refusal),
            None => Err(wit::Refusal::Failed("called before `configure`".into())),
        }
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
