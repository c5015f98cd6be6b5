//! `file`: one file for each message, named by the message's id, whatever the content is.
//!
//! The draft is `.ID.COUNTER` in the same folder. A message that is delivered again under the same id replaces the file:
//! it is the same message.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;

use super::durable_file::{DurableFile, Standing, make_folder};
use super::{Delivery, Placement, Sink, SinkError};
use crate::chain::{Content, Keys, Settings, StageScope};
use crate::mail::Envelope;

/// A configured `file`.
pub struct FileSink {
    name: String,
    folder: PathBuf,
}

/// Setting: `path`, the folder; one that is not absolute lies below the state directory. Default: `files/TENANT` there.
pub fn configure(scope: &StageScope, settings: Settings) -> Result<FileSink, String> {
    let mut keys = Keys::new(settings);
    let path: Option<PathBuf> = keys.take("path");
    if path.as_deref().is_some_and(|path| path.as_os_str().is_empty()) {
        keys.refuse("path", "is empty");
    }
    keys.finish()?;
    let path = path.unwrap_or_else(|| Path::new("files").join(&scope.tenant));
    Ok(FileSink { name: scope.label.clone(), folder: scope.state_dir.join(path) })
}

#[async_trait]
impl Sink for FileSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn takes(&self) -> Content {
        Content::Any
    }

    async fn open(&self, envelope: &Envelope) -> Result<Box<dyn Delivery>, SinkError> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        if !self.folder.is_dir() {
            let folder = self.folder.clone();
            let task = tokio::task::spawn_blocking(move || make_folder(&folder));
            task.await.map_err(|error| SinkError::new("run a blocking task", error))??;
        }
        // An id is alphanumeric by construction.
        let id = envelope.id();
        let counter = COUNTER.fetch_add(1, Ordering::Relaxed);
        let draft = self.folder.join(format!(".{id}.{}-{counter}", std::process::id()));
        let target = self.folder.join(id.as_str());
        Ok(Box::new(FileDelivery { file: DurableFile::new(draft), target }))
    }
}

struct FileDelivery {
    file: DurableFile,
    target: PathBuf,
}

#[async_trait]
impl Delivery for FileDelivery {
    async fn write(&mut self, chunk: Bytes) -> Result<(), SinkError> {
        self.file.write(&chunk).await
    }

    async fn prepare(&mut self, _placement: Placement) -> Result<(), SinkError> {
        self.file.seal(|| Ok(())).await
    }

    async fn commit(self: Box<Self>) -> Result<(), SinkError> {
        self.file.show(self.target, Standing::Replace).await
    }
}

#[cfg(test)]
mod tests;
