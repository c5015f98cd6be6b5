//! The catalog on disk: tenant files, their history, components.
//!
//! ```text
//! ROOT/tenants/NAME.toml                     the live revision
//! ROOT/history/NAME/0007.toml                the last 20 that went live (`history`)
//! ROOT/processors/OWNER/NAME/VERSION.wasm    OWNER `host`: shared by all
//! ROOT/about/OWNER/HASH.json                 what is known of a component with this hash
//! ROOT/removed/NAME.WHEN/                    what a removed tenant left
//! ```
//!
//! Knows nothing of what the files say. What is written is whole and durable, or the old one stands.

pub mod history;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use semver::Version;

use super::revision::Component;
use crate::chain::Pin;
use crate::chain::spec::is_name;
use crate::config::load::read_text;
use crate::config::open_regular;

/// Most of a component that is read to find what is known of it, in bytes: none that is larger can have been uploaded.
const READ_MAX: u64 = 1 << 30;

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

    /// The catalog's folder.
    pub fn root(&self) -> &Path {
        &self.root
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

    /// Makes `text` a tenant's live file.
    ///
    /// # Errors
    /// It cannot be made durable; the old one may stand, or the new one.
    pub fn put_tenant(&self, name: &str, text: &str) -> io::Result<()> {
        check_name(name)?;
        write_whole(&self.tenant_path(name), text.as_bytes())
    }

    /// Takes what there is of a tenant's live file, its history and its components out of the way, into `removed/NAME.WHEN/`: a tenant that
    /// comes later under the same name finds nothing of it. Its live file goes first, and with it the tenant.
    ///
    /// # Errors
    /// One cannot be moved; what was moved before stays so.
    pub fn remove_tenant(&self, name: &str, when: u64) -> io::Result<()> {
        check_name(name)?;
        let own = [
            (self.tenant_path(name), "tenant.toml"),
            (self.history(name), "history"),
            (self.root.join("processors").join(name), "processors"),
            (self.root.join("about").join(name), "about"),
        ];
        let away = self.root.join("removed").join(format!("{name}.{when}"));
        for (path, kept) in own.into_iter().filter(|(path, _)| path.exists()) {
            fs::create_dir_all(&away)?;
            fs::rename(&path, away.join(kept))?;
            sync_folder(path.parent().unwrap_or(&self.root))?;
            sync_folder(&away)?;
        }
        Ok(())
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

    /// Stores a component, with what is known of it; one at a time.
    ///
    /// # Errors
    /// It cannot be made durable.
    pub fn put_processor(
        &self,
        owner: &str,
        name: &str,
        version: &Version,
        bytes: &[u8],
        about: &[u8],
    ) -> io::Result<()> {
        check_name(owner)?;
        check_name(name)?;
        let folder = self.root.join("processors").join(owner);
        make_folder(&folder)?;
        make_folder(&folder.join(name))?;
        let told = self.about_path(owner, &blake3::hash(bytes));
        make_folder(told.parent().unwrap_or(&self.root))?;
        write_whole(&told, about)?;
        write_whole(&self.processor_path(owner, name, version), bytes)
    }

    /// What [`Self::put_processor`] was told of a component with this hash; none: it was put there by hand.
    pub fn processor_about(&self, owner: &str, hash: &blake3::Hash) -> Option<String> {
        read_text(&self.about_path(owner, hash)).ok()
    }

    fn about_path(&self, owner: &str, hash: &blake3::Hash) -> PathBuf {
        self.root.join("about").join(owner).join(format!("{}.json", hash.to_hex()))
    }

    /// Removes a component.
    ///
    /// # Errors
    /// There is none, or it cannot be removed.
    pub fn remove_processor(&self, owner: &str, name: &str, version: &Version) -> io::Result<()> {
        check_name(owner)?;
        check_name(name)?;
        let path = self.processor_path(owner, name, version);
        let mut bytes = Vec::new();
        // What is no file, or none of ours, goes unread.
        let read = open_regular(&path).and_then(|file| file.take(READ_MAX).read_to_end(&mut bytes));
        fs::remove_file(&path)?;
        if read.is_ok() {
            // It may never have had one; who has the same bytes under another name can do without.
            let _ = fs::remove_file(self.about_path(owner, &blake3::hash(&bytes)));
        }
        sync_folder(path.parent().unwrap_or(Path::new(".")))
    }

    /// Where a component is that a revision was made of.
    ///
    /// # Errors
    /// It is no component's description, as one that was tampered with.
    pub fn found(&self, component: &Component) -> Result<Found, String> {
        let Component { owner, name, version, .. } = component;
        let parsed = Version::parse(version).ok().filter(|_| is_name(owner) && is_name(name));
        let version = parsed.ok_or_else(|| "the history names what is no component".to_owned())?;
        let path = self.processor_path(owner, name, &version);
        Ok(Found { owner: owner.clone(), name: name.clone(), version, path })
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
