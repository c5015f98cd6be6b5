//! What `gatepost token` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::admin::TokenRole;

/// Verbs of `token`.
#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// List a tenant's tokens: ids, roles, labels, times
    List {
        /// The tenant
        #[arg(long, value_name = "NAME")]
        tenant: String,
    },
    /// Make a token and print it, this once
    #[command(after_help = ADD_EXAMPLES)]
    Add(AddOptions),
    /// Make a token in place of another, which goes on for a while
    #[command(after_help = ROTATE_EXAMPLES)]
    Rotate {
        /// Id of the old one
        id: String,
        /// The tenant
        #[arg(long, value_name = "NAME")]
        tenant: String,
        /// How long the old one goes on, 0s to 7d [default: 1h]
        #[arg(long, value_name = "DURATION")]
        overlap: Option<String>,
        /// Write it there, readable by you alone, in the place of what the file holds [default: standard output]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Remove a token: it opens nothing any more, and sessions that began with it are over
    Remove {
        /// Its id
        id: String,
        /// The tenant
        #[arg(long, value_name = "NAME")]
        tenant: String,
    },
}

const ADD_EXAMPLES: &str = "Examples:
  gatepost token add --tenant acme --role owner --label 'Jo' --expires 90d
  gatepost token add --tenant acme --role reader --output reader.token
  GATEPOST_TOKEN=$(cat owner.token) gatepost --server http://mx.example:8025 token list --tenant acme

Exit codes: 0 done, 64 wrong argument or no such tenant, 69 server not running, 78 refused.";

const ROTATE_EXAMPLES: &str = "Examples:
  gatepost --token-file jo.token token rotate 3f9c2a7e51b0 --tenant acme --output jo.token
  gatepost token rotate 3f9c2a7e51b0 --tenant acme --overlap 0s      # the old one ends at once";

/// Options of `token add`.
#[derive(Debug, Args)]
pub struct AddOptions {
    /// The tenant
    #[arg(long, value_name = "NAME")]
    pub tenant: String,
    /// What it lets its holder do
    #[arg(long, value_enum, default_value_t = RoleName::Owner)]
    pub role: RoleName,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub label: String,
    /// How long it lives, such as 90d or 1h [default: for ever]
    #[arg(long, value_name = "DURATION")]
    pub expires: Option<String>,
    /// Write it there, readable by you alone [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What a token lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Everything of the tenant that is not the host's to decide.
    Owner,
    /// Look.
    Reader,
}

impl From<RoleName> for TokenRole {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Owner => Self::Owner,
            RoleName::Reader => Self::Reader,
        }
    }
}
