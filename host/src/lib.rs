//! Gatepost: a mail host whose filters are WebAssembly components.
//!
//! ```text
//! listener    a seat, a socket
//!  connection   bytes --LineDecoder--> Session (pure) --> Action
//!    | Action::Receive
//!    v
//!  transaction  pins one generation of the catalog; runs the tenant's chain
//!    content --DotDecoder--> stage > stage > ... > sinks
//!    end     --> stages close head to tail --> Verdict
//!    Accept  --> all sinks prepare --> all commit --> Reply
//! ```
//!
//! Modules in reading order; each may use those above it only.
//!
//! As a library: [`Server::builder`] takes a [`config::Config`], your own stages and sinks, and starts a server.
// One file has some: `ARCHITECTURE.md`, "Unsafe code".
#![deny(unsafe_code)]

pub mod telemetry;

pub mod mail;
pub mod rate;
pub mod smtp;

pub mod chain;
pub mod gate;
pub mod kv;
pub mod sink;
pub mod watched;

pub mod native;
#[cfg(feature = "toolchain")]
pub mod toolchain;
#[cfg(feature = "wasm")]
pub mod wasm;

pub mod catalog;
pub mod config;
pub mod tenant;

pub mod transaction;
pub mod users;

pub mod connection;

pub mod admin;
pub mod cli;
pub mod listener;
pub mod tls;

pub mod server;
mod token;

pub use server::Server;
