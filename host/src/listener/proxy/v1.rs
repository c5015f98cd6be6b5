//! Version 1: a line of text (section 2.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Header, HeaderError};

/// What the line begins with.
pub(super) const MARK: &[u8] = b"PROXY ";

/// Longest line in bytes, CRLF included.
pub const LINE_MAX: usize = 107;

/// Reads the line that `bytes`, which agree with [`MARK`] as far as they go, begin with.
pub(super) fn read(bytes: &[u8]) -> Result<Header, HeaderError> {
    let start = &bytes[..bytes.len().min(LINE_MAX)];
    let Some(end) = start.iter().position(|&byte| byte == b'\n') else {
        return if start.len() < LINE_MAX { Ok(Header::Partial) } else { Err(HeaderError::Line) };
    };
    let line =
        start[..end].strip_suffix(b"\r").ok_or(HeaderError::Malformed("its line ends without a CR"))?;
    let text = line.get(MARK.len()..).and_then(|text| std::str::from_utf8(text).ok());
    let text = text.ok_or(HeaderError::Malformed("its line is not text"))?;
    let client = if text == "UNKNOWN" || text.starts_with("UNKNOWN ") { None } else { Some(client(text)?) };
    Ok(Header::Whole { length: end + 1, client })
}

/// `TCP4 CLIENT PROXY CLIENT-PORT PROXY-PORT`, with one space between two.
fn client(text: &str) -> Result<SocketAddr, HeaderError> {
    let words: Vec<&str> = text.split(' ').collect();
    let &[family, from, to, from_port, to_port] = words.as_slice() else {
        return Err(HeaderError::Malformed("its line has not its six words"));
    };
    let address = |text: &str| match family {
        "TCP4" => Ok(text.parse::<Ipv4Addr>().ok().map(IpAddr::from)),
        "TCP6" => Ok(text.parse::<Ipv6Addr>().ok().map(IpAddr::from)),
        _ => Err(HeaderError::Malformed("its protocol is not TCP4, TCP6 or UNKNOWN")),
    };
    match (address(from)?, address(to)?, port(from_port), port(to_port)) {
        (Some(client), Some(_), Some(port), Some(_)) => Ok(SocketAddr::new(client, port)),
        (None, ..) | (_, None, ..) => Err(HeaderError::Malformed("an address is none of its protocol")),
        _ => Err(HeaderError::Malformed("a port is none")),
    }
}

/// Digits without zeros before them.
fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}
