//! The arguments of XCLIENT: what a proxy in front of us says of its client.
//!
//! ```text
//! "ADDR=192.0.2.1 NAME=mx.example"  ->  Claims { address: 192.0.2.1, name: mx.example }
//! ```
//!
//! Source: <https://www.postfix.org/XCLIENT_README.html>. Syntax only: whether it is believed is not known here.

use std::net::IpAddr;

use super::{command, xtext};
use crate::mail::domain;

/// What was said. `None`: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// `ADDR`.
    pub address: Option<IpAddr>,
    /// `PORT`; `Some(None)`: not known.
    pub port: Option<Option<u16>>,
    /// `NAME`, from the DNS; `Some(None)`: not known.
    pub name: Option<Option<String>>,
    /// `HELO`; `Some(None)`: not known.
    pub helo: Option<Option<String>>,
    /// `PROTO`: whether the client speaks ESMTP.
    pub extended: Option<bool>,
    /// `LOGIN`, who the client is; `Some(None)`: nobody.
    pub login: Option<Option<String>>,
}

/// Parses the attributes. What is wrong is fit for the client.
///
/// # Errors
/// An attribute that is unknown, malformed or given twice, or none at all.
pub fn parse(argument: &str) -> Result<Claims, &'static str> {
    let mut claims = Claims::default();
    let mut seen: Vec<String> = Vec::new();
    for word in argument.split(' ').filter(|word| !word.is_empty()) {
        let (key, value) = word.split_once('=').ok_or("Write: XCLIENT ADDR=192.0.2.1 HELO=host.name ...")?;
        let key = key.to_ascii_uppercase();
        let value = xtext::decode(value).ok_or("A value of XCLIENT is no xtext")?;
        let value = match value.to_ascii_uppercase().as_str() {
            "[UNAVAILABLE]" | "[TEMPUNAVAIL]" => None,
            _ => Some(value),
        };
        take(&mut claims, &key, value)?;
        if seen.contains(&key) {
            return Err("An attribute of XCLIENT is given twice");
        }
        seen.push(key);
    }
    if seen.is_empty() { Err("XCLIENT needs an attribute") } else { Ok(claims) }
}

fn take(claims: &mut Claims, key: &str, value: Option<String>) -> Result<(), &'static str> {
    match key {
        // An address that is not known leaves the one there was.
        "ADDR" => {
            claims.address = value.as_deref().map(address).transpose()?;
        }
        "PORT" => {
            let port = value.map(|port| port.parse().map_err(|_| "PORT of XCLIENT is no port"));
            claims.port = Some(port.transpose()?);
        }
        "NAME" => {
            let name =
                value.map(|name| domain::normalise(&name).map_err(|_| "NAME of XCLIENT is no host name"));
            claims.name = Some(name.transpose()?);
        }
        "HELO" => {
            if value.as_ref().is_some_and(|name| !command::is_client_name(name)) {
                return Err("HELO of XCLIENT is no name that HELO takes");
            }
            claims.helo = Some(value);
        }
        "PROTO" => {
            claims.extended = Some(match value.as_deref().map(str::to_ascii_uppercase).as_deref() {
                Some("ESMTP") => true,
                Some("SMTP") => false,
                _ => return Err("PROTO of XCLIENT is SMTP or ESMTP"),
            });
        }
        "LOGIN" => {
            let plain = |name: &String| {
                !name.is_empty() && name.len() <= LOGIN_MAX && name.chars().all(domain::is_visible)
            };
            if value.as_ref().is_some_and(|name| !plain(name)) {
                return Err("LOGIN of XCLIENT is no user's name");
            }
            claims.login = Some(value);
        }
        // Where the client thought it went; of no use here.
        "DESTADDR" | "DESTPORT" => {}
        _ => return Err("XCLIENT knows NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"),
    }
    Ok(())
}

/// Longest `LOGIN` in octets: the longest name of a user.
const LOGIN_MAX: usize = 255;

fn address(text: &str) -> Result<IpAddr, &'static str> {
    const WRONG: &str = "ADDR of XCLIENT is 192.0.2.1 or IPV6:2001:db8::1";
    let (tag, v6) = text.split_at_checked(5).unwrap_or_default();
    if tag.eq_ignore_ascii_case("IPV6:") {
        return v6.parse().map(|v6: std::net::Ipv6Addr| IpAddr::from(v6).to_canonical()).map_err(|_| WRONG);
    }
    text.parse().map(|v4: std::net::Ipv4Addr| v4.into()).map_err(|_| WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes() {
        let claims =
            parse("NAME=MX.Example addr=IPV6:2001:db8::1 PORT=25 PROTO=esmtp HELO=me LOGIN=jo+40x").unwrap();
        let expect = Claims {
            address: Some("2001:db8::1".parse().unwrap()),
            port: Some(Some(25)),
            name: Some(Some("mx.example".into())),
            helo: Some(Some("me".into())),
            extended: Some(true),
            login: Some(Some("jo@x".into())),
        };
        assert_eq!(claims, expect);
        let claims = parse("NAME=[UNAVAILABLE] ADDR=[TEMPUNAVAIL] LOGIN=[unavailable] DESTPORT=25").unwrap();
        assert_eq!(claims, Claims { name: Some(None), login: Some(None), ..Claims::default() });
        assert_eq!(parse("ADDR=IPV6:::ffff:192.0.2.1").unwrap().address, Some("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn what_is_refused() {
        for bad in [
            "",
            "  ",
            "ADDR",
            "ADDR=",
            "ADDR=1.2.3",
            "ADDR=2001:db8::1",
            "ADDR=IPV6:1.2.3.4",
            "ADDR=1.2.3.4 ADDR=1.2.3.5",
            "PORT=65536",
            "PORT=x",
            "NAME=a..b",
            "NAME=a+0Db",
            "HELO=a+20b",
            "HELO=a+0D+0Ab",
            "PROTO=LMTP",
            "PROTO=[UNAVAILABLE]",
            "LOGIN=",
            "LOGIN=a+0Ab",
            "COLOUR=red",
            "LOGIN=+FF",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&format!("LOGIN={}", "a".repeat(LOGIN_MAX))).is_ok());
        assert!(parse(&format!("LOGIN={}", "a".repeat(LOGIN_MAX + 1))).is_err());
    }
}
