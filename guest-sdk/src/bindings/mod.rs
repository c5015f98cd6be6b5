//! Bindings to the worlds of `wit/processor.wit`, generated and committed: a guest then builds without the generator.
//!
//! One file a world. `tests/bindings.rs` compares them with what the generator makes, and writes them with
//! `GATEPOST_BLESS=1`. The metadata of all worlds is merged when the component is made, and what no code calls falls away.

#[allow(missing_docs, unsafe_code, unreachable_pub, rust_2018_idioms, clippy::all, clippy::pedantic, reason = "generated")]
#[rustfmt::skip]
pub mod capabilities;

#[allow(missing_docs, unsafe_code, unreachable_pub, rust_2018_idioms, clippy::all, clippy::pedantic, reason = "generated")]
#[rustfmt::skip]
pub mod mail_processor;

#[allow(missing_docs, unsafe_code, unreachable_pub, rust_2018_idioms, clippy::all, clippy::pedantic, reason = "generated")]
#[rustfmt::skip]
pub mod recipient_checker;
