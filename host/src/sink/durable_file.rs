//! A file that is written apart, made durable, and only then shown, whole, under its name.
//!
//! ```text
//! write*   gathered in memory, flushed to the draft in blocks of 256 KiB
//! seal     the rest, fsync of the file                      (not yet visible)
//! show     rename to its name, fsync of the folder          (visible, durable)
//! dropped  the draft is unlinked
//! ```
//!
//! A failed fsync ends the draft: the kernel may have dropped the pages and call the next fsync a success, so it is
//! never tried again. Knows nothing of messages.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::SinkError;

/// Bytes gathered in memory before they are written. A message below this costs one blocking task before it is shown.
const BLOCK: usize = 256 << 10;

/// What stands already under a name when a file is to be shown there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Replace it: the name says it is the same message.
    Replace,
    /// Keep it and fail: the name should have been unique.
    Keep,
}

/// A file on its way. `None` while a blocking task holds it: a caller that goes away then leaves it to the task, whose
/// end drops it.
pub(super) struct DurableFile(Option<Draft>);

/// The part that blocking tasks work on.
struct Draft {
    path: PathBuf,
    file: Option<File>,
    gathered: Vec<u8>,
    size: u64,
}

impl DurableFile {
    /// A draft that will be written at `path`. Nothing is touched before there is a block to write.
    pub(super) fn new(path: PathBuf) -> Self {
        Self(Some(Draft { path, file: None, gathered: Vec::new(), size: 0 }))
    }

    /// Adds bytes. Waits for the disk once per block.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        let draft = self.0.as_mut().ok_or_else(ended)?;
        draft.gathered.extend_from_slice(bytes);
        draft.size += u64::try_from(bytes.len()).unwrap_or(0);
        if draft.gathered.len() < BLOCK {
            return Ok(());
        }
        self.block(Draft::flush).await
    }

    /// Writes what is left and makes the content durable. `before` runs first on the same blocking thread, for what the
    /// file will need later, such as a folder.
    pub(super) async fn seal(
        &mut self,
        before: impl FnOnce() -> Result<(), SinkError> + Send + 'static,
    ) -> Result<(), SinkError> {
        self.block(|draft| {
            before()?;
            draft.flush()?;
            let file = draft.file.as_ref().ok_or_else(ended)?;
            file.sync_all().map_err(doing("sync", &draft.path))
        })
        .await
    }

    /// Bytes written so far.
    pub(super) fn size(&self) -> u64 {
        self.0.as_ref().map_or(0, |draft| draft.size)
    }

    /// Shows the sealed file as `target`, durably.
    ///
    /// Where the folder's fsync fails the file is visible and the answer an error all the same: nobody can say whether
    /// it would outlive a crash.
    pub(super) async fn show(mut self, target: PathBuf, standing: Standing) -> Result<(), SinkError> {
        self.block(move |draft| draft.show(&target, standing)).await
    }

    /// Runs `work` on a blocking thread. After an error, or when the caller goes away, the draft is gone.
    async fn block(
        &mut self,
        work: impl FnOnce(&mut Draft) -> Result<(), SinkError> + Send + 'static,
    ) -> Result<(), SinkError> {
        let mut draft = self.0.take().ok_or_else(ended)?;
        let task = tokio::task::spawn_blocking(move || work(&mut draft).map(|()| draft));
        let draft = task.await.map_err(|error| SinkError::new("run a blocking task", error))??;
        self.0 = Some(draft);
        Ok(())
    }
}

impl Draft {
    fn flush(&mut self) -> Result<(), SinkError> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(create(&self.path)?),
        };
        file.write_all(&self.gathered).map_err(doing("write", &self.path))?;
        self.gathered.clear();
        Ok(())
    }

    fn show(&mut self, target: &Path, standing: Standing) -> Result<(), SinkError> {
        self.file.as_ref().ok_or_else(ended)?;
        rename(&self.path, target, standing).map_err(doing("show as", target))?;
        // From here on the draft's own name is free; dropping must not unlink what another may have put there.
        self.file = None;
        sync_folder(folder_of(target))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // What cannot be unlinked is invisible all the same.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Makes a folder with those above it, durably, each with mode 0700. Those that stand are left alone.
pub(super) fn make_folder(path: &Path) -> Result<(), SinkError> {
    if path.is_dir() {
        return Ok(());
    }
    let above = folder_of(path);
    make_folder(above)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(doing("make", path)(error)),
        _ => {}
    }
    if !path.is_dir() {
        return Err(SinkError::bare(format!("{} is not a folder", path.display())));
    }
    sync_folder(above)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), SinkError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(doing("sync", path))
}

/// The folder that holds `path`.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => Path::new("/"),
    }
}

/// A new file of mode 0600; never one that stands already, nor through a link.
fn create(path: &Path) -> Result<File, SinkError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(doing("make", path))
}

fn rename(from: &Path, to: &Path, standing: Standing) -> io::Result<()> {
    if standing == Standing::Keep {
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // A filesystem that cannot, for example NFS: the name's uniqueness has to do.
            Err(Errno::INVAL | Errno::NOSYS) => {}
            other => return Ok(other?),
        }
    }
    std::fs::rename(from, to)
}

/// An I/O error with what was being done to which path.
pub(super) fn doing<'a, E>(what: &'a str, path: &'a Path) -> impl FnOnce(E) -> SinkError + 'a
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    move |error| SinkError::new(format!("{what} {}", path.display()), error)
}

fn ended() -> SinkError {
    SinkError::bare("use a file that has ended")
}

#[cfg(test)]
mod tests;
