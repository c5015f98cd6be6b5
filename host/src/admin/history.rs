//! A tenant's revisions.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::Api;
use super::openapi::Problems;
use super::problem::Problem;
use super::processors::unreadable;
use super::work;
use crate::catalog::{RevisionText, RevisionView};

/// The revisions that are kept, newest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// Each of them.
    pub revisions: Vec<RevisionView>,
}

/// A tenant's revisions
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}/chain/history",
    tag = "chains",
    params(("tenant" = String, Path, description = "Its name")),
    responses((status = 200, description = "Newest first; the last 20 are kept", body = History), Problems)
)]
pub(super) async fn list(
    State(api): State<Api>,
    parts: Result<Path<String>, PathRejection>,
) -> Result<Json<History>, Problem> {
    let Path(tenant) = parts.map_err(unreadable)?;
    let catalog = api.handle.catalog();
    let revisions = work::blocking(move || catalog.history(&tenant.to_ascii_lowercase())).await??;
    Ok(Json(History { revisions }))
}

/// One revision, and what it changed
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}/chain/history/{revision}",
    tag = "chains",
    params(
        ("tenant" = String, Path, description = "Its name"),
        ("revision" = u64, Path, description = "Its number")
    ),
    responses((status = 200, description = "With its text and diffs", body = RevisionText), Problems)
)]
pub(super) async fn get(
    State(api): State<Api>,
    parts: Result<Path<(String, u64)>, PathRejection>,
) -> Result<Json<RevisionText>, Problem> {
    let Path((tenant, revision)) = parts.map_err(unreadable)?;
    let catalog = api.handle.catalog();
    let past = work::blocking(move || catalog.past(&tenant.to_ascii_lowercase(), revision)).await??;
    Ok(Json(past))
}
