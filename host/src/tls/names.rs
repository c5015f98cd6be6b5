//! Which of several certificates is served: the first that is valid for the name asked for, else the first of all.
//!
//! ```text
//! [mx.example, *.shop.example]   "a.shop.example" -> the second    "other.example", none -> the first
//! ```

use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::ServerName;

/// Certificates with their keys, in the config's order.
#[derive(Debug)]
pub(super) struct ByName(pub(super) Vec<Arc<CertifiedKey>>);

impl ByName {
    /// The certificate for a client that asks for `name`.
    pub(super) fn find(&self, name: Option<&str>) -> Option<&Arc<CertifiedKey>> {
        let name = name.and_then(|name| ServerName::try_from(name).ok());
        let is_for = |key: &&Arc<CertifiedKey>| {
            let (Some(name), Ok(own)) = (&name, key.end_entity_cert()) else { return false };
            ParsedCertificate::try_from(own).is_ok_and(|own| verify_server_name(&own, name).is_ok())
        };
        self.0.iter().find(is_for).or_else(|| self.0.first())
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name()).cloned()
    }
}
