//! Sizes and durations with their units, as people write them.

/// A size in bytes, written `"25MiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ByteSize(pub u64);
