//! TLS to the next server: whose certificate is believed.
//!
//! `require` verifies chain and name: against `ca`, else against the system's store, which the machine's owner keeps up to
//! date and adds own authorities to. `opportunistic` believes anyone (RFC 7435 §3): it keeps listeners out that only listen.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::settings::Tls;

/// Our side of TLS; none: it is not spoken.
#[derive(Debug, Clone, Default)]
pub(super) struct Trust(Option<Arc<ClientConfig>>);

impl Trust {
    /// Reads what `tls` needs. Blocks.
    ///
    /// # Errors
    /// What is wrong with `ca` or the system's store.
    pub(super) fn load(tls: Tls, ca: Option<&Path>) -> Result<Self, String> {
        if ca.is_some() && tls != Tls::Require {
            return Err("says who is believed, but only `tls = \"require\"` asks that".to_owned());
        }
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let config = match tls {
            Tls::None => return Ok(Self(None)),
            Tls::Opportunistic => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
                .with_no_client_auth(),
            Tls::Require => builder.with_root_certificates(roots(ca)?).with_no_client_auth(),
        };
        Ok(Self(Some(Arc::new(config))))
    }

    /// Our side of a handshake.
    pub(super) fn config(&self) -> Option<Arc<ClientConfig>> {
        self.0.clone()
    }
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(path) = ca else {
        // What of the system's store cannot be read is passed over, as every other program does.
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        return match roots.is_empty() {
            true => Err("the system has no certificate authorities: name a file of some (PEM)".to_owned()),
            false => Ok(roots),
        };
    };
    let wrong = |error: &dyn std::fmt::Display| format!("`{}`: {error}", path.display());
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() { Err(wrong(&"holds no certificate")) } else { Ok(roots) }
}

/// Believes anyone who holds the key of the certificate that was shown.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
