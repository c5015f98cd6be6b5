//! The catalog on disk: tenant files, their history, components.
//!
//! ```text
//! ROOT/tenants/NAME.toml                     the live revision
//! ROOT/history/NAME/0007.toml                the last 20 that went live
//! ROOT/processors/OWNER/NAME/VERSION.wasm    OWNER `host`: shared by all
//! ```
//!
//! Knows nothing of what the files say. What is written is whole and durable, or the old one stands.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use semver::Version;

use crate::chain::Pin;
use crate::chain::spec::is_name;
use crate::config::load::read_text;
use crate::config::open_regular;

/// Revisions kept for each tenant.
pub const HISTORY_MAX: usize = 20;

/// Owner of the components that all tenants share; no tenant may have this name.
pub const HOST: &str = "host";

/// The catalog's folder.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// A component that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Whose it is.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// Where it lies.
    pub path: PathBuf,
}

impl Store {
    /// The catalog in `root`, which need not be there yet.
    pub fn open(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Makes the folders that are missing.
    ///
    /// # Errors
    /// One cannot be made.
    pub fn make_folders(&self) -> io::Result<()> {
        ["tenants", "history", "processors"]
            .iter()
            .try_for_each(|folder| fs::create_dir_all(self.root.join(folder)))
    }

    /// Where a tenant's live file is.
    pub fn tenant_path(&self, name: &str) -> PathBuf {
        self.root.join("tenants").join(format!("{name}.toml"))
    }

    /// Names of all tenant files, sorted; also those that are no names. Files that begin with a dot are left out.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn tenants(&self) -> io::Result<Vec<String>> {
        let names = entries(&self.root.join("tenants"))?;
        let toml = |name: String| name.strip_suffix(".toml").map(str::to_owned);
        Ok(names.into_iter().filter_map(toml).collect())
    }

    /// A tenant's live file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_tenant(&self, name: &str) -> io::Result<String> {
        read_text(&self.tenant_path(name))
    }

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

    /// One revision of a tenant's file.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn read_revision(&self, name: &str, revision: u64) -> io::Result<String> {
        read_text(&self.revision_path(name, revision))
    }

    /// The newest revision and its text.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn newest_revision(&self, name: &str) -> io::Result<Option<(u64, String)>> {
        match self.revisions(name)?.last() {
            Some(newest) => Ok(Some((*newest, self.read_revision(name, *newest)?))),
            None => Ok(None),
        }
    }

    /// Makes `text` the newest revision, unless it already is, and gives its number. Old ones past [`HISTORY_MAX`] go.
    ///
    /// # Errors
    /// It cannot be made durable.
    pub fn record(&self, name: &str, text: &str) -> io::Result<u64> {
        check_name(name)?;
        let newest = self.newest_revision(name)?;
        if let Some((revision, _)) = newest.as_ref().filter(|(_, newest)| newest == text) {
            return Ok(*revision);
        }
        let revision = newest.map_or(1, |(revision, _)| revision + 1);
        make_folder(&self.history(name))?;
        write_whole(&self.revision_path(name, revision), text.as_bytes())?;
        let revisions = self.revisions(name)?;
        for old in &revisions[..revisions.len().saturating_sub(HISTORY_MAX)] {
            fs::remove_file(self.revision_path(name, *old))?;
        }
        Ok(revision)
    }

    /// Makes `text` a tenant's live file.
    ///
    /// # Errors
    /// It cannot be made durable; the old one may stand, or the new one.
    pub fn put_tenant(&self, name: &str, text: &str) -> io::Result<()> {
        check_name(name)?;
        write_whole(&self.tenant_path(name), text.as_bytes())
    }

    /// Takes a revision out of the history that never went live.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn forget(&self, name: &str, revision: u64) -> io::Result<()> {
        fs::remove_file(self.revision_path(name, revision))?;
        sync_folder(&self.history(name))
    }

    /// Names of an owner's components, sorted.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn processors(&self, owner: &str) -> io::Result<Vec<String>> {
        let mut names = entries(&self.root.join("processors").join(owner))?;
        names.retain(|name| is_name(name));
        Ok(names)
    }

    /// Versions of a component, oldest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn versions(&self, owner: &str, name: &str) -> io::Result<Vec<Version>> {
        let version = |file: &String| Version::parse(file.strip_suffix(".wasm")?).ok();
        let files = entries(&self.root.join("processors").join(owner).join(name))?;
        let mut versions: Vec<Version> = files.iter().filter_map(version).collect();
        versions.sort();
        Ok(versions)
    }

    /// Where a component is, or would be.
    pub fn processor_path(&self, owner: &str, name: &str, version: &Version) -> PathBuf {
        self.root.join("processors").join(owner).join(name).join(format!("{version}.wasm"))
    }

    /// Whether a component is these bytes; none: there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn processor_is(
        &self,
        owner: &str,
        name: &str,
        version: &Version,
        bytes: &[u8],
    ) -> io::Result<Option<bool>> {
        let file = match open_regular(&self.processor_path(owner, name, version)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut stored = Vec::new();
        file.take(bytes.len() as u64 + 1).read_to_end(&mut stored)?;
        Ok(Some(stored == bytes))
    }

    /// Stores a component; one at a time.
    ///
    /// # Errors
    /// It cannot be made durable.
    pub fn put_processor(&self, owner: &str, name: &str, version: &Version, bytes: &[u8]) -> io::Result<()> {
        check_name(owner)?;
        check_name(name)?;
        let folder = self.root.join("processors").join(owner);
        make_folder(&folder)?;
        make_folder(&folder.join(name))?;
        write_whole(&self.processor_path(owner, name, version), bytes)
    }

    /// The newest version that `pin` allows; a pre-release only where no release is.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn find(&self, owner: &str, name: &str, pin: Option<&Pin>) -> io::Result<Option<Found>> {
        let allowed =
            self.versions(owner, name)?.into_iter().filter(|v| pin.is_none_or(|pin| pin.matches(v)));
        let newest = allowed.max_by_key(|version| (version.pre.is_empty(), version.clone()));
        Ok(newest.map(|version| Found {
            path: self.processor_path(owner, name, &version),
            owner: owner.to_owned(),
            name: name.to_owned(),
            version,
        }))
    }

    fn history(&self, name: &str) -> PathBuf {
        self.root.join("history").join(name)
    }

    fn revision_path(&self, name: &str, revision: u64) -> PathBuf {
        self.history(name).join(format!("{revision:04}.toml"))
    }
}

/// A name becomes part of a path, so it must be one.
fn check_name(name: &str) -> io::Result<()> {
    if is_name(name) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("\"{}\" is not a name", name.escape_debug())))
}

/// Names in a folder, sorted, without those that begin with a dot. A folder that is not there is empty.
fn entries(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    Ok(names)
}

/// Makes a folder that is missing, durably.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    sync_folder(folder.parent().unwrap_or(Path::new(".")))
}

/// Temporary file, sync, rename, sync of the folder.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.new"));
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[path = "store/tests.rs"]
mod tests;
