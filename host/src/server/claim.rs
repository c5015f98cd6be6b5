//! One server, one state folder: two of them would write over each other's revisions.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use anyhow::Context as _;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Claims a state folder for as long as the answer lives; the kernel lets it go with the process.
pub(super) fn claim(state_dir: &Path) -> anyhow::Result<File> {
    let path = state_dir.join("lock");
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = open.with_context(|| format!("cannot open `{}`", path.display()))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => {
            let text = format!("another server is at work in the state folder `{}`", state_dir.display());
            Err(io::Error::new(io::ErrorKind::ResourceBusy, text).into())
        }
        // A file system without locks: what cannot be found out is no reason not to serve.
        Err(_) => Ok(file),
    }
}
