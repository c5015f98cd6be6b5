//! Certificates by name, of clients, in time; and that a slot only ever serves what fits.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use super::*;
use crate::config::{CertFiles, ClientAuth, Tls, TlsMode};

/// A certificate with its key, as PEM.
struct Made {
    cert: String,
    key: String,
}

impl Made {
    fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()
    }

    fn write(&self, folder: &Path, name: &str) -> CertFiles {
        let (cert, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        std::fs::write(&cert, &self.cert).unwrap();
        std::fs::write(&key, &self.key).unwrap();
        CertFiles { cert, key }
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    CertificateParams::new(names).unwrap()
}

fn made(names: &[&str]) -> Made {
    let key = KeyPair::generate().unwrap();
    Made { cert: params(names).self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

/// An authority, and a certificate that it signs for somebody called `name`.
fn issued(name: &str) -> (Made, Made) {
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut ca = params(&[]);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "An authority");
    let authority = Made { cert: ca.self_signed(&ca_key).unwrap().pem(), key: ca_key.serialize_pem() };
    let mut own = params(&["client.example"]);
    own.distinguished_name = rcgen::DistinguishedName::new();
    own.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
    own.distinguished_name.push(DnType::CommonName, name);
    let cert = own.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap().pem();
    (authority, Made { cert, key: key.serialize_pem() })
}

fn settings(main: CertFiles) -> Tls {
    Tls { main, more: Vec::new(), mode: TlsMode::Implicit, client_ca: None, client_auth: ClientAuth::None }
}

/// One handshake over loopback, with a byte in either direction. The client trusts `server` alone.
async fn shake(
    slot: &TlsSlot,
    server: &Made,
    name: &str,
    client: Option<&Made>,
) -> Result<TlsFacts, (std::io::Error, bool)> {
    shake_with(slot, server, name, client, rustls::DEFAULT_VERSIONS).await
}

async fn shake_with(
    slot: &TlsSlot,
    server: &Made,
    name: &str,
    client: Option<&Made>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Result<TlsFacts, (std::io::Error, bool)> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(server.der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let builder = builder.with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let key = PrivateKeyDer::from_pem_slice(client.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![client.der()], key).unwrap()
        }
    };
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let mut wire = Wire::plain(listener.accept().await.unwrap().0);
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connect = async {
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        stream.write_all(b"x").await?;
        stream.read_u8().await
    };
    let accept = async {
        wire.start_tls(slot, Duration::from_secs(10)).await?;
        let stream = wire.stream();
        assert_eq!(stream.read_u8().await?, b'x');
        stream.write_all(b"y").await?;
        stream.flush().await
    };
    let (connected, accepted) = tokio::join!(connect, accept);
    match accepted {
        Ok(()) => {
            connected.unwrap();
            Ok(wire.tls().unwrap().clone())
        }
        Err(error) => Err((error, connected.is_ok())),
    }
}

#[tokio::test]
async fn the_certificate_is_that_of_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let all = [
        made(&["mx.example"]),
        made(&["*.shop.example", "shop.example"]),
        made(&["mx.example", "b.example"]),
    ];
    let files: Vec<CertFiles> =
        all.iter().zip(["a", "b", "c"]).map(|(made, name)| made.write(folder.path(), name)).collect();
    let slot = TlsSlot::load(&Tls { more: files[1..].to_vec(), ..settings(files[0].clone()) }).unwrap();
    // Of two that have a name the first is served; who asks for none, or nobody's, gets the first of all.
    for (name, expected) in
        [("mx.example", 0), ("shop.example", 1), ("Mail.Shop.example", 1), ("b.example", 2)]
    {
        let facts = shake(&slot, &all[expected], name, None).await.unwrap();
        assert_eq!(facts.sni, Some(name.to_ascii_lowercase()));
        assert_eq!((facts.version.as_str(), facts.client), ("TLSv1.3", None));
        let others = all.iter().enumerate().filter(|(n, _)| *n != expected);
        for (n, other) in others {
            assert!(shake(&slot, other, name, None).await.is_err(), "{name} got {n}");
        }
    }
    let own = |name| super::names::ByName(slot.current().keys.clone()).find(name).unwrap().cert[0].clone();
    for name in [None, Some("other.example"), Some("a.b.shop.example"), Some("192.0.2.1"), Some("no name")] {
        assert_eq!(own(name), all[0].der(), "{name:?}");
    }
}

#[tokio::test]
async fn clients_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let server = made(&["mx.example"]);
    let (authority, client) = issued("jo\r\nQUIT");
    let (_, foreign) = issued("jo");
    let main = server.write(folder.path(), "mx");
    let ca = authority.write(folder.path(), "ca").cert;
    let with = |client_auth| {
        TlsSlot::load(&Tls { client_ca: Some(ca.clone()), client_auth, ..settings(main.clone()) })
    };
    let (optional, required) = (with(ClientAuth::Optional).unwrap(), with(ClientAuth::Required).unwrap());
    for (slot, version) in [
        (&optional, &rustls::version::TLS12),
        (&optional, &rustls::version::TLS13),
        (&required, &rustls::version::TLS12),
        (&required, &rustls::version::TLS13),
    ] {
        let facts = shake_with(slot, &server, "mx.example", Some(&client), &[version]).await.unwrap();
        assert_eq!(Some(facts.version.replace('.', "_").as_str()), version.version.as_str());
        let facts = facts.client.unwrap();
        assert_eq!(facts.subject, r"CN=jo\0d\0aQUIT,O=Example\, Inc.");
        assert_eq!(facts.fingerprint.len(), 64);
    }
    // One that does not hold is as good as none: no mail is lost for a courtesy.
    for shown in [None, Some(&foreign), Some(&server)] {
        let facts = shake(&optional, &server, "mx.example", shown).await.unwrap();
        assert_eq!(facts.client, None);
        shake(&required, &server, "mx.example", shown).await.unwrap_err();
    }
    // What is wrong is said in words.
    for (shown, words) in [
        (&server, "the certificate is issued by no authority"),
        (&foreign, "the certificate was not signed by the authority"),
        (&authority, "the certificate is an authority itself (CA:TRUE)"),
    ] {
        let (error, _) = shake(&required, &server, "mx.example", Some(shown)).await.unwrap_err();
        let told = crate::telemetry::causes(&error);
        assert!(told.starts_with(words), "{told}");
    }
    // Nobody is asked.
    let slot = TlsSlot::load(&settings(main)).unwrap();
    assert_eq!(shake(&slot, &server, "mx.example", Some(&client)).await.unwrap().client, None);
}

#[tokio::test]
async fn a_handshake_has_a_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let slot = TlsSlot::load(&settings(made(&["mx.example"]).write(folder.path(), "mx"))).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _silent = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let mut wire = Wire::plain(listener.accept().await.unwrap().0);
    let error = wire.start_tls(&slot, Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(error.to_string(), "not done within 50ms");
    assert!(wire.tls().is_none() && wire.has_hung_up());
}

/// Goal: what does not fit is never served, and a file that changes is seen to.
#[test]
fn only_a_pair_that_fits() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (made(&["mx.example"]), made(&["mx.example"]));
    let files = first.write(folder.path(), "mx");
    let slot = TlsSlot::load(&settings(files.clone())).unwrap();
    assert_eq!(slot.stamps(), slot.stamps_now());
    std::fs::write(&files.cert, &second.cert).unwrap();
    assert_ne!(slot.stamps(), slot.stamps_now());
    assert!(matches!(slot.read().unwrap_err(), TlsError::Unusable { .. }));
    std::fs::write(&files.key, &second.key).unwrap();
    let fresh = slot.read().unwrap();
    assert!(!fresh.has_same_certificates(&slot));
    slot.store(fresh);
    assert!(slot.read().unwrap().has_same_certificates(&slot));
    assert_eq!(slot.stamps(), slot.stamps_now());
    for (path, text) in
        [(&files.cert, ""), (&files.key, ""), (&files.cert, "-----BEGIN CERTIFICATE-----\nx\n")]
    {
        let before = std::fs::read(path).unwrap();
        std::fs::write(path, text).unwrap();
        assert!(matches!(slot.read().unwrap_err(), TlsError::Read { .. }), "{text}");
        std::fs::write(path, before).unwrap();
    }
    let no_ca =
        Tls { client_ca: Some(files.key.clone()), client_auth: ClientAuth::Optional, ..settings(files) };
    assert!(matches!(TlsSlot::load(&no_ca).unwrap_err(), TlsError::Read { .. }));
}

#[test]
fn certificates_that_run_out() {
    let key = KeyPair::generate().unwrap();
    let mut params = params(&["mx.example"]);
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2026, 4, 1);
    let folder = tempfile::tempdir().unwrap();
    let made = Made { cert: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() };
    let files = made.write(folder.path(), "mx");
    let slot = TlsSlot::load(&settings(files.clone())).unwrap();
    let at = |text: &str| {
        let time: jiff::Timestamp = text.parse().unwrap();
        SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_second().unsigned_abs())
    };
    let text = |what: &str| vec![format!("the certificate in {} {what}", files.cert.display())];
    assert_eq!(slot.warnings(at("2025-12-31T23:59:59Z")), text("is not valid before 2026-01-01T00:00:00Z"));
    assert_eq!(slot.warnings(at("2026-01-01T00:00:00Z")), [""; 0]);
    assert_eq!(slot.warnings(at("2026-03-17T23:59:59Z")), [""; 0]);
    assert_eq!(slot.warnings(at("2026-03-18T00:00:00Z")), text("runs out on 2026-04-01T00:00:00Z"));
    assert_eq!(slot.warnings(at("2026-04-01T00:00:00Z")), text("has run out on 2026-04-01T00:00:00Z"));
}
