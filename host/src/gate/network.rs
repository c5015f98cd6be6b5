//! Whose an address is, as far as addresses tell.
//!
//! ```text
//! client_of   192.0.2.7 -> 192.0.2.7    2001:db8::1:2:3:4 -> 2001:db8::
//! network_of  192.0.2.7 -> 192.0.2.0    2001:db8::1:2:3:4 -> 2001:db8::
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One client: an address of IPv4, also where it is written as IPv6 (RFC 4291 §2.5.5.2), or a /64 of IPv6, which is the least that
/// anybody is given (RFC 6177).
pub fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// One network: a /24 of IPv4, which is the least that is routed, or a /64 of IPv6.
pub fn network_of(address: IpAddr) -> IpAddr {
    match client_of(address) {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & !0xff).into(),
        v6 @ IpAddr::V6(_) => v6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_cut_to_whose_it_is() {
        for (address, client, network) in [
            ("192.0.2.7", "192.0.2.7", "192.0.2.0"),
            ("255.255.255.255", "255.255.255.255", "255.255.255.0"),
            ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:db8:1:2::"),
            ("::1", "::", "::"),
        ] {
            let read = |text: &str| text.parse::<IpAddr>().unwrap();
            let address = read(address);
            assert_eq!((client_of(address), network_of(address)), (read(client), read(network)), "{address}");
        }
    }
}
