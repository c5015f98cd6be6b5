//! Waiting for something to become true, without asserting how fast.

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up on it: generous, as test machines are slow and shared, and the jail in
/// which a server compiles gives way to all else.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again and again until `found` gives something.
///
/// # Panics
/// When `PATIENCE` is over, naming `what`.
#[track_caller]
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
