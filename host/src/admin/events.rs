//! `GET /v1/events`: figures each second, messages and changes as they happen, as server-sent events.
//!
//! A feed ends with the server, and with the token or session that asked for it. Who reads slowly misses news and is told how many.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use tokio::time::{Interval, MissedTickBehavior};
use utoipa::{IntoParams, ToSchema};

use super::api::Api;
use super::door::Line;
use super::figures::{seen, unreadable};
use super::guard::Pass;
use super::openapi::Problems;
use super::principal::Principal;
use super::problem::Problem;
use super::work::{Feed as Place, busy};
use crate::telemetry::live::{Feed, Interest, News};

/// So often a feed that has nothing to say says so: within the silence that the door bears.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// So often it is asked whether the token or session still holds.
const LEAVE_EVERY: Duration = Duration::from_secs(10);

/// What a feed is about.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    /// A tenant; everything where it is absent, but for a tenant's token, which has its tenant's
    tenant: Option<String>,
    /// One kind of event only
    #[param(inline)]
    only: Option<Kind>,
}

/// Kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// `figures`, each second.
    Figures,
    /// `message`, as they come to their end.
    Message,
    /// `change`.
    Change,
}

/// The live feed
///
/// Server-sent events. `figures`, each second: the newest point of `/v1/figures` with `senders`, `clients`, `stages`, `tenants`.
/// `message`: a message that came to its end. `change`: an event of the log with `at`. `lagged`: how many messages and changes were
/// left out, `{"missed": N}`.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "live",
    params(About),
    responses((status = 200, description = "Events, until the server ends", content_type = "text/event-stream", body = String), Problems)
)]
pub(super) async fn get(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Extension(pass): Extension<Pass>,
    ConnectInfo(line): ConnectInfo<Line>,
    query: Result<Query<About>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(About { tenant, only }) = query.map_err(unreadable)?;
    let tenant = seen(&api, &principal, tenant)?;
    let place = api.feeds.enter(&principal, Some(&line))?;
    let is = |kind| only.is_none_or(|only| only == kind);
    let (figures, messages, changes) = (is(Kind::Figures), is(Kind::Message), is(Kind::Change));
    let interest = Interest { tenant, figures, messages, changes };
    let feed = api.handle.telemetry().listen(interest).ok_or_else(|| busy("the server is going down"))?;
    let events = events(feed, move || pass.holds(), place);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

fn events(
    feed: Feed,
    holds: impl Fn() -> bool,
    place: Place,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut asking = tokio::time::interval(LEAVE_EVERY);
    asking.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold((feed, holds, asking, place), |(mut feed, holds, mut asking, place)| async move {
        let news = next(&mut feed, &holds, &mut asking).await?;
        Some((Ok(event(&news)), (feed, holds, asking, place)))
    })
}

/// What is new; none: the server ends, or the token or session does.
async fn next(feed: &mut Feed, holds: &impl Fn() -> bool, asking: &mut Interval) -> Option<News> {
    loop {
        tokio::select! {
            biased;
            _ = asking.tick() => {
                if !holds() {
                    return None;
                }
            }
            news = feed.next() => return news,
        }
    }
}

fn event(news: &News) -> Event {
    match news {
        News::Figures(text) => Event::default().event("figures").data(&**text),
        News::Change(text) => Event::default().event("change").data(&**text),
        News::Lagged(missed) => Event::default().event("lagged").data(format!("{{\"missed\":{missed}}}")),
        // Texts, numbers and lists: it cannot fail.
        News::Message(message) => {
            Event::default().event("message").data(serde_json::to_string(&**message).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::telemetry::Telemetry;

    fn everything() -> Interest {
        Interest { tenant: None, figures: true, messages: true, changes: true }
    }

    /// Goal: a feed ends soon after its token or session, however much there is to tell.
    #[tokio::test(start_paused = true)]
    async fn a_feed_ends_with_the_leave_of_who_asked() {
        let telemetry = Telemetry::silent();
        let mut feed = telemetry.listen(everything()).unwrap();
        let token = AtomicBool::new(true);
        let holds = || token.load(Ordering::Relaxed);
        let mut asking = tokio::time::interval(LEAVE_EVERY);
        let waited = tokio::time::timeout(LEAVE_EVERY * 3, next(&mut feed, &holds, &mut asking)).await;
        assert!(waited.is_err(), "it goes on");
        token.store(false, Ordering::Relaxed);
        assert!(next(&mut feed, &holds, &mut asking).await.is_none());
    }

    #[tokio::test]
    async fn a_feed_ends_with_the_server() {
        let telemetry = Telemetry::silent();
        let mut feed = telemetry.listen(everything()).unwrap();
        telemetry.end_feeds();
        assert!(feed.next().await.is_none());
        assert!(telemetry.listen(everything()).is_none());
    }
}
