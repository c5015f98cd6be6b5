//! The id of a message: in the 250 reply, in the log, in the `Received` header, in the sink.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Unique per message on this host, and across restarts as long as the clock does not step back within a process's
/// first microsecond. 1 to 64 characters of `[A-Za-z0-9]`, so that it needs no quoting anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct MessageId(String);

impl MessageId {
    /// An id from its three parts: microseconds since the epoch, process id, and a counter of this process.
    pub fn from_parts(micros: u64, process: u32, counter: u64) -> Self {
        let mut text = String::with_capacity(24);
        for part in [micros, (u64::from(process) << 20) | (counter & 0xf_ffff)] {
            push_base36(&mut text, part);
        }
        Self(text)
    }

    /// The next id of this process at the time `micros` (microseconds since the epoch).
    pub fn next(micros: u64) -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        // The system call is not free, and the answer never changes.
        static PROCESS: LazyLock<u32> = LazyLock::new(std::process::id);
        Self::from_parts(micros, *PROCESS, COUNTER.fetch_add(1, Ordering::Relaxed))
    }

    /// The id as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Appends `value` in base 36, padded to 11 digits so that ids of one process sort by time.
fn push_base36(text: &mut String, mut value: u64) {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut digits = [b'0'; 11];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[usize::try_from(value % 36).unwrap_or(0)];
        value /= 36;
    }
    text.extend(digits.iter().map(|&b| char::from(b)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_sort_by_time() {
        let early = MessageId::from_parts(1_000_000, 7, 0);
        let later = MessageId::from_parts(1_000_001, 7, 0);
        assert!(early < later);
        assert_ne!(MessageId::next(5), MessageId::next(5));
        assert!(early.as_str().bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_eq!(early.as_str().len(), 22);
    }
}
