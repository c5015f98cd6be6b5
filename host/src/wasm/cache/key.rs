//! The key of the compiled cache: 32 random bytes in `STATE_DIR/cache.key`, for this user's eyes only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::geteuid;

use super::{flags, unfinished};

/// Length of a key, in bytes.
const LEN: usize = 32;

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Others than this user can read or write it, or it is another's.
    #[error(
        "the key of the compiled cache `{}` must be a file of this user's that no one else can read (mode 0600): \
         who can read it can have code run here. Remove it, and a new one is made; all components are compiled again",
        .0.display()
    )]
    Exposed(PathBuf),
    /// It is no key.
    #[error(
        "the key of the compiled cache `{}` is not {LEN} bytes long. Remove it, and a new one is made; all components are \
         compiled again",
        .0.display()
    )]
    Length(PathBuf),
    /// It cannot be read or made.
    #[error("`{}` cannot be read or made", .0.display())]
    Io(PathBuf, #[source] io::Error),
}

/// The key, if there is one.
pub(super) fn read(state_dir: &Path) -> Result<Option<[u8; LEN]>, KeyError> {
    let path = path(state_dir);
    match read_file(&path) {
        Err(KeyError::Io(_, error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// The key, made where there is none.
pub(super) fn make_or_read(state_dir: &Path) -> Result<[u8; LEN], KeyError> {
    if let Some(key) = read(state_dir)? {
        return Ok(key);
    }
    let path = path(state_dir);
    make(state_dir, &path).map_err(|error| KeyError::Io(path.clone(), error))?;
    // Not the one just made: another process may have been first.
    read_file(&path)
}

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("cache.key")
}

fn read_file(path: &Path) -> Result<[u8; LEN], KeyError> {
    let failed = |error| KeyError::Io(path.to_owned(), error);
    let no_link = flags(OFlags::NOFOLLOW | OFlags::NONBLOCK);
    let file = OpenOptions::new().read(true).custom_flags(no_link).open(path);
    let mut file = match file {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(KeyError::Exposed(path.to_owned()));
        }
        file => file.map_err(failed)?,
    };
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() || about.mode() & 0o077 != 0 || about.uid() != geteuid().as_raw() {
        return Err(KeyError::Exposed(path.to_owned()));
    }
    let mut bytes = Vec::new();
    Read::by_ref(&mut file).take(LEN as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    bytes.try_into().map_err(|_| KeyError::Length(path.to_owned()))
}

/// Makes a key, whole and for good, unless there is one by then.
fn make(state_dir: &Path, path: &Path) -> io::Result<()> {
    let unfinished = state_dir.join(unfinished());
    let made = write(&unfinished).and_then(|()| match fs::hard_link(&unfinished, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = fs::remove_file(&unfinished);
    made?;
    removed?;
    File::open(state_dir)?.sync_all()
}

fn write(path: &Path) -> io::Result<()> {
    let mut key = [0; LEN];
    let mut filled = 0;
    while filled < LEN {
        filled += rustix::rand::getrandom(&mut key[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&key)?;
    file.sync_all()
}
