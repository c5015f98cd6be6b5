//! `buffer`: a copy of the content's begin for later stages and for sinks, under the stage's own name.
//!
//! ```text
//! header | buffer | compress | file     the sink finds `envelope.copy("buffer")` in its `prepare`, uncompressed
//! ```
//!
//! The content passes unchanged. At most `size` bytes are held, until the message's end; what is there of the content
//! beyond is counted only ([`crate::mail::content_copy::Copied`]).

use async_trait::async_trait;
use bytes::Bytes;

use crate::chain::{
    Content, Flow, Keys, Processor, Settings, Stage, StageContext, StageEnd, StageScope, Usage,
};
use crate::config::units::ByteSize;
use crate::mail::{ContentCopy, Verdict};

/// What is held where no size is set: the header section and a text, but no attachment to speak of.
pub const SIZE_DEFAULT: ByteSize = ByteSize(64 << 10);
/// Most that can be held: with 64 messages at once a tenant holds 1 GiB then.
pub const SIZE_MAX: ByteSize = ByteSize(16 << 20);

/// A configured `buffer`.
pub struct Buffer {
    label: String,
    size: usize,
}

/// Setting: `size`, the most bytes to hold, 1B to 16MiB, default 64KiB.
pub fn configure(scope: &StageScope, settings: Settings) -> Result<Buffer, String> {
    let mut keys = Keys::new(settings);
    let size: ByteSize = keys.take("size").unwrap_or(SIZE_DEFAULT);
    if size.0 == 0 || size > SIZE_MAX {
        keys.refuse("size", &format!("{size} is not within 1B to {SIZE_MAX}"));
    }
    keys.finish()?;
    Ok(Buffer { label: scope.label.clone(), size: size.as_usize() })
}

impl Processor for Buffer {
    fn id(&self) -> &str {
        "buffer"
    }

    fn takes(&self) -> Content {
        Content::Any
    }

    fn gives(&self) -> Content {
        Content::Any
    }

    fn keeps(&self) -> u64 {
        self.size as u64
    }

    fn stage(&self) -> Box<dyn Stage> {
        let (label, room) = (self.label.clone(), self.size);
        Box::new(BufferStage {
            label,
            room,
            held: Vec::new(),
            size: 0,
            memory: 0,
            copy: ContentCopy::default(),
        })
    }
}

struct BufferStage {
    label: String,
    room: usize,
    held: Vec<u8>,
    /// Bytes that have passed.
    size: u64,
    /// Bytes of memory held at the most.
    memory: u64,
    copy: ContentCopy,
}

#[async_trait]
impl Stage for BufferStage {
    async fn open(&mut self, cx: &mut StageContext<'_>) -> Result<(), StageEnd> {
        cx.envelope.attach_copy(&self.label, self.copy.clone());
        Ok(())
    }

    async fn write(&mut self, chunk: &Bytes, _cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        self.size += chunk.len() as u64;
        let fits = chunk.len().min(self.room - self.held.len());
        if self.held.capacity() - self.held.len() < fits {
            // Doubles as a vector does, but never beyond what may be held.
            let wanted = (self.held.capacity() * 2).clamp(self.held.len() + fits, self.room);
            self.held.reserve_exact(wanted - self.held.len());
        }
        self.held.extend_from_slice(&chunk[..fits]);
        self.memory = self.memory.max(self.held.capacity() as u64);
        Ok(Flow::Pass)
    }

    async fn close(&mut self, _cx: &mut StageContext<'_>) -> Result<Verdict, StageEnd> {
        self.copy.fill(std::mem::take(&mut self.held).into(), self.size);
        Ok(Verdict::Accept)
    }

    fn usage(&self) -> Usage {
        Usage { memory_peak: self.memory, ..Usage::default() }
    }
}

#[cfg(test)]
mod tests;
