//! What a reload did, for the API, the command line and the log.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SmokeWarning;
use crate::config::Problem;
use crate::telemetry::Event;
use crate::telemetry::causes::one_line;

/// What a reload did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReloadReport {
    /// Tenants that went live, with their revisions.
    pub changed: Vec<Changed>,
    /// Tenants whose files were refused.
    pub refused: Vec<Refused>,
    /// Stages of tenants that went live, and failed on the smoke corpus.
    pub warnings: Vec<Warned>,
    /// Tenants that stay as they were.
    pub unchanged: Vec<String>,
    /// Tenants whose files are gone.
    pub removed: Vec<String>,
    /// Listeners that are not as they were.
    #[serde(default)]
    pub listeners: Vec<ListenerChange>,
    /// What is wrong beyond any one tenant: with the config, the tokens, the catalog as a whole. What it is about has not changed.
    pub problems: Vec<Problem>,
    /// The host's config was refused, and the old one goes on, listeners and their certificates included.
    #[serde(default)]
    pub config_refused: bool,
}

/// A tenant that went live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// Its name.
    pub tenant: String,
    /// Its new revision.
    pub revision: u64,
}

/// A tenant whose file was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refused {
    /// Its name.
    pub tenant: String,
    /// The revision that goes on serving; none: its domains get 451.
    pub serving: Option<u64>,
    /// All that is wrong.
    pub problems: Vec<Problem>,
}

/// A warning, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Warned {
    /// The tenant.
    pub tenant: String,
    /// What about.
    #[serde(flatten)]
    pub warning: SmokeWarning,
}

/// What became of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListenerChange {
    /// Its name.
    pub listener: String,
    /// What was done: `added`, `removed`, `moved` to another address, `changed` in its settings, or `certificates` where only
    /// these are others.
    pub change: String,
    /// Where it listens; where it did, if it was removed.
    pub address: String,
}

impl ListenerChange {
    /// `change` is what was done, as it stands in the report.
    pub fn new(listener: &str, change: &str, address: SocketAddr) -> Self {
        Self { listener: listener.to_owned(), change: change.to_owned(), address: address.to_string() }
    }
}

/// For people: `listener mx: moved, 0.0.0.0:2525`.
impl fmt::Display for ListenerChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { listener, change, address } = self;
        write!(
            f,
            "listener `{}`: {}, {}",
            listener.escape_debug(),
            change.escape_debug(),
            address.escape_debug()
        )
    }
}

impl ReloadReport {
    /// Whether all of it took effect.
    pub fn is_ok(&self) -> bool {
        self.refused.is_empty() && self.problems.is_empty()
    }

    /// What the log says of it.
    pub fn record(&self) -> Event {
        Event::Reloaded {
            ok: self.is_ok(),
            changed: self.changed.len() + self.removed.len(),
            refused: self.refused.len(),
        }
    }
}

/// For people: a line for each listener and tenant that changed or was refused, and for each problem.
impl fmt::Display for ReloadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.listeners {
            writeln!(f, "{change}")?;
        }
        for Changed { tenant, revision } in &self.changed {
            writeln!(f, "{}: revision {revision} is live", tenant.escape_debug())?;
        }
        for Warned { tenant, warning } in &self.warnings {
            writeln!(f, "{}: warning: {}", tenant.escape_debug(), one_line(&warning.to_string()))?;
        }
        for tenant in &self.removed {
            writeln!(f, "{}: removed", tenant.escape_debug())?;
        }
        for Refused { tenant, serving, problems } in &self.refused {
            let tenant = tenant.escape_debug();
            match serving {
                Some(revision) => writeln!(f, "{tenant}: refused, revision {revision} goes on")?,
                None => writeln!(f, "{tenant}: refused, its domains get 451")?,
            }
            for problem in problems {
                writeln!(f, "  {problem}")?;
            }
        }
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        write!(
            f,
            "{} changed, {} unchanged, {} refused",
            self.changed.len() + self.removed.len(),
            self.unchanged.len(),
            self.refused.len()
        )?;
        match self.problems.len() {
            _ if self.config_refused => f.write_str("; the config was refused, and the old one goes on"),
            0 => Ok(()),
            1 => f.write_str("; 1 other problem, see above"),
            problems => write!(f, "; {problems} other problems, see above"),
        }
    }
}
