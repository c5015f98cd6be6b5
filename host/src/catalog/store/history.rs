//! A tenant's revisions on disk: its files that went live, and what is known of each.
//!
//! ```text
//! ROOT/history/NAME/0007.toml            the file
//! ROOT/history/NAME/0007.json            who, when, why, and what its names meant
//! ROOT/history/NAME/0007.pending.json    the same, until the live file is that one
//! ```
//!
//! A revision is written before the live file is, so a crash may leave one that never went live: it is still pending, and the
//! live file is the one before it.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::{Store, check_name, entries, make_folder, sync_folder, write_whole};
use crate::catalog::revision::About;
use crate::config::load::read_text;

/// Revisions kept for each tenant.
pub const HISTORY_MAX: usize = 20;

/// A revision as it was stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its number.
    pub number: u64,
    /// The tenant's file.
    pub text: String,
    /// What is known of it; none: nothing, as of one put there by hand.
    pub about: Option<About>,
    /// It was on its way: whether it went live, the live file says.
    pub pending: bool,
}

impl Store {
    /// A tenant's revisions, oldest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn revisions(&self, name: &str) -> io::Result<Vec<u64>> {
        // What is named otherwise is not ours; a number without end would leave none for the next revision.
        let number = |file: &String| {
            let revision = file.strip_suffix(".toml")?.parse::<u32>().ok()?;
            (*file == format!("{revision:04}.toml")).then_some(u64::from(revision))
        };
        let mut revisions: Vec<u64> = entries(&self.history(name))?.iter().filter_map(number).collect();
        revisions.sort_unstable();
        Ok(revisions)
    }

    /// One revision.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn read_revision(&self, name: &str, number: u64) -> io::Result<Stored> {
        let text = read_text(&self.revision_path(name, number, "toml"))?;
        let about = |extension| {
            let about = read_text(&self.revision_path(name, number, extension)).ok()?;
            serde_json::from_str(&about).ok()
        };
        let (about, pending) = match about("json") {
            None => (about("pending.json"), true),
            about => (about, false),
        };
        let pending = pending && about.is_some();
        Ok(Stored { number, text, about, pending })
    }

    /// The newest revision.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn newest_revision(&self, name: &str) -> io::Result<Option<Stored>> {
        self.revisions(name)?.last().map(|newest| self.read_revision(name, *newest)).transpose()
    }

    /// The revision that a tenant's live file, which says `text`, is; none: it was edited by hand.
    ///
    /// # Errors
    /// The history cannot be read.
    pub fn revision_of(&self, name: &str, text: &str) -> io::Result<Option<Stored>> {
        let Some(newest) = self.newest_revision(name)? else { return Ok(None) };
        if newest.text == text || !newest.pending {
            return Ok(Some(newest).filter(|newest| newest.text == text));
        }
        // The newest was on its way when somebody killed us.
        let revisions = self.revisions(name)?;
        let Some(before) = revisions.iter().rev().nth(1) else { return Ok(None) };
        Ok(Some(self.read_revision(name, *before)?).filter(|before| before.text == text))
    }

    /// Makes `text` the newest revision, still pending, and gives its number.
    ///
    /// # Errors
    /// It cannot be made durable.
    pub fn append(&self, name: &str, text: &str, about: &About) -> io::Result<u64> {
        check_name(name)?;
        let number = self.revisions(name)?.last().map_or(1, |newest| newest + 1);
        make_folder(&self.history(name))?;
        let about = serde_json::to_vec_pretty(about)?;
        write_whole(&self.revision_path(name, number, "pending.json"), &about)?;
        write_whole(&self.revision_path(name, number, "toml"), text.as_bytes())?;
        Ok(number)
    }

    /// Once the live file says what a revision says: it is pending no more, and none before it is. Revisions past
    /// [`HISTORY_MAX`] go.
    ///
    /// # Errors
    /// A file cannot be renamed or removed. The revision is live all the same.
    pub fn confirm(&self, name: &str, number: u64) -> io::Result<()> {
        let pending = self.revision_path(name, number, "pending.json");
        match fs::rename(pending, self.revision_path(name, number, "json")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
        let revisions = self.revisions(name)?;
        for old in &revisions[..revisions.len().saturating_sub(HISTORY_MAX)] {
            self.forget(name, *old)?;
        }
        Ok(())
    }

    /// Says what is known of a revision that nothing was known of.
    ///
    /// # Errors
    /// It cannot be made durable.
    pub fn describe(&self, name: &str, number: u64, about: &About) -> io::Result<()> {
        check_name(name)?;
        write_whole(&self.revision_path(name, number, "json"), &serde_json::to_vec_pretty(about)?)
    }

    /// Takes a revision out of the history.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn forget(&self, name: &str, number: u64) -> io::Result<()> {
        fs::remove_file(self.revision_path(name, number, "toml"))?;
        for about in ["json", "pending.json"] {
            // There is one of them, or none.
            let _ = fs::remove_file(self.revision_path(name, number, about));
        }
        sync_folder(&self.history(name))
    }

    pub(super) fn history(&self, name: &str) -> PathBuf {
        self.root.join("history").join(name)
    }

    fn revision_path(&self, name: &str, number: u64, extension: &str) -> PathBuf {
        self.history(name).join(format!("{number:04}.{extension}"))
    }
}
