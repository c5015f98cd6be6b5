//! A tenant's past: its revisions, who made them, what they changed.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use similar::TextDiff;
use utoipa::ToSchema;

use super::revision::{Action, Component, Components};
use super::store::history::Stored;
use super::{Catalog, ChainSettings, ChangeError};

/// How long a diff may be made finer.
const DIFF_MAX: Duration = Duration::from_millis(200);

/// A revision, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevisionView {
    /// Its number.
    pub revision: u64,
    /// It is the one that serves.
    pub live: bool,
    /// When it was made (RFC 3339); null: nobody knows.
    pub at: Option<String>,
    /// Who made it: `host`, `TENANT/ROLE/TOKEN`, or `file`.
    pub author: String,
    /// How it came to be.
    pub action: Action,
    /// What was rolled back to.
    pub of: Option<u64>,
    /// Its chain as it is written.
    pub chain: String,
    /// What the components in it meant when it went live.
    pub components: Vec<NamedComponent>,
}

/// What a name in a chain meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedComponent {
    /// As it is written, without alias: `hello@1`.
    pub name: String,
    /// `owner/name@version`.
    pub processor: String,
    /// BLAKE3 of its bytes, in hex.
    pub hash: String,
}

/// A revision with its text, and what it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevisionText {
    /// The revision.
    #[serde(flatten)]
    pub view: RevisionView,
    /// The tenant's file.
    pub text: String,
    /// Unified diff from the revision before it; of the oldest that is kept, from nothing.
    pub diff: String,
    /// Unified diff from the revision that serves: what a rollback would change.
    pub diff_live: String,
    /// Names that mean another component than in the revision before it, a line each: `hello@1: acme/hello@1.0.0 ->
    /// acme/hello@1.1.0`.
    pub meant: Vec<String>,
}

impl Catalog {
    /// The revisions of a tenant that are kept, newest first. Blocks.
    ///
    /// # Errors
    /// [`ChangeError::NoTenant`], [`ChangeError::Io`].
    pub fn history(&self, name: &str) -> Result<Vec<RevisionView>, ChangeError> {
        let mut views = Vec::new();
        for number in self.numbers(name)?.into_iter().rev() {
            match self.revision(name, number) {
                Ok(stored) => views.push(self.view(name, &stored)),
                // It was the oldest, and has just gone.
                Err(ChangeError::NoRevision(..)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(views)
    }

    /// One revision with its text. Blocks.
    ///
    /// # Errors
    /// [`ChangeError::NoTenant`], [`ChangeError::NoRevision`], [`ChangeError::Io`].
    pub fn past(&self, name: &str, number: u64) -> Result<RevisionText, ChangeError> {
        let before = self.numbers(name)?.into_iter().rfind(|other| *other < number);
        let stored = self.revision(name, number)?;
        let of = |number: Option<u64>| number.and_then(|number| self.store.read_revision(name, number).ok());
        let text_of = |number| of(number).map(|stored| stored.text).unwrap_or_default();
        let ran = |stored: Stored| stored.about.map(|about| about.components).unwrap_or_default();
        let meant = changes(&of(before).map(ran).unwrap_or_default(), &ran(stored.clone()));
        let live = self.current().tenants.get(name).map(|tenant| tenant.revision);
        Ok(RevisionText {
            view: self.view(name, &stored),
            diff: diff(before, &text_of(before), number, &stored.text),
            diff_live: diff(live, &text_of(live), number, &stored.text),
            text: stored.text,
            meant,
        })
    }

    fn numbers(&self, name: &str) -> Result<Vec<u64>, ChangeError> {
        if !self.has_tenant(name) {
            return Err(ChangeError::NoTenant(name.to_owned()));
        }
        let unread = |error| ChangeError::Io(format!("the history of `{name}` cannot be read: {error}"));
        self.store.revisions(name).map_err(unread)
    }

    fn view(&self, name: &str, stored: &Stored) -> RevisionView {
        let live = self.current().tenants.get(name).is_some_and(|tenant| tenant.revision == stored.number);
        let about = stored.about.as_ref();
        let named = |(name, component): (&String, &Component)| NamedComponent {
            name: name.clone(),
            processor: component.to_string(),
            hash: component.hash.clone(),
        };
        RevisionView {
            revision: stored.number,
            live,
            at: about.map(|about| about.at.clone()),
            author: about.map_or_else(|| "file".to_owned(), |about| about.author.clone()),
            action: about.map_or(Action::File, |about| about.action),
            of: about.and_then(|about| about.of),
            chain: ChainSettings::of(&stored.text).chain,
            components: about.map(|about| about.components.iter().map(named).collect()).unwrap_or_default(),
        }
    }
}

/// Names that mean another component.
fn changes(old: &Components, new: &Components) -> Vec<String> {
    let told =
        |component: Option<&Component>| component.map_or_else(|| "nothing".to_owned(), ToString::to_string);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    changed.map(|name| format!("{name}: {} -> {}", told(old.get(name)), told(new.get(name)))).collect()
}

fn diff(from: Option<u64>, old: &str, to: u64, new: &str) -> String {
    let from = from.map_or_else(|| "nothing".to_owned(), |from| format!("revision {from}"));
    // Past that it is coarser, and no less true.
    let diff = TextDiff::configure().timeout(DIFF_MAX).diff_lines(old, new);
    diff.unified_diff().header(&from, &format!("revision {to}")).to_string()
}
