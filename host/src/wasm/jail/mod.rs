//! The jail: a child process that compiles one component and ends.
//!
//! ```text
//! parent: admitted bytes --stdin--> child: limits on itself, then validate and compile --stdout--> compiled code | a text
//! ```
//!
//! Compiling is outside of what wasmtime promises to survive, so a component that is made to be compiled for ever, or to
//! make the compiler crash, does so in a process that has nothing: no descriptor but its pipes, no environment, no key, and
//! limits on CPU time, memory and time. `places` bounds how many there are at once; `protocol` is what goes through the
//! pipes; `verdict` reads from the child's end what became of it. Knows nothing of caches or tenants' limits.

pub mod child;
mod parent;
mod places;
mod protocol;
mod verdict;

pub(super) use parent::{Report, compile};
pub(super) use places::Places;

/// The verb of the binary that is the jail, before the seconds of CPU time and the bytes of memory. Not for people.
pub const VERB: &str = "compile-in-jail";
