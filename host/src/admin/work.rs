//! Work that takes its time: so much of it at once, on threads where blocking is allowed.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;

/// When a busy server should be asked again, in seconds.
const RETRY_AFTER: u32 = 2;

/// Places for uploads and changes of chains: `[admin] uploads_max`.
#[derive(Clone)]
pub(super) struct Work(Arc<Semaphore>);

/// A place, held from before a body is read until the work is done.
pub(super) struct Turn(OwnedSemaphorePermit);

impl Work {
    pub(super) fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// A place, or 503 where none is free: what waited here would hold a body in memory.
    pub(super) fn turn(&self) -> Result<Turn, Problem> {
        match self.0.clone().try_acquire_owned() {
            Ok(place) => Ok(Turn(place)),
            Err(_) => Err(busy("too many uploads at once, try again")),
        }
    }
}

impl Turn {
    /// Does the work. It goes on to its end, and keeps its place, also where the client goes away.
    pub(super) async fn spend<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let Self(place) = self;
        blocking(move || {
            let _place = place;
            work()
        })
        .await
    }
}

/// What reads a file or two, where that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "this failed within the server; its log says how")
    })
}

/// 503, with when to try again.
pub(super) fn busy(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(RETRY_AFTER)
}
