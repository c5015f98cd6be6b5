//! Work that takes its time: so much of it at once, on threads where blocking is allowed. And feeds, which take a connection
//! for hours: so many, that the others stay free.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::door::{AtWork, Line};
use super::principal::Principal;
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
    tokio::task::spawn_blocking(work).await.map_err(|_| failed())
}

/// 500, of which the client can learn no more.
pub(super) fn failed() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "this failed within the server; its log says how")
}

/// Most feeds at once: half of the door's places.
const FEEDS_MAX: usize = 16;
/// Most of them that one tenant may have, and the host.
const FEEDS_PER_OWNER: usize = 4;

/// Places for feeds, by owner: a tenant's name, or empty for the host.
#[derive(Clone, Default)]
pub(super) struct Feeds(Arc<Mutex<HashMap<String, usize>>>);

/// A place for a feed, held while it lasts: to be kept by the stream, not by the handler, which ends before it. Its client may
/// be silent all the while.
pub(super) struct Feed {
    feeds: Feeds,
    owner: String,
    _at_work: Option<AtWork>,
}

impl Feeds {
    /// A place, or 503 where none is free.
    pub(super) fn enter(&self, principal: &Principal, line: Option<&Line>) -> Result<Feed, Problem> {
        let owner = principal.tenant.clone().unwrap_or_default();
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.get(&owner).copied().unwrap_or_default();
        if own >= FEEDS_PER_OWNER || taken.values().sum::<usize>() >= FEEDS_MAX {
            return Err(busy("too many feeds at once, close one"));
        }
        taken.insert(owner.clone(), own + 1);
        Ok(Feed { feeds: self.clone(), owner, _at_work: line.map(Line::begin) })
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut taken = self.feeds.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.owner) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.owner);
            }
        }
    }
}

/// 503, with when to try again.
pub(super) fn busy(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::principal::Role;

    /// Goal: so many for each owner and in all, and a place is free again once its feed is over.
    #[test]
    fn so_many_feeds() {
        let feeds = Feeds::default();
        let of = |tenant: &str| {
            let tenant = Some(tenant.to_owned());
            feeds.enter(&Principal { role: Role::Reader, tenant, token: String::new() }, None)
        };
        let mut held: Vec<Feed> = (0..FEEDS_PER_OWNER).map(|_| of("a").ok().unwrap()).collect();
        assert!(of("a").is_err());
        held.pop();
        held.push(of("a").ok().unwrap());
        for owner in ["b", "c", "d"] {
            held.extend((0..FEEDS_PER_OWNER).map(|_| of(owner).ok().unwrap()));
        }
        assert_eq!(held.len(), FEEDS_MAX);
        assert!(of("e").is_err() && feeds.enter(&Principal::host(), None).is_err());
        held.clear();
        assert!(feeds.0.lock().unwrap().is_empty());
    }
}
