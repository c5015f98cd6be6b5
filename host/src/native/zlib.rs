//! `compress` and `decompress`: the one door to zlib (RFC 1950).
//!
//! Both work chunk by chunk and hold one codec's window (some 300 KiB, 40 KiB to decompress) and one unfinished piece
//! of output. What one call of `decompress` puts out is collected before it goes on: at most 1,032 times its chunk, as
//! deflate gives no more, and never more than the whole message may have.

use async_trait::async_trait;
use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::chain::{
    Content, Flow, Keys, Output, Processor, Settings, Stage, StageContext, StageEnd, StageError, StageScope,
};
use crate::mail::Verdict;

/// What a decompressed message may have beyond `message_size_max`, for what stages before `compress` added.
pub const ROOM: u64 = 1 << 20;

/// A configured `compress`.
pub struct Compressor {
    level: Compression,
    piece: usize,
}

/// A configured `decompress`.
pub struct Decompressor {
    limit: u64,
    piece: usize,
}

/// Setting: `compress_level`, -2 to 9, default 1. 0 stores, 9 is smallest; -1 is zlib's default, 6; -2, "Huffman codes
/// only" elsewhere, is not offered by the codec and means its fastest, 1.
pub fn configure_compress(scope: &StageScope, settings: Settings) -> Result<Compressor, String> {
    let mut keys = Keys::new(settings);
    let level = match keys.number("compress_level", -2..=9, 1) {
        -2 => 1,
        -1 => 6,
        level => u32::try_from(level).unwrap_or(1),
    };
    keys.finish()?;
    Ok(Compressor { level: Compression::new(level), piece: scope.chunk_size.max(1) })
}

/// No settings. A message may have `message_size_max` and [`ROOM`] in all.
pub fn configure_decompress(scope: &StageScope, settings: Settings) -> Result<Decompressor, String> {
    Keys::new(settings).finish()?;
    let limit = scope.message_size_max.saturating_add(ROOM);
    Ok(Decompressor { limit, piece: scope.chunk_size.max(1) })
}

impl Processor for Compressor {
    fn id(&self) -> &str {
        "compress"
    }

    fn takes(&self) -> Content {
        Content::Any
    }

    fn gives(&self) -> Content {
        Content::Bytes
    }

    fn stage(&self) -> Box<dyn Stage> {
        let codec = Compress::new(self.level, true);
        Box::new(CompressStage { codec, pieces: Pieces::new(self.piece) })
    }
}

impl Processor for Decompressor {
    fn id(&self) -> &str {
        "decompress"
    }

    fn takes(&self) -> Content {
        Content::Bytes
    }

    fn gives(&self) -> Content {
        Content::Message
    }

    fn stage(&self) -> Box<dyn Stage> {
        let codec = Decompress::new(true);
        Box::new(DecompressStage { codec, pieces: Pieces::new(self.piece), limit: self.limit, ended: false })
    }
}

/// Output, cut into pieces; the last one waits until it is full or the end has come.
struct Pieces {
    size: usize,
    open: Vec<u8>,
}

impl Pieces {
    fn new(size: usize) -> Self {
        Self { size, open: Vec::new() }
    }

    /// The unfinished piece, with room for one byte at least; a full one goes to `output`.
    fn with_room(&mut self, output: &mut Output) -> &mut Vec<u8> {
        if self.open.len() == self.open.capacity() {
            output.push(std::mem::replace(&mut self.open, Vec::with_capacity(self.size)));
        }
        &mut self.open
    }

    fn finish(&mut self, output: &mut Output) {
        output.push(std::mem::take(&mut self.open));
    }
}

struct CompressStage {
    codec: Compress,
    pieces: Pieces,
}

impl CompressStage {
    /// Feeds `input` until the codec has taken it, or, to finish, has said that it has ended.
    fn run(&mut self, input: &[u8], flush: FlushCompress, output: &mut Output) -> Result<(), StageError> {
        let begin = self.codec.total_in();
        loop {
            let taken = usize::try_from(self.codec.total_in() - begin).unwrap_or(input.len());
            if taken == input.len() && matches!(flush, FlushCompress::None) {
                return Ok(());
            }
            let room = self.pieces.with_room(output);
            let status = self.codec.compress_vec(&input[taken..], room, flush);
            match status.map_err(|error| StageError::Failed(error.to_string()))? {
                Status::StreamEnd => return Ok(()),
                Status::Ok | Status::BufError => {}
            }
        }
    }
}

#[async_trait]
impl Stage for CompressStage {
    async fn write(&mut self, chunk: &Bytes, cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        self.run(chunk, FlushCompress::None, cx.output)?;
        Ok(Flow::Replaced)
    }

    async fn close(&mut self, cx: &mut StageContext<'_>) -> Result<Verdict, StageEnd> {
        self.run(&[], FlushCompress::Finish, cx.output)?;
        self.pieces.finish(cx.output);
        Ok(Verdict::Accept)
    }
}

struct DecompressStage {
    codec: Decompress,
    pieces: Pieces,
    limit: u64,
    /// The stream's own end has come.
    ended: bool,
}

impl DecompressStage {
    fn run(&mut self, input: &[u8], output: &mut Output) -> Result<(), StageError> {
        let begin = self.codec.total_in();
        loop {
            let taken = usize::try_from(self.codec.total_in() - begin).unwrap_or(input.len());
            if self.ended {
                let clean = taken == input.len();
                return if clean {
                    Ok(())
                } else {
                    Err(broken("bytes after the end of the compressed stream"))
                };
            }
            let room = self.pieces.with_room(output);
            let status = self.codec.decompress_vec(&input[taken..], room, FlushDecompress::None);
            let status = status.map_err(|error| broken(&error.to_string()))?;
            let full = self.pieces.open.len() == self.pieces.open.capacity();
            if self.codec.total_out() > self.limit {
                return Err(StageError::OutputLimit { limit: self.limit });
            }
            match status {
                Status::StreamEnd => self.ended = true,
                // A full piece may leave output within the codec though all input is taken.
                Status::Ok | Status::BufError if full => {}
                Status::Ok | Status::BufError => return Ok(()),
            }
        }
    }
}

#[async_trait]
impl Stage for DecompressStage {
    async fn write(&mut self, chunk: &Bytes, cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        self.run(chunk, cx.output)?;
        Ok(Flow::Replaced)
    }

    async fn close(&mut self, cx: &mut StageContext<'_>) -> Result<Verdict, StageEnd> {
        if !self.ended {
            return Err(broken("the compressed stream is cut short").into());
        }
        self.pieces.finish(cx.output);
        Ok(Verdict::Accept)
    }
}

fn broken(problem: &str) -> StageError {
    StageError::Content(problem.to_owned())
}

#[cfg(test)]
mod tests;
