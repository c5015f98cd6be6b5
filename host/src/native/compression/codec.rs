//! The codecs behind one face: input in, output into the room there is, one step at a time.
//!
//! Knows nothing of chunks, limits or stages.

use std::io;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use zstd::stream::raw::{self, CParameter, DParameter, InBuffer, Operation, OutBuffer};

use super::{Format, ZSTD_WINDOW_LOG_MAX};

/// Window of what deflate writes and reads, as a power of two: the most there is.
const DEFLATE_WINDOW_LOG: u8 = 15;
/// Window of what zstd writes, as a power of two: 1 MiB. A larger one would cost each message that much memory more, and
/// few are longer.
const ZSTD_WINDOW_LOG: u32 = 20;

/// What one step did.
pub(super) struct Step {
    /// Bytes of the input that it took.
    pub(super) taken: usize,
    /// The stream, or this member of it, has ended, and all of its output is out.
    pub(super) ended: bool,
}

/// Compresses one stream.
pub(super) enum Encoder {
    Deflate(Compress),
    Zstd(raw::Encoder<'static>),
}

impl Encoder {
    /// `level` as the format counts: 0 to 9 for zlib and gzip, 1 to 19 for zstd.
    ///
    /// # Errors
    /// The codec cannot have its memory.
    pub(super) fn new(format: Format, level: i32) -> io::Result<Self> {
        let deflate = Compression::new(u32::try_from(level).unwrap_or(1));
        Ok(match format {
            Format::Zlib => Self::Deflate(Compress::new(deflate, true)),
            Format::Gzip => Self::Deflate(Compress::new_gzip(deflate, DEFLATE_WINDOW_LOG)),
            Format::Zstd => {
                let mut encoder = raw::Encoder::new(level)?;
                encoder.set_parameter(CParameter::WindowLog(ZSTD_WINDOW_LOG))?;
                encoder.set_parameter(CParameter::ChecksumFlag(true))?;
                Self::Zstd(encoder)
            }
        })
    }

    /// Takes of `input` what it can, and appends to `out` at most its spare capacity, which must not be nothing. With
    /// `finish` there is no more input: call it until the stream has ended.
    ///
    /// # Errors
    /// What the codec says.
    pub(super) fn step(&mut self, input: &[u8], finish: bool, out: &mut Vec<u8>) -> io::Result<Step> {
        match self {
            Self::Deflate(codec) => {
                let before = codec.total_in();
                let flush = if finish { FlushCompress::Finish } else { FlushCompress::None };
                let ended = codec.compress_vec(input, out, flush)? == Status::StreamEnd;
                Ok(Step { taken: difference(codec.total_in(), before), ended })
            }
            Self::Zstd(codec) => {
                let at = out.len();
                let mut room = OutBuffer::around_pos(out, at);
                if finish {
                    let left = codec.finish(&mut room, false)?;
                    return Ok(Step { taken: 0, ended: left == 0 });
                }
                let mut input = InBuffer::around(input);
                codec.run(&mut input, &mut room)?;
                Ok(Step { taken: input.pos(), ended: false })
            }
        }
    }
}

/// Decompresses one member or frame after the other.
pub(super) enum Decoder {
    Zlib(Decompress),
    Gzip(Decompress),
    Zstd(raw::Decoder<'static>),
}

impl Decoder {
    /// At the begin of a stream.
    ///
    /// # Errors
    /// The codec cannot have its memory.
    pub(super) fn new(format: Format) -> io::Result<Self> {
        Ok(match format {
            Format::Zlib => Self::Zlib(Decompress::new(true)),
            Format::Gzip => Self::Gzip(Decompress::new_gzip(DEFLATE_WINDOW_LOG)),
            Format::Zstd => {
                let mut decoder = raw::Decoder::new()?;
                decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))?;
                Self::Zstd(decoder)
            }
        })
    }

    /// After the end of a member: makes ready for one more. False: the format has only one.
    pub(super) fn next_member(&mut self) -> bool {
        match self {
            Self::Zlib(_) => return false,
            Self::Gzip(codec) => *codec = Decompress::new_gzip(DEFLATE_WINDOW_LOG),
            // Goes on by itself.
            Self::Zstd(_) => {}
        }
        true
    }

    /// As [`Encoder::step`]. Where it leaves `out` with room and has not ended, it has taken all input.
    ///
    /// # Errors
    /// What is wrong with the stream.
    pub(super) fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> io::Result<Step> {
        match self {
            Self::Zlib(codec) | Self::Gzip(codec) => {
                let before = codec.total_in();
                let ended = codec.decompress_vec(input, out, FlushDecompress::None)? == Status::StreamEnd;
                Ok(Step { taken: difference(codec.total_in(), before), ended })
            }
            Self::Zstd(codec) => {
                let at = out.len();
                let (mut input, mut room) = (InBuffer::around(input), OutBuffer::around_pos(out, at));
                let wanted = codec.run(&mut input, &mut room)?;
                Ok(Step { taken: input.pos(), ended: wanted == 0 })
            }
        }
    }
}

/// Bytes of one call, from the codec's own count of all.
fn difference(now: u64, before: u64) -> usize {
    usize::try_from(now - before).unwrap_or(usize::MAX)
}
