//! Components, a tenant's own and those that the host shares with all: uploaded, listed, removed.
//!
//! Any `Content-Type` will do: a page of another origin cannot send the bearer token that is asked for first.

use std::io::Read as _;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::Api;
use super::guard::Pass;
use super::openapi::{Binary, Problems};
use super::principal::Principal;
use super::problem::Problem;
use super::{body, work};
use crate::catalog::{InventoryError, Place, ProcessorView, UploadError, Uploaded};
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
    request_body(content = inline(Binary), content_type = "application/wasm", description = "The component"),
    responses(
        (status = 201, description = "Stored", body = Uploaded),
        (status = 200, description = "There already, with the same bytes", body = Uploaded),
        Problems
    )
)]
pub(super) async fn put_tenants(
    State(api): State<Api>,
    Extension(pass): Extension<Pass>,
    parts: Parts<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path((tenant, name, version)) = parts.map_err(unreadable)?;
    let place = place(&api, Some(tenant), name, version).await?;
    put(&api, &pass, place, &headers, body).await
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
    request_body(content = inline(Binary), content_type = "application/wasm", description = "The component"),
    responses(
        (status = 201, description = "Stored", body = Uploaded),
        (status = 200, description = "There already, with the same bytes", body = Uploaded),
        Problems
    )
)]
pub(super) async fn put_hosts(
    State(api): State<Api>,
    Extension(pass): Extension<Pass>,
    parts: Parts<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path((name, version)) = parts.map_err(unreadable)?;
    let place = place(&api, None, name, version).await?;
    put(&api, &pass, place, &headers, body).await
}

/// Where a component is to go.
async fn place(api: &Api, tenant: Option<String>, name: String, version: String) -> Result<Place, Problem> {
    let catalog = api.handle.catalog();
    Ok(work::blocking(move || catalog.place(tenant.as_deref(), &name, &version)).await??)
}

async fn put(
    api: &Api,
    pass: &Pass,
    place: Place,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let catalog = api.handle.catalog();
    let size_max = place.size_max();
    let what = "a component (component_size_max)";
    let mut file = body::spool(headers, body, size_max, what, catalog.state_dir()).await?;
    let turn = api.turn(pass).await?;
    let upload = move || {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| UploadError::Io(error.to_string()))?;
        catalog.upload(&place, &bytes)
    };
    let (is_new, stored) = turn.spend(upload).await??;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(stored)).into_response())
}

/// Components.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Processors {
    /// By owner, name and version.
    pub processors: Vec<ProcessorView>,
}

/// A tenant's components, and those that the host shares
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}/processors",
    tag = "processors",
    params(("tenant" = String, Path, description = "Its name")),
    responses((status = 200, description = "What may stand in its chains", body = Processors), Problems)
)]
pub(super) async fn list_tenants(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    parts: Parts<String>,
) -> Result<Json<Processors>, Problem> {
    let Path(tenant) = parts.map_err(unreadable)?;
    list(&api, &principal, Some(tenant.to_ascii_lowercase())).await
}

/// The components that the host shares with all tenants
#[utoipa::path(
    get,
    path = "/v1/processors",
    tag = "processors",
    responses((status = 200, description = "What may stand in all chains", body = Processors), Problems)
)]
pub(super) async fn list_hosts(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Processors>, Problem> {
    list(&api, &principal, None).await
}

async fn list(api: &Api, principal: &Principal, tenant: Option<String>) -> Result<Json<Processors>, Problem> {
    let catalog = api.handle.catalog();
    let mut processors = work::blocking(move || catalog.processors(tenant.as_deref())).await??;
    for processor in &mut processors {
        processor.used_by.retain(|tenant| principal.sees(tenant));
    }
    Ok(Json(Processors { processors }))
}

/// Remove a component of a tenant
#[utoipa::path(
    delete,
    path = "/v1/tenants/{tenant}/processors/{name}/{version}",
    tag = "processors",
    params(
        ("tenant" = String, Path, description = "Whose it is"),
        ("name" = String, Path, description = "Its name in chains"),
        ("version" = String, Path, description = "Such as `1.0.0`")
    ),
    responses((status = 204, description = "It is gone"), Problems)
)]
pub(super) async fn delete_tenants(
    State(api): State<Api>,
    parts: Parts<(String, String, String)>,
) -> Result<StatusCode, Problem> {
    let Path((tenant, name, version)) = parts.map_err(unreadable)?;
    delete(&api, Some(tenant.to_ascii_lowercase()), name, version).await
}

/// Remove a component that all tenants share
#[utoipa::path(
    delete,
    path = "/v1/processors/{name}/{version}",
    tag = "processors",
    params(
        ("name" = String, Path, description = "Its name in chains"),
        ("version" = String, Path, description = "Such as `1.0.0`")
    ),
    responses((status = 204, description = "It is gone"), Problems)
)]
pub(super) async fn delete_hosts(
    State(api): State<Api>,
    parts: Parts<(String, String)>,
) -> Result<StatusCode, Problem> {
    let Path((name, version)) = parts.map_err(unreadable)?;
    delete(&api, None, name, version).await
}

async fn delete(
    api: &Api,
    tenant: Option<String>,
    name: String,
    version: String,
) -> Result<StatusCode, Problem> {
    let catalog = api.handle.catalog();
    let name = name.to_ascii_lowercase();
    work::blocking(move || catalog.remove_processor(tenant.as_deref(), &name, &version)).await??;
    Ok(StatusCode::NO_CONTENT)
}

impl From<InventoryError> for Problem {
    fn from(error: InventoryError) -> Self {
        let detail = error.to_string();
        match error {
            InventoryError::NoTenant(_) => Self::no_tenant(),
            InventoryError::Absent(_) => Self::new(StatusCode::NOT_FOUND, detail),
            InventoryError::InUse { users, .. } => Self::new(StatusCode::CONFLICT, detail).users(users),
            InventoryError::Io(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail),
        }
    }
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
            UploadError::NoTenant(_) => return Self::no_tenant(),
            UploadError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            UploadError::Taken(_) | UploadError::Full(_) => StatusCode::CONFLICT,
            UploadError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            UploadError::Busy(text) => return work::busy(text),
            UploadError::Io(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}
