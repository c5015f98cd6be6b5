//! What `gatepost chain` takes.

use clap::{Args, Subcommand, ValueEnum};

/// Verbs of `chain`.
#[derive(Debug, Subcommand)]
pub enum ChainVerb {
    /// Show a tenant's chain as it is live, with the settings of its stages
    Show {
        /// The tenant
        tenant: String,
    },
    /// Change a tenant's chain: it is checked whole, then live at once, or nothing changes
    #[command(after_help = SET_EXAMPLES)]
    Set(SetOptions),
}

const SET_EXAMPLES: &str = "Examples:
  gatepost chain set acme 'header | subject-tag@1 | maildir'
  gatepost chain set acme 'tag:subject-tag | maildir' --stage 'tag={\"config\":{\"tag\":\"[EXT]\"}}'
  gatepost chain set acme 'greylist | maildir' --stage 'greylist={\"grants\":[\"kv\",\"clock\"]}' --on-failure bypass
  gatepost chain set acme 'header | maildir' --if-revision 7   # only if nobody was faster

Settings of stages that are not named stay; those of stages that are in the chain no more go. Messages that are under way keep
the chain they began with.
Exit codes: 0 live, 64 wrong argument or no such tenant, 69 server not running, 75 the server is busy, 78 refused.";

/// Options of `chain set`.
#[derive(Debug, Args)]
pub struct SetOptions {
    /// The tenant
    pub tenant: String,
    /// The chain
    #[arg(value_name = "SPEC")]
    pub chain: String,
    /// Settings of a stage, in place of those it has, as `[stage.LABEL]` has them: LABEL=JSON, or LABEL=null for none
    #[arg(long, value_name = "LABEL=JSON")]
    pub stage: Vec<String>,
    /// What happens where a stage fails that says nothing of its own
    #[arg(long, value_enum, value_name = "POLICY")]
    pub on_failure: Option<Policy>,
    /// The checkers that are asked at RCPT time; empty for none
    #[arg(long, value_name = "SPEC")]
    pub recipients: Option<String>,
    /// Change it only if this revision is live
    #[arg(long, value_name = "N")]
    pub if_revision: Option<u64>,
}

/// What happens where a stage fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// 451: the client keeps the message and tries again.
    Defer,
    /// 554: the client gives it back to its sender.
    Reject,
    /// The message goes on without the stage.
    Bypass,
    /// The message goes on, and is kept apart.
    Quarantine,
}

impl Policy {
    /// As the tenant's file has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Defer => "defer",
            Self::Reject => "reject",
            Self::Bypass => "bypass",
            Self::Quarantine => "quarantine",
        }
    }
}
