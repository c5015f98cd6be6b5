//! `compress` and `decompress`: the one door to zlib (RFC 1950), gzip (RFC 1952) and zstd (RFC 8878).
//!
//! Both work chunk by chunk and hold one codec's window and one unfinished piece of output. `compress` holds some
//! 300 KiB, zstd a few MiB by its level; `decompress` 40 KiB, zstd what the stream asks for up to 8 MiB. What one call of
//! `decompress` puts out is collected before it goes on, never more than the whole message may have: whatever a stream
//! claims, it stops there.
//!
//! A gzip stream may have several members and a zstd stream several frames; their contents are joined. Everything else
//! behind a stream's end, and a stream that is cut short, is an error: nothing is truncated and accepted.

mod codec;
pub mod compress;
pub mod decompress;
mod pieces;

/// What a decompressed message may have beyond `message_size_max`, for what stages before `compress` added.
pub const ROOM: u64 = 1 << 20;
/// Most members of a gzip stream, or frames of a zstd one. Blockwise writers make one for each 64 KiB, some hundreds in
/// a large message; more are made to keep a decompressor busy with beginning.
pub const MEMBERS_MAX: u32 = 1000;
/// Largest window of a zstd stream, as a power of two: the 8 MiB that RFC 8878 §3.1.1.1.2 wants of every decoder.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// A format of compressed streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// RFC 1950.
    Zlib,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Format {
    /// What a stream with these first two bytes is; a zstd stream may begin with a skippable frame.
    fn of(first: [u8; 2]) -> Option<Self> {
        match first {
            [0x1f, 0x8b] => Some(Self::Gzip),
            [0x28, 0xb5] => Some(Self::Zstd),
            [low, 0x2a] if low & 0xf0 == 0x50 => Some(Self::Zstd),
            [cmf, _] if cmf & 0x0f == 8 && u16::from_be_bytes(first).is_multiple_of(31) => Some(Self::Zlib),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
