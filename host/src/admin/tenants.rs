//! Tenants: shown to whoever may see them, made, changed and removed by the host.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::{Api, BreakerStatus};
use super::audit::Touched;
use super::chain::{BODY_MAX, live_now};
use super::condition::{Condition, tag};
use super::guard::Pass;
use super::openapi::Problems;
use super::principal::Principal;
use super::problem::Problem;
use super::processors::unreadable;
use super::{body, work};
use crate::catalog::{Ask, ChainView, ChangeError, Origin, TenantSettings, TenantView};
use crate::chain::spec::is_name;

/// All tenants that may be seen.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Tenants {
    /// By name.
    pub tenants: Vec<TenantLine>,
}

/// One of them.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TenantLine {
    /// Its name.
    pub name: String,
    /// The revision that serves; null: its domains get 451.
    pub revision: Option<u64>,
    /// Its chain.
    pub chain: String,
    /// Its domains.
    pub domains: Vec<String>,
    /// Messages at work.
    pub messages: usize,
    /// Breakers of its stages that are not closed.
    pub breakers: Vec<BreakerStatus>,
    /// Why its file as it stands is not what serves.
    pub problems: Vec<String>,
}

/// All tenants
#[utoipa::path(
    get,
    path = "/v1/tenants",
    tag = "tenants",
    responses((status = 200, description = "Those that the token's holder may see", body = Tenants), Problems)
)]
pub(super) async fn list(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
) -> Json<Tenants> {
    let generation = api.handle.catalog().current();
    let domains = |name: &str| {
        let serving = generation.tenants.get(name).map(|tenant| &tenant.domains);
        let patterns = serving.or_else(|| generation.broken.get(name));
        patterns.into_iter().flatten().map(ToString::to_string).collect()
    };
    let seen = api.handle.status().tenants.into_iter().filter(|tenant| principal.sees(&tenant.name));
    let tenants = seen.map(|tenant| TenantLine {
        domains: domains(&tenant.name),
        name: tenant.name,
        revision: tenant.revision,
        chain: tenant.chain,
        messages: tenant.messages,
        breakers: tenant.breakers,
        problems: tenant.problems,
    });
    Json(Tenants { tenants: tenants.collect() })
}

/// A tenant
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}",
    tag = "tenants",
    params(("tenant" = String, Path, description = "Its name")),
    responses((status = 200, description = "Its revision is the ETag", body = TenantView), Problems)
)]
pub(super) async fn get(
    State(api): State<Api>,
    parts: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(tenant) = parts.map_err(unreadable)?;
    let catalog = api.handle.catalog();
    let view = work::blocking(move || catalog.tenant(&tenant.to_ascii_lowercase())).await??;
    Ok((view.revision.map(tag), Json(view)).into_response())
}

/// Make or change a tenant
///
/// It is checked whole, then live at once, or nothing changes. What is absent is the default.
#[utoipa::path(
    put,
    path = "/v1/tenants/{tenant}",
    tag = "tenants",
    params(
        ("tenant" = String, Path, description = "Its name"),
        ("If-Match" = Option<String>, Header, description = "A revision in quotes: only if it is live")
    ),
    request_body = TenantSettings,
    responses(
        (status = 201, description = "It was made", body = ChainView),
        (status = 200, description = "It is live; its revision is the ETag", body = ChainView),
        Problems
    )
)]
pub(super) async fn put(
    State(api): State<Api>,
    Extension(pass): Extension<Pass>,
    parts: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path(tenant) = parts.map_err(unreadable)?;
    let tenant = tenant.to_ascii_lowercase();
    if !is_name(&tenant) {
        let text =
            "that cannot name a tenant: at most 63 letters, digits and hyphens, no hyphen at either end";
        return Err(Problem::new(StatusCode::BAD_REQUEST, text));
    }
    let condition = Condition::of(&headers)?;
    let wrong =
        |text| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("the body is not a tenant: {text}"));
    let json = body::json(&headers, body, BODY_MAX, "a tenant").await?;
    let settings = TenantSettings::of_json(json).map_err(wrong)?;
    let turn = api.turn(&pass).await?;
    let (catalog, tokens) = (api.handle.catalog(), api.guard.tokens().clone());
    let author = pass.principal().name();
    let put = move || {
        if !catalog.has_tenant(&tenant) {
            // Those of one that had its name once must not open this one.
            tokens.forget(&tenant).map_err(|error| ChangeError::Io(format!("old tokens stay: {error}")))?;
        }
        let live = catalog.current().tenants.get(&tenant).map(|tenant| tenant.revision);
        let origin = if live.is_some() { Origin::set(&author) } else { Origin::create(&author) };
        let ask = Ask { origin, by_tenant: false, expected: condition.expected(live) };
        Ok::<_, ChangeError>((live, catalog.put_tenant(&tenant, &settings, &ask)?))
    };
    let (before, (is_new, view)) = turn.spend(put).await??;
    let (status, what) =
        if is_new { (StatusCode::CREATED, "tenant made") } else { (StatusCode::OK, "tenant changed") };
    Ok((status, live_now(before, view, what)).into_response())
}

/// Remove a tenant
///
/// Its domains are nobody's from then on. Its file, history and components are put aside, its tokens end.
#[utoipa::path(
    delete,
    path = "/v1/tenants/{tenant}",
    tag = "tenants",
    params(
        ("tenant" = String, Path, description = "Its name"),
        ("If-Match" = Option<String>, Header, description = "A revision in quotes: only if it is live")
    ),
    responses((status = 204, description = "It is gone"), Problems)
)]
pub(super) async fn delete(
    State(api): State<Api>,
    parts: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(tenant) = parts.map_err(unreadable)?;
    let tenant = tenant.to_ascii_lowercase();
    let condition = Condition::of(&headers)?;
    let (catalog, tokens) = (api.handle.catalog(), api.guard.tokens().clone());
    let remove = move || {
        let live = catalog.current().tenants.get(&tenant).map(|tenant| tenant.revision);
        catalog.remove_tenant(&tenant, condition.expected(live))?;
        tokens.forget(&tenant).map_err(|error| ChangeError::Io(format!("its tokens stay: {error}")))?;
        Ok::<_, ChangeError>(Touched { tenant, before: live, after: None, what: "tenant removed".to_owned() })
    };
    let touched = work::blocking(remove).await??;
    Ok((StatusCode::NO_CONTENT, Extension(touched)).into_response())
}
