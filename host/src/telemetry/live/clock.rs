//! Seconds that only go forward, and what the wall says of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// So far the wall clock may stand off before its new time is taken over, in seconds: a point's time is then never named twice.
const DRIFT_MAX: u64 = 2;

/// Counts seconds from its making. A wall clock that is set anew moves no count to another second.
#[derive(Debug)]
pub(super) struct Clock {
    began: Instant,
    /// Unix time of second 0.
    base: AtomicU64,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), base: AtomicU64::new(wall().as_secs()) }
    }

    /// The second that is running.
    pub(super) fn second(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    /// Unix time of second 0, as the wall clock has it now.
    pub(super) fn base(&self) -> u64 {
        let (base, fresh) =
            (self.base.load(Ordering::Relaxed), wall().as_secs().saturating_sub(self.second()));
        if base.abs_diff(fresh) < DRIFT_MAX {
            return base;
        }
        self.base.store(fresh, Ordering::Relaxed);
        fresh
    }
}

/// Unix time in milliseconds.
pub(super) fn wall_ms() -> u64 {
    u64::try_from(wall().as_millis()).unwrap_or(u64::MAX)
}

fn wall() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}
