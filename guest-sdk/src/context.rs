//! What a processor may ask of the host while it works on a message.
//!
//! In the sandbox each method is a call of an import, so what a processor does not call its component does not import;
//! natively [`testing::Recorder`](crate::testing::Recorder) stands in. Capabilities beyond these belong into modules of their
//! own, behind a feature each.

use crate::types::{Level, Refusal};

#[cfg(target_family = "wasm")]
use crate::guest::Imports as Backend;
#[cfg(not(target_family = "wasm"))]
use crate::testing::Recorder as Backend;

/// What the sandbox and the native stand-in both offer. Chosen when compiled, not through a vtable, which would keep every
/// import alive.
pub(crate) trait Host {
    fn id(&self) -> String;
    fn sender(&self) -> Option<String>;
    fn recipients(&self) -> Vec<String>;
    fn fact(&self, name: &str) -> Option<String>;
    fn set_fact(&mut self, name: &str, value: &str) -> bool;
    fn write(&mut self, bytes: &[u8]) -> bool;
    fn log(&mut self, level: Level, text: &str);
    fn count(&mut self, name: &str, delta: u64);
}

/// The host, during one call of a processor.
pub struct Context<'a> {
    host: &'a mut Backend,
}

impl<'a> Context<'a> {
    pub(crate) fn new(host: &'a mut Backend) -> Self {
        Self { host }
    }

    /// The message's id: unique, stands in the 250 reply and in the log, the same on each background retry.
    pub fn id(&self) -> String {
        self.host.id()
    }

    /// The reverse-path. `None` is the null reverse-path.
    pub fn sender(&self) -> Option<String> {
        self.host.sender()
    }

    /// The forward-paths.
    pub fn recipients(&self) -> Vec<String> {
        self.host.recipients()
    }

    /// What is known of the message and its client: `smtp.helo`, `client.ip`, `tls.version`, `tls.sni`, `auth.user`,
    /// `size.declared`, and `x.NAME` as an earlier stage set it.
    pub fn fact(&self, name: &str) -> Option<String> {
        self.host.fact(name)
    }

    /// Sets a fact for later stages and the log: `x.` keys only, of at most 64 bytes, values of at most 1 KiB, 64 of them.
    /// False: refused.
    pub fn set_fact(&mut self, name: &str, value: &str) -> bool {
        self.host.set_fact(name, value)
    }

    /// Writes to the next stage. One large write costs less than many small ones.
    ///
    /// # Errors
    /// A failure, to be returned: past the output limit of one call (4 x its input + 1 MiB) or of the message.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        if self.host.write(bytes) { Ok(()) } else { Err(Refusal::failed("wrote more than the host allows")) }
    }

    /// One log record, of at most 1 KiB.
    pub fn log(&mut self, level: Level, text: &str) {
        self.host.log(level, text);
    }

    /// Adds to a counter of this stage, exported as a metric; at most 16 names of at most 32 bytes.
    pub fn count(&mut self, name: &str, delta: u64) {
        self.host.count(name, delta);
    }
}
