//! Where this server itself listens, so that nothing which it sends comes back to it.
//!
//! ```text
//! set([0.0.0.0:25])   is_ours(127.0.0.1:25)  ->  true     is_ours(192.0.2.1:25)  ->  false
//! ```
//!
//! Filled by whoever binds, read by whoever connects. Knows nothing of names: a peer is an address that was connected to.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

/// The addresses that this server is bound to, ports that were 0 filled in. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct OwnAddresses(Arc<RwLock<Vec<SocketAddr>>>);

impl OwnAddresses {
    /// Replaces all of them. Sockets that are being closed may be left out once nobody is accepted there any more.
    pub fn set(&self, addresses: Vec<SocketAddr>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    /// Whether a connection to `peer` that comes from `local` would come to us. A wildcard stands for every address of this
    /// machine: loopback, and an address that is both ends of the connection.
    pub fn is_ours(&self, peer: SocketAddr, local: IpAddr) -> bool {
        let ip = peer.ip().to_canonical();
        let is_local = ip.is_loopback() || ip.is_unspecified() || ip == local.to_canonical();
        let own = self.0.read().unwrap_or_else(PoisonError::into_inner);
        own.iter().any(|own| {
            let bound = own.ip().to_canonical();
            own.port() == peer.port() && (bound == ip || (is_local && bound.is_unspecified()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_cover_this_machine_and_no_other() {
        let own = OwnAddresses::default();
        let is_ours = |peer: &str, local: &str| own.is_ours(peer.parse().unwrap(), local.parse().unwrap());
        assert!(!is_ours("127.0.0.1:25", "127.0.0.1"));
        own.set(vec!["0.0.0.0:25".parse().unwrap(), "192.0.2.7:26".parse().unwrap()]);
        for (peer, local, expect) in [
            ("127.0.0.1:25", "127.0.0.1", true),
            ("127.9.9.9:25", "127.0.0.1", true),
            ("[::1]:25", "::1", true),
            ("[::ffff:127.0.0.1]:25", "::ffff:127.0.0.1", true),
            ("0.0.0.0:25", "127.0.0.1", true),
            ("192.0.2.7:25", "192.0.2.7", true),
            ("[::ffff:192.0.2.7]:25", "192.0.2.7", true),
            ("192.0.2.8:25", "192.0.2.7", false),
            ("127.0.0.1:26", "127.0.0.1", false),
            ("192.0.2.7:26", "192.0.2.9", true),
        ] {
            assert_eq!(is_ours(peer, local), expect, "{peer} from {local}");
        }
        own.set(Vec::new());
        assert!(!is_ours("127.0.0.1:25", "127.0.0.1"));
    }
}
