//! The log's medium: lines go into a buffer, a thread of its own writes the buffer out in order.
//!
//! A slow disk or a full pipe so never holds up a message; what it may cost is lines, and those are counted.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::{Event, Level, Settings, line};

/// Most unwritten bytes; past it lines are dropped. About 4,000 message records.
const BACKLOG_MAX: usize = 4 << 20;

/// How long lines are gathered before they are written.
const GATHER: Duration = Duration::from_millis(2);

/// A log that accepts lines until it is dropped; what it has taken by then is still written.
pub(super) struct Log {
    level: Level,
    json: bool,
    path: Option<PathBuf>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    backlog: Mutex<Backlog>,
    /// The writer waits here for lines.
    filled: Condvar,
    /// `flush` waits here for the writer.
    emptied: Condvar,
}

#[derive(Default)]
struct Backlog {
    /// Whole lines, oldest first.
    bytes: Vec<u8>,
    lines: u64,
    /// Lines dropped because the backlog was full or the medium failed.
    lost: u64,
    /// A file to go on with, from `reopen`.
    reopened: Option<File>,
    writer: Writer,
    closed: bool,
}

#[derive(Default, PartialEq, Eq)]
enum Writer {
    /// Waits for lines.
    #[default]
    Idle,
    /// Writes lines it has taken out of the backlog.
    Busy,
}

enum Medium {
    File(File),
    Stderr(io::Stderr),
}

impl Log {
    pub(super) fn open(settings: &Settings) -> io::Result<Self> {
        let medium = match &settings.file {
            Some(path) => Medium::File(open_file(path)?),
            None => Medium::Stderr(io::stderr()),
        };
        let shared = Arc::new(Shared::default());
        let writer = shared.clone();
        std::thread::Builder::new().name("log".into()).spawn(move || writer.run(medium))?;
        Ok(Self { level: settings.level, json: settings.json, path: settings.file.clone(), shared })
    }

    /// Adds the event's line where its level is logged.
    pub(super) fn record(&self, event: &Event) {
        if event.level() > self.level {
            return;
        }
        let mut text = Vec::with_capacity(512);
        let time = Timestamp::now();
        let written = line::write(&mut text, time, event, self.json);
        let mut backlog = self.shared.lock();
        if written.is_err() || backlog.bytes.len() + text.len() > BACKLOG_MAX {
            backlog.lost += 1;
            return;
        }
        backlog.bytes.extend_from_slice(&text);
        backlog.lines += 1;
        if backlog.writer == Writer::Idle && backlog.lines == 1 {
            self.shared.filled.notify_one();
        }
    }

    pub(super) fn reopen(&self) -> io::Result<()> {
        if let Some(path) = &self.path {
            let file = open_file(path)?;
            self.shared.lock().reopened = Some(file);
        }
        Ok(())
    }

    pub(super) fn flush(&self, patience: Duration) -> bool {
        let unwritten = |backlog: &mut Backlog| backlog.lines > 0 || backlog.writer == Writer::Busy;
        let waited = self.shared.emptied.wait_timeout_while(self.shared.lock(), patience, unwritten);
        let (_backlog, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        !timeout.timed_out()
    }

    pub(super) fn lines_lost(&self) -> u64 {
        self.shared.lock().lost
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.filled.notify_one();
    }
}

impl Shared {
    /// The buffer holds whole lines at every unlock, so a panic elsewhere cannot have broken it.
    fn lock(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer's life: take all that is there, write it, until the log is closed and empty.
    fn run(&self, mut medium: Medium) {
        let mut taken = Vec::new();
        // After a failed write the medium may end within a line.
        let mut torn = false;
        loop {
            let mut backlog = self.lock();
            while backlog.lines == 0 {
                if backlog.closed {
                    return;
                }
                backlog = self.filled.wait(backlog).unwrap_or_else(PoisonError::into_inner);
            }
            // Under load one write takes many lines, and the threads that log need not wake this one each time.
            if !backlog.closed {
                drop(backlog);
                std::thread::sleep(GATHER);
                backlog = self.lock();
            }
            if let Some(file) = backlog.reopened.take() {
                medium = Medium::File(file);
            }
            std::mem::swap(&mut backlog.bytes, &mut taken);
            let lines = std::mem::take(&mut backlog.lines);
            backlog.writer = Writer::Busy;
            drop(backlog);

            let mended = if torn { medium.write_all(b"\n") } else { Ok(()) };
            torn = mended.and_then(|()| medium.write_all(&taken)).is_err();
            taken.clear();

            let mut backlog = self.lock();
            backlog.writer = Writer::Idle;
            backlog.lost += if torn { lines } else { 0 };
            self.emptied.notify_all();
        }
    }
}

impl Medium {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.write_all(bytes),
            Self::Stderr(stderr) => stderr.lock().write_all(bytes),
        }
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}
