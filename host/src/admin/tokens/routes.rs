//! A tenant's tokens by the API: list, make, rotate, remove. For its owners and the host.

use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Held, Made, OVERLAP, TokenError, TokenRole, Wanted};
use crate::admin::api::Api;
use crate::admin::audit::Touched;
use crate::admin::body;
use crate::admin::guard::Pass;
use crate::admin::openapi::Problems;
use crate::admin::problem::Problem;
use crate::admin::processors::unreadable;
use crate::admin::work;
use crate::config::units::parse_duration;
use crate::telemetry::{Event, Level, causes};

/// All tokens of a tenant.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// Those that are not over, oldest first.
    pub tokens: Vec<TokenView>,
}

/// A token, without its text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// What it is called.
    pub id: String,
    /// What it lets its holder do.
    pub role: TokenRole,
    /// What it is for.
    pub label: String,
    /// RFC 3339.
    pub created: String,
    /// RFC 3339; null: never.
    pub expires: Option<String>,
    /// RFC 3339; null: not since the server's start.
    pub last_used: Option<String>,
}

/// A token that was made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenMade {
    /// What it is called.
    pub id: String,
    /// The token itself: shown this once, kept nowhere.
    pub token: String,
    /// What it lets its holder do.
    pub role: TokenRole,
    /// What it is for.
    pub label: String,
    /// RFC 3339.
    pub created: String,
    /// RFC 3339; null: never.
    pub expires: Option<String>,
}

/// A token that is to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it lets its holder do.
    pub role: TokenRole,
    /// What it is for; at most 64 characters.
    #[serde(default)]
    pub label: String,
    /// How long it lives: `90d`, `1h`, `30s`. Absent: for ever.
    #[serde(default)]
    pub expires_in: Option<String>,
}

/// How a token is to be rotated.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// How long the old one goes on: `0s` to `7d`. Absent: `1h`.
    #[serde(default)]
    pub overlap: Option<String>,
}

/// A tenant's tokens
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}/tokens",
    tag = "tokens",
    params(("tenant" = String, Path, description = "Its name")),
    responses((status = 200, description = "Those that are not over", body = TokenList), Problems)
)]
pub(in crate::admin) async fn list(
    State(api): State<Api>,
    parts: Result<Path<String>, PathRejection>,
) -> Result<Json<TokenList>, Problem> {
    let tenant = tenant(&api, &parts.map_err(unreadable)?.0)?;
    let tokens = api.guard.tokens().of(&tenant, Timestamp::now());
    Ok(Json(TokenList { tokens: tokens.iter().map(|held| TokenView::of(held)).collect() }))
}

/// Make a token of a tenant
#[utoipa::path(
    post,
    path = "/v1/tenants/{tenant}/tokens",
    tag = "tokens",
    params(("tenant" = String, Path, description = "Its name")),
    request_body = NewToken,
    responses((status = 201, description = "Made; its text is shown this once", body = TokenMade), Problems)
)]
pub(in crate::admin) async fn make(
    State(api): State<Api>,
    Extension(pass): Extension<Pass>,
    parts: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let tenant = tenant(&api, &parts.map_err(unreadable)?.0)?;
    let new: NewToken = body::words(&headers, body).await?;
    let lifetime = new.expires_in.as_deref().map(|text| duration("expires_in", text)).transpose()?;
    let tokens = api.guard.tokens().clone();
    let make = move || {
        let wanted = Wanted { tenant: &tenant, role: new.role, label: &new.label, lifetime };
        tokens.make(wanted, Timestamp::now())
    };
    pass.still()?;
    let made = work::blocking(make).await?.map_err(|error| problem(&api, &error))?;
    hold_on(&api, &pass, &made).await?;
    let what = format!("token {} made", made.held.id);
    Ok(told(made, what))
}

/// Make a token in place of another
///
/// It has the role, the label and the lifetime of the old one, which goes on for the overlap.
#[utoipa::path(
    post,
    path = "/v1/tenants/{tenant}/tokens/{id}/rotate",
    tag = "tokens",
    params(("tenant" = String, Path, description = "Its name"), ("id" = String, Path, description = "The old one")),
    request_body = Rotation,
    responses((status = 201, description = "Made; its text is shown this once", body = TokenMade), Problems)
)]
pub(in crate::admin) async fn rotate(
    State(api): State<Api>,
    Extension(pass): Extension<Pass>,
    parts: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path((name, id)) = parts.map_err(unreadable)?;
    let tenant = tenant(&api, &name)?;
    let rotation: Rotation = body::words(&headers, body).await?;
    let overlap = rotation.overlap.as_deref().map_or(Ok(OVERLAP), |text| duration("overlap", text))?;
    let tokens = api.guard.tokens().clone();
    let rotate = move || Ok::<_, TokenError>((tokens.rotate(&tenant, &id, overlap, Timestamp::now())?, id));
    pass.still()?;
    let (made, old) = work::blocking(rotate).await?.map_err(|error| problem(&api, &error))?;
    hold_on(&api, &pass, &made).await?;
    let what = format!("token {old} rotated to {}", made.held.id);
    Ok(told(made, what))
}

/// Remove a token of a tenant
///
/// Sessions that began with it end, too.
#[utoipa::path(
    delete,
    path = "/v1/tenants/{tenant}/tokens/{id}",
    tag = "tokens",
    params(("tenant" = String, Path, description = "Its name"), ("id" = String, Path, description = "Which")),
    responses((status = 204, description = "It opens nothing any more"), Problems)
)]
pub(in crate::admin) async fn remove(
    State(api): State<Api>,
    parts: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let Path((name, id)) = parts.map_err(unreadable)?;
    let tenant = tenant(&api, &name)?;
    let tokens = api.guard.tokens().clone();
    let remove = move || tokens.remove(&tenant, &id, Timestamp::now()).map(|()| id);
    let id = work::blocking(remove).await?.map_err(|error| problem(&api, &error))?;
    let touched = Touched { what: format!("token {id} removed"), ..Touched::default() };
    Ok((StatusCode::NO_CONTENT, Extension(touched)).into_response())
}

/// Takes a token back whose maker lost its own just then: its tenant may be another's by now.
async fn hold_on(api: &Api, pass: &Pass, made: &Made) -> Result<(), Problem> {
    let Err(gone) = pass.still() else { return Ok(()) };
    let (tokens, held) = (api.guard.tokens().clone(), made.held.clone());
    let removed = work::blocking(move || tokens.remove(&held.tenant, &held.id, Timestamp::now())).await?;
    // It may have gone with its tenant.
    drop(removed);
    Err(gone)
}

fn told(Made { text, held }: Made, what: String) -> Response {
    let TokenView { id, role, label, created, expires, .. } = TokenView::of(&held);
    let made = TokenMade { id, token: text, role, label, created, expires };
    let touched = Touched { what, ..Touched::default() };
    (StatusCode::CREATED, Extension(touched), Json(made)).into_response()
}

/// The tenant, if it is there.
fn tenant(api: &Api, name: &str) -> Result<String, Problem> {
    let name = name.to_ascii_lowercase();
    if api.guard.keys.is_tenant(&name) { Ok(name) } else { Err(Problem::no_tenant()) }
}

/// What is none is not repeated: it may be a token that was pasted into the wrong place.
fn duration(key: &str, text: &str) -> Result<Duration, Problem> {
    let none = || format!("`{key}` is not a duration such as `90d`, `1h` or `30s`");
    parse_duration(text).map_err(|_| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, none()))
}

impl TokenView {
    fn of(held: &Held) -> Self {
        Self {
            id: held.id.clone(),
            role: held.role,
            label: held.label.clone(),
            created: held.created.to_string(),
            expires: held.expires.map(|expires| expires.to_string()),
            last_used: held.last_used().map(|used| used.to_string()),
        }
    }
}

/// What the client is told. Of the disk only the log tells: a tenant need not know what our folders are called.
fn problem(api: &Api, error: &TokenError) -> Problem {
    let status = match error {
        TokenError::None => StatusCode::NOT_FOUND,
        TokenError::TooMany => StatusCode::CONFLICT,
        TokenError::Bad(_) => StatusCode::UNPROCESSABLE_ENTITY,
        TokenError::Io(_) => {
            api.guard.telemetry.emit(Event::Notice { level: Level::Error, text: causes(error) });
            return work::failed();
        }
    };
    Problem::new(status, error.to_string())
}
