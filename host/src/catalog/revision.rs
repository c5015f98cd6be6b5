//! What is known of a revision of a tenant: who made it, when and why, and what the names in its chain meant when it went live.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Smoke;

/// What each component that a chain names was resolved to, by the name as it is written, without alias: `hello@1`.
pub type Components = BTreeMap<String, Component>;

/// One component, down to its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Component {
    /// Whose it is: a tenant, or `host`.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// BLAKE3 of its bytes, in hex.
    pub hash: String,
}

/// How a revision came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The tenant was made.
    Create,
    /// It was changed through the API.
    Set,
    /// An older revision was brought back.
    Rollback,
    /// Its file was edited.
    File,
}

/// Who asked for a revision, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `host`, `TENANT/ROLE/TOKEN`, or `file`.
    pub author: String,
    /// How it came to be.
    pub action: Action,
    /// What was rolled back to.
    pub of: Option<u64>,
}

/// What is stored beside a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// When it was made (RFC 3339).
    pub at: String,
    /// Who made it: as in [`Origin`].
    pub author: String,
    /// How it came to be.
    pub action: Action,
    /// What was rolled back to.
    pub of: Option<u64>,
    /// What its names meant.
    pub components: Components,
    /// What the smoke corpus showed when it was checked.
    pub smoke: Smoke,
    /// Of all that it was built of, in hex: while that is the same, so is `smoke`.
    pub fingerprint: String,
}

/// `owner/name@version`.
impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.owner, self.name, self.version)
    }
}

impl Origin {
    /// Of a file that somebody edited.
    pub fn file() -> Self {
        Self { author: "file".to_owned(), action: Action::File, of: None }
    }

    /// Of a change through the API.
    pub fn set(author: &str) -> Self {
        Self { author: author.to_owned(), action: Action::Set, of: None }
    }

    /// Of a tenant that is made through the API.
    pub fn create(author: &str) -> Self {
        Self { author: author.to_owned(), action: Action::Create, of: None }
    }

    /// Of an older revision that is brought back.
    pub fn rollback(author: &str) -> Self {
        Self { author: author.to_owned(), action: Action::Rollback, of: None }
    }

    /// What is stored of a tenant that goes live now.
    pub(super) fn about(&self, tenant: &super::Tenant) -> About {
        About {
            at: Timestamp::now().to_string(),
            author: self.author.clone(),
            action: self.action,
            of: self.of,
            components: Components::clone(&tenant.components),
            smoke: Smoke::clone(&tenant.smoke),
            fingerprint: tenant.fingerprint.to_hex().to_string(),
        }
    }
}
