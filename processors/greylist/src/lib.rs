//! `greylist`: defers the first mail of a sender, from a network, to a recipient, and takes the next try.
//!
//! ```text
//! nothing known        -> remember when, defer          for `retry_window`
//! known, before delay  -> defer
//! known, after delay   -> remember as passed, take      for `pass_ttl`, anew with each mail
//! ```
//!
//! As a recipient checker it answers RCPT; as a stage it answers the message at its start. Both share what they know.
//! Knows nothing of content.

pub mod config;
pub mod network;

use gatepost_sdk::kv::Kv;
use gatepost_sdk::{
    Content, Context, Description, Flow, KvError, Level, Processor, RecipientChecker, RecipientContext,
    Refusal,
};
use sha2::{Digest, Sha256};

pub use config::Config;
use config::{OnKvFailure, Rules};

/// The processor, and the checker.
#[derive(Debug)]
pub struct Greylist {
    rules: Rules,
}

gatepost_sdk::export!(Greylist);
gatepost_sdk::export_recipients!(Greylist);

/// What is known of whoever wants to deliver.
struct Client {
    ip: Option<String>,
    sender: Option<String>,
    authenticated: bool,
}

/// What to do with one recipient.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Take,
    /// After so many milliseconds a next try is taken.
    Defer(u64),
}

impl Greylist {
    /// Whether this client need not wait, whoever the recipient is.
    fn is_allowed(&self, client: &Client) -> bool {
        let sender_domain =
            client.sender.as_deref().and_then(|sender| sender.rsplit_once('@')).map(|(_, d)| d);
        client.authenticated
            || (client.sender.is_none() && !self.rules.null_sender)
            || client.ip.as_deref().is_some_and(|ip| self.rules.allows_ip(ip))
            || sender_domain.is_some_and(|domain| self.rules.allows_domain(domain))
    }

    /// Looks one recipient up, and remembers.
    fn judge(
        &self,
        client: &Client,
        recipient: &str,
        now_ms: u64,
        kv: &mut Kv<'_>,
    ) -> Result<Answer, KvError> {
        let key = key(client, recipient);
        let known = kv.get(&key)?.and_then(|value| Known::read(&value));
        match known {
            Some(Known::Passed(since)) => {
                // Not with each mail: a write costs more than a read.
                if now_ms.saturating_sub(since) > self.rules.pass_ttl_ms / 10 {
                    self.remember(kv, &key, Known::Passed(now_ms))?;
                }
                Ok(Answer::Take)
            }
            Some(Known::First(at)) => {
                let left = at.saturating_add(self.rules.delay_ms).saturating_sub(now_ms);
                if left > 0 {
                    return Ok(Answer::Defer(left));
                }
                self.remember(kv, &key, Known::Passed(now_ms))?;
                Ok(Answer::Take)
            }
            None => {
                self.remember(kv, &key, Known::First(now_ms))?;
                Ok(Answer::Defer(self.rules.delay_ms))
            }
        }
    }

    fn remember(&self, kv: &mut Kv<'_>, key: &str, known: Known) -> Result<(), KvError> {
        let (value, ttl_ms) = match known {
            Known::First(at) => (format!("f{at}"), self.rules.retry_window_ms),
            Known::Passed(at) => (format!("p{at}"), self.rules.pass_ttl_ms),
        };
        kv.set(key, value.as_bytes(), Some(std::time::Duration::from_millis(ttl_ms)))
    }

    /// What becomes of mail where the key-value space does not answer.
    fn without_kv(&self) -> Answer {
        match self.rules.on_kv_failure {
            OnKvFailure::Pass => Answer::Take,
            OnKvFailure::Defer => Answer::Defer(self.rules.delay_ms),
        }
    }
}

/// What stands under a key.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// First tried then, in milliseconds since 1970.
    First(u64),
    /// Passed, last noted then.
    Passed(u64),
}

impl Known {
    /// `None`: not one of ours.
    fn read(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let at = || text.get(1..)?.parse().ok();
        match text.chars().next()? {
            'f' => at().map(Self::First),
            'p' => at().map(Self::Passed),
            _ => None,
        }
    }
}

/// A hash of network, sender and recipient: of one length, and no address stands in the store.
fn key(client: &Client, recipient: &str) -> String {
    let network = client.ip.as_deref().map(network::of).unwrap_or_default();
    let sender = client.sender.as_deref().map(steady).unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [&network, &sender, &recipient.to_lowercase()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let hex: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("greylist:{hex}")
}

/// A sender without what changes from mail to mail: lists number their bounce addresses.
fn steady(sender: &str) -> String {
    let mut steady = String::with_capacity(sender.len());
    for c in sender.to_lowercase().chars() {
        match c {
            '0'..='9' if steady.ends_with('#') => {}
            '0'..='9' => steady.push('#'),
            other => steady.push(other),
        }
    }
    steady
}

/// 451 4.7.1, with how long to wait.
fn deferral(left_ms: u64) -> Refusal {
    let seconds = left_ms.div_ceil(1000);
    Refusal::defer(format!("Greylisted: first contact, please try again in {seconds} seconds"))
}

impl Processor for Greylist {
    type Config = Config;

    fn describe() -> Description {
        Description::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"))
            .takes(Content::Any)
            .gives(Content::Any)
    }

    fn configure(config: Config) -> Result<Self, String> {
        Ok(Self { rules: config.rules()? })
    }

    fn open(&mut self, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let client = Client {
            ip: cx.fact("client.ip"),
            sender: cx.sender(),
            authenticated: cx.fact("auth.user").is_some(),
        };
        if self.is_allowed(&client) {
            return Ok(());
        }
        let now_ms = cx.now_ms();
        let mut longest = 0;
        // All of them, so that a next try finds every one known.
        for recipient in cx.recipients() {
            let answer = self.judge(&client, &recipient, now_ms, &mut cx.kv());
            // A store that is down takes seconds to say so: a hundred recipients would outlast the message's time.
            let down = matches!(answer, Err(KvError::Unavailable(_)));
            let answer = answer.unwrap_or_else(|error| {
                cx.log(Level::Warn, &error.to_string());
                self.without_kv()
            });
            if let Answer::Defer(left) = answer {
                longest = longest.max(left);
            }
            if down {
                break;
            }
        }
        if longest > 0 {
            cx.count("deferred", 1);
            return Err(deferral(longest));
        }
        Ok(())
    }

    fn write(&mut self, _chunk: &[u8], _cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        Ok(Flow::Splice)
    }
}

impl RecipientChecker for Greylist {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, String> {
        Ok(Self { rules: config.rules()? })
    }

    fn check(&mut self, address: &str, cx: &mut RecipientContext<'_>) -> Result<(), Refusal> {
        let client = Client {
            ip: cx.fact("client.ip"),
            sender: cx.sender(),
            authenticated: cx.fact("auth.user").is_some(),
        };
        if self.is_allowed(&client) {
            return Ok(());
        }
        let now_ms = cx.now_ms();
        let answer = self.judge(&client, address, now_ms, &mut cx.kv()).unwrap_or_else(|error| {
            cx.log(Level::Warn, &error.to_string());
            self.without_kv()
        });
        match answer {
            Answer::Take => Ok(()),
            Answer::Defer(left) => {
                cx.count("deferred", 1);
                Err(deferral(left))
            }
        }
    }
}
