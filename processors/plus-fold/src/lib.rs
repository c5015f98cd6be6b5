//! `plus-fold`: delivers mail for `user+tag@domain` to `user@domain`.
//!
//! Rewrites the envelope before anything of the message has gone on, and never touches a byte of it. Quoted local parts
//! stay as they are. Knows nothing of which mailboxes there are.

use gatepost_sdk::{Context, Description, Flow, Level, Processor, Refusal, Verdict};
use serde::{Deserialize, Serialize};

/// The stage's config.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What stands between user and tag: `+` or `-`. Default `+`.
    pub separator: char,
    /// Domains whose addresses are folded, without case; none: all. Default none.
    pub domains: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { separator: '+', domains: Vec::new() }
    }
}

/// Most domains.
const DOMAINS_MAX: usize = 1000;

/// The processor.
#[derive(Debug)]
pub struct PlusFold {
    config: Config,
}

gatepost_sdk::export!(PlusFold);

impl Processor for PlusFold {
    type Config = Config;

    fn describe() -> Description {
        use gatepost_sdk::Content::Any;
        Description::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"))
            .takes(Any)
            .gives(Any)
    }

    fn configure(mut config: Config) -> Result<Self, String> {
        if !['+', '-'].contains(&config.separator) {
            return Err(format!("separator: expected \"+\" or \"-\", found {:?}", config.separator));
        }
        if config.domains.len() > DOMAINS_MAX {
            return Err(format!(
                "domains: {} of them, but at most {DOMAINS_MAX} are allowed",
                config.domains.len()
            ));
        }
        for domain in &mut config.domains {
            if domain.is_empty() || domain.contains(|c: char| c == '@' || c.is_whitespace()) {
                return Err(format!("domains: {domain:?} is no domain"));
            }
            domain.make_ascii_lowercase();
        }
        Ok(Self { config })
    }

    fn open(&mut self, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let recipients = cx.recipients();
        let folds: Vec<_> = recipients.iter().map(|address| (address, self.fold(address))).collect();
        if let [(_, Some(fold))] = folds.as_slice() {
            // Too long a tag is no fact, but no reason to bounce either.
            cx.set_fact("x.plus-fold.tag", fold.tag);
        }
        for (address, fold) in folds {
            let Some(fold) = fold else { continue };
            // The folded one first: the last recipient cannot be removed.
            if cx.add_recipient(&fold.address) {
                if !cx.remove_recipient(address) {
                    return Err(Refusal::failed("a recipient could not be removed"));
                }
                cx.count("folded", 1);
            } else {
                cx.log(Level::Info, "a folded address is not the tenant's own; it stays as it is");
            }
        }
        Ok(())
    }

    fn write(&mut self, _chunk: &[u8], _cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        Ok(Flow::Splice)
    }

    fn close(&mut self, _cx: &mut Context<'_>) -> Result<Verdict, Refusal> {
        Ok(Verdict::Accept)
    }
}

/// An address without its tag, and the tag.
struct Fold<'a> {
    address: String,
    tag: &'a str,
}

impl PlusFold {
    /// `None`: the address has no tag, or is not to be folded.
    fn fold<'a>(&self, address: &'a str) -> Option<Fold<'a>> {
        let (local, domain) = address.rsplit_once('@')?;
        let wanted = &self.config.domains;
        if !wanted.is_empty() && !wanted.contains(&domain.to_ascii_lowercase()) {
            return None;
        }
        // In a quoted local part the separator is text as any other.
        let (user, tag) = local.split_once(self.config.separator).filter(|_| !local.starts_with('"'))?;
        // `+x` has no user, and `a.` is no local part.
        let whole = !user.is_empty() && !user.ends_with('.');
        whole.then(|| Fold { address: format!("{user}@{domain}"), tag })
    }
}
