//! What a handshake agreed on, as facts of the messages that come over it.

use rustls::ServerConnection;

use super::client;
use super::slot::Fresh;

/// What a handshake agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The cipher suite, as IANA names it.
    pub cipher: String,
    /// The name that the client asked for (SNI, RFC 6066 §3), in lower case; none: it asked for none.
    pub sni: Option<String>,
    /// The client's certificate; none: it has shown none that one of the listener's authorities answers for.
    pub client: Option<ClientFacts>,
}

/// A client's certificate, which was checked, and whose key the client has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFacts {
    /// Its subject, in the form of RFC 4514: `CN=mx.example,O=Example`.
    pub subject: String,
    /// The SHA-256 of the whole certificate, in hex.
    pub fingerprint: String,
}

impl TlsFacts {
    /// Those of a handshake that is done, under what it was done with.
    pub(super) fn of(session: &ServerConnection, current: &Fresh) -> Self {
        let version = session.protocol_version().and_then(|version| version.as_str());
        let suite = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let verifier = current.verifier.as_deref();
        Self {
            version: version.unwrap_or_default().replace('_', "."),
            cipher: suite.unwrap_or_default().trim_start_matches("TLS13_").to_owned(),
            sni: session.server_name().map(str::to_ascii_lowercase),
            client: verifier
                .zip(session.peer_certificates())
                .and_then(|(verifier, shown)| client::checked(verifier, shown)),
        }
    }
}
