//! Turns at the store: of each tenant one call at a time is under way, the others wait in the tenant's own queue.
//!
//! So a tenant that calls without end, or whose calls are slow, delays another's call by one of its own, not by all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Queue, OwnedMutexGuard};

/// The queues of the tenants that have calls.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<String, Arc<Queue<()>>>>);

impl Turns {
    /// Waits for `tenant`'s turn, which lasts as long as the answer is held.
    pub(super) async fn turn(&self, tenant: &str) -> OwnedMutexGuard<()> {
        let queue = {
            let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // What nobody waits for or holds is only memory.
            queues.retain(|name, queue| name == tenant || Arc::strong_count(queue) > 1);
            queues.entry(tenant.to_owned()).or_default().clone()
        };
        queue.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_of_each_tenant() {
        let turns = Turns::default();
        let held = turns.turn("a").await;
        let other = turns.turn("b").await;
        let mut waiting = Box::pin(turns.turn("a"));
        assert!(futures_now(&mut waiting).await.is_none(), "a's turn is taken");
        drop((held, other));
        drop(waiting.await);
        drop(turns.turn("c").await);
        assert_eq!(turns.0.lock().unwrap().len(), 1, "queues that nobody stands in are gone");
    }

    /// The outcome, if it is there at once.
    async fn futures_now<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
        tokio::select! {
            biased;
            done = future => Some(done),
            () = std::future::ready(()) => None,
        }
    }
}
