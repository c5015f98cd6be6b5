//! Sockets to listen at: those that the service manager keeps, else our own.
//!
//! ```text
//! open(0.0.0.0:25)   inherited -> a clone of it    else -> bind, listen
//! ```
//!
//! An inherited socket is never closed: a reload may give it up and take it again, and between two processes the kernel keeps
//! clients waiting in it (systemd.socket(5)).

use std::io;
use std::net::{SocketAddr, TcpListener as Inherited};

use tokio::net::{TcpListener, TcpSocket};

/// Connections that the kernel takes before we do; past it clients try again by themselves. As tokio's own.
const BACKLOG: u32 = 1024;

/// Where sockets come from.
pub(super) struct Sockets(Vec<(SocketAddr, Inherited)>);

impl Sockets {
    /// With those that were handed over.
    ///
    /// # Errors
    /// One has no address.
    pub(super) fn new(inherited: Vec<Inherited>) -> io::Result<Self> {
        let with_address = |socket: Inherited| Ok((socket.local_addr()?, socket));
        inherited.into_iter().map(with_address).collect::<io::Result<_>>().map(Self)
    }

    /// A socket that listens at `address`. Port 0 is any free one, never an inherited one.
    ///
    /// # Errors
    /// The address is taken, none of ours, or not allowed.
    pub(super) fn open(&self, address: SocketAddr) -> io::Result<TcpListener> {
        match self.0.iter().find(|(inherited, _)| *inherited == address) {
            Some((_, inherited)) => {
                let socket = inherited.try_clone()?;
                socket.set_nonblocking(true)?;
                TcpListener::from_std(socket)
            }
            None => {
                let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
                // A restart does not wait for the last connections' TIME-WAIT.
                socket.set_reuseaddr(true)?;
                socket.bind(address)?;
                socket.listen(BACKLOG)
            }
        }
    }

    /// Inherited addresses of which `is_named` does not hold: clients there wait in vain.
    pub(super) fn unnamed(&self, is_named: impl Fn(SocketAddr) -> bool) -> Vec<SocketAddr> {
        self.0.iter().map(|(address, _)| *address).filter(|address| !is_named(*address)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: an inherited socket survives whoever used it, and what the kernel took meanwhile is served.
    #[tokio::test]
    async fn an_inherited_socket_is_taken_again_and_again() {
        let kept = Inherited::bind("127.0.0.1:0").unwrap();
        let address = kept.local_addr().unwrap();
        let sockets = Sockets::new(vec![kept]).unwrap();
        for _ in 0..3 {
            let waiting = tokio::net::TcpStream::connect(address).await.unwrap();
            let socket = sockets.open(address).unwrap();
            assert_eq!(socket.accept().await.unwrap().1, waiting.local_addr().unwrap());
        }
        assert_eq!(sockets.unnamed(|_| false), [address]);
        assert!(sockets.unnamed(|named| named == address).is_empty());
        let other = sockets.open("127.0.0.1:0".parse().unwrap()).unwrap().local_addr().unwrap();
        assert_ne!(other, address);
    }

    #[tokio::test]
    async fn a_taken_port_is_told() {
        let sockets = Sockets::new(Vec::new()).unwrap();
        let first = sockets.open("127.0.0.1:0".parse().unwrap()).unwrap();
        let second = sockets.open(first.local_addr().unwrap());
        assert_eq!(second.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
