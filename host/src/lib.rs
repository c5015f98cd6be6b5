//! Gatepost: a mail host whose filters are WebAssembly components.
#![forbid(unsafe_code)]

pub mod chain;
pub mod config;
pub mod mail;
pub mod sink;
pub mod smtp;
pub mod telemetry;
#[cfg(feature = "toolchain")]
pub mod toolchain;
