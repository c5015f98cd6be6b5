//! A copy of the begin of a message's content, as it passed one place of its chain, for those who come after.
//!
//! The one who takes it hands out the [`ContentCopy`] before there is any content, and fills it when all has passed. So
//! a stage may read it in its `close`, and a sink in its `prepare`: before, it is not there.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

/// A place for a copy; clones are the same place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContentCopy(Arc<OnceLock<Copied>>);

/// The begin of some content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Its first bytes: as many as the one who took it may keep.
    pub bytes: Bytes,
    /// How long all of it was, in bytes.
    pub size: u64,
}

impl Copied {
    /// Whether there was more than `bytes` holds.
    pub fn is_truncated(&self) -> bool {
        (self.bytes.len() as u64) < self.size
    }
}

impl ContentCopy {
    /// The copy; none while the content has not passed wholly, and for good where it never did.
    pub fn get(&self) -> Option<&Copied> {
        self.0.get()
    }

    /// Fills the place. Only the first filling counts: there is one message, and its content passes once.
    pub fn fill(&self, bytes: Bytes, size: u64) {
        let _ = self.0.set(Copied { bytes, size });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_see_what_one_of_them_was_filled_with() {
        let (taken, copy) = (ContentCopy::default(), ContentCopy::default());
        let seen = copy.clone();
        assert_eq!(seen.get(), None);
        copy.fill(Bytes::from_static(b"abc"), 3);
        copy.fill(Bytes::from_static(b"later"), 5);
        taken.fill(Bytes::from_static(b"abc"), 4);
        assert_eq!(
            seen.get().map(|copied| (&copied.bytes[..], copied.is_truncated())),
            Some((&b"abc"[..], false))
        );
        assert_eq!(taken.get().map(Copied::is_truncated), Some(true));
    }
}
