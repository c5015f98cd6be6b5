//! Changes of the users' file, by commands: one at a time, and whole or not at all.
//!
//! ```text
//! lock the state folder --> read --> change --> temporary file, 0600, fsync, rename, fsync of the folder
//! ```
//!
//! Needs no server; one that runs takes the file up by itself.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::book::{Book, FILE_MAX, USERS_MAX, with, without};
use crate::smtp::sasl::Verifier;

/// The file below the state folder.
pub(super) const FILE: &str = "users";

/// The users' file.
pub struct Store {
    state_dir: PathBuf,
}

/// Why the file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The user is there, and was not to be replaced.
    #[error("there is a user `{0}` already; `--replace` gives it this password")]
    Exists(String),
    /// The user is not there.
    #[error("there is no user `{0}`")]
    Missing(String),
    /// [`USERS_MAX`].
    #[error("there are {USERS_MAX} users, and no more may be")]
    Full,
    /// The file is not what it should be.
    #[error("the users' file `{}` {problem}", path.display())]
    Malformed {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The disk, or permissions.
    #[error("cannot {what} `{}`", path.display())]
    Io {
        /// What was to be done.
        what: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it cannot.
        #[source]
        source: io::Error,
    },
}

impl Store {
    /// The file in this state folder. Nothing is touched.
    pub fn new(state_dir: &Path) -> Self {
        Self { state_dir: state_dir.to_owned() }
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.state_dir.join(FILE)
    }

    /// Names and iteration counts, by name; none where there is no file.
    ///
    /// # Errors
    /// The file is malformed or cannot be read.
    pub fn list(&self) -> Result<Vec<(String, u32)>, StoreError> {
        let (_, book) = self.read()?;
        Ok(book.list().into_iter().map(|(name, iterations)| (name.to_owned(), iterations)).collect())
    }

    /// Adds the user of a prepared name, or replaces its password where that is wanted. True: it was there.
    ///
    /// # Errors
    /// It is there and is not to be replaced, there are too many, or the file cannot be changed.
    pub fn add(&self, name: &str, verifier: &Verifier, replace: bool) -> Result<bool, StoreError> {
        let _lock = self.lock()?;
        let (text, book) = self.read()?;
        let is_there = book.get(name).is_some();
        if is_there && !replace {
            return Err(StoreError::Exists(name.to_owned()));
        }
        if !is_there && book.list().len() >= USERS_MAX {
            return Err(StoreError::Full);
        }
        self.write(&with(&text, name, verifier))?;
        Ok(is_there)
    }

    /// Removes the user of a prepared name.
    ///
    /// # Errors
    /// It is not there, or the file cannot be changed.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        let _lock = self.lock()?;
        let (text, book) = self.read()?;
        if book.get(name).is_none() {
            return Err(StoreError::Missing(name.to_owned()));
        }
        self.write(&without(&text, name))
    }

    /// Others wait until this is dropped. The folder itself is what is locked: no file is left behind.
    fn lock(&self) -> Result<File, StoreError> {
        let folder = File::open(&self.state_dir).map_err(|error| self.io("open", &self.state_dir, error))?;
        match flock(&folder, FlockOperation::LockExclusive) {
            // A file system without locks: who changes users there has to do so by turns.
            Ok(()) | Err(rustix::io::Errno::NOTSUP | rustix::io::Errno::NOLCK) => Ok(folder),
            Err(error) => Err(self.io("lock", &self.state_dir, error.into())),
        }
    }

    fn read(&self) -> Result<(String, Book), StoreError> {
        let path = self.path();
        let mut bytes = Vec::new();
        let read = crate::config::open_regular(&path)
            .and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(self.io("read", &path, error)),
            Ok(_) => {}
        }
        let malformed = |problem: String| StoreError::Malformed { path: path.clone(), problem };
        if bytes.len() as u64 > FILE_MAX {
            return Err(malformed(format!("is larger than {FILE_MAX} bytes")));
        }
        let book = Book::parse(&bytes).map_err(malformed)?;
        let text = String::from_utf8(bytes).map_err(|_| malformed("is not UTF-8".to_owned()))?;
        Ok((text, book))
    }

    fn write(&self, text: &str) -> Result<(), StoreError> {
        let temporary = self.state_dir.join(format!(".{FILE}.new"));
        self.write_apart(&temporary, text).map_err(|error| self.io("write", &temporary, error))?;
        let path = self.path();
        let shown = fs::rename(&temporary, &path).and_then(|()| File::open(&self.state_dir)?.sync_all());
        shown.map_err(|error| self.io("replace", &path, error))
    }

    fn write_apart(&self, temporary: &Path, text: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(temporary)?;
        // Also where a crash left one behind.
        file.set_permissions(Permissions::from_mode(0o600))?;
        // Root may add users; who reads them is the server, whose folder this is.
        let (own, folder) = (file.metadata()?, fs::metadata(&self.state_dir)?);
        if own.uid() != folder.uid() {
            fchown(&file, Some(folder.uid()), Some(folder.gid()))?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    fn io(&self, what: &'static str, path: &Path, source: io::Error) -> StoreError {
        StoreError::Io { what, path: path.to_owned(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::sasl::verifier::ITERATIONS_MIN;

    fn verifier(password: &str) -> Verifier {
        Verifier::derive(password, b"0123456789abcdef", ITERATIONS_MIN).unwrap()
    }

    #[test]
    fn users_come_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        assert!(store.list().unwrap().is_empty());
        assert!(!store.add("jo", &verifier("x"), false).unwrap());
        assert!(!store.add("ann", &verifier("x"), true).unwrap());
        assert!(matches!(store.add("jo", &verifier("y"), false), Err(StoreError::Exists(_))));
        assert!(store.add("jo", &verifier("y"), true).unwrap());
        assert_eq!(store.list().unwrap(), [("ann".to_owned(), 4096), ("jo".to_owned(), 4096)]);
        let text = fs::read_to_string(store.path()).unwrap();
        assert_eq!(text, format!("jo {}\nann {}\n", verifier("y"), verifier("x")));
        assert!(matches!(store.remove("bob"), Err(StoreError::Missing(_))));
        store.remove("jo").unwrap();
        assert_eq!(store.list().unwrap(), [("ann".to_owned(), 4096)]);
        let mode = fs::metadata(store.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }

    /// Goal: a file that is not understood is not written over, and as many users as may be are no more.
    #[test]
    fn what_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        fs::write(store.path(), "jo what?\n").unwrap();
        assert!(matches!(store.add("ann", &verifier("x"), false), Err(StoreError::Malformed { .. })));
        assert!(matches!(store.remove("jo"), Err(StoreError::Malformed { .. })));
        assert_eq!(fs::read_to_string(store.path()).unwrap(), "jo what?\n");
        let (kept, full) = (verifier("x"), USERS_MAX - 1);
        fs::write(store.path(), (0..full).map(|n| format!("u{n} {kept}\n")).collect::<String>()).unwrap();
        assert!(!store.add("last", &kept, false).unwrap());
        assert!(matches!(store.add("one-more", &kept, false), Err(StoreError::Full)));
        assert!(store.add("last", &kept, true).unwrap());
    }

    /// Goal: of writers at the same time none is lost.
    #[test]
    fn writers_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let (state_dir, kept) = (folder.path(), &verifier("x"));
        std::thread::scope(|scope| {
            for writer in 0..4 {
                scope.spawn(move || {
                    for n in 0..8 {
                        Store::new(state_dir).add(&format!("u{writer}-{n}"), kept, false).unwrap();
                    }
                });
            }
        });
        assert_eq!(Store::new(state_dir).list().unwrap().len(), 32);
    }

    #[test]
    fn a_folder_that_is_not_there() {
        let store = Store::new(Path::new("/nowhere/at-all"));
        assert!(store.list().unwrap().is_empty());
        assert!(matches!(store.add("jo", &verifier("x"), false), Err(StoreError::Io { what: "open", .. })));
    }
}
