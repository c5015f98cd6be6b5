//! Reads one `[[listener]]`.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::reader::Reader;
use super::{ByteSize, Listener, Tls, TlsMode};
use crate::chain::spec::is_name;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// `"1s"` to `"1h"`.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// Names and addresses of the listeners so far, and of the admin API.
pub(super) struct Taken {
    names: HashSet<String>,
    addresses: HashMap<SocketAddr, String>,
}

impl Taken {
    pub(super) fn new(admin: SocketAddr) -> Self {
        Self { names: HashSet::new(), addresses: HashMap::from([(admin, "[admin]".to_owned())]) }
    }

    /// Notes what is already taken. Port 0 is any free port, so never taken.
    fn add(&mut self, reader: &Reader<'_>, name: Option<&str>, address: Option<SocketAddr>) {
        let name = name.unwrap_or_default();
        if !name.is_empty() && !self.names.insert(name.to_owned()) {
            reader.problem("name", "another listener has this name");
        }
        let Some(address) = address.filter(|address| address.port() != 0) else { return };
        if let Some(other) = self.addresses.insert(address, format!("listener `{name}`")) {
            reader.problem("address", format!("{address} is taken by {other}"));
        }
    }
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
    later(&mut reader);
    let tls = reader.table("tls").and_then(|tls| read_tls(tls, base));
    let bare = reader.choice("bare_newlines", &[("reject", true), ("keep", false)]);
    let mut count =
        |key, max: u64, default| usize::try_from(reader.count(key, 1..=max, default)).unwrap_or(1);
    let (recipients_max, errors_max) = (count("recipients_max", 100_000, 100), count("errors_max", 1000, 10));
    let (sessions_max, sessions_per_client) =
        (count("sessions_max", 1_000_000, 1000), count("sessions_per_client", 1_000_000, 50));
    let received_max = count("received_max", 10_000, 100);
    let listener = Listener {
        name: name.clone().unwrap_or_default(),
        address: address.unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0))),
        tls,
        message_size_max: reader.size("message_size_max", KIB..=GIB, ByteSize(25 * MIB)),
        header_size_max: reader.size("header_size_max", KIB..=16 * MIB, ByteSize(256 * KIB)),
        reject_bare_newlines: bare.unwrap_or(true),
        recipients_max,
        sessions_max,
        sessions_per_client,
        command_timeout: reader.duration("command_timeout", TIMEOUT, Duration::from_secs(300)),
        data_timeout: reader.duration("data_timeout", TIMEOUT, Duration::from_secs(180)),
        errors_max,
        received_max,
    };
    reader.finish();
    (name.is_some() && address.is_some()).then_some(listener)
}

/// Keys of features that this version does not have: their off position is taken, anything else is an error.
fn later(reader: &mut Reader<'_>) {
    if let Some(true) = reader.choice("protocol", &[("smtp", false), ("lmtp", true)]) {
        reader.problem("protocol", "\"lmtp\" comes in a later version; this one speaks \"smtp\" only");
    }
    if reader.flag("proxy_protocol") == Some(true) {
        reader.problem("proxy_protocol", "comes in a later version; it cannot be switched on in this one");
    }
    for key in ["xclient", "trusted"] {
        if !reader.strings(key).is_empty() {
            reader.problem(key, "comes in a later version; it must be empty in this one");
        }
    }
}

fn read_tls(mut reader: Reader<'_>, base: &Path) -> Option<Tls> {
    let mut file = |key| {
        let name = reader.string(key);
        let path = base.join(reader.required(key, name)?);
        if let Err(error) = std::fs::File::open(&path)
            .and_then(|file| file.metadata())
            .and_then(|meta| if meta.is_file() { Ok(()) } else { Err(std::io::Error::other("not a file")) })
        {
            reader.problem(key, format!("cannot read {}: {error}", path.display()));
        }
        Some(path)
    };
    let (cert, key) = (file("cert"), file("key"));
    let mode = reader.choice("mode", &[("starttls", TlsMode::Starttls), ("implicit", TlsMode::Implicit)]);
    let mode = reader.required("mode", mode);
    reader.finish();
    Some(Tls { cert: cert?, key: key?, mode: mode? })
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
