//! Whom a relay may connect to. Asked with the address that is about to be connected to, after names were resolved: a name
//! that changes between a check and a connection changes nothing.
//!
//! ```text
//! ours                                        never
//! link-local, metadata, multicast, 0.0.0.0    only where `hosts_allowed` names it, not merely a network around it
//! written as an address in `address`          yes
//! `hosts_allowed` is given                    what it covers
//! else                                        addresses of the public Internet
//! ```
//!
//! Knows nothing of names and of connections.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::chain::OwnAddresses;

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
}

const fn v6(a: u16, b: u16, c: u16, h: u16, prefix: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, h), prefix))
}

/// Where no mail server is: this network, link-local with the clouds' metadata services, multicast, reserved.
const SPECIAL: [IpNet; 10] = [
    v4(0, 0, 0, 0, 8),
    v4(100, 100, 100, 200, 32),
    v4(168, 63, 129, 16, 32),
    v4(169, 254, 0, 0, 16),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
    v6(0, 0, 0, 0, 128),
    v6(0xfe80, 0, 0, 0, 10),
    v6(0xff00, 0, 0, 0, 8),
    v6(0xfd00, 0xec2, 0, 0x254, 128),
];

/// Networks that are not the public Internet (RFC 6890), or lead to IPv4 by a tunnel, beyond [`SPECIAL`].
const PRIVATE: [IpNet; 17] = [
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v6(0, 0, 0, 1, 128),
    v6(0x64, 0xff9b, 1, 0, 48),
    v6(0x2001, 0, 0, 0, 32),
    v6(0x2001, 0xdb8, 0, 0, 32),
    v6(0x2002, 0, 0, 0, 16),
    v6(0xfc00, 0, 0, 0, 7),
    v6(0xfec0, 0, 0, 0, 10),
];

/// Why an address is not connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Shut {
    /// We listen there ourselves.
    #[error("{0} is this server itself")]
    Ours(SocketAddr),
    /// In [`SPECIAL`].
    #[error(
        "{0} is link-local, a metadata service, multicast or reserved; `hosts_allowed` would have to name it"
    )]
    Special(IpAddr),
    /// Not covered.
    #[error("`hosts_allowed` does not cover {0}")]
    NotCovered(IpAddr),
    /// Not public, and nothing covers it.
    #[error("{0} is no public address; name it in `hosts_allowed`, or as an address in `address`")]
    Private(IpAddr),
}

/// The rule of one relay.
#[derive(Debug, Clone)]
pub(super) struct Door {
    /// `hosts_allowed`.
    allowed: Option<Vec<IpNet>>,
    own: OwnAddresses,
}

impl Door {
    /// The rule for these networks; `None`: none are named.
    pub(super) fn new(allowed: Option<Vec<IpNet>>, own: OwnAddresses) -> Self {
        Self { allowed, own }
    }

    /// Whether `peer` may be connected to. `literal`: the settings have the address itself.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn admit(&self, peer: SocketAddr, literal: bool) -> Result<(), Shut> {
        // From where the connection goes out is not known yet; the broadcast address is nobody's.
        self.keep_out_ourselves(peer, IpAddr::V4(Ipv4Addr::BROADCAST))?;
        self.admit_network(peer.ip(), literal)
    }

    /// The same without a look at ourselves, for a check of settings before anything is bound.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn admit_network(&self, ip: IpAddr, literal: bool) -> Result<(), Shut> {
        let outer = ip;
        let named = |ip: IpAddr, around: Option<&IpNet>| {
            let nets = self.allowed.iter().flatten();
            nets.filter(|net| around.is_none_or(|around| around.contains(*net))).any(|net| net.contains(&ip))
        };
        let mut is_named = false;
        for ip in faces(outer) {
            if let Some(special) = SPECIAL.iter().find(|net| net.contains(&ip)) {
                if !named(ip, Some(special)) {
                    return Err(Shut::Special(ip));
                }
                is_named = true;
            }
        }
        if is_named {
            return Ok(());
        }
        let ip = inner(outer).unwrap_or(outer);
        match &self.allowed {
            _ if literal => Ok(()),
            Some(_) if named(ip, None) => Ok(()),
            Some(_) => Err(Shut::NotCovered(ip)),
            // Tunnels of old are closed whatever lies beyond them.
            None if PRIVATE.iter().any(|net| net.contains(&ip) || net.contains(&outer)) => {
                Err(Shut::Private(ip))
            }
            None => Ok(()),
        }
    }

    /// Asked again once it is known from where the connection goes out: an own address of this machine, with a listener on
    /// all of them, shows only then. Nothing has been sent yet.
    ///
    /// # Errors
    /// It is ours.
    pub(super) fn keep_out_ourselves(&self, peer: SocketAddr, local: IpAddr) -> Result<(), Shut> {
        let mut peers = faces(peer.ip()).map(|ip| SocketAddr::new(ip, peer.port()));
        peers.find(|peer| self.own.is_ours(*peer, local)).map_or(Ok(()), |peer| Err(Shut::Ours(peer)))
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible (RFC 4291 §2.5.5), translated (SIIT, RFC 2765 §2.1),
/// by NAT64 (RFC 6052) or by 6to4 (RFC 3056 §2).
fn inner(ip: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = ip else { return None };
    let segments = v6.segments();
    let (low, high) = (u128::from(v6), u128::from(v6) >> 80);
    match segments[..6] {
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => {
            Some(last_four(low))
        }
        [0, 0, 0, 0, 0, 0] if segments[6] != 0 => Some(last_four(low)),
        [0x2002, ..] => Some(last_four(high)),
        _ => None,
    }
}

/// All that an address may stand for: itself or what is in it, and for a NAT64 prefix of somebody's own (RFC 8215) both, as
/// nobody knows how long that prefix is (RFC 6052 §2.2).
fn faces(ip: IpAddr) -> impl Iterator<Item = IpAddr> {
    let mut within = [Some(inner(ip).unwrap_or(ip)), None, None, None, None];
    if let IpAddr::V6(v6) = ip
        && let [0x64, 0xff9b, 1, ..] = v6.segments()
    {
        // The ninth octet is left out (RFC 6052 §2.2).
        let all = u128::from(v6);
        let packed = ((all >> 64) << 56) | (all & ((1 << 56) - 1));
        let found =
            [last_four(packed >> 40), last_four(packed >> 32), last_four(packed >> 24), last_four(all)];
        // Where there is none it is most likely padding.
        for (slot, found) in within.iter_mut().skip(1).zip(found) {
            *slot = Some(found).filter(|found| !SPECIAL.iter().take(1).any(|net| net.contains(found)));
        }
    }
    within.into_iter().flatten()
}

/// The last 32 bits.
fn last_four(bits: u128) -> IpAddr {
    let [.., a, b, c, d] = bits.to_be_bytes();
    Ipv4Addr::new(a, b, c, d).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(allowed: Option<&[&str]>, peer: &str, literal: bool) -> Result<(), Shut> {
        let own = OwnAddresses::default();
        own.set(vec!["0.0.0.0:25".parse().unwrap(), "192.0.2.7:2525".parse().unwrap()]);
        let allowed = allowed.map(|nets| nets.iter().map(|net| net.parse().unwrap()).collect());
        Door::new(allowed, own).admit(peer.parse().unwrap(), literal)
    }

    fn is_open(allowed: Option<&[&str]>, peer: &str, literal: bool) -> bool {
        admit(allowed, peer, literal).is_ok()
    }

    #[test]
    fn ourselves_never() {
        for (allowed, literal) in [(None, true), (Some(&["0.0.0.0/0", "::/0", "127.0.0.1/32"][..]), true)] {
            for peer in [
                "127.0.0.1:25",
                "127.0.0.2:25",
                "[::1]:25",
                "[::ffff:127.0.0.1]:25",
                "[::ffff:0:127.0.0.1]:25",
                "[2002:7f00:1::1]:25",
                "[64:ff9b::192.0.2.7]:2525",
                "[64:ff9b:1::192.0.2.7]:2525",
                "192.0.2.7:2525",
            ] {
                assert!(matches!(admit(allowed, peer, literal), Err(Shut::Ours(_))), "{peer}");
            }
            assert!(is_open(allowed, "127.0.0.1:26", literal));
        }
    }

    #[test]
    fn own_addresses_show_once_the_connection_is_there() {
        let own = OwnAddresses::default();
        own.set(vec!["[::]:25".parse().unwrap()]);
        let door = Door::new(None, own);
        let (peer, there) = ("198.51.100.1:25".parse().unwrap(), "198.51.100.1".parse().unwrap());
        assert_eq!(door.admit(peer, true), Ok(()));
        assert_eq!(door.keep_out_ourselves(peer, there), Err(Shut::Ours(peer)));
        assert_eq!(door.keep_out_ourselves(peer, "198.51.100.2".parse().unwrap()), Ok(()));
    }

    #[test]
    fn special_addresses_have_to_be_named() {
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "2002:a9fe:a9fe::1",
            "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1:ffa9:fe:a9fe::",
            "64:ff9b:1:ffff:a9:fea9:fe00:0",
        ] {
            let peer = SocketAddr::new(ip.parse().unwrap(), 2600).to_string();
            for (allowed, literal) in
                [(None, true), (None, false), (Some(&["0.0.0.0/0", "::/0", "fc00::/7"][..]), true)]
            {
                assert!(matches!(admit(allowed, &peer, literal), Err(Shut::Special(_))), "{ip}");
            }
        }
        assert!(is_open(Some(&["169.254.0.0/16"]), "169.254.1.1:2600", false));
        assert!(is_open(Some(&["169.254.1.1/32"]), "169.254.1.1:2600", false));
        assert!(!is_open(Some(&["169.254.1.1/32"]), "169.254.1.2:2600", true));
    }

    #[test]
    fn names_lead_to_the_public_or_to_what_is_covered() {
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "100.64.0.1",
            "172.31.0.1",
            "192.168.1.1",
            "::1",
            "fc00::1",
            "fd12::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::10.0.0.1",
            "2001::1",
            "::ffff:10.0.0.1",
        ] {
            let peer = SocketAddr::new(ip.parse().unwrap(), 2600).to_string();
            assert!(matches!(admit(None, &peer, false), Err(Shut::Private(_))), "{ip}");
            assert!(is_open(None, &peer, true), "{ip}");
            assert!(matches!(admit(Some(&["192.0.2.0/24"]), &peer, false), Err(Shut::NotCovered(_))), "{ip}");
        }
        assert!(is_open(None, "8.8.8.8:25", false));
        assert!(is_open(None, "[64:ff9b::8.8.8.8]:25", false));
        assert!(is_open(Some(&["10.0.0.0/8"]), "[2002:a01:203::1]:25", false));
        assert!(!is_open(Some(&["2000::/3"]), "[2002:a01:203::1]:25", false));
        assert!(is_open(None, "[2606:4700::1]:25", false));
        assert!(!is_open(Some(&["10.0.0.0/8"]), "8.8.8.8:25", false));
        assert!(is_open(Some(&["10.0.0.0/8", "::1/128"]), "10.255.255.255:25", false));
        assert!(!is_open(Some(&["10.0.0.0/8"]), "11.0.0.0:25", false));
    }
}
