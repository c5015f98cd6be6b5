//! A number of places that can change while some are taken. Lives across generations: a reload changes the limit, never
//! the count.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Places that a lowered limit took away while they were in use; they go as they are given back.
    owed: usize,
}

/// Places that are taken; dropped, the next in the row have them.
#[derive(Debug)]
pub(super) struct Taken {
    permit: Option<OwnedSemaphorePermit>,
    places: Arc<Places>,
}

impl Places {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Arc::new(Self { free: Arc::new(Semaphore::new(limit)), state: Mutex::new(State { limit, owed: 0 }) })
    }

    /// Changes the number of places. What is taken stays taken.
    pub(super) fn set_limit(&self, limit: usize) {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        let mut state = self.state();
        if limit >= state.limit {
            let more = limit - state.limit;
            let forgiven = more.min(state.owed);
            state.owed -= forgiven;
            self.free.add_permits(more - forgiven);
        } else {
            let fewer = state.limit - limit;
            state.owed += fewer - self.free.forget_permits(fewer);
        }
        state.limit = limit;
    }

    /// `count` places at once, in the order of asking; waits `wait_max` at most. None: they did not come free, or there are
    /// not that many.
    pub(super) async fn take(self: &Arc<Self>, count: usize, wait_max: Duration) -> Option<Taken> {
        if let Some(taken) = self.try_take(count) {
            return Some(taken);
        }
        if count > self.limit() {
            return None;
        }
        let asked = self.free.clone().acquire_many_owned(u32::try_from(count).ok()?);
        let permit = tokio::time::timeout(wait_max, asked).await.ok()?.ok()?;
        Some(Taken { permit: Some(permit), places: self.clone() })
    }

    /// `count` places, if they are free and nobody waits for them.
    pub(super) fn try_take(self: &Arc<Self>, count: usize) -> Option<Taken> {
        let permit = self.free.clone().try_acquire_many_owned(u32::try_from(count).ok()?).ok()?;
        Some(Taken { permit: Some(permit), places: self.clone() })
    }

    pub(super) fn limit(&self) -> usize {
        self.state().limit
    }

    pub(super) fn in_use(&self) -> usize {
        let state = self.state();
        (state.limit + state.owed).saturating_sub(self.free.available_permits())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Puts those of another with these, to be given back together. Both are of the same places.
    pub(super) fn join(&mut self, mut other: Self) {
        match (&mut self.permit, other.permit.take()) {
            (Some(own), Some(more)) => own.merge(more),
            (own @ None, more) => *own = more,
            (Some(_), None) => {}
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let Some(mut permit) = self.permit.take() else { return };
        // Within the lock, so that a limit lowered at the same time finds each place either free or in use.
        let mut state = self.places.state();
        let gone = state.owed.min(permit.num_permits());
        state.owed -= gone;
        if let Some(gone) = permit.split(gone) {
            gone.forget();
        }
        drop(permit);
    }
}

#[cfg(test)]
#[path = "places/tests.rs"]
mod tests;
