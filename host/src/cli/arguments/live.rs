//! What `gatepost top` and `gatepost messages` take.

use clap::Args;

pub(super) const TOP_EXAMPLES: &str = "Examples:
  gatepost top
  gatepost top --tenant acme          # its stages, with CPU time a message
  gatepost top --once                 # one picture, then the end
  gatepost top --json | jq .point     # a line each second

Without a terminal it prints JSON, too. Ctrl-C ends it.";

/// Options of `top`.
#[derive(Debug, Args)]
pub struct TopOptions {
    /// Show this tenant and its stages [default: that of the token, if it is a tenant's]
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
    /// Print one picture and end
    #[arg(long)]
    pub once: bool,
}

pub(super) const MESSAGES_EXAMPLES: &str = "Examples:
  gatepost messages --tenant acme --stages
  gatepost messages --follow
  gatepost messages --limit 200 --json | jq -r 'select(.verdict == \"reject\") | .reply'

The server keeps the last messages in memory, 200 of each tenant and 500 in all; older ones are in its log.";

/// Options of `messages`.
#[derive(Debug, Args)]
pub struct MessagesOptions {
    /// Show this tenant's only [default: that of the token, if it is a tenant's]
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=200))]
    pub limit: u64,
    /// Show what each stage did
    #[arg(long)]
    pub stages: bool,
    /// Go on with those that come, until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
}
