//! `debug`: tells the log what passes, and can hold a message up, for trying out a chain.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::chain::{Content, Flow, Keys, Processor, Settings, Stage, StageContext, StageEnd, StageScope};
use crate::mail::{Envelope, Verdict};
use crate::telemetry::{Event, Level};

/// Longest excerpt of a chunk in the log, in bytes, escapes included.
const EXCERPT_MAX: usize = 1024;
/// Most that a message can be held up, in seconds.
const SLEEP_MAX: i64 = 60;

/// A configured `debug`.
pub struct Debug {
    scope: StageScope,
    log_reads: bool,
    log_copies: bool,
    sleep: Duration,
}

/// Settings: `log_reads` (default false), log an excerpt of each chunk; `log_copies` (default false), log at the end an
/// excerpt of what each `buffer` before it holds; `sleep_seconds` (0 to 60, default 0), wait so long before the first
/// chunk.
pub fn configure(scope: &StageScope, settings: Settings) -> Result<Debug, String> {
    let mut keys = Keys::new(settings);
    let log_reads = keys.take("log_reads").unwrap_or(false);
    let log_copies = keys.take("log_copies").unwrap_or(false);
    let sleep = keys.number("sleep_seconds", 0..=SLEEP_MAX, 0);
    keys.finish()?;
    let sleep = Duration::from_secs(u64::try_from(sleep).unwrap_or(0));
    Ok(Debug { scope: scope.clone(), log_reads, log_copies, sleep })
}

impl Processor for Debug {
    fn id(&self) -> &str {
        "debug"
    }

    fn takes(&self) -> Content {
        Content::Any
    }

    fn gives(&self) -> Content {
        Content::Any
    }

    fn stage(&self) -> Box<dyn Stage> {
        let Self { scope, log_reads, log_copies, sleep } = self;
        let (scope, log_reads, log_copies, sleep) = (scope.clone(), *log_reads, *log_copies, *sleep);
        Box::new(DebugStage { scope, log_reads, log_copies, sleep, chunks: 0, bytes: 0 })
    }
}

struct DebugStage {
    scope: StageScope,
    log_reads: bool,
    log_copies: bool,
    sleep: Duration,
    chunks: u64,
    bytes: u64,
}

impl DebugStage {
    fn say(&self, level: Level, envelope: &Envelope, text: String) {
        self.scope.telemetry.emit(Event::StageLog {
            level,
            id: envelope.id().to_string(),
            tenant: self.scope.tenant.clone(),
            stage: self.scope.label.clone(),
            text,
        });
    }
}

#[async_trait]
impl Stage for DebugStage {
    async fn open(&mut self, _cx: &mut StageContext<'_>) -> Result<(), StageEnd> {
        if !self.sleep.is_zero() {
            tokio::time::sleep(self.sleep).await;
        }
        Ok(())
    }

    async fn write(&mut self, chunk: &Bytes, cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        self.chunks += 1;
        self.bytes += u64::try_from(chunk.len()).unwrap_or(0);
        if self.log_reads {
            let head = format!("chunk {} of {} bytes: ", self.chunks, chunk.len());
            let text = excerpt(head, chunk);
            self.say(Level::Info, cx.envelope, text);
        } else {
            self.say(Level::Debug, cx.envelope, format!("chunk {} of {} bytes", self.chunks, chunk.len()));
        }
        Ok(Flow::Pass)
    }

    async fn close(&mut self, cx: &mut StageContext<'_>) -> Result<Verdict, StageEnd> {
        self.say(Level::Info, cx.envelope, format!("{} chunks, {} bytes", self.chunks, self.bytes));
        for (label, copy) in cx.envelope.copies().iter().filter(|_| self.log_copies) {
            let Some(copied) = copy.get() else { continue };
            let head = format!("copy `{label}`, {} of {} bytes: ", copied.bytes.len(), copied.size);
            self.say(Level::Info, cx.envelope, excerpt(head, &copied.bytes));
        }
        Ok(Verdict::Accept)
    }
}

/// `head` and as much of `chunk`, escaped, as fits into [`EXCERPT_MAX`] bytes; never a part of an escape.
fn excerpt(mut head: String, chunk: &[u8]) -> String {
    for &byte in chunk {
        let escaped = std::ascii::escape_default(byte);
        if head.len() + escaped.len() > EXCERPT_MAX {
            break;
        }
        head.extend(escaped.map(char::from));
    }
    head
}

#[cfg(test)]
mod tests;
