//! Work that takes its time: so much of it at once, on threads where blocking is allowed. And feeds, which take a connection
//! for hours: so many, that the others stay free.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::door::{AtWork, Line};
use super::principal::Principal;
use super::problem::Problem;

/// When a busy server should be asked again, in seconds.
const RETRY_AFTER: u32 = 2;

/// How long a request waits for a place: so long a client does not notice.
const PATIENCE: Duration = Duration::from_secs(2);

/// Places for uploads and changes of chains: `[admin] uploads_max`. One of them stays free of any one tenant, where there are
/// several.
#[derive(Clone)]
pub(super) struct Work {
    places: Arc<Semaphore>,
    per_tenant: usize,
    taken: Arc<Mutex<HashMap<String, usize>>>,
}

/// A place, taken once a body has come, and held until the work is done.
pub(super) struct Turn {
    _place: OwnedSemaphorePermit,
    tenant: Option<String>,
    taken: Arc<Mutex<HashMap<String, usize>>>,
}

impl Work {
    pub(super) fn new(places: usize) -> Self {
        Self::with(places, places.saturating_sub(1).max(1))
    }

    /// So many places, and so many of them at most for one tenant.
    pub(super) fn with(places: usize, per_tenant: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), per_tenant, taken: Arc::default() }
    }

    /// A place, or 503 where none gets free.
    pub(super) async fn turn(&self, principal: &Principal) -> Result<Turn, Problem> {
        let full = || busy("too many uploads and changes at once, try again");
        let place = tokio::time::timeout(PATIENCE, self.places.clone().acquire_owned()).await;
        let place = place.ok().and_then(Result::ok).ok_or_else(full)?;
        if let Some(tenant) = &principal.tenant {
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            let own = taken.entry(tenant.clone()).or_default();
            if *own >= self.per_tenant {
                return Err(full());
            }
            *own += 1;
        }
        Ok(Turn { _place: place, tenant: principal.tenant.clone(), taken: self.taken.clone() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(tenant) = self.tenant.take() else { return };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&tenant) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&tenant);
            }
        }
    }
}

impl Turn {
    /// Does the work. It goes on to its end, and keeps its place, also where the client goes away.
    pub(super) async fn spend<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        blocking(move || {
            let _turn = self;
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

/// Most feeds at once: of the door's places these, those of bodies and some for everybody.
const FEEDS_MAX: usize = 12;
/// Most of them that one tenant may have.
const FEEDS_PER_TENANT: usize = 4;
/// Most of them that the host may have.
const FEEDS_OF_HOST: usize = 8;

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
        let most = if owner.is_empty() { FEEDS_OF_HOST } else { FEEDS_PER_TENANT };
        if own >= most || taken.values().sum::<usize>() >= FEEDS_MAX {
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

    /// Goal: so many at work, one place free of each tenant; whoever waits has the next that gets free.
    #[tokio::test(start_paused = true)]
    async fn so_much_work() {
        let of = |tenant: &str| Principal {
            role: Role::Owner,
            tenant: Some(tenant.to_owned()),
            token: String::new(),
        };
        let work = Work::new(2);
        let first = work.turn(&of("a")).await.ok().unwrap();
        assert!(work.turn(&of("a")).await.is_err());
        let other = work.turn(&of("b")).await.ok().unwrap();
        assert!(work.turn(&Principal::host()).await.is_err());
        let waiting = tokio::spawn({
            let work = work.clone();
            async move { work.turn(&Principal::host()).await.is_ok() }
        });
        tokio::time::sleep(PATIENCE / 2).await;
        drop(first);
        assert!(waiting.await.unwrap());
        drop(other);
        assert!(work.taken.lock().unwrap().is_empty());
        assert!(Work::new(1).turn(&of("a")).await.is_ok());
    }

    /// Goal: so many for each owner and in all, and a place is free again once its feed is over.
    #[test]
    fn so_many_feeds() {
        let feeds = Feeds::default();
        let of = |tenant: &str| {
            let tenant = Some(tenant.to_owned());
            feeds.enter(&Principal { role: Role::Reader, tenant, token: String::new() }, None)
        };
        let mut held: Vec<Feed> = (0..FEEDS_PER_TENANT).map(|_| of("a").ok().unwrap()).collect();
        assert!(of("a").is_err());
        held.pop();
        held.push(of("a").ok().unwrap());
        for owner in ["b", "c"] {
            held.extend((0..FEEDS_PER_TENANT).map(|_| of(owner).ok().unwrap()));
        }
        assert_eq!(held.len(), FEEDS_MAX);
        assert!(of("e").is_err() && feeds.enter(&Principal::host(), None).is_err());
        held.clear();
        assert!(feeds.0.lock().unwrap().is_empty());
    }
}
