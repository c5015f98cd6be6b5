//! Events for programs that embed the host. The admin API's feed is `live`'s.

use std::sync::Arc;

use tokio::sync::broadcast;

use super::Event;

/// How many events a receiver may fall behind before it loses the oldest.
pub const LAG_MAX: usize = 1024;

/// Hands events on; costs nothing while nobody listens.
pub(super) struct Subscribers(broadcast::Sender<Arc<Event>>);

impl Subscribers {
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.subscribe()
    }

    pub(super) fn are_there(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(super) fn tell(&self, event: Event) {
        if self.are_there() {
            // The last receiver may have gone just now; then nobody misses the event.
            let _ = self.0.send(Arc::new(event));
        }
    }
}

impl Default for Subscribers {
    fn default() -> Self {
        Self(broadcast::Sender::new(LAG_MAX))
    }
}
