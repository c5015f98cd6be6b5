//! The stage's config as it is written, and the rules that it makes.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::network::Network;

/// Longest time that can be asked for, in milliseconds: a year.
const TIME_MAX_MS: u64 = 365 * 24 * 3600 * 1000;
/// Most entries of a list.
const LIST_MAX: usize = 1000;

/// The config.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long a first contact waits, such as `50ms`, `30s`, `5m`. Default `5m`: shorter than most retries, longer than
    /// what sends and never retries.
    pub delay: String,
    /// How long after its first try a sender may come again. Default `4h`: some retry hourly at first.
    pub retry_window: String,
    /// How long one that passed need not wait, counted from its last mail. Default `35d`: more than a month, for what comes
    /// monthly.
    pub pass_ttl: String,
    /// Networks of clients that never wait. Default none.
    pub networks_allowed: Vec<String>,
    /// Domains of senders that never wait, their subdomains too. Default none. A sender's address is easily forged.
    pub senders_allowed: Vec<String>,
    /// Whether mail from the null reverse-path waits too. Default true. False: bounces, and hosts that ask whether an
    /// address exists, are taken at once.
    pub null_sender: bool,
    /// Where the key-value space does not answer: `pass` (default) takes mail without waiting, `defer` defers it.
    pub on_kv_failure: OnKvFailure,
}

/// What becomes of mail where the key-value space does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnKvFailure {
    /// It is taken.
    Pass,
    /// It waits.
    Defer,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            delay: "5m".into(),
            retry_window: "4h".into(),
            pass_ttl: "35d".into(),
            networks_allowed: Vec::new(),
            senders_allowed: Vec::new(),
            null_sender: true,
            on_kv_failure: OnKvFailure::Pass,
        }
    }
}

/// The config, read.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) delay_ms: u64,
    pub(crate) retry_window_ms: u64,
    pub(crate) pass_ttl_ms: u64,
    networks: Vec<Network>,
    senders: Vec<String>,
    pub(crate) null_sender: bool,
    pub(crate) on_kv_failure: OnKvFailure,
}

impl Config {
    pub(crate) fn rules(&self) -> Result<Rules, String> {
        for (key, list) in
            [("networks_allowed", &self.networks_allowed), ("senders_allowed", &self.senders_allowed)]
        {
            if list.len() > LIST_MAX {
                return Err(format!("{key}: {} entries, but at most {LIST_MAX} are allowed", list.len()));
            }
        }
        let networks = self.networks_allowed.iter().map(|text| Network::parse(text));
        let networks =
            networks.collect::<Result<_, _>>().map_err(|error| format!("networks_allowed: {error}"))?;
        for domain in &self.senders_allowed {
            if domain.is_empty() || domain.contains(|c: char| c == '@' || c.is_whitespace()) {
                return Err(format!("senders_allowed: {domain:?} is no domain"));
            }
        }
        let rules = Rules {
            delay_ms: time("delay", &self.delay)?,
            retry_window_ms: time("retry_window", &self.retry_window)?,
            pass_ttl_ms: time("pass_ttl", &self.pass_ttl)?,
            networks,
            senders: self.senders_allowed.iter().map(|domain| domain.to_lowercase()).collect(),
            null_sender: self.null_sender,
            on_kv_failure: self.on_kv_failure,
        };
        if rules.delay_ms >= rules.retry_window_ms {
            return Err("delay: must be shorter than retry_window, or nobody ever passes".into());
        }
        Ok(rules)
    }
}

impl Rules {
    pub(crate) fn allows_ip(&self, ip: &str) -> bool {
        ip.parse::<IpAddr>().is_ok_and(|ip| self.networks.iter().any(|network| network.contains(ip)))
    }

    pub(crate) fn allows_domain(&self, domain: &str) -> bool {
        let domain = domain.to_lowercase();
        self.senders.iter().any(|own| {
            domain.strip_suffix(own.as_str()).is_some_and(|left| left.is_empty() || left.ends_with('.'))
        })
    }
}

/// A time such as `50ms`, `30s`, `5m`, `4h`, `35d`, in milliseconds: 1 ms to a year.
fn time(key: &str, text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    let ms = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    match ms {
        Some(ms @ 1..=TIME_MAX_MS) => Ok(ms),
        _ => Err(format!("{key}: expected a time from \"1ms\" to \"365d\", such as \"5m\", found {text:?}")),
    }
}
