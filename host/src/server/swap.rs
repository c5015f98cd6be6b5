//! Watches for swap while the server runs. Where memory is cleared by way of the page scan, swap makes it leak.
//!
//! Once it was on, the server is not ready until it is started anew, also when swap is gone again: a page that was swapped
//! meanwhile may still lie in a place that some instance will be given.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::telemetry::{Event, Telemetry};
use crate::wasm::Swaps;

/// How often the kernel's list is read.
pub(super) const EVERY: Duration = Duration::from_secs(10);

/// Reads the list again and again. Sets `found` for good once there is an area; says so, and when it is gone.
pub(super) async fn watch(swaps: Swaps, every: Duration, found: Arc<AtomicBool>, telemetry: Telemetry) {
    let mut was_on = false;
    loop {
        let reading = swaps.clone();
        // It could not be read only if the runtime is ending.
        let Ok(areas) = tokio::task::spawn_blocking(move || reading.areas()).await else { return };
        let is_on = !areas.is_empty();
        if is_on != was_on {
            found.fetch_or(is_on, Ordering::Relaxed);
            telemetry.emit(if is_on { Event::SwapFound { areas } } else { Event::SwapGone });
        }
        was_on = is_on;
        tokio::time::sleep(every).await;
    }
}
