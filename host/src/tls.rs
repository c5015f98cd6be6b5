//! A socket, plain or under TLS, and the certificate that a listener serves.
//!
//! Knows nothing of SMTP.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a client may take for the handshake.
pub const HANDSHAKE_MAX: Duration = Duration::from_secs(30);

/// Anything that bytes go over.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// Whether the other side has closed its half, or the connection is broken. What it sent before may stand unread.
    fn has_hung_up(&self) -> bool;
}

impl Stream for TcpStream {
    fn has_hung_up(&self) -> bool {
        let mut fds = [PollFd::new(self, PollFlags::RDHUP)];
        // An error of `poll` says nothing about the client.
        poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }
}

impl Stream for TlsStream<Box<dyn Stream>> {
    fn has_hung_up(&self) -> bool {
        self.get_ref().0.has_hung_up()
    }
}

/// Where a stream is taken out.
impl Stream for tokio::io::Empty {
    fn has_hung_up(&self) -> bool {
        true
    }
}

/// What a handshake agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The cipher suite, as IANA names it.
    pub cipher: String,
}

/// A connection to a client.
pub struct Wire {
    stream: Box<dyn Stream>,
    tls: Option<TlsFacts>,
}

impl Wire {
    /// A connection in plain text.
    pub fn plain(stream: TcpStream) -> Self {
        Self { stream: Box::new(stream), tls: None }
    }

    /// The bytes.
    pub fn stream(&mut self) -> &mut Box<dyn Stream> {
        &mut self.stream
    }

    /// Whether the client sends no more; what it sent may stand unread.
    pub fn has_hung_up(&self) -> bool {
        self.stream.has_hung_up()
    }

    /// What the handshake agreed on; none: plain text.
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.tls.as_ref()
    }

    /// Takes the client's handshake, within [`HANDSHAKE_MAX`]. On an error the connection is of no more use.
    pub async fn start_tls(&mut self, slot: &TlsSlot) -> io::Result<()> {
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let handshake = TlsAcceptor::from(slot.config.load_full()).accept(plain);
        let tls = timeout(HANDSHAKE_MAX, handshake).await??;
        let (_, session) = tls.get_ref();
        self.tls = Some(TlsFacts {
            version: session
                .protocol_version()
                .map_or_else(String::new, |v| v.as_str().unwrap_or_default().replace('_', ".")),
            cipher: session
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or_default()
                .trim_start_matches("TLS13_")
                .to_owned(),
        });
        self.stream = Box::new(tls);
        Ok(())
    }
}

/// The certificate in use; replaced as a whole on reload. Handshakes under way keep theirs.
pub struct TlsSlot {
    cert: PathBuf,
    key: PathBuf,
    config: ArcSwap<ServerConfig>,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("cannot read `{path}`")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Certificate and key do not fit, or are of a kind not supported.
    #[error("certificate `{cert}` and key `{key}` cannot be used")]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
}

impl TlsSlot {
    /// Loads a certificate chain and its key from PEM files.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let config = read(cert, key)?;
        Ok(Self { cert: cert.to_owned(), key: key.to_owned(), config: ArcSwap::from_pointee(config) })
    }

    /// Reads the files again; on an error the old certificate stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.config.store(Arc::new(read(&self.cert, &self.key)?));
        Ok(())
    }
}

fn read(cert: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let open = |path: &Path| File::open(path).map(BufReader::new).map_err(|e| unreadable(path, e));
    let chain = CertificateDer::pem_reader_iter(open(cert)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| unreadable(cert, e))?;
    let private = PrivateKeyDer::from_pem_reader(open(key)?).map_err(|e| unreadable(key, e))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |source| TlsError::Unusable { cert: cert.to_owned(), key: key.to_owned(), source };
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(unusable)
}

fn unreadable(path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TlsError {
    TlsError::Read { path: path.to_owned(), source: error.into() }
}
