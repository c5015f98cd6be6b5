//! Whose token it is: the host's, of which several may hold at once, or a tenant's, if that tenant is there.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::principal::{Principal, Role};
use super::tokens::{Held, Tokens};

/// Whether there is a tenant of this name.
pub(super) type IsTenant = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// All tokens that are taken.
pub(super) struct Keys {
    host: ArcSwap<Vec<blake3::Hash>>,
    pub(super) tokens: Arc<Tokens>,
    is_tenant: IsTenant,
}

/// A token that was right when it was sent. It says nothing of the token itself.
#[derive(Debug, Clone)]
pub(super) enum Key {
    Host(blake3::Hash),
    Tenant(Arc<Held>),
}

impl Keys {
    /// Gives what is wrong with tenants' files, too.
    pub(super) fn new(host: &[String], folder: PathBuf, is_tenant: IsTenant) -> (Self, Vec<String>) {
        let (tokens, problems) = Tokens::open(folder);
        let keys = Self { host: ArcSwap::default(), tokens: Arc::new(tokens), is_tenant };
        keys.set_host(host);
        (keys, problems)
    }

    /// From now on the host's are these.
    pub(super) fn set_host(&self, host: &[String]) {
        self.host.store(Arc::new(host.iter().map(|token| blake3::hash(token.as_bytes())).collect()));
    }

    /// Whether a tenant is there.
    pub(super) fn is_tenant(&self, name: &str) -> bool {
        (self.is_tenant)(name)
    }

    /// What a token opens. Compared as hashes, in constant time, with all that there are.
    pub(super) fn find(&self, text: &str) -> Option<Key> {
        let hash = blake3::hash(text.as_bytes());
        if self.is_hosts(&hash) {
            return Some(Key::Host(hash));
        }
        let held = self.tokens.verify(text, Timestamp::now())?;
        self.is_tenant(&held.tenant).then_some(Key::Tenant(held))
    }

    /// What it opens now; none: it was taken away, is over, or its tenant is gone.
    pub(super) fn again(&self, key: &Key) -> Option<Key> {
        match key {
            Key::Host(hash) => self.is_hosts(hash).then(|| key.clone()),
            Key::Tenant(held) => {
                let held = self.tokens.again(held, Timestamp::now())?;
                self.is_tenant(&held.tenant).then_some(Key::Tenant(held))
            }
        }
    }

    fn is_hosts(&self, hash: &blake3::Hash) -> bool {
        self.host.load().iter().fold(false, |found, host| found | (host == hash))
    }
}

impl Key {
    /// Its holder.
    pub(super) fn principal(&self) -> Principal {
        match self {
            Self::Host(_) => Principal::host(),
            Self::Tenant(held) => Principal {
                role: Role::from(held.role),
                tenant: Some(held.tenant.clone()),
                token: held.id.clone(),
            },
        }
    }

    /// When it ends by itself.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        match self {
            Self::Host(_) => None,
            Self::Tenant(held) => held.expires,
        }
    }

    /// Whose it is: a tenant's name, or empty for the host.
    pub(super) fn owner(&self) -> &str {
        match self {
            Self::Host(_) => "",
            Self::Tenant(held) => &held.tenant,
        }
    }
}
