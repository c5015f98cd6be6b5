//! `GET /v1/figures`: the last minutes, of the host or of a tenant.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::IntoParams;

use super::api::Api;
use super::openapi::Problems;
use super::principal::Principal;
use super::problem::Problem;
use crate::telemetry::live::Figures;

/// Whose figures.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    /// A tenant; the host's own where it is absent, but for a tenant's token, which has its tenant's
    tenant: Option<String>,
}

/// Figures of the last five minutes
#[utoipa::path(
    get,
    path = "/v1/figures",
    tag = "live",
    params(Whose),
    responses((status = 200, description = "A point for each second that is over", body = Figures), Problems)
)]
pub(super) async fn get(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    query: Result<Query<Whose>, QueryRejection>,
) -> Result<Json<Figures>, Problem> {
    let Query(Whose { tenant }) = query.map_err(unreadable)?;
    let tenant = seen(&api, &principal, tenant)?;
    Ok(Json(api.handle.telemetry().figures(tenant.as_deref())))
}

/// Whose things are looked at where `asked` was asked for; none: everybody's. A tenant that is not there, or is for others to
/// see, is 404.
pub(super) fn seen(
    api: &Api,
    principal: &Principal,
    asked: Option<String>,
) -> Result<Option<String>, Problem> {
    let asked = asked.map(|asked| asked.to_ascii_lowercase());
    let tenant = narrowed(principal, asked)
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no such tenant"))?;
    let generation = api.handle.catalog().current();
    let is_there =
        |name: &String| generation.tenants.contains_key(name) || generation.broken.contains_key(name);
    if tenant.as_ref().is_some_and(|tenant| !is_there(tenant)) {
        return Err(Problem::new(StatusCode::NOT_FOUND, "there is no such tenant"));
    }
    Ok(tenant)
}

/// What a token's holder sees of what was asked for; none: it is none of theirs.
fn narrowed(principal: &Principal, asked: Option<String>) -> Option<Option<String>> {
    match asked {
        Some(asked) => principal.sees(&asked).then_some(Some(asked)),
        None => Some(principal.tenant.clone()),
    }
}

/// A query that is none of this route's.
#[allow(clippy::needless_pass_by_value, reason = "`map_err` gives it")]
pub(super) fn unreadable(rejection: QueryRejection) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, rejection.body_text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Role;

    /// Goal: whatever a tenant's token asks for, it is its own tenant or nothing.
    #[test]
    fn a_tenants_token_sees_its_own_tenant_only() {
        for role in [Role::Owner, Role::Reader] {
            let acme = Principal { role, tenant: Some("acme".into()), token: "1".into() };
            assert_eq!(narrowed(&acme, None), Some(Some("acme".into())));
            assert_eq!(narrowed(&acme, Some("acme".into())), Some(Some("acme".into())));
            assert_eq!(narrowed(&acme, Some("beta".into())), None);
        }
        assert_eq!(narrowed(&Principal::host(), None), Some(None));
        assert_eq!(narrowed(&Principal::host(), Some("beta".into())), Some(Some("beta".into())));
    }
}
