//! The trait that a recipient checker implements: asked for each address while the client still waits at RCPT.
//!
//! A crate may hold a [`RecipientChecker`] beside its [`Processor`](crate::Processor), or alone; one type may be both.

use serde::de::DeserializeOwned;

use crate::context::{Backend, Host};
use crate::kv::Kv;
use crate::processor::read_config;
use crate::types::{Level, Refusal};

/// Decides on one address at RCPT time. One value serves one address.
pub trait RecipientChecker: Sized + 'static {
    /// The stage's config, as in [`Processor::Config`](crate::Processor::Config).
    type Config: DeserializeOwned;

    /// Checks and takes the config. Pure and the same for every address: the host may keep the outcome.
    ///
    /// # Errors
    /// What is wrong with the config, for the person who wrote it.
    fn configure(config: Self::Config) -> Result<Self, String>;

    /// Whether mail for `address` is taken. The context's recipients are those taken before it.
    ///
    /// # Errors
    /// A refusal is the answer to this RCPT only; the client may go on with others.
    fn check(&mut self, address: &str, cx: &mut RecipientContext<'_>) -> Result<(), Refusal>;
}

/// Configures a checker from JSON text, as the host does. `{}` and the empty text stand for the default.
///
/// # Errors
/// Text that is not this checker's config, with line and column, or what [`RecipientChecker::configure`] objects to.
pub fn configure<R: RecipientChecker>(json: &str) -> Result<R, String> {
    R::configure(read_config(json)?)
}

/// The host, while a checker is asked. There is no message yet: nothing to write to and no envelope to edit.
pub struct RecipientContext<'a> {
    host: &'a mut Backend,
}

impl<'a> RecipientContext<'a> {
    pub(crate) fn new(host: &'a mut Backend) -> Self {
        Self { host }
    }

    /// The id that the message will have.
    pub fn id(&self) -> String {
        self.host.id()
    }

    /// The reverse-path. `None` is the null reverse-path.
    pub fn sender(&self) -> Option<String> {
        self.host.sender()
    }

    /// The forward-paths taken so far.
    pub fn recipients(&self) -> Vec<String> {
        self.host.recipients()
    }

    /// What is known of the client: `smtp.helo`, `client.ip`, `tls.version`, `tls.sni`, `auth.user`, `size.declared`.
    pub fn fact(&self, name: &str) -> Option<String> {
        self.host.fact(name)
    }

    /// One log record, of at most 1 KiB.
    pub fn log(&mut self, level: Level, text: &str) {
        self.host.log(level, text);
    }

    /// Adds to a counter of this stage, exported as a metric; at most 16 names of at most 32 bytes.
    pub fn count(&mut self, name: &str, delta: u64) {
        self.host.count(name, delta);
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

/// Makes a [`RecipientChecker`] what this crate exports as a component: `gatepost_sdk::export_recipients!(MyChecker);`, once
/// in a crate, beside [`export!`](crate::export) or alone.
///
/// Does nothing but on wasm targets.
#[macro_export]
macro_rules! export_recipients {
    ($checker:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code)]
        const _: () = {
            use $crate::bindings::mail_processor::gatepost::processor::types as wit_types;
            use $crate::bindings::recipient_checker::exports::gatepost::processor::recipients as wit;

            ::std::thread_local! {
                static INSTANCE: $crate::guest::Slot<$checker> = const { $crate::guest::Slot::new() };
            }

            struct Exports;

            impl wit::Guest for Exports {
                fn configure(config: ::std::string::String) -> Result<(), ::std::string::String> {
                    INSTANCE.with(|instance| instance.configure_checker(&config))
                }
                fn check(address: ::std::string::String) -> Result<(), wit_types::Refusal> {
                    INSTANCE.with(|instance| instance.check(&address))
                }
            }

            $crate::bindings::recipient_checker::__export_recipient_checker!(
                Exports with_types_in $crate::bindings::recipient_checker
            );
        };
    };
}
