//! `gatepost token list|add|rotate|remove`: a tenant's tokens, by way of the running server.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use super::arguments::token::{AddOptions, TokenVerb};
use super::client::{Answer, Client};
use super::exit::{Exit, Usage};
use super::paths::of_tenant;
use super::reach::Reach;
use crate::admin::{NewToken, Rotation, TokenList, TokenMade, TokenRole};
use crate::cli::output::line;

pub(super) fn run(reach: &Reach, verb: &TokenVerb, json: bool) -> anyhow::Result<Exit> {
    match verb {
        TokenVerb::List { tenant } => list(reach, tenant, json),
        TokenVerb::Add(options) => add(reach, options, json),
        TokenVerb::Rotate { id, tenant, overlap, output } => {
            let path = format!("{}/{}/rotate", tokens(tenant)?, checked(id)?);
            let rotation = Rotation { overlap: overlap.clone() };
            show(&Client::connect(reach)?.post_json(&path, &rotation)?, output.as_deref(), json)
        }
        TokenVerb::Remove { id, tenant } => {
            let path = format!("{}/{}", tokens(tenant)?, checked(id)?);
            Client::connect(reach)?.delete(&path)?.expect_nothing(204)?;
            if !json {
                outln!("token {id} opens nothing any more");
            }
            Ok(Exit::Ok)
        }
    }
}

fn list(reach: &Reach, tenant: &str, json: bool) -> anyhow::Result<Exit> {
    let list: TokenList = Client::connect(reach)?.get(&tokens(tenant)?)?.expect(&[200])?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&list)?);
        return Ok(Exit::Ok);
    }
    if list.tokens.is_empty() {
        outln!("{} has no tokens", line(tenant));
    }
    for token in &list.tokens {
        let expires = token.expires.as_deref().unwrap_or("never");
        let used = token.last_used.as_deref().unwrap_or("not since the start");
        let (id, role, label) = (&token.id, name(token.role), line(&token.label));
        outln!("{id}  {role:<6}  ends {expires:<20}  used {used:<20}  {label}");
    }
    Ok(Exit::Ok)
}

fn add(reach: &Reach, options: &AddOptions, json: bool) -> anyhow::Result<Exit> {
    let path = tokens(&options.tenant)?;
    let new = NewToken {
        role: options.role.into(),
        label: options.label.clone(),
        expires_in: options.expires.clone(),
    };
    show(&Client::connect(reach)?.post_json(&path, &new)?, options.output.as_deref(), json)
}

/// The token alone to stdout, or into a file that its owner alone may read; what it is to stderr.
fn show(answer: &Answer, output: Option<&Path>, json: bool) -> anyhow::Result<Exit> {
    let made: TokenMade = answer.expect(&[201])?;
    if let Some(path) = output {
        keep(path, &made.token).with_context(|| {
            format!("token {} is made, but cannot be written to `{}`", made.id, path.display())
        })?;
    }
    if json {
        outln!("{}", serde_json::to_string_pretty(&made)?);
        return Ok(Exit::Ok);
    }
    let expires = made.expires.as_deref().unwrap_or("never");
    match output {
        Some(path) => {
            let path = path.display();
            outln!("token {}, {}, ends {expires}, in {path}", made.id, name(made.role));
        }
        None => {
            eprintln!("token {}, {}, ends {expires}; it is shown this once:", made.id, name(made.role));
            outln!("{}", made.token);
        }
    }
    Ok(Exit::Ok)
}

/// Puts a token in the place of what a file holds, whole or not at all: the old one may be what is asked with.
fn keep(path: &Path, token: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    writeln!(file, "{token}")?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

fn name(role: TokenRole) -> &'static str {
    match role {
        TokenRole::Owner => "owner",
        TokenRole::Reader => "reader",
    }
}

fn tokens(tenant: &str) -> Result<String, Usage> {
    of_tenant(tenant, "/tokens")
}

/// An id; whoever gives the whole token by mistake does not see it again.
fn checked(id: &str) -> Result<&str, Usage> {
    if !id.is_empty() && id.len() <= 32 && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(id);
    }
    Err(Usage("that is no id of a token: `gatepost token list` shows them".to_owned()))
}
