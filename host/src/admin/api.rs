//! The routes of the admin address.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router, middleware};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi as _, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::door;
use super::events;
use super::guard::{self, Guard, Pass};
use super::openapi::{Document, Problems};
use super::principal::Principal;
use super::problem::Problem;
use super::work::{Feeds, Turn, Work};
use super::{chain, figures, history, messages, page, processors, session, tenants, tokens, try_message};
use crate::catalog::{Catalog, ReloadReport};
use crate::telemetry::Telemetry;
use crate::transaction::Chains;

/// What the server does for the API.
#[async_trait]
pub trait AdminHandle: Send + Sync {
    /// What SIGHUP does.
    async fn reload(&self) -> ReloadReport;
    /// Figures for people.
    fn status(&self) -> Status;
    /// All metrics, as OpenMetrics text.
    fn metrics(&self) -> String;
    /// What uploads and changes of chains work on.
    fn catalog(&self) -> Arc<Catalog>;
    /// Where messages are tried: the chains' runtime, with its fair share.
    fn chains(&self) -> Chains;
    /// Why the server should get no traffic now; none: it is ready.
    fn not_ready(&self) -> Option<String>;
    /// The server's voice: live figures, the last messages, the feed.
    fn telemetry(&self) -> &Telemetry;
}

/// What `gatepost status` shows.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of the host.
    pub version: String,
    /// Since the start, in seconds.
    pub uptime_s: u64,
    /// Whether it is shutting down.
    pub draining: bool,
    /// Why it should get no traffic now; none: it is ready.
    #[serde(default)]
    pub not_ready: Option<String>,
    /// Name and address of each listener.
    pub listeners: Vec<(String, String)>,
    /// Every tenant of the catalog.
    pub tenants: Vec<TenantStatus>,
}

/// One tenant.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TenantStatus {
    /// Its name.
    pub name: String,
    /// The revision that is live; none: its domains get 451.
    pub revision: Option<u64>,
    /// Its chain.
    pub chain: String,
    /// Messages at work.
    pub messages: usize,
    /// Breakers of its stages that are not closed.
    #[serde(default)]
    pub breakers: Vec<BreakerStatus>,
    /// Why its file as it stands is not what serves; empty: it is.
    pub problems: Vec<String>,
}

/// A breaker that is not closed: every message of the chain is deferred.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BreakerStatus {
    /// Which stage.
    pub stage: String,
    /// Where it stands: `chain` or `recipients`.
    pub place: String,
    /// Until a message is let through as a probe, in milliseconds; none: one is at work.
    pub retry_in_ms: Option<u64>,
}

/// What every route is given.
#[derive(Clone)]
pub(super) struct Api {
    pub(super) handle: Arc<dyn AdminHandle>,
    pub(super) work: Work,
    pub(super) feeds: Feeds,
    pub(super) guard: Arc<Guard>,
}

impl Api {
    /// A place for work, once a body has come; whoever asked must still be who it was.
    pub(super) async fn turn(&self, pass: &Pass) -> Result<Turn, Problem> {
        let turn = self.work.turn(&pass.principal()).await?;
        pass.still()?;
        Ok(turn)
    }
}

/// The routes, with their guards. At most `uploads_max` uploads and changes of chains are at work at once.
pub fn router(handle: Arc<dyn AdminHandle>, guard: Arc<Guard>, uploads_max: usize) -> Router {
    let (api, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(reload))
        .routes(routes!(status))
        .routes(routes!(tenants::list))
        .routes(routes!(tenants::get, tenants::put, tenants::delete))
        .routes(routes!(chain::get, chain::put))
        .routes(routes!(chain::live))
        .routes(routes!(chain::check))
        .routes(routes!(chain::rollback))
        .routes(routes!(history::list))
        .routes(routes!(history::get))
        .routes(routes!(processors::list_tenants))
        .routes(routes!(processors::put_tenants, processors::delete_tenants))
        .routes(routes!(processors::list_hosts))
        .routes(routes!(processors::put_hosts, processors::delete_hosts))
        .routes(routes!(try_message::post))
        .routes(routes!(session::routes::get, session::routes::post, session::routes::delete))
        .routes(routes!(tokens::routes::list, tokens::routes::make))
        .routes(routes!(tokens::routes::rotate))
        .routes(routes!(tokens::routes::remove))
        .routes(routes!(figures::get))
        .routes(routes!(events::get))
        .routes(routes!(messages::of_all))
        .routes(routes!(messages::of_tenant))
        .split_for_parts();
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/v1/openapi.json", get(|| async { Json(document) }))
        .merge(api)
        .merge(page::routes())
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is nothing here") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path takes another method")
        })
        .layer(middleware::from_fn_with_state(guard.clone(), guard::admit))
        .layer(middleware::from_fn_with_state(guard.clone(), guard::host))
        .layer(middleware::from_fn(door::at_work))
        .with_state(Api { handle, work: Work::new(uploads_max), feeds: Feeds::default(), guard })
}

/// Reads config, certificates and catalog again, as SIGHUP does
#[utoipa::path(
    post,
    path = "/v1/reload",
    tag = "server",
    responses((status = 200, description = "All of it took effect", body = ReloadReport), Problems)
)]
async fn reload(State(Api { handle, .. }): State<Api>) -> Response {
    let report = handle.reload().await;
    let status = if report.is_ok() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    (status, Json(report)).into_response()
}

/// What the server does
///
/// With a tenant's token, of that tenant alone.
#[utoipa::path(get, path = "/v1/status", tag = "server", responses((status = 200, description = "Figures", body = Status), Problems))]
async fn status(
    State(Api { handle, .. }): State<Api>,
    Extension(principal): Extension<Principal>,
) -> Json<Status> {
    let mut status = handle.status();
    status.tenants.retain(|tenant| principal.sees(&tenant.name));
    Json(status)
}

async fn metrics(State(Api { handle, .. }): State<Api>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], handle.metrics())
}

async fn ready(State(Api { handle, .. }): State<Api>) -> Response {
    match handle.not_ready() {
        None => "ready\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n").into_response(),
    }
}
