//! Networks of clients: /24 and /64, in which a farm of senders takes turns, and lists of those that need not wait.

use std::net::IpAddr;

/// The network that an address is known by: /24 of IPv4, /64 of IPv6. What is no address stands for itself.
pub fn of(ip: &str) -> String {
    match ip.parse().map(|ip: IpAddr| ip.to_canonical()) {
        Ok(IpAddr::V4(ip)) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}")
        }
        Ok(IpAddr::V6(ip)) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
        Err(_) => ip.to_owned(),
    }
}

/// A network such as `192.0.2.0/24`, `2001:db8::/32`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    bits: u128,
    /// Leading bits that count, of 128.
    prefix: u32,
}

impl Network {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let wrong = || format!("{text:?} is no network such as \"192.0.2.0/24\"");
        let ip: IpAddr = address.parse().map_err(|_| wrong())?;
        let width = if ip.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse::<u32>().ok().filter(|len| *len <= width).ok_or_else(wrong)?,
            None => width,
        };
        let network = Self { bits: bits(ip), prefix: prefix + 128 - width };
        if network.bits & !network.mask() != 0 {
            return Err(format!("{text:?} has bits set beyond its prefix"));
        }
        Ok(network)
    }

    /// Whether the address is in it.
    pub fn contains(&self, ip: IpAddr) -> bool {
        bits(ip.to_canonical()) & self.mask() == self.bits
    }

    fn mask(&self) -> u128 {
        u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0)
    }
}

/// IPv4 as the IPv6 that stands for it, so that there is one kind of network.
fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_known_by_their_network() {
        assert_eq!(of("192.0.2.77"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.77"), of("192.0.3.77"));
        assert_eq!(of("::ffff:192.0.2.77"), of("192.0.2.1"));
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
    }

    #[test]
    fn networks_contain_what_they_say() {
        let contains =
            |network: &str, ip: &str| Network::parse(network).unwrap().contains(ip.parse().unwrap());
        assert!(contains("192.0.2.0/24", "192.0.2.255") && !contains("192.0.2.0/24", "192.0.3.0"));
        assert!(contains("192.0.2.1", "192.0.2.1") && !contains("192.0.2.1", "192.0.2.2"));
        assert!(contains("0.0.0.0/0", "203.0.113.9") && !contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1") && !contains("2001:db8::/32", "2001:db9::"));
        assert!(contains("192.0.2.0/24", "::ffff:192.0.2.9"));
        assert!(contains("::/0", "2001:db8::1"));
    }

    #[test]
    fn misfits_are_told() {
        for text in ["", "a", "192.0.2.0/33", "::/129", "192.0.2.0/", "192.0.2.0/-1", "192.0.2/24"] {
            assert!(Network::parse(text).unwrap_err().contains("is no network"), "{text}");
        }
        assert!(Network::parse("192.0.2.1/24").unwrap_err().contains("beyond its prefix"));
    }
}
