//! The wire protocol, sans-io: bytes and values in, values and bytes out. No socket, no clock, no disk, never async.
//!
//! In reading order:
//!
//! ```text
//! framing    bytes     -> command lines, message content     LineDecoder, DotDecoder
//! reply      Reply     -> bytes                              why no text can forge a second reply
//! ```
//!
//! The connection owns the socket and the deadlines: it feeds bytes in and sends replies.

pub mod framing;
pub mod reply;

pub use framing::{DotDecoder, LineDecoder, LineProgress, Progress};
pub use reply::Reply;
