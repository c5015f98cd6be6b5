//! Bindings to the worlds of `wit/processor.wit`, generated and committed: a guest then builds without the generator.
//!
//! One file a world. `tests/bindings.rs` compares them with what the generator makes, and writes them with
//! `GATEPOST_BLESS=1`. A capability gets a file of its own behind its feature: its world's metadata is merged with that of
//! the others when the component is made.

#[allow(missing_docs, unsafe_code, unreachable_pub, rust_2018_idioms, clippy::all, clippy::pedantic, reason = "generated")]
#[rustfmt::skip]
pub mod mail_processor;
