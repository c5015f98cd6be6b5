//! `maildir`: one file for each message, in a folder that any mail reader understands.
//!
//! ```text
//! PATH/tmp/NAME          while it is written
//! PATH/new/NAME,S=SIZE   from commit on
//! PATH/.Quarantine/new/  where a quarantined message goes instead (Maildir++)
//! ```
//!
//! Source: <https://cr.yp.to/proto/maildir.html>. Folders are made with the first delivery rather than with the chain,
//! so that checking a config touches no disk and a folder that was removed comes back. Then, too, files that have lain
//! in `tmp` for 36 hours are removed, as the convention has it: a crash may leave some. No path is ever built from what
//! a client or a message said.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

use super::durable_file::{DurableFile, Standing, doing, make_folder};
use super::{Delivery, Placement, Sink, SinkError};
use crate::chain::{Content, Keys, Settings, StageScope};
use crate::mail::Envelope;

/// Age at which a file in `tmp` is nobody's any more.
const STALE_AFTER: Duration = Duration::from_secs(36 * 3600);
/// The folder of quarantined messages, as Maildir++ names it.
const QUARANTINE: &str = ".Quarantine";

/// A configured `maildir`.
pub struct Maildir {
    name: String,
    folder: Arc<Folder>,
}

struct Folder {
    root: PathBuf,
    host: String,
    /// The folders were made and cleaned by this process.
    ready: AtomicBool,
}

/// Setting: `path`, the maildir; one that is not absolute lies below the state directory. Default: `mail/TENANT` there.
pub fn configure(scope: &StageScope, settings: Settings) -> Result<Maildir, String> {
    let mut keys = Keys::new(settings);
    let path: Option<PathBuf> = keys.take("path");
    if path.as_deref().is_some_and(|path| path.as_os_str().is_empty()) {
        keys.refuse("path", "is empty");
    }
    keys.finish()?;
    let path = path.unwrap_or_else(|| Path::new("mail").join(&scope.tenant));
    let (root, host) = (scope.state_dir.join(path), escaped_host(&scope.hostname));
    let folder = Arc::new(Folder { root, host, ready: AtomicBool::new(false) });
    Ok(Maildir { name: scope.label.clone(), folder })
}

#[async_trait]
impl Sink for Maildir {
    fn name(&self) -> &str {
        &self.name
    }

    fn takes(&self) -> Content {
        Content::Message
    }

    fn can_quarantine(&self) -> bool {
        true
    }

    async fn open(&self, _envelope: &Envelope) -> Result<Box<dyn Delivery>, SinkError> {
        let folder = self.folder.clone();
        if !folder.is_ready() {
            let task = tokio::task::spawn_blocking(move || folder.make());
            task.await.map_err(|error| SinkError::new("run a blocking task", error))??;
        }
        let name = unique_name(&self.folder.host);
        let file = DurableFile::new(self.folder.root.join("tmp").join(&name));
        Ok(Box::new(MaildirDelivery {
            folder: self.folder.clone(),
            name,
            file,
            placement: Placement::Deliver,
        }))
    }
}

struct MaildirDelivery {
    folder: Arc<Folder>,
    name: String,
    file: DurableFile,
    placement: Placement,
}

#[async_trait]
impl Delivery for MaildirDelivery {
    async fn write(&mut self, chunk: Bytes) -> Result<(), SinkError> {
        self.file.write(&chunk).await
    }

    async fn prepare(&mut self, placement: Placement) -> Result<(), SinkError> {
        self.placement = placement;
        let folder = self.folder.clone();
        self.file
            .seal(move || if placement == Placement::Quarantine { folder.make_quarantine() } else { Ok(()) })
            .await
    }

    async fn commit(self: Box<Self>) -> Result<(), SinkError> {
        let root = match self.placement {
            Placement::Deliver => self.folder.root.clone(),
            Placement::Quarantine => self.folder.root.join(QUARANTINE),
        };
        let name = format!("{},S={}", self.name, self.file.size());
        self.file.show(root.join("new").join(name), Standing::Keep).await
    }
}

impl Folder {
    fn is_ready(&self) -> bool {
        // One look at the disk, so that a folder that was removed comes back; cheap beside the fsyncs of a delivery.
        self.ready.load(Ordering::Relaxed) && self.root.join("tmp").is_dir()
    }

    fn make(&self) -> Result<(), SinkError> {
        make_maildir(&self.root)?;
        remove_stale(&self.root.join("tmp"), SystemTime::now());
        self.ready.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn make_quarantine(&self) -> Result<(), SinkError> {
        let root = self.root.join(QUARANTINE);
        make_maildir(&root)?;
        // Tells Maildir++ readers that this is a folder of the maildir around it.
        let mark = root.join("maildirfolder");
        let made = std::fs::OpenOptions::new().append(true).create(true).open(&mark);
        made.map(drop).map_err(doing("make", &mark))
    }
}

fn make_maildir(root: &Path) -> Result<(), SinkError> {
    ["tmp", "new", "cur"].into_iter().try_for_each(|part| make_folder(&root.join(part)))
}

/// Removes files of `tmp` that nobody has written to for 36 hours. What cannot be removed is left: it hurts nobody.
fn remove_stale(tmp: &Path, now: SystemTime) {
    for entry in std::fs::read_dir(tmp).into_iter().flatten().flatten() {
        let modified =
            entry.metadata().ok().filter(std::fs::Metadata::is_file).and_then(|m| m.modified().ok());
        let age = modified.and_then(|modified| now.duration_since(modified).ok());
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && age.is_some_and(|age| age > STALE_AFTER) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// `SECONDS.MmicrosPpidQcounter.HOST`: unique on this host, and among hosts of different names on one file system.
fn unique_name(host: &str) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (seconds, micros, pid) = (now.as_secs(), now.subsec_micros(), std::process::id());
    format!("{seconds}.M{micros}P{pid}Q{}.{host}", COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// The host's name as it may stand in a file name: `/` is `\057`, `:` is `\072`, by the convention; so are others that
/// mean something to mail readers or terminals.
fn escaped_host(host: &str) -> String {
    let mut escaped = String::with_capacity(host.len());
    for byte in host.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' => escaped.push(char::from(byte)),
            other => escaped.push_str(&format!("\\{other:03o}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
