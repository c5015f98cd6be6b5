//! The `gatepost` command: arguments, then the verb, then the exit code.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use gatepost::cli::exit::Exit;
use gatepost::cli::{Arguments, run};

fn main() -> ExitCode {
    #[cfg(feature = "wasm")]
    if let Some(exit) = gatepost::cli::enter_jail() {
        return exit;
    }
    match Arguments::try_parse() {
        Ok(arguments) => run(arguments),
        Err(asked) => {
            // Help and version are answers, everything else is a wrong argument. A closed pipe is no reason to fail.
            let _ = asked.print();
            if asked.use_stderr() { Exit::Usage.into() } else { Exit::Ok.into() }
        }
    }
}
