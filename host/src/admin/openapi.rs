//! What the OpenAPI document says beyond routes and types: who may ask, and how it is told what went wrong.

use utoipa::openapi::OpenApi as Description;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi, ToSchema};

use super::problem::Problem;

/// The document before any route is in it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Gatepost admin API",
        description = "Tenants, their processors and chains. Errors are problems (RFC 9457).",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Bearer),
    security(("token" = []))
)]
pub(super) struct Document;

/// The bearer token.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut Description) {
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The host's token, or one of a tenant's"))
            .build();
        document.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(token));
    }
}

/// Whatever may go wrong on a route.
#[derive(IntoResponses)]
pub(super) enum Problems {
    /// What is wrong, and what to do about it
    #[response(status = "default", content_type = "application/problem+json")]
    #[expect(dead_code, reason = "it stands for its type")]
    Any(#[to_schema] Problem),
}

/// Bytes as they are, for the document.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(super) struct Binary(#[expect(dead_code, reason = "it stands for its type")] String);
