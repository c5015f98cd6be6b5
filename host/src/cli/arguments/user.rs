//! What `gatepost user` takes.

use clap::{Args, Subcommand};

/// Verbs of `user`.
#[derive(Debug, Subcommand)]
pub enum UserVerb {
    /// List the users
    List,
    /// Add a user, or give one a new password
    ///
    /// The password is asked for on a terminal, twice; elsewhere it is the first line of standard input. What is kept of it checks it and
    /// opens nothing: `STATE_DIR/users`, readable by the server's user alone.
    #[command(after_help = ADD_EXAMPLES)]
    Add(AddOptions),
    /// Remove a user
    Remove {
        /// The user's name
        name: String,
    },
}

const ADD_EXAMPLES: &str = "Examples:
  gatepost user add jo@acme.example
  gatepost user add jo@acme.example --replace
  openssl rand -base64 24 | tee jo.password | gatepost user add jo@acme.example

Exit codes: 0 done, 64 wrong argument, 74 file trouble, 78 the user is there already, or the file is no good.";

/// Options of `user add`.
#[derive(Debug, Args)]
pub struct AddOptions {
    /// The user's name, often an address; case does not matter
    pub name: String,
    /// Give a user that is there this password
    #[arg(long)]
    pub replace: bool,
}
