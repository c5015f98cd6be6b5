//! The settings of a `relay`, read whole: what stands here can be used.
//!
//! Each limit has a default with its reason. Waiting is shorter than what RFC 5321 §4.5.3.2 asks of a client, where our own
//! client waits for the same answer: it would be gone before we have one.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::Value;

use super::door::Door;
use super::secret::Secret;
use super::target::Target;
use super::trust::Trust;
use crate::chain::{Keys, Settings, StageScope};
use crate::config::units::{format_duration, parse_duration};

/// Most places of `address`, and most networks of `hosts_allowed`.
const LIST_MAX: usize = 32;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// What is spoken to the next server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Protocol {
    /// RFC 5321.
    #[default]
    Smtp,
    /// RFC 2033: one answer for each recipient.
    Lmtp,
}

/// Whether TLS is spoken to the next server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Tls {
    /// Never.
    None,
    /// Where it is offered, whatever the certificate (RFC 7435): better than plain text, and no mail fails for it.
    #[default]
    Opportunistic,
    /// With a certificate that is verified; else nothing is sent.
    Require,
}

/// What becomes of a bare LF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum BareNewlines {
    /// It becomes CRLF.
    #[default]
    Convert,
    /// The message is refused.
    Reject,
}

/// Who we are to the next server.
#[derive(Debug, Clone)]
pub(super) struct Login {
    /// The user's name.
    pub(super) user: String,
    /// Where the password is.
    pub(super) secret: Secret,
}

/// A relay as its settings want it.
#[derive(Debug, Clone)]
pub(super) struct RelaySettings {
    /// Where to, in this order.
    pub(super) targets: Vec<Target>,
    /// What is spoken.
    pub(super) protocol: Protocol,
    /// Whether TLS is spoken.
    pub(super) tls: Tls,
    /// Whose certificates are believed.
    pub(super) trust: Trust,
    /// Who we are; none: nobody.
    pub(super) login: Option<Login>,
    /// Whom it may connect to.
    pub(super) door: Door,
    /// The name of this server, which no other has.
    pub(super) hostname: String,
    /// Our name in EHLO.
    pub(super) helo: String,
    /// What becomes of a bare LF.
    pub(super) bare_newlines: BareNewlines,
    /// For one connection and its greeting. Default 30 s: a dead server must not keep the client for as long as it waits.
    pub(super) connect_timeout: Duration,
    /// For an answer to a command, and for all that has to be done until a recipient is answered. Default 2 min: the client
    /// waits for 5 (RFC 5321 §4.5.3.2.2).
    pub(super) command_timeout: Duration,
    /// For a piece of content to be taken. Default 3 min: RFC 5321 §4.5.3.2.5.
    pub(super) data_timeout: Duration,
    /// For the answer to the end of the content. Default 5 min: the client waits for 10 (RFC 5321 §4.5.3.2.6).
    pub(super) reply_timeout: Duration,
    /// For all pauses of a client between its recipients and its content, after which the connection is for others. Default
    /// 30 s: a client that has a message needs none.
    pub(super) pause_timeout: Duration,
    /// Connections in use at once. Default 200: several times what one address may have open, so that none can take all.
    pub(super) connections_max: usize,
    /// Connections that are kept for the next message. Default 20.
    pub(super) idle_max: usize,
    /// For so long. Default 10 s: long enough for a stream of messages, and the next server's places are its own.
    pub(super) idle_timeout: Duration,
    /// Messages over one connection. Default 100, so that load balancers see new ones.
    pub(super) connection_messages_max: u32,
}

impl RelaySettings {
    /// Reads them.
    ///
    /// # Errors
    /// Every problem, each with its key.
    pub(super) fn read(scope: &StageScope, settings: Settings) -> Result<Self, String> {
        let mut keys = Keys::new(settings);
        let targets = targets(&mut keys);
        let protocol = keys.take("protocol").unwrap_or_default();
        let tls = keys.take("tls").unwrap_or_default();
        let login = login(&mut keys, scope);
        let allowed = networks(&mut keys);
        let ca: Option<PathBuf> = keys.take("ca");
        let helo = helo(&mut keys, scope);
        let bare_newlines = keys.take("bare_newlines").unwrap_or_default();
        let connect_timeout = duration(&mut keys, "connect_timeout", SECOND..=5 * MINUTE, 30 * SECOND);
        let command_timeout = duration(&mut keys, "command_timeout", SECOND..=10 * MINUTE, 2 * MINUTE);
        let data_timeout = duration(&mut keys, "data_timeout", SECOND..=10 * MINUTE, 3 * MINUTE);
        let reply_timeout = duration(&mut keys, "reply_timeout", SECOND..=10 * MINUTE, 5 * MINUTE);
        let pause_timeout = duration(&mut keys, "pause_timeout", SECOND..=5 * MINUTE, 30 * SECOND);
        let connections_max = count(&mut keys, "connections_max", 1..=1000, 200);
        let idle_max = count(&mut keys, "idle_max", 0..=1000, 20);
        let idle_timeout = duration(&mut keys, "idle_timeout", SECOND..=HOUR, 10 * SECOND);
        let messages = count(&mut keys, "connection_messages_max", 1..=1_000_000, 100);
        let door = Door::new(allowed, scope.own.clone());
        // Ourselves is asked when connecting: at the start nothing is bound yet.
        for target in &targets {
            if let Target::Literal(peer) = target
                && let Err(shut) = door.admit_network(peer.ip(), true)
            {
                keys.refuse("address", &shut.to_string());
            }
        }
        let plain = |target: &Target| matches!(target, Target::Literal(peer) if peer.ip().is_loopback());
        if login.is_some() && tls != Tls::Require && !targets.iter().all(plain) {
            keys.refuse(
                "auth",
                "needs `tls = \"require\"`, unless every `address` is one of this machine (127.0.0.1)",
            );
        }
        let trust = Trust::load(tls, ca.map(|path| scope.state_dir.join(path)).as_deref());
        let trust = trust.map_err(|why| keys.refuse("ca", &why)).ok();
        keys.finish()?;
        Ok(Self {
            targets,
            protocol,
            tls,
            trust: trust.unwrap_or_default(),
            login,
            door,
            hostname: scope.hostname.clone(),
            helo,
            bare_newlines,
            connect_timeout,
            command_timeout,
            data_timeout,
            reply_timeout,
            pause_timeout,
            connections_max,
            idle_max,
            idle_timeout,
            connection_messages_max: u32::try_from(messages).unwrap_or(u32::MAX),
        })
    }
}

fn targets(keys: &mut Keys) -> Vec<Target> {
    let texts = match keys.take::<Value>("address") {
        None => Vec::new(),
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        Some(_) => {
            keys.refuse("address", "is neither \"HOST:PORT\" nor a list of such");
            return Vec::new();
        }
    };
    if texts.is_empty() {
        keys.refuse("address", "is required: where to, for example \"127.0.0.1:10026\"");
    }
    if texts.len() > LIST_MAX {
        keys.refuse("address", &format!("has more than {LIST_MAX} places"));
    }
    let parsed = texts.iter().map(|text| Target::parse(text));
    parsed.filter_map(|target| target.map_err(|why| keys.refuse("address", &why)).ok()).collect()
}

fn networks(keys: &mut Keys) -> Option<Vec<IpNet>> {
    let texts: Vec<String> = keys.take("hosts_allowed")?;
    if texts.len() > LIST_MAX {
        keys.refuse("hosts_allowed", &format!("has more than {LIST_MAX} networks"));
    }
    let mut nets = Vec::with_capacity(texts.len());
    for text in texts {
        let one = std::net::IpAddr::from_str(&text).map(IpNet::from).ok();
        match one.or_else(|| text.parse().ok()) {
            Some(net) => nets.push(net),
            None => keys.refuse(
                "hosts_allowed",
                &format!("\"{}\" is no address and no network such as \"10.0.0.0/8\"", text.escape_debug()),
            ),
        }
    }
    Some(nets)
}

/// Read by hand, so that no message repeats what may be a password.
fn login(keys: &mut Keys, scope: &StageScope) -> Option<Login> {
    let Value::Object(table) = keys.take::<Value>("auth")? else {
        keys.refuse("auth", "is no table: `{ user = \"NAME\", secret = \"file:PATH\" }`");
        return None;
    };
    let text = |key| table.get(key).and_then(Value::as_str);
    let (Some(user), Some(secret), 2) = (text("user"), text("secret"), table.len()) else {
        keys.refuse("auth", "takes `user` and `secret`, both texts, and nothing else");
        return None;
    };
    if user.is_empty() || user.len() > 255 || user.contains(char::is_control) {
        keys.refuse("auth", "`user` is empty, longer than 255 bytes, or holds control characters");
    }
    let secret = Secret::parse(secret, &scope.state_dir);
    match secret.and_then(|secret| secret.read().map(|_| secret)) {
        Ok(secret) => Some(Login { user: user.to_owned(), secret }),
        Err(why) => {
            keys.refuse("auth", &format!("`secret`: {why}"));
            None
        }
    }
}

fn helo(keys: &mut Keys, scope: &StageScope) -> String {
    let Some(name) = keys.take::<String>("helo") else { return scope.hostname.clone() };
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b".-[]:".contains(&b);
    if name.is_empty() || name.len() > 255 || !name.bytes().all(is_plain) {
        keys.refuse("helo", "is no host name and no address in brackets");
    }
    name
}

fn duration(
    keys: &mut Keys,
    key: &'static str,
    range: std::ops::RangeInclusive<Duration>,
    default: Duration,
) -> Duration {
    let Some(text) = keys.take::<String>(key) else { return default };
    match parse_duration(&text) {
        Ok(found) if range.contains(&found) => return found,
        Ok(found) => {
            let (low, high) = (format_duration(*range.start()), format_duration(*range.end()));
            keys.refuse(key, &format!("{} is out of range: {low} to {high}", format_duration(found)));
        }
        Err(error) => keys.refuse(key, &error.to_string()),
    }
    default
}

fn count(keys: &mut Keys, key: &'static str, range: std::ops::RangeInclusive<i64>, default: i64) -> usize {
    usize::try_from(keys.number(key, range, default)).unwrap_or(usize::MAX)
}
