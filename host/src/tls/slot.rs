//! The certificates that a listener serves, replaced as a whole. Handshakes under way keep those they began with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;

use super::client::Asks;
use super::files::{authorities, pair};
use super::names::ByName;
use super::{TlsError, expiry};
use crate::config::{ClientAuth, Tls};
use crate::watched::Stamp;

/// What a listener's TLS is made of, as the config says, and as it was read last.
#[derive(Debug)]
pub struct TlsSlot {
    settings: Tls,
    current: ArcSwap<Fresh>,
}

/// Certificates, keys and authorities that fit, as they were read at one time.
#[derive(Debug)]
pub struct Fresh {
    pub(super) config: Arc<ServerConfig>,
    /// Checks clients' certificates; none: they are not asked for.
    pub(super) verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// Each certificate with its key.
    pub(super) keys: Vec<Arc<CertifiedKey>>,
    /// The certificates' files, in the same order.
    files: Vec<PathBuf>,
    /// The files, before they were read: what has changed since, is newer.
    stamps: Vec<Option<Stamp>>,
}

impl TlsSlot {
    /// Loads what `settings` name.
    ///
    /// # Errors
    /// A file cannot be read, or does not fit.
    pub fn load(settings: &Tls) -> Result<Self, TlsError> {
        Ok(Self { settings: settings.clone(), current: ArcSwap::from_pointee(Fresh::read(settings)?) })
    }

    /// What it was made from.
    pub fn settings(&self) -> &Tls {
        &self.settings
    }

    /// Reads the files again, and changes nothing.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn read(&self) -> Result<Fresh, TlsError> {
        Fresh::read(&self.settings)
    }

    /// From now on this is served.
    pub fn store(&self, fresh: Fresh) {
        self.current.store(Arc::new(fresh));
    }

    /// What is served now.
    pub(super) fn current(&self) -> Arc<Fresh> {
        self.current.load_full()
    }

    /// The files as they were when what is served was read.
    pub fn stamps(&self) -> Vec<Option<Stamp>> {
        self.current.load().stamps.clone()
    }

    /// The files as they are now.
    pub fn stamps_now(&self) -> Vec<Option<Stamp>> {
        files(&self.settings).map(Stamp::at).collect()
    }

    /// What is wrong with the times of the certificates that are served. For people.
    pub fn warnings(&self, now: SystemTime) -> Vec<String> {
        self.current.load().warnings(now)
    }
}

impl Fresh {
    fn read(settings: &Tls) -> Result<Self, TlsError> {
        let stamps = files(settings).map(Stamp::at).collect();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let pairs = || std::iter::once(&settings.main).chain(&settings.more);
        let keys =
            pairs().map(|files| pair(files, &provider).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        let own_files = pairs().map(|files| files.cert.clone()).collect();
        let mut verifier = None;
        if let Some(path) = settings.client_ca.as_ref().filter(|_| settings.client_auth != ClientAuth::None) {
            let roots = Arc::new(authorities(path)?);
            let built = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build();
            verifier = Some(
                built
                    .map_err(|source| TlsError::Authorities { path: path.clone(), source: source.into() })?,
            );
        }
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?;
        let builder = match &verifier {
            None => builder.with_no_client_auth(),
            Some(strict) if settings.client_auth == ClientAuth::Required => {
                builder.with_client_cert_verifier(strict.clone())
            }
            Some(strict) => builder.with_client_cert_verifier(Arc::new(Asks(strict.clone()))),
        };
        let config = Arc::new(builder.with_cert_resolver(Arc::new(ByName(keys.clone()))));
        Ok(Self { config, verifier, keys, files: own_files, stamps })
    }

    /// As [`TlsSlot::warnings`].
    pub fn warnings(&self, now: SystemTime) -> Vec<String> {
        let of = |(file, own): (&PathBuf, _)| {
            let what = expiry::warning(own, now)?;
            Some(format!("the certificate in {} {what}", file.display()))
        };
        self.files.iter().zip(self.certificates()).filter_map(of).collect()
    }

    /// Whether it serves the same certificates as the slot does.
    pub fn has_same_certificates(&self, slot: &TlsSlot) -> bool {
        self.certificates().eq(slot.current.load().certificates())
    }

    /// Each without those that answer for it. Each has one: a pair was made of it.
    fn certificates(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.keys.iter().filter_map(|key| key.cert.first())
    }
}

/// Every file that settings name.
fn files(settings: &Tls) -> impl Iterator<Item = &Path> {
    let pairs = std::iter::once(&settings.main).chain(&settings.more);
    let pairs = pairs.flat_map(|files| [files.cert.as_path(), files.key.as_path()]);
    pairs.chain(settings.client_ca.as_deref())
}
