//! The `gatepost` command: arguments, then the verb, then the exit code.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use gatepost::cli::{Arguments, run};

fn main() -> ExitCode {
    run(Arguments::parse())
}
