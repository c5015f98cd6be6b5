//! Where a relay goes: `host:port`, as the settings name it.
//!
//! ```text
//! "192.0.2.1:25", "[2001:db8::1]:25", "mx.example:25"   ->   a literal, a literal, a name
//! ```
//!
//! Knows nothing of what a name resolves to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Longest name of a host, in bytes (RFC 1035 §2.3.4).
const NAME_MAX: usize = 253;

/// One place to relay to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// An address that the settings name themselves.
    Literal(SocketAddr),
    /// A name, in lower case, and a port.
    Name(String, u16),
}

impl Target {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("\"{}\" {why}", text.escape_debug()));
        let target = match text.parse::<SocketAddr>() {
            Ok(address) => Self::Literal(address),
            Err(_) => {
                let Some((name, port)) = text.rsplit_once(':') else {
                    return wrong("has no port: write `host:port`, for example \"mx.example:25\"");
                };
                let Ok(port) = port.parse() else { return wrong("has no port from 1 to 65535") };
                if name.parse::<IpAddr>().is_ok() {
                    return wrong("is an IPv6 address without its brackets");
                }
                let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
                if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(is_plain) {
                    return wrong("is neither `IP:PORT` nor `NAME:PORT`");
                }
                Self::Name(name.trim_end_matches('.').to_ascii_lowercase(), port)
            }
        };
        if target.port() == 0 { wrong("has the port 0") } else { Ok(target) }
    }

    /// The port.
    pub(super) fn port(&self) -> u16 {
        match self {
            Self::Literal(address) => address.port(),
            Self::Name(_, port) => *port,
        }
    }

    /// What its certificate is to be for.
    pub(super) fn host(&self) -> String {
        match self {
            Self::Literal(address) => address.ip().to_string(),
            Self::Name(name, _) => name.clone(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_target() {
        for (text, shown) in [
            ("192.0.2.1:25", "192.0.2.1:25"),
            ("[2001:db8::1]:2525", "[2001:db8::1]:2525"),
            ("MX.Example.:25", "mx.example:25"),
            ("localhost:65535", "localhost:65535"),
        ] {
            assert_eq!(Target::parse(text).map(|target| target.to_string()), Ok(shown.to_owned()));
        }
        for bad in [
            "",
            "mx.example",
            "mx.example:",
            "mx.example:0",
            "mx.example:65536",
            ":25",
            "a b:25",
            "2001:db8::1:25",
            "x/y:25",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
        assert!(Target::parse(&format!("{}:25", "a".repeat(NAME_MAX))).is_ok());
        assert!(Target::parse(&format!("{}:25", "a".repeat(NAME_MAX + 1))).is_err());
    }
}
