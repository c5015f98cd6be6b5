//! A chain at work without a server: what `gatepost run` and `gatepost processor test` share.
//!
//! `workshop` makes a catalog to resolve a chain in, `passage` runs one message through it, `outcome` says what came of it in
//! the words of `docs/semantics.md`. The same resolver, stages and run as the server's; no wire rules, and sinks are left out.

mod outcome;
mod passage;
mod workshop;

pub(super) use outcome::Outcome;
pub(super) use passage::{Sent, pieces_of, through};
pub(super) use workshop::{Component, Plan, Scratch, Setup, Workshop};
