//! The command line: one file per verb.
//!
//! Human text by default, `--json` for machines, exit codes of sysexits.h. Arguments are checked by clap; verbs return
//! `anyhow` errors, which are printed with all their causes.

#[macro_use]
mod output;
mod arguments;
mod chain;
mod check;
mod client;
mod completions;
pub mod exit;
mod feed;
#[cfg(feature = "wasm")]
mod jail;
mod man;
mod messages;
mod notify;
mod offline;
mod paths;
#[cfg(feature = "wasm")]
mod processor;
mod reach;
mod reload;
mod run;
mod serve;
mod status;
mod tenant;
mod token;
mod top;
mod units;
mod user;

use std::process::ExitCode;

#[cfg(feature = "wasm")]
pub use jail::enter_jail;

pub use arguments::Arguments;
use arguments::Verb;
use exit::Exit;

/// Runs the verb.
pub fn run(arguments: Arguments) -> ExitCode {
    let Arguments { reach, json, verb } = arguments;
    let config = reach.config.as_deref();
    let done = match verb {
        Verb::Serve => serve::run(config),
        Verb::Check(options) => check::run(config, &options, json),
        Verb::Status => status::run(&reach, json),
        Verb::Top(options) => top::run(&reach, &options, json),
        Verb::Messages(options) => messages::run(&reach, &options, json),
        Verb::Reload => reload::run(&reach, json),
        Verb::Completions { shell } => completions::run(shell),
        Verb::Man { out } => man::run(out.as_deref(), json),
        Verb::Run(options) => run::run(&reach, &options, json),
        Verb::Tenant(verb) => tenant::run(&reach, &verb, json),
        Verb::Token(verb) => token::run(&reach, &verb, json),
        Verb::User(verb) => user::run(config, &verb, json),
        Verb::Chain(verb) => chain::run(&reach, &verb, json),
        #[cfg(feature = "wasm")]
        Verb::Processor(verb) => processor::run(&reach, &verb, json),
    };
    let exit = done.unwrap_or_else(|error| {
        eprintln!("gatepost: {error:#}");
        Exit::of_error(&error)
    });
    exit.into()
}
