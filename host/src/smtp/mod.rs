//! The wire protocol, sans-io: bytes and values in, values and bytes out. No socket, no clock, no disk, never async.
//!
//! In reading order:
//!
//! ```text
//! framing    bytes     -> command lines, message content     LineDecoder, DotDecoder
//! address    "<a@b>"   -> Mailbox                            paths, source routes
//! command    line      -> Command                            syntax, its limits and its errors
//! reply      Reply     -> bytes                              why no text can forge a second reply
//! ```
//!
//! The connection owns the socket and the deadlines: it feeds bytes in and sends replies.

pub mod address;
pub mod command;
pub mod framing;
pub mod reply;

pub use command::{Body, Command};
pub use framing::{DotDecoder, LineDecoder, LineProgress, Progress};
pub use reply::Reply;
