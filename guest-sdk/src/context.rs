//! What a processor may ask of the host while it works on a message.
//!
//! In the sandbox each method is a call of an import, so what a processor does not call its component does not import;
//! natively [`testing::Recorder`](crate::testing::Recorder) stands in. What needs a grant says so: a chain that names the processor
//! must grant it (`[stage.NAME] grants = ["kv"]`), or the component is refused when the chain is checked.

use crate::kv::{Kv, KvError};
use crate::types::{Level, Refusal};

#[cfg(target_family = "wasm")]
pub(crate) use crate::guest::Imports as Backend;
#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::testing::Recorder as Backend;

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
    fn set_sender(&mut self, sender: Option<&str>) -> bool;
    fn add_recipient(&mut self, address: &str) -> bool;
    fn remove_recipient(&mut self, address: &str) -> bool;
    fn now_ms(&self) -> u64;
    fn random(&mut self, len: u32) -> Vec<u8>;
    fn kv_get(&mut self, key: &str) -> Result<Option<Vec<u8>>, KvError>;
    fn kv_set(&mut self, key: &str, value: &[u8], ttl_ms: Option<u64>) -> Result<(), KvError>;
    fn kv_add(&mut self, key: &str, delta: i64, ttl_ms: Option<u64>) -> Result<i64, KvError>;
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

    /// Sets the reverse-path; `None` is the null reverse-path. Needs the grant `envelope`.
    ///
    /// False: it is no address, or it is too late: this stage has let bytes out in an earlier call, so that later stages
    /// and sinks may have seen the envelope.
    pub fn set_sender(&mut self, sender: Option<&str>) -> bool {
        self.host.set_sender(sender)
    }

    /// Adds a recipient of the tenant's own domains, or any with the grant `redirect`. One that is there already is not
    /// added twice. Needs the grant `envelope`.
    ///
    /// False: it is no address, of a foreign domain, past the host's limit on recipients, or too late as in
    /// [`Context::set_sender`].
    pub fn add_recipient(&mut self, address: &str) -> bool {
        self.host.add_recipient(address)
    }

    /// Removes a recipient. Needs the grant `envelope`.
    ///
    /// False: it is not there, it is the last one, or it is too late as in [`Context::set_sender`].
    pub fn remove_recipient(&mut self, address: &str) -> bool {
        self.host.remove_recipient(address)
    }

    /// The tenant's key-value space. Needs the grant `kv`.
    pub fn kv(&mut self) -> Kv<'_> {
        Kv::new(self.host)
    }

    /// Milliseconds since 1970, in steps of 1 ms. Needs the grant `clock`.
    pub fn now_ms(&self) -> u64 {
        self.host.now_ms()
    }

    /// Random bytes, at most 64 KiB a call: more is a trap. Needs the grant `random`.
    pub fn random(&mut self, len: u32) -> Vec<u8> {
        self.host.random(len)
    }
}
