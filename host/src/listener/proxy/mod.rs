//! The header in which a proxy says whose connection it hands on, before anything else: PROXY protocol, version 1 and 2.
//!
//! ```text
//! "PROXY TCP4 192.0.2.7 203.0.113.1 56324 25\r\nEHLO ..."  ->  Whole { length: 42, client: 192.0.2.7:56324 }
//! "PROXY UNKNOWN\r\n..."                                   ->  Whole { length: 15, client: none }
//! "PROXY TCP4 192.0"                                       ->  Partial
//! "EHLO ..."                                               ->  Err
//! ```
//!
//! Knows nothing of sockets, nor of who may be believed. Where the bytes are cut has no meaning: what is whole or wrong stays so
//! whatever comes after it. Specification: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>.

mod v1;
mod v2;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

pub use v1::LINE_MAX;
pub use v2::BINARY_MAX;

/// What bytes are so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// The beginning of a header; more must come.
    Partial,
    /// A whole header, and perhaps what comes after it.
    Whole {
        /// How many bytes it takes.
        length: usize,
        /// The client, as the proxy sees it; none: the connection is the proxy's own (`LOCAL`), or it does not know
        /// (`UNKNOWN`).
        client: Option<SocketAddr>,
    },
}

/// Why bytes are no header. For the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// They begin otherwise.
    #[error("no PROXY header: it begins otherwise")]
    Missing,
    /// A line of version 1 is longer than [`LINE_MAX`], its end included.
    #[error("a PROXY line of more than {LINE_MAX} bytes")]
    Line,
    /// A header of version 2 says that it is longer than [`BINARY_MAX`] in all.
    #[error("a PROXY header of {0} bytes; at most {BINARY_MAX} are read")]
    Long(usize),
    /// What stands there, does not fit.
    #[error("a malformed PROXY header: {0}")]
    Malformed(&'static str),
}

/// Reads the header that `bytes` begin with. Needs at most [`BINARY_MAX`] bytes to find its end.
///
/// # Errors
/// There is none.
pub fn read(bytes: &[u8]) -> Result<Header, HeaderError> {
    let begins = |mark: &[u8]| bytes.iter().zip(mark).all(|(a, b)| a == b);
    if begins(v1::MARK) {
        v1::read(bytes)
    } else if begins(v2::MARK) {
        v2::read(bytes)
    } else {
        Err(HeaderError::Missing)
    }
}
