//! `GET /v1/messages` and `GET /v1/tenants/{tenant}/messages`: the last messages, which are kept in memory only.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::api::Api;
use super::figures::{seen, unreadable};
use super::openapi::Problems;
use super::principal::Principal;
use super::problem::Problem;
use super::processors;
use crate::telemetry::live::RecentMessage;

/// How many messages are answered where nobody says.
const LIMIT: usize = 50;
/// Most messages of one answer.
const LIMIT_MAX: usize = 200;

/// Which messages.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// How many, 1 to 200; 50 where it is absent
    limit: Option<usize>,
    /// Those before the message of this id; none where that is not there any more
    before: Option<String>,
}

/// Messages that came to their end.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Messages {
    /// Newest first.
    #[schema(value_type = Vec<RecentMessage>)]
    messages: Vec<Shared>,
}

/// A message that is kept elsewhere.
#[derive(Debug)]
struct Shared(Arc<RecentMessage>);

impl Serialize for Shared {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// The last messages of a tenant
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}/messages",
    tag = "live",
    params(("tenant" = String, Path, description = "Its name"), Page),
    responses((status = 200, description = "Newest first, as far as they are kept", body = Messages), Problems)
)]
pub(super) async fn of_tenant(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    parts: Result<Path<String>, PathRejection>,
    query: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Messages>, Problem> {
    let Path(tenant) = parts.map_err(processors::unreadable)?;
    let tenant = seen(&api, &principal, Some(tenant))?;
    page(&api, tenant.as_deref(), query)
}

/// The last messages of all tenants; for the host
#[utoipa::path(
    get,
    path = "/v1/messages",
    tag = "live",
    params(Page),
    responses((status = 200, description = "Newest first, as far as they are kept", body = Messages), Problems)
)]
pub(super) async fn of_all(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    query: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Messages>, Problem> {
    if principal.tenant.is_some() {
        let text = "these are all tenants' messages; ask for /v1/tenants/TENANT/messages";
        return Err(Problem::new(StatusCode::FORBIDDEN, text));
    }
    page(&api, None, query)
}

fn page(
    api: &Api,
    tenant: Option<&str>,
    query: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Messages>, Problem> {
    let Query(Page { limit, before }) = query.map_err(unreadable)?;
    let limit = limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, format!("`limit` is 1 to {LIMIT_MAX}")));
    }
    let messages = api.handle.telemetry().messages(tenant, limit, before.as_deref());
    Ok(Json(Messages { messages: messages.into_iter().map(Shared).collect() }))
}
