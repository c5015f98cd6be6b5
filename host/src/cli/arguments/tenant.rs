//! What `gatepost tenant` takes.

use clap::{Args, Subcommand};

/// Verbs of `tenant`.
#[derive(Debug, Subcommand)]
pub enum TenantVerb {
    /// List all tenants: domains, chains, revisions, what is wrong
    List,
    /// Show a tenant: all that its file says
    Show {
        /// The tenant
        tenant: String,
    },
    /// Make a tenant: it is checked whole, then takes mail at once
    #[command(after_help = ADD_EXAMPLES)]
    Add(AddOptions),
    /// Change a tenant: what is given takes the place of what it has; its chain is for `chain set`
    #[command(after_help = SET_EXAMPLES)]
    Set(SetOptions),
    /// Remove a tenant: its domains are nobody's from then on
    ///
    /// Messages that are under way come to their end. Its file, history and components are put aside in `catalog/removed`,
    /// its mail stays, its tokens open nothing any more.
    Remove {
        /// The tenant
        tenant: String,
        /// Remove it only if this revision is live
        #[arg(long, value_name = "N")]
        if_revision: Option<u64>,
    },
}

const ADD_EXAMPLES: &str = "Examples:
  gatepost tenant add acme --domain acme.example --domain '*.acme.example'
  gatepost tenant add acme --domain acme.example --chain 'header | maildir' --grant kv,clock
  gatepost tenant add acme --domain acme.example --limit concurrent_messages=16

Exit codes: 0 live, 64 wrong argument, 69 server not running, 75 the server is busy, 78 refused, or there is one already.";

const SET_EXAMPLES: &str = "Examples:
  gatepost tenant set acme --domain acme.example --domain acme.test      # all its domains, from now on
  gatepost tenant set acme --grant kv,clock,envelope
  gatepost tenant set acme --limit concurrent_messages=32 --limit kv_size_max=64MiB

Exit codes: 0 live, 64 wrong argument or no such tenant, 69 server not running, 75 the server is busy, 78 refused.";

/// Options of `tenant set`.
#[derive(Debug, Args)]
pub struct SetOptions {
    /// Its name
    pub tenant: String,
    /// A domain that it takes, in place of all that it has; may be given several times
    #[arg(long = "domain", value_name = "PATTERN")]
    pub domains: Vec<String>,
    /// What its stages may be granted, joined by commas, in place of what they may; empty for nothing
    #[arg(long = "grant", value_delimiter = ',', value_name = "LIST")]
    pub grants: Option<Vec<String>>,
    /// A limit of its own: KEY=VALUE, or KEY= for the host's; may be given several times
    #[arg(long = "limit", value_name = "KEY=VALUE")]
    pub limits: Vec<String>,
    /// Its share of the CPU beside the others, 1 to 1000
    #[arg(long, value_name = "N")]
    pub weight: Option<u32>,
}

/// Options of `tenant add`.
#[derive(Debug, Args)]
pub struct AddOptions {
    /// Its name
    pub tenant: String,
    /// A domain that it takes; may be given several times
    #[arg(long = "domain", value_name = "PATTERN", required = true)]
    pub domains: Vec<String>,
    /// Its chain
    #[arg(long, value_name = "SPEC", default_value = "header | maildir")]
    pub chain: String,
    /// What its stages may be granted, joined by commas
    #[arg(long = "grant", value_delimiter = ',', value_name = "LIST")]
    pub grants: Vec<String>,
    /// A limit of its own: KEY=VALUE, as `[limits]` has them; may be given several times
    #[arg(long = "limit", value_name = "KEY=VALUE")]
    pub limits: Vec<String>,
    /// Its share of the CPU beside the others, 1 to 1000
    #[arg(long, value_name = "N")]
    pub weight: Option<u32>,
}
