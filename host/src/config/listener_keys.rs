//! Reads one `[[listener]]`, and says what is wrong with it.
//!
//! The keys and their defaults are in `listener`; here are their ranges, and which of them need another.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use super::reader::Reader;
use super::{ByteSize, CertFiles, ClientAuth, Listener, Rate, Tls, TlsMode};
use crate::chain::spec::is_name;
use crate::smtp::Speaks;
use crate::smtp::session::AuthPolicy;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// `"1s"` to `"1h"`.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// Names and addresses of the listeners so far, and of the admin API.
pub(super) struct Taken {
    names: HashSet<String>,
    addresses: Vec<(SocketAddr, String)>,
}

impl Taken {
    pub(super) fn new(admin: SocketAddr) -> Self {
        Self { names: HashSet::new(), addresses: vec![(admin, "[admin]".to_owned())] }
    }

    /// Notes what is already taken. Port 0 is any free port, so never taken.
    fn add(&mut self, reader: &Reader<'_>, name: Option<&str>, address: Option<SocketAddr>) {
        let name = name.unwrap_or_default();
        if !name.is_empty() && !self.names.insert(name.to_owned()) {
            reader.problem("name", "another listener has this name");
        }
        let Some(address) = address.filter(|address| address.port() != 0) else { return };
        let other = self.addresses.iter().find(|(other, _)| collide(*other, address));
        if let Some((taken, other)) = other {
            let text = format!("{address} is taken by {other}");
            let why = format!(", at {taken}: a wildcard has the port of every address of its kind");
            reader.problem("address", if *taken == address { text } else { text + &why });
        }
        self.addresses.push((address, format!("listener `{name}`")));
    }
}

/// Whether the kernel lets only one of them be listened at. Whether `[::]` has IPv4, too, is the system's to say.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let is_wildcard = one.ip().is_unspecified() || other.ip().is_unspecified();
    one == other || (is_wildcard && one.port() == other.port() && one.is_ipv4() == other.is_ipv4())
}

/// Reads one listener; `base` is the folder that relative paths start from. None: its name or address is missing.
pub(super) fn read(mut reader: Reader<'_>, base: &Path, taken: &mut Taken) -> Option<Listener> {
    let name = reader.string("name");
    if let Some(name) = &name {
        reader.rename(format!("listener.{name}"));
        if !is_name(name) {
            reader
                .problem("name", format!("\"{}\" is not a name: a-z, 0-9 and hyphens", name.escape_debug()));
        }
    }
    let name = reader.required("name", name);
    let address = address(&mut reader, "address");
    let address = reader.required("address", address);
    taken.add(&reader, name.as_deref(), address);
    let tls = reader.table("tls").and_then(|tls| read_tls(tls, base));
    let speaks = reader.choice("protocol", &[("smtp", Speaks::Smtp), ("lmtp", Speaks::Lmtp)]);
    let bare = reader.choice("bare_newlines", &[("reject", true), ("keep", false)]);
    let secs = Duration::from_secs;
    let listener = Listener {
        name: name.clone().unwrap_or_default(),
        address: address.unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0))),
        speaks: speaks.unwrap_or_default(),
        tls,
        handshake_timeout: reader.duration("handshake_timeout", TIMEOUT, secs(30)),
        proxy_protocol: reader.flag("proxy_protocol").unwrap_or_default(),
        trusted: networks(&mut reader, "trusted"),
        xclient: networks(&mut reader, "xclient"),
        auth: read_auth(&mut reader),
        submission: reader.string("submission"),
        dsn: reader.flag("dsn").unwrap_or_default(),
        binarymime: reader.flag("binarymime").unwrap_or_default(),
        message_size_max: reader.size("message_size_max", KIB..=GIB, ByteSize(25 * MIB)),
        header_size_max: reader.size("header_size_max", KIB..=16 * MIB, ByteSize(256 * KIB)),
        text_line_max: reader.size("text_line_max", 0..=GIB, ByteSize(0)),
        reject_bare_newlines: bare.unwrap_or(true),
        received_max: count(&mut reader, "received_max", 10_000, 100),
        sessions_max: count(&mut reader, "sessions_max", 1_000_000, 1000),
        sessions_per_client: count(&mut reader, "sessions_per_client", 1_000_000, 50),
        sessions_per_network: count(&mut reader, "sessions_per_network", 1_000_000, 200),
        session_rate: rate(&mut reader, "session_rate", None),
        message_rate: rate(&mut reader, "message_rate", None),
        recipient_rate: rate(&mut reader, "recipient_rate", None),
        auth_failure_rate: rate(&mut reader, "auth_failure_rate", Some(Rate { count: 20, per: secs(600) })),
        recipients_max: count(&mut reader, "recipients_max", 100_000, 100),
        session_messages_max: count(&mut reader, "session_messages_max", 1_000_000_000, 100_000),
        session_recipients_max: count(&mut reader, "session_recipients_max", 1_000_000_000, 1_000_000),
        errors_max: count(&mut reader, "errors_max", 1000, 10),
        unknown_recipients_max: count(&mut reader, "unknown_recipients_max", 100_000, 20),
        unknown_recipients_delay: reader.duration(
            "unknown_recipients_delay",
            Duration::ZERO..=secs(60),
            secs(1),
        ),
        auth_tries_max: count(&mut reader, "auth_tries_max", 1000, 3),
        greeting_delay: reader.duration("greeting_delay", Duration::ZERO..=secs(60), Duration::ZERO),
        command_timeout: reader.duration("command_timeout", TIMEOUT, secs(300)),
        data_timeout: reader.duration("data_timeout", TIMEOUT, secs(180)),
        data_rate_min: reader.size("data_rate_min", 0..=GIB, ByteSize(100)),
        data_grace: reader.duration("data_grace", TIMEOUT, secs(60)),
        session_timeout: reader.duration("session_timeout", secs(1)..=secs(7 * 86_400), secs(7200)),
    };
    check(&reader, &listener);
    reader.finish();
    (name.is_some() && address.is_some()).then_some(listener)
}

/// Keys that mean nothing, or something dangerous, without another.
fn check(reader: &Reader<'_>, listener: &Listener) {
    if listener.proxy_protocol && listener.trusted.is_empty() {
        reader.problem("proxy_protocol", "nobody is believed: name the proxies' networks in `trusted`");
    }
    if !listener.proxy_protocol && !listener.trusted.is_empty() {
        reader.problem("trusted", "means nothing without `proxy_protocol = true`");
    }
    if listener.auth != AuthPolicy::None && listener.tls.is_none() {
        reader.problem("auth", "is offered under TLS only: give the listener `tls`");
    }
    if let Some(tenant) = &listener.submission {
        if listener.auth == AuthPolicy::None {
            reader.problem("submission", "is for authenticated clients: set `auth`");
        }
        if !is_name(tenant) {
            reader.problem("submission", format!("\"{}\" is not a tenant's name", tenant.escape_debug()));
        }
    }
}

fn count(reader: &mut Reader<'_>, key: &'static str, max: u64, default: u64) -> usize {
    usize::try_from(reader.count(key, 1..=max, default)).unwrap_or(usize::MAX)
}

/// `"N/DURATION"`, or `"none"`.
fn rate(reader: &mut Reader<'_>, key: &'static str, default: Option<Rate>) -> Option<Rate> {
    let Some(text) = reader.string(key) else { return default };
    if text == "none" {
        return None;
    }
    text.parse().map_err(|error| reader.problem(key, format!("{error}"))).ok()
}

fn networks(reader: &mut Reader<'_>, key: &'static str) -> Vec<IpNet> {
    let texts = reader.strings(key);
    let network = |text: &String| {
        let network = text.parse().ok().or_else(|| text.parse().ok().map(|ip: std::net::IpAddr| ip.into()));
        if network.is_none() {
            let example = "\"10.0.0.0/8\" or \"2001:db8::/32\"";
            reader.problem(key, format!("\"{}\" is no network, for example {example}", text.escape_debug()));
        }
        network
    };
    texts.iter().filter_map(network).collect()
}

fn read_auth(reader: &mut Reader<'_>) -> AuthPolicy {
    let policies =
        [("none", AuthPolicy::None), ("offered", AuthPolicy::Offered), ("required", AuthPolicy::Required)];
    reader.choice("auth", &policies).unwrap_or_default()
}

fn read_tls(mut reader: Reader<'_>, base: &Path) -> Option<Tls> {
    let main = cert_files(&mut reader, base);
    let mode = reader.choice("mode", &[("starttls", TlsMode::Starttls), ("implicit", TlsMode::Implicit)]);
    let mode = reader.required("mode", mode);
    let more = reader.tables("more").into_iter().filter_map(|mut table| {
        let files = cert_files(&mut table, base);
        table.finish();
        files
    });
    let more = more.collect();
    let client_ca = file(&mut reader, "client_ca", base);
    let client_auth =
        [("none", ClientAuth::None), ("optional", ClientAuth::Optional), ("required", ClientAuth::Required)];
    let client_auth = reader.choice("client_auth", &client_auth).unwrap_or_default();
    if (client_auth != ClientAuth::None) != reader.has("client_ca") {
        reader.problem("client_auth", "goes with `client_ca`: say both, or neither");
    }
    reader.finish();
    Some(Tls { main: main?, more, mode: mode?, client_ca, client_auth })
}

fn cert_files(reader: &mut Reader<'_>, base: &Path) -> Option<CertFiles> {
    let (cert, key) = (file(reader, "cert", base), file(reader, "key", base));
    Some(CertFiles { cert: reader.required("cert", cert)?, key: reader.required("key", key)? })
}

/// A file that can be read.
fn file(reader: &mut Reader<'_>, key: &'static str, base: &Path) -> Option<PathBuf> {
    let path = base.join(reader.string(key)?);
    if let Err(error) = super::open_regular(&path) {
        reader.problem(key, format!("cannot read {}: {error}", path.display()));
    }
    Some(path)
}

/// `IP:PORT`.
pub(super) fn address(reader: &mut Reader<'_>, key: &'static str) -> Option<SocketAddr> {
    let text = reader.string(key)?;
    match text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            let example = "\"0.0.0.0:25\" or \"[::]:25\"";
            reader.problem(key, format!("\"{}\" is not IP:PORT, for example {example}", text.escape_debug()));
            None
        }
    }
}
