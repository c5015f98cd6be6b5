//! TLS to the next server: whose certificate is believed.
//!
//! `require` verifies chain and name: against `ca`, else against the system's store, which the machine's owner keeps up to
//! date and adds own authorities to. A server's own certificate may stand in `ca`, too: then it is believed as it is, but for
//! its name and its time. `opportunistic` believes anyone (RFC 7435 §3): it keeps listeners out that only listen.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

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
            Tls::Require => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Known::load(ca, provider)?))
                .with_no_client_auth(),
        };
        Ok(Self(Some(Arc::new(config))))
    }

    /// Our side of a handshake.
    pub(super) fn config(&self) -> Option<Arc<ClientConfig>> {
        self.0.clone()
    }
}

/// Believes certificates that authorities have issued, and those that the settings name themselves.
#[derive(Debug)]
struct Known {
    authorities: Arc<WebPkiServerVerifier>,
    /// What `ca` holds. A self-signed certificate is mostly an authority's by its own words (CA:TRUE), and no chain leads to
    /// such; but whoever named it here knows it.
    named: Vec<CertificateDer<'static>>,
}

impl Known {
    fn load(ca: Option<&Path>, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        let mut named = Vec::new();
        if let Some(path) = ca {
            let wrong = |error: &dyn std::fmt::Display| format!("`{}`: {error}", path.display());
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
                let certificate = certificate.map_err(|error| wrong(&error))?;
                roots.add(certificate.clone()).map_err(|error| wrong(&error))?;
                named.push(certificate);
            }
            if named.is_empty() {
                return Err(wrong(&"holds no certificate"));
            }
        } else {
            // What of the system's store cannot be read is passed over, as every other program does.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err("the system has no certificate authorities: name a file of some (PEM)".to_owned());
            }
        }
        let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        Ok(Self { authorities: authorities.map_err(|error| error.to_string())?, named })
    }
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if !self.named.contains(end_entity) {
            let authorities = &self.authorities;
            return authorities.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            );
        }
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        in_time(end_entity, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Whether a certificate is valid by `now`.
fn in_time(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let read = Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let validity = read.tbs_certificate().validity();
    let time = |time: x509_cert::time::Time| UnixTime::since_unix_epoch(time.to_unix_duration());
    let (not_before, not_after) = (time(validity.not_before), time(validity.not_after));
    if now < not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before });
    }
    if now > not_after {
        return Err(CertificateError::ExpiredContext { time: now, not_after });
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    use super::*;

    /// Settings and key of a certificate for `mx.example`, valid in 2026; `is_ca`: as `openssl req -x509` makes them.
    fn made(is_ca: bool) -> (CertificateParams, KeyPair) {
        let mut params = CertificateParams::new(vec!["mx.example".to_owned()]).unwrap();
        (params.not_before, params.not_after) =
            (rcgen::date_time_ymd(2026, 1, 1), rcgen::date_time_ymd(2027, 1, 1));
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        (params, KeyPair::generate().unwrap())
    }

    /// Goal: a self-signed certificate that `ca` holds is believed for its name and its time, no other is, and what it
    /// has issued is as before.
    #[test]
    fn a_certificate_that_is_named_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let inside = 1_780_000_000;
        for is_ca in [true, false] {
            let (params, key) = made(is_ca);
            let own = params.self_signed(&key).unwrap();
            std::fs::write(&path, own.pem()).unwrap();
            let known = Known::load(Some(&path), Arc::new(ring::default_provider())).unwrap();
            let verify = |certificate: &CertificateDer<'_>, name: &'static str, seconds| {
                let (name, now) = (ServerName::try_from(name).unwrap(), Duration::from_secs(seconds));
                let verified =
                    known.verify_server_cert(certificate, &[], &name, &[], UnixTime::since_unix_epoch(now));
                verified.map(|_| ()).map_err(|error| error.to_string())
            };
            assert_eq!(verify(own.der(), "mx.example", inside), Ok(()), "{is_ca}");
            assert!(verify(own.der(), "other.example", inside).unwrap_err().contains("not valid for name"));
            assert!(verify(own.der(), "mx.example", 1_767_225_599).unwrap_err().contains("not valid yet"));
            assert_eq!(verify(own.der(), "mx.example", 1_767_225_600), Ok(()));
            assert_eq!(verify(own.der(), "mx.example", 1_798_761_600), Ok(()));
            assert!(verify(own.der(), "mx.example", 1_798_761_601).unwrap_err().contains("expired"));
            let (other, other_key) = made(is_ca);
            assert!(verify(other.self_signed(&other_key).unwrap().der(), "mx.example", inside).is_err());
            let (leaf, leaf_key) = made(false);
            let issued = leaf.signed_by(&leaf_key, &Issuer::new(params, key)).unwrap();
            assert_eq!(verify(issued.der(), "mx.example", inside), Ok(()));
        }
    }
}
