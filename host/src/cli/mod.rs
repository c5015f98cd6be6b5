//! The command line: one file per verb.
//!
//! Human text by default, `--json` for machines, exit codes of sysexits.h. Arguments are checked by clap; verbs return
//! `anyhow` errors, which are printed with all their causes.

#[macro_use]
mod output;
mod arguments;
mod check;
mod client;
mod completions;
pub mod exit;
mod man;
mod offline;
#[cfg(feature = "wasm")]
mod processor;
mod reload;
mod run;
mod serve;
mod status;

use std::process::ExitCode;

pub use arguments::Arguments;
#[cfg(feature = "wasm")]
use arguments::JailOptions;
use arguments::Verb;
use exit::Exit;

#[cfg(feature = "wasm")]
use crate::wasm::jail::child::JailLimits;

/// Runs the verb.
pub fn run(arguments: Arguments) -> ExitCode {
    let Arguments { config, json, verb } = arguments;
    let config = config.as_deref();
    let done = match verb {
        Verb::Serve => serve::run(config),
        Verb::Check(options) => check::run(config, &options, json),
        Verb::Status => status::run(config, json),
        Verb::Reload => reload::run(config, json),
        Verb::Completions { shell } => completions::run(shell),
        Verb::Man { out } => man::run(out.as_deref(), json),
        Verb::Run(options) => run::run(config, &options, json),
        #[cfg(feature = "wasm")]
        Verb::CompileInJail(JailOptions { cpu_s, memory }) => jail(JailLimits { cpu_s, memory }),
        #[cfg(feature = "wasm")]
        Verb::Processor(verb) => processor::run(config, &verb, json),
    };
    let exit = done.unwrap_or_else(|error| {
        eprintln!("gatepost: {error:#}");
        Exit::of_error(&error)
    });
    exit.into()
}

/// The child process in which `serve` and the other verbs compile.
#[cfg(feature = "wasm")]
fn jail(limits: JailLimits) -> anyhow::Result<Exit> {
    crate::wasm::jail::child::run(limits)?;
    Ok(Exit::Ok)
}
