//! The wire protocol, sans-io: bytes and values in, values and bytes out. No socket, no clock, no disk, never async.

pub mod reply;

pub use reply::Reply;
