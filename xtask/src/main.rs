//! Developer commands: `cargo xtask demo | test | bench | newcomer`.
//!
//! They need a Rust toolchain and nothing else of ours; what they make lies in cargo's target folder.
#![forbid(unsafe_code)]
// What these commands print is what they are for.
#![allow(clippy::print_stdout)]

mod bench;
mod demo;
mod log;
mod newcomer;
mod server;
mod smtp;
mod test;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask demo [--exit] [--port N]   build everything, serve two tenants, send each a message, show what came of it;
                                       keeps serving until Ctrl-C, or ends with --exit
cargo xtask test [ARGS]                build the binary and the processors, run all tests (ARGS go to nextest)
cargo xtask bench [--dev] [NAME ...]   measure a release build: throughput, relay, stages, strip, large, hostile, loop, meter;
                                       with --dev a dev build, to try a measurement out
cargo xtask newcomer                   walk the newcomer's path in an empty folder, timed, and write docs/newcomer.md";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (verb, rest) = args.split_first().map_or(("", [].as_slice()), |(verb, rest)| (verb.as_str(), rest));
    if rest.iter().any(|arg| arg == "--help" || arg == "-h") && verb != "test" {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let done = match verb {
        "demo" => demo::run(rest),
        "demo-visit" => demo::visit(rest),
        "test" => test::run(rest),
        "bench" => bench::run(rest),
        "newcomer" => newcomer::run(),
        "" | "help" | "-h" | "--help" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        other => Err(anyhow::anyhow!("there is no command `{other}`\n\n{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
