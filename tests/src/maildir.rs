//! Reads a Maildir as a mail reader would.

use std::path::{Path, PathBuf};

/// The folder that holds `tmp`, `new` and `cur`.
#[derive(Debug, Clone)]
pub struct Maildir {
    root: PathBuf,
}

/// A message in `new`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its file.
    pub path: PathBuf,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl Maildir {
    /// The Maildir at `root`, which need not be there yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Quarantined messages lie in a Maildir of their own.
    #[must_use]
    pub fn quarantine(&self) -> Self {
        Self { root: self.root.join(".Quarantine") }
    }

    /// The messages in `new`, in the order in which they came.
    ///
    /// # Panics
    /// Where a file cannot be read, or its name claims another size than it has.
    pub fn stored(&self) -> Vec<Stored> {
        let mut all: Vec<Stored> = files(&self.root.join("new"))
            .into_iter()
            .map(|path| {
                let bytes =
                    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                let claim = format!(",S={}", bytes.len());
                assert!(
                    path.to_string_lossy().ends_with(&claim),
                    "{} has {} bytes",
                    path.display(),
                    bytes.len()
                );
                Stored { path, bytes }
            })
            .collect();
        all.sort_by_key(|stored| order(&stored.path));
        all
    }

    /// The contents of the messages in `new`, in the order in which they came.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        self.stored().into_iter().map(|stored| stored.bytes).collect()
    }

    /// How many messages are in `new`, without reading them.
    pub fn count(&self) -> usize {
        files(&self.root.join("new")).len()
    }

    /// Files in `tmp`: messages at work, or left by a crash.
    pub fn unfinished(&self) -> Vec<PathBuf> {
        files(&self.root.join("tmp"))
    }

    /// Removes all messages in `new`.
    ///
    /// # Panics
    /// Where one cannot be removed.
    pub fn clear(&self) {
        for path in files(&self.root.join("new")) {
            std::fs::remove_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}

/// Files of a folder; none where the folder is not there.
fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// `SECONDS.MmicrosPpidQcounter.HOST,S=SIZE`: seconds, process and counter tell the order within one process.
fn order(path: &Path) -> (u64, u64) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let seconds = name.split('.').next().and_then(|part| part.parse().ok()).unwrap_or_default();
    let counter =
        name.split('Q').nth(1).and_then(|part| part.split('.').next()).and_then(|part| part.parse().ok());
    (seconds, counter.unwrap_or_default())
}
