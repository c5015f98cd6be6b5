//! `gatepost completions SHELL`: what a shell reads to complete verbs and options.
//!
//! Says what the arguments say; knows nothing of where a shell looks for it.

use std::io::{self, Write as _};

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Arguments;
use super::exit::Exit;

/// Prints the script.
///
/// # Errors
/// Where standard output cannot be written; a reader who has gone away is no error.
pub(super) fn run(shell: Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "gatepost", &mut script);
    match io::stdout().lock().write_all(&script) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Exit::Ok),
    }
}
