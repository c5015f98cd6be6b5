//! `file`: a list of the mailboxes that there are, asked at RCPT time.
//!
//! ```text
//! jo@acme.example    in the list            -> taken
//! ann@acme.example   not in the list        -> 550 5.1.1 No such user here
//! full@acme.example  in the list as `quota` -> 452 4.2.2 Mailbox is full, try again later
//! ```
//!
//! The list is taken up when it changes, without a reload; one that is no good is told of once, and the last good one goes on. A
//! reload reads it at once, and refuses the tenant as it would be if the list is no good.
//! `table` knows the text, `watched` the file.

pub mod table;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use self::table::{Entry, State, Table};
use crate::chain::meter::CpuMeter;
use crate::chain::{FilesRead, Keys, RecipientCheck, Refusal, Settings, StageEnd, StageScope};
use crate::mail::{Envelope, Mailbox};
use crate::smtp::Reply;
use crate::telemetry::{Event, Level, Telemetry};
use crate::watched::WatchedFile;

/// Largest list, in bytes: a hundred thousand lines with texts.
const FILE_MAX: u64 = 16 << 20;
/// Most characters of `subaddress`.
const SEPARATORS_MAX: usize = 4;

/// A configured `file`.
pub struct Directory {
    list: WatchedFile<Table>,
    /// What parts a subaddress from a local part; empty: nothing does.
    separators: String,
    tenant: String,
    label: String,
    telemetry: Telemetry,
    files: FilesRead,
}

/// Settings: `path`, the list, one that is not absolute lies below the state directory, default `recipients/TENANT` there;
/// `subaddress`, characters of which the first ends a local part where the whole of it is not in the list, default none.
pub fn configure(scope: &StageScope, settings: Settings) -> Result<Directory, String> {
    let mut keys = Keys::new(settings);
    let path: Option<PathBuf> = keys.take("path");
    if path.as_deref().is_some_and(|path| path.as_os_str().is_empty()) {
        keys.refuse("path", "is empty");
    }
    let separators: String = keys.take("subaddress").unwrap_or_default();
    if separators.len() > SEPARATORS_MAX || !separators.bytes().all(|b| b"!#$%&'*+-/=?^_`{|}~.".contains(&b))
    {
        keys.refuse("subaddress", "expected one to four characters such as `+` or `-`, or none");
    }
    keys.finish()?;
    let path = scope.state_dir.join(path.unwrap_or_else(|| Path::new("recipients").join(&scope.tenant)));
    let wrong = wrong(&path);
    scope.files.note(&scope.tenant, &path);
    let parse = |found: Option<crate::watched::Found>| match found {
        Some(found) => Table::parse(&found.bytes),
        None => Err("is not there".to_owned()),
    };
    let list = WatchedFile::open(path, FILE_MAX, Box::new(parse)).map_err(wrong)?;
    Ok(Directory {
        list,
        separators,
        tenant: scope.tenant.clone(),
        label: scope.label.clone(),
        telemetry: scope.telemetry.clone(),
        files: scope.files.clone(),
    })
}

/// A problem of the list at `path`, beside the key that names it.
fn wrong(path: &Path) -> impl Fn(String) -> String + use<> {
    let shown = path.display().to_string();
    move |problem| format!("`path`: the list `{shown}`: {problem}")
}

impl Directory {
    /// Tells of a list that is no good, once for each change.
    fn complain(&self, problem: &str) {
        let (tenant, label, path) = (&self.tenant, &self.label, self.list.path().display());
        let text = format!(
            "the list of recipients `{path}` of `{label}` of `{tenant}` is no good, what it said before goes on: {problem}"
        );
        self.telemetry.emit(Event::Notice { level: Level::Error, text });
    }
}

#[async_trait]
impl RecipientCheck for Directory {
    fn id(&self) -> &str {
        "file"
    }

    async fn check(
        &self,
        address: &Mailbox,
        _envelope: &mut Envelope,
        _meter: &Arc<CpuMeter>,
    ) -> Result<(), StageEnd> {
        // RFC 5321 §4.5.1: a postmaster is always there, of the host and of each domain.
        if table::compared(address.local()) == "postmaster" {
            return Ok(());
        }
        let (list, problem) = self.list.current().await;
        if let Some(problem) = problem {
            self.complain(&problem);
        }
        answer(list.get(address, &self.separators)).map_err(StageEnd::Refused)
    }

    fn reread(&self) -> Result<(), String> {
        self.files.note(&self.tenant, self.list.path());
        self.list.reread().map_err(wrong(self.list.path()))
    }

    fn domains(&self) -> BTreeSet<String> {
        self.list.known().domains().into_iter().map(str::to_owned).collect()
    }
}

/// Codes by RFC 5321 §4.2.3, enhanced ones by RFC 3463 §3.2 and §3.3; for a full mailbox and one that is shut as Dovecot and Postfix
/// have them.
fn answer(entry: Option<&Entry>) -> Result<(), Refusal> {
    let told = |text: &str| entry.and_then(|entry| entry.text.as_deref()).unwrap_or(text).to_owned();
    let reject = |enhanced, text: &str| Err(Refusal::Reject(Reply::new(550, enhanced, &told(text))));
    let defer = |code, enhanced, text: &str| Err(Refusal::Defer(Reply::new(code, enhanced, &told(text))));
    match entry.map_or(State::Unknown, |entry| entry.state) {
        State::Ok => Ok(()),
        State::Unknown => reject("5.1.1", "No such user here"),
        State::Suspended => reject("5.2.1", "This mailbox takes no mail"),
        State::Quota => defer(452, "4.2.2", "Mailbox is full, try again later"),
        State::Temporary => defer(451, "4.3.0", "This mailbox cannot take mail now, try again later"),
    }
}

#[cfg(test)]
mod tests;
