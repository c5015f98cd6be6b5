//! Tenants' tokens on disk: `STATE_DIR/tokens/TENANT.json`, mode 0600 in a folder of mode 0700.
//!
//! A file is whole or the old one stands. There are hashes in it, no tokens.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Held, TokenRole};
use crate::chain::spec::is_name;
use crate::config::load::read_text;

/// The folder of all of them.
pub(super) struct Folder(pub(super) PathBuf);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    tokens: Vec<Stored>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    id: String,
    /// In hex.
    hash: String,
    role: TokenRole,
    label: String,
    /// RFC 3339, as the next.
    created: String,
    expires: Option<String>,
}

impl Folder {
    /// Names of the tenants that have a file.
    pub(super) fn tenants(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".json"));
            names.extend(name.filter(|name| is_name(name)).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// A tenant's tokens; none where there is no file.
    pub(super) fn read(&self, tenant: &str) -> io::Result<Vec<Held>> {
        let path = self.path(tenant)?;
        let text = match read_text(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text?,
        };
        let bad =
            |what: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()));
        let whole: Whole = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        let held =
            |stored: Stored| stored.held(tenant).ok_or_else(|| bad("a hash or a time is none".to_owned()));
        whole.tokens.into_iter().map(held).collect()
    }

    /// Makes these a tenant's tokens, durably.
    pub(super) fn write(&self, tenant: &str, all: &[Held]) -> io::Result<()> {
        let path = self.path(tenant)?;
        if !self.0.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
            sync(self.0.parent().unwrap_or(Path::new(".")))?;
        }
        let text = serde_json::to_vec_pretty(&Whole { tokens: all.iter().map(Stored::of).collect() })?;
        let temporary = self.0.join(format!(".{tenant}.json.new"));
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        // Also where the file was left by a crash, or by somebody else's umask.
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync(&self.0)
    }

    /// Removes a tenant's file, durably, if there is one.
    pub(super) fn remove(&self, tenant: &str) -> io::Result<()> {
        match fs::remove_file(self.path(tenant)?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => sync(&self.0),
        }
    }

    /// A name becomes part of a path, so it must be one.
    fn path(&self, tenant: &str) -> io::Result<PathBuf> {
        if is_name(tenant) {
            return Ok(self.0.join(format!("{tenant}.json")));
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a tenant's name"))
    }
}

impl Stored {
    fn of(held: &Held) -> Self {
        Self {
            id: held.id.clone(),
            hash: held.hash.to_hex().to_string(),
            role: held.role,
            label: held.label.clone(),
            created: held.created.to_string(),
            expires: held.expires.map(|expires| expires.to_string()),
        }
    }

    fn held(self, tenant: &str) -> Option<Held> {
        let expires: Option<Result<Timestamp, _>> = self.expires.map(|expires| expires.parse());
        Some(Held {
            tenant: tenant.to_owned(),
            id: self.id,
            role: self.role,
            label: self.label,
            created: self.created.parse().ok()?,
            // A time that cannot be read must not become none, which is for ever.
            expires: expires.transpose().ok()?,
            hash: blake3::Hash::from_hex(&self.hash).ok()?,
            last_used: Arc::default(),
        })
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
