//! How many of a tenant's messages run at once. Lives across generations: a reload changes the limit, never the count.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A tenant's places.
#[derive(Debug)]
pub struct Quota {
    places: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Places that a lowered limit took away while they were in use; they go as their messages end.
    owed: usize,
}

/// A message's place; dropped, the next one has it.
#[derive(Debug)]
pub struct Permit {
    place: Option<OwnedSemaphorePermit>,
    quota: Arc<Quota>,
}

/// No place came free in time: 451 4.3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all {limit} of the tenant's places were taken for {} ms", waited.as_millis())]
pub struct Busy {
    /// `concurrent_messages`.
    pub limit: usize,
    /// `queue_wait_max`.
    pub waited: Duration,
}

impl Quota {
    /// `limit` places.
    pub fn new(limit: usize) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(limit));
        Arc::new(Self { places, state: Mutex::new(State { limit, owed: 0 }) })
    }

    /// Changes the number of places. Messages that have one keep it.
    pub fn set_limit(&self, limit: usize) {
        let mut state = self.state();
        if limit >= state.limit {
            let more = limit - state.limit;
            let forgiven = more.min(state.owed);
            state.owed -= forgiven;
            self.places.add_permits(more - forgiven);
        } else {
            let fewer = state.limit - limit;
            state.owed += fewer - self.places.forget_permits(fewer);
        }
        state.limit = limit;
    }

    /// A place, in the order of asking; waits `wait_max` for it at most.
    ///
    /// # Errors
    /// None came free.
    pub async fn acquire(self: &Arc<Self>, wait_max: Duration) -> Result<Permit, Busy> {
        match tokio::time::timeout(wait_max, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(Permit { place: Some(place), quota: self.clone() }),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(Busy { limit: self.state().limit, waited: wait_max }),
        }
    }

    /// Messages that have a place now.
    pub fn in_use(&self) -> usize {
        let state = self.state();
        (state.limit + state.owed).saturating_sub(self.places.available_permits())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.quota.state();
        if state.owed > 0 {
            state.owed -= 1;
            if let Some(place) = self.place.take() {
                place.forget();
            }
        } else {
            // Within the lock, so that a limit lowered at the same time finds the place either free or in use.
            self.place.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(5);

    #[tokio::test]
    async fn at_the_limit_and_one_past_it() {
        let quota = Quota::new(2);
        let (first, _second) = (quota.acquire(SHORT).await.unwrap(), quota.acquire(SHORT).await.unwrap());
        assert_eq!(quota.acquire(SHORT).await.unwrap_err(), Busy { limit: 2, waited: SHORT });
        assert_eq!(quota.in_use(), 2);
        drop(first);
        assert!(quota.acquire(Duration::ZERO).await.is_ok());
    }

    #[tokio::test]
    async fn who_waits_gets_the_next_place() {
        let quota = Quota::new(1);
        let held = quota.acquire(SHORT).await.unwrap();
        let waiting = quota.acquire(Duration::from_secs(30));
        let (got, ()) = tokio::join!(waiting, async { drop(held) });
        assert!(got.is_ok());
    }

    #[tokio::test]
    async fn a_lowered_limit_waits_for_the_messages_that_run() {
        let quota = Quota::new(3);
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(quota.acquire(SHORT).await.unwrap());
        }
        quota.set_limit(1);
        assert_eq!(quota.in_use(), 3);
        held.truncate(1);
        assert_eq!(quota.in_use(), 1);
        assert_eq!(quota.acquire(SHORT).await.unwrap_err().limit, 1);
        held.clear();
        held.push(quota.acquire(SHORT).await.unwrap());
        assert!(quota.acquire(SHORT).await.is_err());
        quota.set_limit(2);
        held.push(quota.acquire(SHORT).await.unwrap());
        assert!(quota.acquire(SHORT).await.is_err());
    }

    #[tokio::test]
    async fn raising_forgives_what_is_owed() {
        let quota = Quota::new(2);
        let held = [quota.acquire(SHORT).await.unwrap(), quota.acquire(SHORT).await.unwrap()];
        quota.set_limit(1);
        quota.set_limit(3);
        let third = quota.acquire(SHORT).await.unwrap();
        assert!(quota.acquire(SHORT).await.is_err());
        drop((held, third));
        assert_eq!((quota.in_use(), quota.places.available_permits()), (0, 3));
    }
}
