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
    /// Check a change of a tenant's chain as `set` would, and change nothing
    #[command(after_help = CHECK_EXAMPLES)]
    Check(SetOptions),
    /// Show a tenant's revisions: who made them, when and why; or one with its diff
    #[command(after_help = HISTORY_EXAMPLES)]
    History {
        /// The tenant
        tenant: String,
        /// Show this revision, its text and what it changed
        #[arg(long, value_name = "N")]
        revision: Option<u64>,
    },
    /// Bring an older revision back, as a new one that runs the very same components
    #[command(after_help = ROLLBACK_EXAMPLES)]
    Rollback {
        /// The tenant
        tenant: String,
        /// The revision [default: the one before that which is live]
        #[arg(long, value_name = "N")]
        to: Option<u64>,
        /// Only if this revision is live
        #[arg(long, value_name = "N")]
        if_revision: Option<u64>,
    },
}

const CHECK_EXAMPLES: &str = "Examples:
  gatepost chain check acme 'header | subject-tag@1 | maildir'

Exit codes: 0 it would go live, 64 wrong argument or no such tenant, 69 server not running, 75 the server is busy, 78 refused.";

const HISTORY_EXAMPLES: &str = "Examples:
  gatepost chain history acme
  gatepost chain history acme --revision 7";

const ROLLBACK_EXAMPLES: &str = "Examples:
  gatepost chain rollback acme
  gatepost chain rollback acme --to 7

Exit codes: 0 live, 64 wrong argument, no such tenant or revision, 69 server not running, 75 the server is busy, 78 refused.";

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
