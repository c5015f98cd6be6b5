//! `PUT` of a component: a tenant's own, or one that the host shares with all.
//!
//! Any `Content-Type` will do: a page of another origin cannot send the bearer token that is asked for first.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::api::Api;
use super::problem::Problem;
use super::{body, work};
use crate::catalog::UploadError;
use crate::telemetry::causes::one_line;

/// What a path holds, once its percent signs are undone; what is no UTF-8 is no path of ours.
type Parts<T> = Result<Path<T>, PathRejection>;

pub(super) async fn put_tenants(
    State(api): State<Api>,
    parts: Parts<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path((tenant, name, version)) = parts.map_err(unreadable)?;
    put(api, Some(tenant), name, version, headers, body).await
}

pub(super) async fn put_hosts(
    State(api): State<Api>,
    parts: Parts<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path((name, version)) = parts.map_err(unreadable)?;
    put(api, None, name, version, headers, body).await
}

async fn put(
    api: Api,
    tenant: Option<String>,
    name: String,
    version: String,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let catalog = api.handle.catalog();
    let asked = catalog.clone();
    let place = work::blocking(move || asked.place(tenant.as_deref(), &name, &version)).await??;
    let turn = api.work.turn()?;
    let bytes = body::read(&headers, body, place.size_max(), "a component (component_size_max)").await?;
    let (is_new, stored) = turn.spend(move || catalog.upload(&place, &bytes)).await??;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(stored)).into_response())
}

/// A path that cannot be undone.
#[expect(clippy::needless_pass_by_value, reason = "this is what `map_err` gives")]
pub(super) fn unreadable(rejection: PathRejection) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, one_line(&rejection.body_text()))
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        let status = match &error {
            UploadError::BadPath(_) => StatusCode::BAD_REQUEST,
            UploadError::NoTenant(_) => StatusCode::NOT_FOUND,
            UploadError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            UploadError::Taken(_) => StatusCode::CONFLICT,
            UploadError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            UploadError::Busy(text) => return work::busy(text),
            UploadError::Io(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}
