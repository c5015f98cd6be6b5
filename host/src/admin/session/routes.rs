//! `GET`, `POST` and `DELETE` of the session: who asks, log in, log out.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AGE_MAX, IDLE_MAX, Secret, no_cookie};
use crate::admin::api::Api;
use crate::admin::body;
use crate::admin::door::Line;
use crate::admin::guard::Pass;
use crate::admin::openapi::Problems;
use crate::admin::principal::{Principal, Role};
use crate::admin::problem::Problem;
use crate::admin::work;

/// What a session begins with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct LogIn {
    /// The host's, or one of a tenant's
    token: String,
}

/// Who asks.
#[derive(Serialize, ToSchema)]
pub(in crate::admin) struct SessionView {
    /// What it may do
    role: Role,
    /// Whose things it sees; null: everybody's
    tenant: Option<String>,
    /// What goes along as `X-CSRF-Token` with all but `GET` and `HEAD`; null: a bearer token needs none
    csrf: Option<String>,
    /// When it is over, if nothing more is asked; RFC 3339. Null: never
    expires: Option<String>,
}

impl SessionView {
    fn new(principal: Principal, secret: Option<&Secret>, expires: Option<Timestamp>) -> Self {
        let second = |expires: Timestamp| Timestamp::from_second(expires.as_second()).unwrap_or(expires);
        Self {
            role: principal.role,
            tenant: principal.tenant,
            csrf: secret.map(Secret::csrf),
            expires: expires.map(|expires| second(expires).to_string()),
        }
    }
}

/// Who asks
#[utoipa::path(
    get,
    path = "/v1/session",
    tag = "session",
    responses((status = 200, description = "The holder of the token or the session", body = SessionView), Problems)
)]
pub(in crate::admin) async fn get(
    Extension(principal): Extension<Principal>,
    Extension(pass): Extension<Pass>,
) -> Json<SessionView> {
    Json(SessionView::new(principal, pass.session(), pass.expires()))
}

/// Log in
///
/// The answer sets the cookie `gatepost_session`, which stands for the token from then on.
#[utoipa::path(
    post,
    path = "/v1/session",
    tag = "session",
    request_body = LogIn,
    security(()),
    responses((status = 200, description = "Logged in", body = SessionView), Problems)
)]
pub(in crate::admin) async fn post(
    State(api): State<Api>,
    line: Option<Extension<ConnectInfo<Line>>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let guard = &api.guard;
    if !guard.is_our_page(&headers) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "a page of another origin may not log in"));
    }
    if !is_json(&headers) {
        let text = "send `Content-Type: application/json`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    let LogIn { token } = body::words(&headers, body).await?;
    let Some(key) = guard.keys.find(token.trim()) else {
        let client = line.map_or(std::net::Ipv6Addr::UNSPECIFIED.into(), |line| line.0.0.client());
        return Err(guard.wrong_token(client));
    };
    let (principal, ends) = (key.principal(), key.expires());
    let secret = guard.sessions.begin(key, Instant::now()).map_err(|_| work::failed())?;
    // The one that the browser forgets now.
    if let Some(old) = Secret::of(&headers) {
        guard.sessions.end(&old);
    }
    let expires = ends.into_iter().chain([Timestamp::now() + IDLE_MAX.min(AGE_MAX)]).min();
    let view = SessionView::new(principal.clone(), Some(&secret), expires);
    let cookie = [(header::SET_COOKIE, secret.cookie(is_tls(&headers)))];
    Ok((Extension(principal), cookie, Json(view)).into_response())
}

/// Log out
#[utoipa::path(
    delete,
    path = "/v1/session",
    tag = "session",
    responses((status = 204, description = "The session is over; a bearer token is what it was"), Problems)
)]
pub(in crate::admin) async fn delete(Extension(pass): Extension<Pass>, headers: HeaderMap) -> Response {
    let Some(secret) = pass.session() else { return StatusCode::NO_CONTENT.into_response() };
    pass.guard().sessions.end(secret);
    let cookie = [(header::SET_COOKIE, no_cookie(is_tls(&headers)))];
    (StatusCode::NO_CONTENT, cookie).into_response()
}

/// A form cannot say so, and a script of another origin not without asking first.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Whether the browser came by TLS, as the proxy before us says. One that lies about it only loses its own cookie.
fn is_tls(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"))
}
