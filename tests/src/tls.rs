//! A certificate for the server, and clients that trust it alone.

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};

/// The name in the certificate.
pub const NAME: &str = "mx.test";

/// A self-signed certificate.
pub struct Certificate {
    cert_pem: String,
    key_pem: String,
    der: CertificateDer<'static>,
}

impl Certificate {
    /// A new one for [`NAME`].
    ///
    /// # Panics
    /// Where the random source fails.
    pub fn new() -> Self {
        Self::of(NAME)
    }

    /// Writes `mx.pem` and `mx.key`.
    ///
    /// # Panics
    /// Where the folder cannot be written to.
    pub fn write(&self, folder: &Path) {
        self.write_as(folder, "mx");
    }

    /// Writes `STEM.pem` and `STEM.key`.
    ///
    /// # Panics
    /// Where the folder cannot be written to.
    pub fn write_as(&self, folder: &Path, stem: &str) {
        std::fs::write(folder.join(format!("{stem}.pem")), &self.cert_pem).expect("the folder takes a file");
        std::fs::write(folder.join(format!("{stem}.key")), &self.key_pem).expect("the folder takes a file");
    }

    /// The certificate as PEM, for who is to trust it.
    pub fn pem(&self) -> &str {
        &self.cert_pem
    }

    /// The same for another name.
    ///
    /// # Panics
    /// Where the random source fails.
    pub fn of(name: &str) -> Self {
        let made =
            rcgen::generate_simple_self_signed([name.to_owned()]).expect("a plain certificate can be made");
        Self {
            cert_pem: made.cert.pem(),
            key_pem: made.signing_key.serialize_pem(),
            der: made.cert.der().clone(),
        }
    }

    /// The same, and it calls itself an authority, as `openssl req -x509` makes them.
    ///
    /// # Panics
    /// Where the random source fails.
    pub fn of_authority(name: &str) -> Self {
        let key = rcgen::KeyPair::generate().expect("a key can be made");
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).expect("the name is one");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let made = params.self_signed(&key).expect("a plain certificate can be made");
        Self { cert_pem: made.pem(), key_pem: key.serialize_pem(), der: made.der().clone() }
    }

    /// A server's side of TLS.
    ///
    /// # Panics
    /// Where rustls refuses our own settings.
    pub fn server(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).expect("the key is one");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.der.clone()], key)
            .expect("certificate and key fit");
        Arc::new(config)
    }

    /// A client's side of TLS over `stream`, its handshake still to be done: by the first read or write.
    ///
    /// # Panics
    /// Where rustls refuses our own settings.
    pub fn client(&self, stream: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
        self.client_of(stream, NAME)
    }

    /// The same for a client that asks for `name`.
    ///
    /// # Panics
    /// Where rustls refuses our own settings.
    pub fn client_of(&self, stream: TcpStream, name: &str) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("the certificate is one");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).expect("the name is one");
        let connection = ClientConnection::new(Arc::new(config), name).expect("the settings are sound");
        StreamOwned::new(connection, stream)
    }
}

impl Default for Certificate {
    fn default() -> Self {
        Self::new()
    }
}
