//! Certificates, keys and authorities as PEM files, and what may be wrong with them.

use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{CertFiles, open_regular};

/// Most bytes of a file that are read: all authorities of the web are a fifth of it.
const FILE_MAX: u64 = 1 << 20;

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
    /// No clients' certificate can be checked.
    #[error("the authorities in `{path}` cannot be used")]
    Authorities {
        /// Their file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// TLS cannot be done at all.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// A certificate chain with the key that fits it.
pub(super) fn pair(files: &CertFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let CertFiles { cert, key } = files;
    let chain = certificates(cert)?;
    let private = PrivateKeyDer::from_pem_reader(open(key)?).map_err(|e| unreadable(key, e))?;
    CertifiedKey::from_der(chain, private, provider).map_err(|source| TlsError::Unusable {
        cert: cert.clone(),
        key: key.clone(),
        source,
    })
}

/// Authorities that clients' certificates are checked against: at least one.
pub(super) fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|source| TlsError::Authorities { path: path.to_owned(), source: source.into() })?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_reader_iter(open(path)?).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|e| unreadable(path, e))?;
    if all.is_empty() {
        return Err(unreadable(path, "there is no certificate in it"));
    }
    Ok(all)
}

fn open(path: &Path) -> Result<BufReader<std::io::Take<std::fs::File>>, TlsError> {
    let file = open_regular(path).map_err(|e| unreadable(path, e))?;
    Ok(BufReader::new(file.take(FILE_MAX)))
}

fn unreadable(path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TlsError {
    TlsError::Read { path: path.to_owned(), source: error.into() }
}
