//! A file that people edit while it is in use: read whole, read again when it has changed, and kept as it was last good.
//!
//! ```text
//! current() --once a second--> stat --changed, and at rest--> read, parse --> the new one
//!                                                            `-- no good --> the old one, and one complaint
//! ```
//!
//! A file that was written to within the last second may be half of one: it is taken up once it rests, or at once where it came by
//! a rename and is older. Knows nothing of what the file says.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How often a file is looked at, at most.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A file that was last written to so long ago is whole.
const REST: Duration = Duration::from_secs(1);

/// What there is at the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file, whole.
    pub bytes: Vec<u8>,
    /// Its permission bits.
    pub mode: u32,
}

/// Makes a `T` of a file; of `None` where there is no file.
///
/// # Errors
/// What is wrong with it, for people.
pub type Parse<T> = Box<dyn Fn(Option<Found>) -> Result<T, String> + Send + Sync>;

/// A file and what it says.
pub struct WatchedFile<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    path: PathBuf,
    size_max: u64,
    parse: Parse<T>,
    state: Mutex<State<T>>,
}

struct State<T> {
    good: Arc<T>,
    /// Of the file that `good` was made of, or that was no good.
    known: Option<Stamp>,
    /// Of a file that was not at rest.
    restless: Option<Stamp>,
    looked: Instant,
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Of the file at `path`; none: there is none that can be seen. Blocks.
    pub fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|metadata| Self::of(&metadata))
    }

    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether it was last written to some time ago. A clock that was set back makes it restless, which only takes a second look.
    fn rests(&self, now: SystemTime) -> bool {
        let seconds = u64::try_from(self.modified.0).unwrap_or(0);
        let nanos = u32::try_from(self.modified.1).unwrap_or(0);
        let modified = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos);
        now.duration_since(modified).is_ok_and(|age| age >= REST)
    }
}

impl<T: Send + Sync + 'static> WatchedFile<T> {
    /// Reads the file at `path`, of at most `size_max` bytes. Blocks.
    ///
    /// # Errors
    /// It cannot be read, is no regular file, is larger, or `parse` does not take it; the text names neither path nor line.
    pub fn open(path: PathBuf, size_max: u64, parse: Parse<T>) -> Result<Self, String> {
        let (known, good) = read(&path, size_max, &parse);
        Ok(Self::of(path, size_max, parse, known, good?))
    }

    /// As [`WatchedFile::open`], with `fallback` in the place of a file that is no good; and what is wrong with it. Blocks.
    pub fn open_or(path: PathBuf, size_max: u64, parse: Parse<T>, fallback: T) -> (Self, Option<String>) {
        let (known, good) = read(&path, size_max, &parse);
        let (good, problem) = match good {
            Ok(good) => (good, None),
            Err(problem) => (fallback, Some(problem)),
        };
        (Self::of(path, size_max, parse, known, good), problem)
    }

    fn of(path: PathBuf, size_max: u64, parse: Parse<T>, known: Option<Stamp>, good: T) -> Self {
        let state = State { good: Arc::new(good), known, restless: None, looked: Instant::now() };
        Self { inner: Arc::new(Inner { path, size_max, parse, state: Mutex::new(state) }) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// What the file said when it was last looked at.
    pub fn known(&self) -> Arc<T> {
        self.inner.state().good.clone()
    }

    /// Reads the file anew, whether it has changed and rests or not: for somebody who asks for just that. Blocks.
    ///
    /// # Errors
    /// What is wrong with it, which [`WatchedFile::current`] does not tell again; what was good before goes on.
    pub fn reread(&self) -> Result<(), String> {
        self.inner.take_up().1.map_or(Ok(()), Err)
    }

    /// What the file says, looked at within the last second; and, once for each change, what is wrong with it, so that what is
    /// given is older. Whoever comes while somebody else is looking is given what was good before. To be called in a runtime of
    /// tokio: the disk is touched on a thread where that is allowed.
    pub async fn current(&self) -> (Arc<T>, Option<String>) {
        let good = {
            let (mut state, now) = (self.inner.state(), Instant::now());
            if now.saturating_duration_since(state.looked) < LOOK_EVERY {
                return (state.good.clone(), None);
            }
            state.looked = now;
            state.good.clone()
        };
        let inner = self.inner.clone();
        let looking = tokio::task::spawn_blocking(move || inner.look(SystemTime::now()));
        // Its only fault would be a panic, which has been printed.
        looking.await.unwrap_or((good, None))
    }
}

impl<T> Inner<T> {
    fn state(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whether there is another file than the one that is known, and takes it up. Blocks.
    fn look(&self, now: SystemTime) -> (Arc<T>, Option<String>) {
        let stamp = Stamp::at(&self.path);
        {
            let mut state = self.state();
            if stamp == state.known {
                return (state.good.clone(), None);
            }
            let rests = stamp.as_ref().is_none_or(|stamp| stamp.rests(now)) || stamp == state.restless;
            if !rests {
                state.restless = stamp;
                return (state.good.clone(), None);
            }
        }
        self.take_up()
    }

    /// Reads the file and takes it up, if it is good. Blocks.
    fn take_up(&self) -> (Arc<T>, Option<String>) {
        let (known, made) = read(&self.path, self.size_max, &self.parse);
        let mut state = self.state();
        state.known = known;
        state.restless = None;
        let complaint = match made {
            Ok(good) => {
                state.good = Arc::new(good);
                None
            }
            Err(problem) => Some(problem),
        };
        (state.good.clone(), complaint)
    }
}

/// Reads and parses; with the stamp of what was read, none where there was nothing to read.
fn read<T>(path: &Path, size_max: u64, parse: &Parse<T>) -> (Option<Stamp>, Result<T, String>) {
    let found = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (None, parse(None)),
        Err(error) => return (None, Err(format!("cannot be read: {error}"))),
        // Not opened: a pipe would wait for its other end.
        Ok(metadata) if !metadata.is_file() => {
            return (Some(Stamp::of(&metadata)), Err("is not a regular file".to_owned()));
        }
        Ok(metadata) => read_whole(path, size_max).map_err(|error| (Stamp::of(&metadata), error)),
    };
    match found {
        Err((stamp, error)) => (Some(stamp), Err(format!("cannot be read: {error}"))),
        Ok((stamp, found)) if found.bytes.len() as u64 > size_max => {
            (Some(stamp), Err(format!("is larger than {size_max} bytes")))
        }
        Ok((stamp, found)) => (Some(stamp), parse(Some(found))),
    }
}

fn read_whole(path: &Path, size_max: u64) -> io::Result<(Stamp, Found)> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::new();
    (&mut file).take(size_max.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((Stamp::of(&metadata), Found { bytes, mode: metadata.mode() & 0o7777 }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LATER: Duration = Duration::from_secs(3600);

    fn text(found: Option<Found>) -> Result<String, String> {
        let Some(found) = found else { return Err("is not there".to_owned()) };
        let text = String::from_utf8(found.bytes).map_err(|_| "is not UTF-8".to_owned())?;
        if text.contains("bad") { Err("is bad".to_owned()) } else { Ok(text) }
    }

    fn open(path: &Path) -> Result<WatchedFile<String>, String> {
        WatchedFile::open(path.to_owned(), 16, Box::new(text))
    }

    /// What it says, seen an hour from now: every file is at rest.
    fn look(file: &WatchedFile<String>) -> (String, Option<String>) {
        let (good, complaint) = file.inner.look(SystemTime::now() + LATER);
        ((*good).clone(), complaint)
    }

    /// Goal: a change is taken up, whether the file was written over, replaced or removed and made again; what is no good
    /// leaves the old one, and is complained of once.
    #[test]
    fn a_change_is_taken_up_and_the_last_good_one_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        fs::write(&path, "one").unwrap();
        let file = open(&path).unwrap();
        assert_eq!(look(&file), ("one".to_owned(), None));
        fs::write(&path, "second").unwrap();
        assert_eq!(look(&file), ("second".to_owned(), None));
        for bad in ["bad one", "more than 16 bytes, it is"] {
            fs::write(&path, bad).unwrap();
            let (good, complaint) = look(&file);
            assert!(good == "second" && complaint.is_some(), "{bad}");
            assert_eq!(look(&file), ("second".to_owned(), None), "{bad}");
        }
        fs::remove_file(&path).unwrap();
        let (good, complaint) = look(&file);
        assert_eq!((good.as_str(), complaint.as_deref()), ("second", Some("is not there")));
        let other = folder.path().join("other");
        fs::write(&other, "third").unwrap();
        fs::rename(other, &path).unwrap();
        assert_eq!(look(&file), ("third".to_owned(), None));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(look(&file), ("third".to_owned(), Some("is not a regular file".to_owned())));
    }

    /// Goal: half of a file that somebody is just writing is not taken for the whole, but for a second look that finds it as it was.
    #[test]
    fn a_file_must_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        fs::write(&path, "one").unwrap();
        let file = open(&path).unwrap();
        let at_once = || (*file.inner.look(SystemTime::UNIX_EPOCH).0).clone();
        fs::write(&path, "ha").unwrap();
        assert_eq!(at_once(), "one");
        fs::write(&path, "half").unwrap();
        assert_eq!(at_once(), "one");
        assert_eq!(at_once(), "half");
    }

    /// Goal: who asks for the file itself is given it at once, and each time told what is wrong with it; nobody else is then.
    #[test]
    fn a_file_is_read_anew_for_whoever_asks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        fs::write(&path, "one").unwrap();
        let file = open(&path).unwrap();
        fs::write(&path, "second").unwrap();
        assert_eq!((file.reread(), file.known().as_str()), (Ok(()), "second"));
        fs::write(&path, "bad").unwrap();
        for _ in 0..2 {
            assert_eq!((file.reread(), file.known().as_str()), (Err("is bad".to_owned()), "second"));
        }
        assert_eq!(look(&file), ("second".to_owned(), None));
    }

    #[test]
    fn the_size_at_the_limit_and_past_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        fs::write(&path, "x".repeat(16)).unwrap();
        assert!(open(&path).is_ok());
        fs::write(&path, "x".repeat(17)).unwrap();
        assert_eq!(open(&path).err().as_deref(), Some("is larger than 16 bytes"));
        fs::remove_file(&path).unwrap();
        assert_eq!(open(&path).err().as_deref(), Some("is not there"));
    }

    /// Goal: the disk is touched once a second at most. Method: a file that has changed is not seen at once.
    #[tokio::test]
    async fn the_file_is_not_looked_at_for_every_question() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        fs::write(&path, "one").unwrap();
        let file = open(&path).unwrap();
        file.inner.state().looked = Instant::now() + LATER;
        fs::write(&path, "second").unwrap();
        assert_eq!(*file.current().await.0, "one");
        let Some(past) = Instant::now().checked_sub(LOOK_EVERY) else { return };
        file.inner.state().looked = past;
        file.inner.state().restless = fs::metadata(&path).ok().map(|metadata| Stamp::of(&metadata));
        assert_eq!(*file.current().await.0, "second");
    }
}
