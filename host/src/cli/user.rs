//! `gatepost user list|add|remove`: who may log in, in the state folder. No server is asked; one that runs takes it up by itself.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use serde_json::json;

use super::arguments::user::{AddOptions, UserVerb};
use super::client::load_config;
use super::exit::{Exit, Refused, Usage};
use crate::cli::output::line;
use crate::smtp::sasl::prep;
use crate::users::{Store, StoreError, new_verifier};

/// Longest line that may hold a password, in bytes; it may grow shorter as it is prepared.
const LINE_MAX: u64 = 4 * prep::PASSWORD_MAX as u64;

/// What Ctrl-C sends.
const INTERRUPT: u8 = 3;

pub(super) fn run(config: Option<&Path>, verb: &UserVerb, json: bool) -> anyhow::Result<Exit> {
    let (_, config) = load_config(config)?;
    let store = Store::new(&config.server.state_dir);
    match verb {
        UserVerb::List => list(&store, json),
        UserVerb::Add(options) => add(&store, options, json),
        UserVerb::Remove { name } => {
            let name = checked(name)?;
            store.remove(&name).map_err(told)?;
            said(json, &json!({ "name": name, "removed": true }), &format!("user {name} is removed"));
            Ok(Exit::Ok)
        }
    }
}

fn list(store: &Store, json: bool) -> anyhow::Result<Exit> {
    let users = store.list().map_err(told)?;
    if json {
        let users: Vec<_> = users
            .iter()
            .map(|(name, iterations)| json!({ "name": name, "iterations": iterations }))
            .collect();
        outln!("{}", serde_json::to_string_pretty(&json!({ "users": users }))?);
        return Ok(Exit::Ok);
    }
    if users.is_empty() {
        outln!("there are no users");
    }
    for (name, iterations) in &users {
        outln!("{}  SCRAM-SHA-256, {iterations} iterations", line(name));
    }
    Ok(Exit::Ok)
}

fn add(store: &Store, options: &AddOptions, json: bool) -> anyhow::Result<Exit> {
    let name = checked(&options.name)?;
    // Before anybody types a password for nothing; asked again under the lock.
    if !options.replace && store.list().map_err(told)?.iter().any(|(other, _)| *other == name) {
        return Err(told(StoreError::Exists(name)));
    }
    let password = read_password()?;
    let password = prep::password(&password).map_err(|error| Usage(format!("the password {error}")))?;
    let verifier = new_verifier(&password)?;
    let replaced = store.add(&name, &verifier, options.replace).map_err(told)?;
    let what = if replaced { "has a new password" } else { "is added" };
    said(json, &json!({ "name": name, "replaced": replaced }), &format!("user {name} {what}"));
    Ok(Exit::Ok)
}

fn said(json: bool, value: &serde_json::Value, text: &str) {
    if json {
        outln!("{value:#}");
    } else {
        outln!("{}", line(text));
    }
}

fn checked(name: &str) -> Result<String, Usage> {
    prep::name(name).map_err(|error| Usage(format!("the name {error}")))
}

/// With the exit code that fits.
fn told(error: StoreError) -> anyhow::Error {
    let status = match &error {
        StoreError::Missing(_) => 404,
        StoreError::Exists(_) | StoreError::Full => 409,
        StoreError::Malformed { .. } => 422,
        StoreError::Io { .. } => return error.into(),
    };
    Refused { status, detail: error.to_string(), problems: Vec::new() }.into()
}

/// The first line of standard input; on a terminal asked for twice, and not shown.
fn read_password() -> anyhow::Result<String> {
    if !io::stdin().is_terminal() {
        return read_line();
    }
    let _hidden = Hidden::begin().context("cannot keep the terminal from showing the password")?;
    let password = prompted("Password: ")?;
    if prompted("Once more: ")? != password {
        return Err(Usage("these are two passwords: nothing was changed".to_owned()).into());
    }
    Ok(password)
}

fn prompted(prompt: &str) -> anyhow::Result<String> {
    let mut terminal = io::stderr();
    write!(terminal, "{prompt}")?;
    terminal.flush()?;
    let line = read_line();
    writeln!(terminal)?;
    line
}

/// A line without its end.
fn read_line() -> anyhow::Result<String> {
    let mut line = Vec::new();
    for byte in io::stdin().lock().take(LINE_MAX + 2).bytes() {
        match byte.context("cannot read the password")? {
            b'\n' => break,
            INTERRUPT => return Err(Usage("interrupted: nothing was changed".to_owned()).into()),
            byte => line.push(byte),
        }
    }
    if line.ends_with(b"\r") {
        line.pop();
    }
    if line.len() as u64 > LINE_MAX {
        return Err(Usage("the password is too long".to_owned()).into());
    }
    String::from_utf8(line).map_err(|_| anyhow!(Usage("the password is not UTF-8".to_owned())))
}

/// While this lives, the terminal does not show what is typed.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        // Ctrl-C ends the line in the place of ending us, who could not give the echo back then.
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that has gone needs no echo.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
