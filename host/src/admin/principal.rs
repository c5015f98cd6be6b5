//! Who asks: what a route may know of the token that a request came with.
//!
//! Whether a request may reach its route at all is `guard`'s.

use serde::Serialize;
use utoipa::ToSchema;

/// What a token lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Host,
    /// Everything of one tenant that is not the host's to decide.
    Owner,
    /// Look at one tenant.
    Reader,
}

/// The holder of a token; every request under `/v1` that asks for one carries it as an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// What it may do.
    pub role: Role,
    /// Whose things it may see; none: everybody's.
    pub tenant: Option<String>,
    /// Which of its tenant's tokens; empty: the host's.
    pub token: String,
}

impl Principal {
    /// The holder of the host's token.
    pub fn host() -> Self {
        Self { role: Role::Host, tenant: None, token: String::new() }
    }

    /// Whether it may do everything.
    pub fn is_host(&self) -> bool {
        self.role == Role::Host
    }

    /// Whether what belongs to `tenant` is there at all for the holder.
    pub fn sees(&self, tenant: &str) -> bool {
        self.tenant.as_ref().is_none_or(|own| own == tenant)
    }

    /// As it stands in the history and in the audit log: `host`, or `TENANT/ROLE/TOKEN`.
    pub fn name(&self) -> String {
        match &self.tenant {
            None => "host".to_owned(),
            Some(tenant) => format!("{tenant}/{}/{}", self.role.name(), self.token),
        }
    }
}

impl Role {
    /// `host`, `owner` or `reader`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Owner => "owner",
            Self::Reader => "reader",
        }
    }
}
