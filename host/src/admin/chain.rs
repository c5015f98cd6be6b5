//! A tenant's chain: shown, checked, changed, brought back. Its revision is the ETag; what `GET` answers may be put back as it is.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::ToSchema;

use super::api::Api;
use super::audit::Touched;
use super::condition::{Condition, tag};
use super::guard::Pass;
use super::openapi::Problems;
use super::problem::Problem;
use super::processors::unreadable;
use super::{body, work};
use crate::catalog::{Ask, Catalog, ChainChange, ChainSettings, ChainView, ChangeError, Origin};

/// Largest body, in bytes: that of a tenant's file.
pub(super) const BODY_MAX: u64 = 1 << 20;

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

/// A tenant's chain as it was built
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}/chain/live",
    tag = "chains",
    params(("tenant" = String, Path, description = "Its name")),
    responses((status = 200, description = "Its revision is the ETag", body = ChainView), Problems)
)]
pub(super) async fn live(
    State(api): State<Api>,
    parts: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(tenant) = parts.map_err(unreadable)?;
    let catalog = api.handle.catalog();
    let view = work::blocking(move || catalog.chain_view(&tenant.to_ascii_lowercase())).await??;
    Ok((tag(view.revision), Json(view)).into_response())
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
        ("If-Match" = Option<String>, Header, description = "A revision in quotes: only if it is live")
    ),
    request_body = ChainChange,
    responses((status = 200, description = "It is live; its revision is the ETag", body = ChainView), Problems)
)]
pub(super) async fn put(
    State(api): State<Api>,
    Extension(pass): Extension<Pass>,
    parts: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path(tenant) = parts.map_err(unreadable)?;
    let condition = Condition::of(&headers)?;
    let change: ChainChange = body::json(&headers, body, BODY_MAX, "a chain").await?;
    let set = move |catalog: &Catalog, tenant: &str, ask: &Ask| catalog.set_chain(tenant, &change, ask);
    make_live(&api, &pass, tenant, condition, (Origin::set, "chain set"), set).await
}

/// Changes a tenant's chain, once there is a place, in the name of whoever asks.
async fn make_live(
    api: &Api,
    pass: &Pass,
    tenant: String,
    condition: Condition,
    (origin, what): (fn(&str) -> Origin, &'static str),
    change: impl FnOnce(&Catalog, &str, &Ask) -> Result<ChainView, ChangeError> + Send + 'static,
) -> Result<Response, Problem> {
    let turn = api.turn(pass).await?;
    let (catalog, principal) = (api.handle.catalog(), pass.principal());
    let work = move || {
        let tenant = tenant.to_ascii_lowercase();
        let (live, _) = catalog.chain(&tenant)?;
        let origin = origin(&principal.name());
        let ask = Ask { origin, by_tenant: !principal.is_host(), expected: condition.expected(Some(live)) };
        Ok::<_, ChangeError>((live, change(&catalog, &tenant, &ask)?))
    };
    let (before, view) = turn.spend(work).await??;
    Ok(live_now(Some(before), view, what).into_response())
}

/// Check a change of a tenant's chain
///
/// All that a change is checked for, the smoke corpus included. Nothing changes.
#[utoipa::path(
    post,
    path = "/v1/tenants/{tenant}/chain/check",
    tag = "chains",
    params(("tenant" = String, Path, description = "Its name")),
    request_body = ChainChange,
    responses((status = 200, description = "What it would be", body = ChainView), Problems)
)]
pub(super) async fn check(
    State(api): State<Api>,
    Extension(pass): Extension<Pass>,
    parts: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ChainView>, Problem> {
    let Path(tenant) = parts.map_err(unreadable)?;
    let change: ChainChange = body::json(&headers, body, BODY_MAX, "a chain").await?;
    let turn = api.turn(&pass).await?;
    let catalog = api.handle.catalog();
    let by_tenant = !pass.principal().is_host();
    let check = move || catalog.check_chain(&tenant.to_ascii_lowercase(), &change, by_tenant);
    Ok(Json(turn.spend(check).await??))
}

/// What to bring back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rollback {
    /// The revision; null: the one before that which is live.
    #[serde(default)]
    revision: Option<u64>,
}

/// Bring an older revision back
///
/// As a new revision that runs the very same components.
#[utoipa::path(
    post,
    path = "/v1/tenants/{tenant}/chain/rollback",
    tag = "chains",
    params(
        ("tenant" = String, Path, description = "Its name"),
        ("If-Match" = Option<String>, Header, description = "A revision in quotes: only if it is live")
    ),
    request_body = Rollback,
    responses((status = 200, description = "It is live; its revision is the ETag", body = ChainView), Problems)
)]
pub(super) async fn rollback(
    State(api): State<Api>,
    Extension(pass): Extension<Pass>,
    parts: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path(tenant) = parts.map_err(unreadable)?;
    let condition = Condition::of(&headers)?;
    let Rollback { revision } = body::words(&headers, body).await?;
    let back = move |catalog: &Catalog, tenant: &str, ask: &Ask| catalog.roll_back(tenant, revision, ask);
    make_live(&api, &pass, tenant, condition, (Origin::rollback, "chain rolled back"), back).await
}

/// The answer to a change: what is live now, with what the audit log is to say of it.
pub(super) fn live_now(before: Option<u64>, view: ChainView, what: &str) -> impl IntoResponse + use<> {
    let (tenant, after) = (view.name.clone(), Some(view.revision));
    let touched = Touched { tenant, before, after, what: what.to_owned() };
    (tag(view.revision), Extension(touched), Json(view))
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        let detail = error.to_string();
        match error {
            ChangeError::NoTenant(_) => Self::no_tenant(),
            ChangeError::NoRevision(..) => Self::new(StatusCode::NOT_FOUND, detail),
            ChangeError::Stale { .. } => Self::new(StatusCode::PRECONDITION_FAILED, detail),
            ChangeError::Conflict(_) => Self::new(StatusCode::CONFLICT, detail),
            ChangeError::HostOnly(keys) => Self::host_only(detail, keys),
            ChangeError::Refused(problems) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).problems(problems)
            }
            ChangeError::Io(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail),
        }
    }
}
