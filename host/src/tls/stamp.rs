//! Whether files have changed, as far as the file system tells.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What the file system tells of some files: equal stamps, equal files. Links are followed, so one that is led elsewhere counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(Vec<Option<[i64; 5]>>);

impl Stamp {
    /// The files as they are now; one that cannot be looked at is as it is, too.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a Path>) -> Self {
        let look = |file: &Path| {
            let meta = std::fs::metadata(file).ok()?;
            let inode = i64::from_ne_bytes(meta.ino().to_ne_bytes());
            let size = i64::try_from(meta.size()).unwrap_or(i64::MAX);
            Some([inode, size, meta.mtime(), meta.mtime_nsec(), meta.ctime_nsec()])
        };
        Self(files.into_iter().map(look).collect())
    }
}
