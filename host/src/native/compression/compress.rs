//! `compress`: the content as one compressed stream.

use async_trait::async_trait;
use bytes::Bytes;

use super::Format;
use super::codec::Encoder;
use super::pieces::Pieces;
use crate::chain::{
    Content, Flow, Keys, Output, Processor, Settings, Stage, StageContext, StageEnd, StageError, StageScope,
};
use crate::mail::Verdict;

/// Highest level of zstd: those above hold tens of MiB for each message.
pub const ZSTD_LEVEL_MAX: i64 = 9;

/// A configured `compress`.
pub struct Compressor {
    format: Format,
    level: i32,
    piece: usize,
}

/// Settings: `format`, `zlib` (default), `gzip` or `zstd`; `compress_level`: of zlib and gzip -2 to 9, default 1, where 0
/// stores, 9 is smallest, -1 is zlib's default, 6, and -2, "Huffman codes only" elsewhere, is not offered by the codec and
/// means its fastest, 1; of zstd 1 to 9, default 3.
pub fn configure(scope: &StageScope, settings: Settings) -> Result<Compressor, String> {
    let mut keys = Keys::new(settings);
    let format = keys.take("format").unwrap_or(Format::Zlib);
    let level = match format {
        Format::Zstd => keys.number("compress_level", 1..=ZSTD_LEVEL_MAX, 3),
        Format::Zlib | Format::Gzip => match keys.number("compress_level", -2..=9, 1) {
            -2 => 1,
            -1 => 6,
            level => level,
        },
    };
    keys.finish()?;
    let level = i32::try_from(level).unwrap_or(1);
    Ok(Compressor { format, level, piece: scope.chunk_size })
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
        let (format, level) = (self.format, self.level);
        Box::new(CompressStage { format, level, codec: None, pieces: Pieces::new(self.piece) })
    }
}

struct CompressStage {
    format: Format,
    level: i32,
    codec: Option<Encoder>,
    pieces: Pieces,
}

impl CompressStage {
    /// Feeds `input` until the codec has taken it, or, to finish, has said that it has ended.
    fn run(&mut self, input: &[u8], finish: bool, output: &mut Output) -> Result<(), StageError> {
        let failed = |error: std::io::Error| StageError::Failed(error.to_string());
        let mut codec = match self.codec.take() {
            Some(codec) => codec,
            None => Encoder::new(self.format, self.level).map_err(failed)?,
        };
        let mut taken = 0;
        loop {
            if taken == input.len() && !finish {
                self.codec = Some(codec);
                return Ok(());
            }
            let room = self.pieces.with_room(output);
            let step = codec.step(&input[taken..], finish, room).map_err(failed)?;
            taken += step.taken;
            if step.ended {
                return Ok(());
            }
        }
    }
}

#[async_trait]
impl Stage for CompressStage {
    async fn write(&mut self, chunk: &Bytes, cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        self.run(chunk, false, cx.output)?;
        Ok(Flow::Replaced)
    }

    async fn close(&mut self, cx: &mut StageContext<'_>) -> Result<Verdict, StageEnd> {
        self.run(&[], true, cx.output)?;
        self.pieces.finish(cx.output);
        Ok(Verdict::Accept)
    }
}
