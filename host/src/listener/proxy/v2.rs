//! Version 2: binary (section 2.2).
//!
//! ```text
//! 12 bytes MARK | version, command | family, transport | length, 2 bytes | addresses, ports | TLVs
//! ```
//!
//! The length counts what comes after it. TLVs are skipped: they say nothing that a mail host needs.

use std::net::{IpAddr, SocketAddr};

use super::{Header, HeaderError};

/// What the header begins with: nothing that a client of any other protocol says.
pub(super) const MARK: &[u8] = b"\r\n\r\n\x00\r\nQUIT\n";

/// Longest header in bytes, with its TLVs: addresses are at most 216, and a certificate of the client's, which some proxies hand
/// on, about two thousand.
pub const BINARY_MAX: usize = 4096;

/// Bytes up to the addresses.
const FIXED: usize = 16;

/// Reads the header that `bytes`, which agree with [`MARK`] as far as they go, begin with.
pub(super) fn read(bytes: &[u8]) -> Result<Header, HeaderError> {
    // Told as soon as it can be seen: nobody waits for the rest of what is wrong.
    let Some(&command) = bytes.get(12) else { return Ok(Header::Partial) };
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ if command >> 4 != 2 => return Err(HeaderError::Malformed("its version is not 2")),
        _ => return Err(HeaderError::Malformed("its command is not LOCAL or PROXY")),
    };
    let Some(&family) = bytes.get(13) else { return Ok(Header::Partial) };
    let needed = match family {
        0x00 => 0,
        0x11 => 12,
        0x21 => 36,
        // A client of the proxy's own machine.
        0x31 => 216,
        // Of a connection of its own a proxy may say anything.
        _ if is_local => 0,
        _ => return Err(HeaderError::Malformed("its family or transport is not that of a connection")),
    };
    let Some(&[high, low]) = bytes.get(14..FIXED) else { return Ok(Header::Partial) };
    let rest = usize::from(u16::from_be_bytes([high, low]));
    let length = FIXED + rest;
    if length > BINARY_MAX {
        return Err(HeaderError::Long(length));
    }
    if rest < needed && !is_local {
        return Err(HeaderError::Malformed("it is too short for its addresses"));
    }
    let Some(addresses) = bytes.get(FIXED..length) else { return Ok(Header::Partial) };
    Ok(Header::Whole { length, client: client(family, addresses).filter(|_| !is_local) })
}

/// The client's address, which comes before the proxy's, and its port, which stands behind both.
fn client(family: u8, addresses: &[u8]) -> Option<SocketAddr> {
    let (ip, port): (IpAddr, _) = match family {
        0x11 => (addresses.first_chunk::<4>().copied()?.into(), addresses.get(8..10)?),
        0x21 => (addresses.first_chunk::<16>().copied()?.into(), addresses.get(32..34)?),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes(port.try_into().ok()?)))
}
