//! The wire protocol, sans-io: bytes and values in, values and bytes out. No socket, no clock, no disk, never async.
//!
//! In reading order:
//!
//! ```text
//! framing    bytes     -> command lines, message content     LineDecoder, DotDecoder
//! chunk      bytes     -> message content in chunks          ChunkDecoder
//! address    "<a@b>"   -> Mailbox                            paths, source routes
//! command    line      -> Command                            syntax, its limits and its errors
//! parameters                                               of MAIL and RCPT; xtext, in which their values stand
//! xclient    "ADDR=..." -> Claims                             what a proxy says of its client
//! session    Command   -> Action                             order of commands, what is remembered between them
//! action     Action                                         what the connection is to do next
//! replies                                                    what the client is told, all texts in one place
//! reply      Reply     -> bytes                              why no text can forge a second reply
//! sasl       line      -> Step                               who a client is: AUTH's exchanges
//! ```
//!
//! The connection owns the socket and the deadlines: it feeds bytes in, does what an [`Action`] says and sends replies.

pub mod action;
pub mod address;
pub mod chunk;
pub mod command;
pub mod framing;
pub mod parameters;
pub mod protocol;
mod replies;
pub mod reply;
pub mod sasl;
pub mod session;
pub mod xclient;
pub mod xtext;

pub use action::{Action, Chunk, Incoming};
pub use chunk::ChunkDecoder;
pub use command::Command;
pub use framing::{DotDecoder, LineDecoder, LineProgress, Progress};
pub use parameters::{Body, Offered};
pub use protocol::{Protocol, Speaks};
pub use reply::Reply;
pub use session::{Session, SessionConfig};
