//! Write mail processors for Gatepost.
//!
//! ```
//! use gatepost_sdk::{Content, Context, Description, Flow, Processor, Refusal};
//!
//! /// Counts what passes.
//! struct Count {
//!     bytes: u64,
//! }
//!
//! impl Processor for Count {
//!     type Config = ();
//!
//!     fn describe() -> Description {
//!         Description::new("count", "1.0.0", "counts bytes").takes(Content::Any).gives(Content::Any)
//!     }
//!
//!     fn configure((): ()) -> Result<Self, String> {
//!         Ok(Self { bytes: 0 })
//!     }
//!
//!     fn write(&mut self, chunk: &[u8], cx: &mut Context<'_>) -> Result<Flow, Refusal> {
//!         self.bytes += chunk.len() as u64;
//!         cx.count("bytes", chunk.len() as u64);
//!         Ok(Flow::Pass)
//!     }
//! }
//!
//! gatepost_sdk::export!(Count);
//!
//! let outcome = gatepost_sdk::testing::Check::<Count>::new().run(b"Subject: x\r\n\r\nbody\r\n");
//! assert_eq!(outcome.output, b"Subject: x\r\n\r\nbody\r\n");
//! ```
//!
//! The same code runs in the sandbox (`wasm32-unknown-unknown`, made a component by `gatepost processor build`) and natively
//! in tests, where [`testing`] drives it over every way of cutting a message. The order of calls and what each answer
//! means: `wit/processor.wit`.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`processor`](mod@processor) | the trait to implement |
//! | [`context`] | what a processor may ask of the host |
//! | [`kv`] | what it may remember from message to message |
//! | [`recipients`] | the trait of what is asked at RCPT time |
//! | [`types`] | descriptions, flows, verdicts, refusals |
//! | [`header`] | editing of header sections |
//! | [`mime`] | where parts begin and end, and what they are |
//! | [`text`] | rewriting the text parts of a message, decoded and encoded again where it changed |
//! | [`replace`] | search and replace of patterns in a stream |
//! | `testing` | the native driver, not there in the sandbox |
//!
//! A component imports only those interfaces whose functions it calls.

pub mod context;
pub mod header;
pub mod kv;
pub mod processor;
pub mod recipients;
pub mod replace;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod text;
pub mod types;

#[cfg(all(target_family = "wasm", feature = "allocator"))]
mod allocator;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod bindings;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod guest;

pub use context::Context;
#[doc(inline)]
pub use gatepost_mime as mime;
pub use kv::KvError;
pub use processor::Processor;
pub use recipients::{RecipientChecker, RecipientContext};
pub use types::{Content, Description, Flow, Level, Refusal, Reply, Verdict};

/// Makes a [`Processor`] what this crate exports as a component: `gatepost_sdk::export!(MyProcessor);`, once in a crate.
///
/// Does nothing but on wasm targets.
#[macro_export]
macro_rules! export {
    ($processor:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code)]
        const _: () = {
            use $crate::bindings::mail_processor::exports::gatepost::processor::processor as wit;

            ::std::thread_local! {
                static INSTANCE: $crate::guest::Slot<$processor> = const { $crate::guest::Slot::new() };
            }

            struct Exports;

            impl wit::Guest for Exports {
                fn describe() -> wit::Description {
                    $crate::guest::describe::<$processor>()
                }
                fn configure(config: ::std::string::String) -> Result<(), ::std::string::String> {
                    INSTANCE.with(|instance| instance.configure(&config))
                }
                fn open() -> Result<(), wit::Refusal> {
                    INSTANCE.with(|instance| instance.open())
                }
                fn write(chunk: ::std::vec::Vec<u8>) -> Result<wit::Flow, wit::Refusal> {
                    INSTANCE.with(|instance| instance.write(&chunk))
                }
                fn close() -> Result<wit::Verdict, wit::Refusal> {
                    INSTANCE.with(|instance| instance.close())
                }
            }

            $crate::bindings::mail_processor::__export_mail_processor!(
                Exports with_types_in $crate::bindings::mail_processor
            );
        };
    };
}
