//! A chain at work without a server: what `gatepost run` and `gatepost processor test` share.
//!
//! `workshop` makes a catalog to resolve a chain in; `transaction::trial` runs one message through it. The same resolver, stages and run as the server's; no wire rules, and sinks are left out.

mod workshop;

pub(super) use crate::transaction::trial::{Outcome, Sent, pieces_of, through};
pub(super) use workshop::{Component, Plan, Scratch, Setup, Workshop};
