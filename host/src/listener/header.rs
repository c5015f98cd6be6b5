//! Takes a proxy's header off a socket: its bytes and no more, so that whatever comes next finds its own there.
//!
//! ```text
//! kernel's buffer "PROXY TCP4 ...\r\nEHLO a\r\n"  --take-->  the client's address; left there "EHLO a\r\n"
//! ```
//!
//! Knows nothing of deadlines.

use std::io;
use std::net::SocketAddr;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::proxy::{self, Header, HeaderError};

/// Bytes looked at once: the longest header that a receiver must be ready for has 536 with what comes before it (section 2.2).
const LOOK_SIZE: usize = 536;

/// Why no header was taken. For the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoHeader {
    /// What came is none.
    #[error(transparent)]
    Wrong(#[from] HeaderError),
    /// The proxy closed before its end.
    #[error("it closed before the end of its PROXY header")]
    Closed,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
}

/// Takes the header. Gives the client that it names, if any.
pub(super) async fn take(stream: &mut TcpStream) -> Result<Option<SocketAddr>, NoHeader> {
    let mut taken = Vec::new();
    let mut look = [0; LOOK_SIZE];
    loop {
        let count = stream.peek(&mut look).await?;
        if count == 0 {
            return Err(NoHeader::Closed);
        }
        let before = taken.len();
        taken.extend_from_slice(&look[..count]);
        match proxy::read(&taken)? {
            // All of it belongs to the header, so it is taken off: to look at it again would be to wait for nothing.
            Header::Partial => drop(stream.read_exact(&mut look[..count]).await?),
            Header::Whole { length, client } => {
                // It ends in what was looked at last: before that it was not whole.
                stream.read_exact(&mut look[..length.saturating_sub(before).min(count)]).await?;
                return Ok(client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.set_nodelay(true).unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    fn binary() -> Vec<u8> {
        let mut header =
            b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x03\x00\xc0\x00\x02\x07\xc0\x00\x02\x01\x00\x07\x00\x19"
                .to_vec();
        header.resize(16 + 0x300, 0);
        header
    }

    /// Goal: no byte after the header is lost, wherever the network cuts.
    /// Method: header and first command in one write, and in two at every byte.
    #[tokio::test]
    async fn what_comes_after_it_stays() {
        for header in [b"PROXY TCP4 192.0.2.7 192.0.2.1 7 25\r\n".to_vec(), binary()] {
            let whole = [&header[..], b"EHLO a\r\n"].concat();
            for cut in 0..whole.len() {
                let (mut client, mut server) = pair().await;
                let (first, second) = whole.split_at(cut);
                let send = async {
                    client.write_all(first).await.unwrap();
                    tokio::task::yield_now().await;
                    client.write_all(second).await.unwrap();
                    client.shutdown().await.unwrap();
                };
                let (taken, ()) = tokio::join!(take(&mut server), send);
                assert_eq!(taken.unwrap(), Some("192.0.2.7:7".parse().unwrap()));
                let mut rest = Vec::new();
                server.read_to_end(&mut rest).await.unwrap();
                assert_eq!(rest, b"EHLO a\r\n", "cut at {cut}");
            }
        }
    }

    #[tokio::test]
    async fn one_that_never_ends() {
        let (mut client, mut server) = pair().await;
        client.write_all(b"PROXY TCP4 192.0.2.7").await.unwrap();
        client.shutdown().await.unwrap();
        assert!(matches!(take(&mut server).await, Err(NoHeader::Closed)));
        let (mut client, mut server) = pair().await;
        client.write_all(&[b"PROXY UNKNOWN ", &[b'x'; 5000][..]].concat()).await.unwrap();
        assert!(matches!(take(&mut server).await, Err(NoHeader::Wrong(HeaderError::Line))));
    }
}
