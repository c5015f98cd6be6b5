//! What the command line takes.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use super::reach::Reach;

pub(super) mod chain;
pub(super) mod live;
#[cfg(feature = "wasm")]
pub(super) mod processor;
pub(super) mod tenant;
pub(super) mod token;
pub(super) mod user;

/// A mail host whose filters are WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "gatepost", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    /// Config, server and token
    #[command(flatten)]
    pub reach: Reach,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

const EXAMPLES: &str = "Examples:
  gatepost check --config gatepost.toml
  gatepost serve --config gatepost.toml
  gatepost run --chain 'header | compress | decompress | debug' < message.eml
  gatepost processor new my-filter
  gatepost processor test my-filter
  gatepost processor push my-filter/my-filter.wasm --tenant acme
  gatepost chain set acme 'my-filter | maildir'

Exit codes: 0 done, 1 rejected, 64 wrong argument, 69 server not running, 70 failed, 74 file trouble, 75 deferred, 78 config refused.";

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Serve mail until SIGTERM
    ///
    /// SIGHUP reloads config, certificates and catalog; SIGUSR1 reopens the log file; SIGTERM and SIGINT drain.
    Serve,
    /// Check the config and every tenant's chain, and print what each stage takes and gives
    Check(CheckOptions),
    /// Show what the running server does
    Status,
    /// Watch what the running server does: rates, verdicts, tenants or a tenant's stages, who sends most
    #[command(after_help = live::TOP_EXAMPLES)]
    Top(live::TopOptions),
    /// Show the last messages, what became of them and why
    #[command(after_help = live::MESSAGES_EXAMPLES)]
    Messages(live::MessagesOptions),
    /// Have the running server load config, certificates and catalog again
    Reload,
    /// Run a message through a chain, deliver nothing, and print it
    ///
    /// Offline; with --tenant and no --chain, the tenant's live chain, by way of the running server; with both and a --server or
    /// token, a chain that is proposed, by way of that server.
    #[command(after_help = RUN_EXAMPLES)]
    Run(Box<RunOptions>),
    /// List, show, make and remove tenants, by way of the running server
    #[command(subcommand)]
    Tenant(tenant::TenantVerb),
    /// Show and change tenants' chains, and what they were, by way of the running server
    #[command(subcommand)]
    Chain(chain::ChainVerb),
    /// List, make, rotate and remove the tokens of a tenant, by way of the running server
    #[command(subcommand)]
    Token(token::TokenVerb),
    /// List, add and remove users, who may log in with AUTH; needs no running server, and one that runs takes it up
    #[command(subcommand)]
    User(user::UserVerb),
    /// Make, build, test, inspect and upload sandboxed processors
    #[cfg(feature = "wasm")]
    #[command(subcommand)]
    Processor(processor::ProcessorVerb),
    /// Print what a shell reads to complete verbs and options
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page, or write those of all verbs into a folder
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// Folder for the pages: gatepost.1, gatepost-run.1, ...
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

const COMPLETIONS_EXAMPLES: &str = "Examples:
  gatepost completions bash > ~/.local/share/bash-completion/completions/gatepost
  gatepost completions fish > ~/.config/fish/completions/gatepost.fish
  gatepost completions zsh > ~/.zfunc/_gatepost     # with ~/.zfunc in fpath";

const MAN_EXAMPLES: &str = "Examples:
  gatepost man | man -l -
  gatepost man --out /usr/local/share/man/man1";

/// Options of `check`.
#[derive(Debug, Args)]
pub struct CheckOptions {
    /// Print the effective config, every default filled in, and nothing else on stdout
    #[arg(long)]
    pub dump: bool,
}

const RUN_EXAMPLES: &str = "Examples:
  gatepost run --chain header < message.eml > out.eml
  gatepost run --processor tag=subject-tag.wasm --chain tag --stage 'tag={\"config\":{\"tag\":\"[EXT]\"}}' < message.eml
  gatepost run --json --chain 'header | debug' --from a@b.example --rcpt c@d.example < message.eml
  gatepost run --tenant acme --from a@b.example < message.eml     # the live chain, by way of the server
  gatepost run --watch --processor mine=./my-filter --chain mine --message message.eml

Verdict and figures go to stderr, or with --json to stdout in place of the message.
Exit codes: 0 accept, quarantine or discard, 1 reject, 75 defer, 70 a stage failed, 78 the chain was refused.";

/// Options of `run`.
#[derive(Debug, Args)]
pub struct RunOptions {
    /// The chain; sinks at its end are checked and left out [default: the live one of --tenant]
    #[arg(long, value_name = "SPEC", required_unless_present = "tenant")]
    pub chain: Option<String>,
    /// Reverse-path; empty for the null one
    #[arg(long, value_name = "MAILBOX", default_value = "")]
    pub from: String,
    /// Recipient; may be given several times
    #[arg(long, value_name = "MAILBOX", default_value = "postmaster")]
    pub rcpt: Vec<String>,
    /// What the client said in EHLO
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    pub helo: String,
    /// Address of the client
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub ip: IpAddr,
    /// Whose processors bare names mean [default: the host's only]; without --chain, whose live chain
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
    /// Settings of a stage, as `[stage.LABEL]` has them: LABEL=JSON
    #[arg(long, value_name = "LABEL=JSON")]
    pub stage: Vec<String>,
    /// A component under a name of its own, or the folder of a crate that is built first
    #[cfg(feature = "wasm")]
    #[arg(long, value_name = "NAME=PATH")]
    pub processor: Vec<String>,
    /// The message [default: standard input]
    #[arg(long, value_name = "FILE")]
    pub message: Option<PathBuf>,
    /// Where the message goes [default: standard output, with --json nowhere]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Run again whenever the message, a component, a crate's sources or the config changes, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
}
