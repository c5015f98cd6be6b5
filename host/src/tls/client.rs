//! Certificates of clients: whether they are asked for, and what a checked one says.
//!
//! ```text
//! required: the handshake ends without one that holds
//! optional: one that does not hold is as good as none, and no mail is lost for it
//! ```

use std::fmt::Write as _;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::facts::ClientFacts;

/// Longest subject that becomes a fact, in bytes; a longer one is left out, as nothing is cut and passed on.
const SUBJECT_MAX: usize = 1024;

/// Asks for a certificate and takes any whose key the client has. What it is worth is found out by [`checked`] after the
/// handshake: a mail server that shows the certificate it has anyway would otherwise be sent away for a courtesy.
#[derive(Debug)]
pub(super) struct Asks(pub(super) Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Asks {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// What the certificates that a client has shown say of it; none: they do not hold.
pub(super) fn checked(
    verifier: &dyn ClientCertVerifier,
    shown: &[CertificateDer<'_>],
) -> Option<ClientFacts> {
    let (own, intermediates) = shown.split_first()?;
    verifier.verify_client_cert(own, intermediates, UnixTime::now()).ok()?;
    let certificate = Certificate::from_der(own).ok()?;
    let subject = certificate.tbs_certificate().subject().to_string();
    let fingerprint = Sha256::digest(own).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let fits = subject.len() <= SUBJECT_MAX;
    Some(ClientFacts { subject: if fits { subject } else { String::new() }, fingerprint })
}
