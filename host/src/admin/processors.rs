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
use super::openapi::Problems;
use super::problem::Problem;
use super::{body, work};
use crate::catalog::{UploadError, Uploaded};
use crate::telemetry::causes::one_line;

/// What a path holds, once its percent signs are undone; what is no UTF-8 is no path of ours.
type Parts<T> = Result<Path<T>, PathRejection>;

/// Upload a component of a tenant
#[utoipa::path(
    put,
    path = "/v1/tenants/{tenant}/processors/{name}/{version}",
    tag = "processors",
    params(
        ("tenant" = String, Path, description = "Whose it is to be"),
        ("name" = String, Path, description = "Its name in chains"),
        ("version" = String, Path, description = "Such as `1.0.0`")
    ),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component"),
    responses(
        (status = 201, description = "Stored", body = Uploaded),
        (status = 200, description = "There already, with the same bytes", body = Uploaded),
        Problems
    )
)]
pub(super) async fn put_tenants(
    State(api): State<Api>,
    parts: Parts<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path((tenant, name, version)) = parts.map_err(unreadable)?;
    put(api, Some(tenant), name, version, headers, body).await
}

/// Upload a component that all tenants share
#[utoipa::path(
    put,
    path = "/v1/processors/{name}/{version}",
    tag = "processors",
    params(
        ("name" = String, Path, description = "Its name in chains"),
        ("version" = String, Path, description = "Such as `1.0.0`")
    ),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component"),
    responses(
        (status = 201, description = "Stored", body = Uploaded),
        (status = 200, description = "There already, with the same bytes", body = Uploaded),
        Problems
    )
)]
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
