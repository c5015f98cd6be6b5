//! How much of a message's structure is followed, and what was met that could not be.

/// Bounds of a scanner's state. Past one of them bytes still come out, all of them and in order; only the structure behind
/// is not followed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Parts of a message, the message itself and containers counted. Default 512, at least 1: some ten times what people attach. What
    /// comes behind the last part is [`Event::Other`](crate::Event::Other).
    pub parts_max: usize,
    /// Depth of the deepest part; the message itself is 0. Default 64: bounces of bounces stay below 10. A container at this
    /// depth is an opaque leaf.
    pub depth_max: usize,
    /// Longest header section of a part, in bytes, its blank line included. Default 256 KiB: what the host allows the message's
    /// own. A part with a longer one is an opaque leaf: its whole lines within the limit are its header, the rest its body.
    pub header_max: usize,
    /// Longest boundary, in bytes. Default 994: what fits on a line of 998 (RFC 5322 §2.1.1) between its hyphens; RFC 2046 §5.1.1
    /// wants 70 at most. A multipart with a longer one is an opaque leaf.
    pub boundary_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { parts_max: 512, depth_max: 64, header_max: 256 << 10, boundary_max: 994 }
    }
}

/// Why part of a message was not, or not surely, understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Problem {
    /// More than [`Limits::parts_max`].
    TooManyParts,
    /// Deeper than [`Limits::depth_max`].
    TooDeep,
    /// Longer than [`Limits::header_max`].
    HeaderTooLong,
    /// Longer than [`Limits::boundary_max`].
    BoundaryTooLong,
    /// A multipart without a boundary, or with an empty one: a leaf.
    NoBoundary,
    /// A multipart in base64 or quoted-printable, which RFC 2045 §6.4 forbids: read as if it were not.
    EncodedMultipart,
    /// A `message/rfc822` in base64 or quoted-printable, which RFC 2046 §5.2.1 forbids: a leaf.
    EncodedMessage,
    /// A delimiter line with more behind the boundary than white space: a delimiter (RFC 2046 §5.1.1, note to implementors),
    /// though other readers may not take it for one.
    DelimiterTail,
    /// A delimiter line where other readers may see a part more: one behind the closing one, or a closing one right behind
    /// another, which CPython's email passes over.
    DelimiterMisplaced,
}

impl Problem {
    /// Whether it is a limit, behind which structure is not followed; otherwise a defect of the message.
    pub fn is_limit(self) -> bool {
        matches!(self, Self::TooManyParts | Self::TooDeep | Self::HeaderTooLong | Self::BoundaryTooLong)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooManyParts => "too many parts",
            Self::TooDeep => "parts nested too deep",
            Self::HeaderTooLong => "a part's header section is too long",
            Self::BoundaryTooLong => "a boundary is too long",
            Self::NoBoundary => "a multipart without a boundary",
            Self::EncodedMultipart => "a multipart that is transfer-encoded",
            Self::EncodedMessage => "a nested message that is transfer-encoded",
            Self::DelimiterTail => "a delimiter line with more on it than its boundary",
            Self::DelimiterMisplaced => "a delimiter line behind or instead of the last one",
        })
    }
}
