//! `GET` and `PUT` of a tenant's chain. Its revision is the ETag; what `GET` answers may be put back as it is.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::api::Api;
use super::body;
use super::openapi::Problems;
use super::problem::Problem;
use super::processors::unreadable;
use super::work;
use crate::catalog::{ChainChange, ChainSettings, ChainView, ChangeError};

/// Largest body, in bytes: that of a tenant's file.
const BODY_MAX: u64 = 1 << 20;

/// A tenant's chain as it is live
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}/chain",
    tag = "chains",
    params(("tenant" = String, Path, description = "Its name")),
    responses((status = 200, description = "Its revision is the ETag", body = ChainSettings), Problems)
)]
pub(super) async fn get(
    State(api): State<Api>,
    parts: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(tenant) = parts.map_err(unreadable)?;
    let catalog = api.handle.catalog();
    let read = move || catalog.chain(&tenant.to_ascii_lowercase());
    let (revision, settings) = work::blocking(read).await??;
    Ok((tag(revision), Json(settings)).into_response())
}

/// Change a tenant's chain
///
/// It is checked whole, then live at once, or nothing changes.
#[utoipa::path(
    put,
    path = "/v1/tenants/{tenant}/chain",
    tag = "chains",
    params(
        ("tenant" = String, Path, description = "Its name"),
        ("If-Match" = Option<String>, Header, description = "A revision in quotes: the change goes through only if it is live")
    ),
    request_body = ChainChange,
    responses((status = 200, description = "It is live; its revision is the ETag", body = ChainView), Problems)
)]
pub(super) async fn put(
    State(api): State<Api>,
    parts: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path(tenant) = parts.map_err(unreadable)?;
    let turn = api.work.turn()?;
    let condition = Condition::of(&headers)?;
    let body = body::read(&headers, body, BODY_MAX, "a chain").await?;
    let change: ChainChange = serde_json::from_slice(&body).map_err(|error| {
        let status = if error.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        Problem::new(status, format!("the body is not a chain: {error}"))
    })?;
    let catalog = api.handle.catalog();
    let set = move || {
        let tenant = tenant.to_ascii_lowercase();
        match condition {
            Condition::None => catalog.set_chain(&tenant, &change, None),
            Condition::AnyOf(revisions) => {
                let (live, _) = catalog.chain(&tenant)?;
                // One that is not named stands for all of them: it is stale.
                let expected = revisions.iter().find(|revision| **revision == live).or(revisions.first());
                catalog.set_chain(&tenant, &change, Some(expected.copied().unwrap_or(0)))
            }
        }
    };
    let view = turn.spend(set).await??;
    Ok((tag(view.revision), Json(view)).into_response())
}

fn tag(revision: u64) -> [(header::HeaderName, String); 1] {
    [(header::ETAG, format!("\"{revision}\""))]
}

/// `If-Match` (RFC 9110 §13.1.1).
enum Condition {
    /// None, or `*`: every tenant that has a chain has a revision.
    None,
    AnyOf(Vec<u64>),
}

impl Condition {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut revisions = Vec::new();
        for value in headers.get_all(header::IF_MATCH) {
            for tag in value.to_str().unwrap_or_default().split(',').map(str::trim) {
                if tag == "*" {
                    return Ok(Self::None);
                }
                // A tag of another kind, a weak one too, matches nothing; what is no tag at all is a mistake.
                let quoted = tag.strip_prefix("W/").unwrap_or(tag);
                let Some(inner) = quoted.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) else {
                    let text = "If-Match is not a revision in quotes, such as `\"7\"`";
                    return Err(Problem::new(StatusCode::BAD_REQUEST, text));
                };
                revisions.push(inner.parse().ok().filter(|_| quoted == tag).unwrap_or(0));
            }
        }
        Ok(if revisions.is_empty() { Self::None } else { Self::AnyOf(revisions) })
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        let detail = error.to_string();
        match error {
            ChangeError::NoTenant(_) => Self::new(StatusCode::NOT_FOUND, "there is no such tenant"),
            ChangeError::Stale { .. } => Self::new(StatusCode::PRECONDITION_FAILED, detail),
            ChangeError::Conflict(_) => Self::new(StatusCode::CONFLICT, detail),
            ChangeError::Refused(problems) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).problems(problems)
            }
            ChangeError::Io(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail),
        }
    }
}
