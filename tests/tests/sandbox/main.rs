//! Sandboxed stages at library level: what a guest can do, and what it cannot.
//!
//! | file | what it holds to |
//! | --- | --- |
//! | `flow` | native and sandboxed stages behave alike |
//! | `answers` | verdicts, refusals, failures, config |
//! | `imports` | envelope, facts, log, counts |
//! | `capabilities` | what needs a grant: envelope edits, clock, random, key-value space |
//! | `limits` | output, memory, CPU: each limit, at it and one past it |
//! | `budgets` | the other limits likewise: tables, stack, host calls, handles, log, facts, kv; and the figures of each |
//! | `policy` | `on_failure` |
//! | `wasi` | the stub: a world that stands still and has nothing in it |
//! | `isolation` | nothing carries over from one message to the next |

mod answers;
mod budgets;
mod capabilities;
mod flow;
mod imports;
mod isolation;
mod limits;
mod policy;
mod wasi;

/// A message in three pieces, for stages that take anything: three writes.
const PIECES: [&[u8]; 3] = [b"From: a@b\r\n", b"\r\n", b"body\r\n"];
/// The same, whole.
const MESSAGE: &str = "From: a@b\r\n\r\nbody\r\n";
