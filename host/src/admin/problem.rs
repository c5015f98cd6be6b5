//! Errors of the API as RFC 9457 problems.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::config;

/// A problem: what is wrong and what to do about it.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    /// All that is wrong with a file, with where.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<config::Problem>, required = false)]
    problems: Box<[config::Problem]>,
    /// Keys that only the host may set.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    keys: Box<[String]>,
    /// Who uses what cannot be removed.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    users: Box<[String]>,
    /// In seconds.
    #[serde(skip)]
    retry_after: Option<u32>,
}

impl Problem {
    /// A problem of HTTP's own kinds; `title` is the status's phrase.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            problems: Box::default(),
            keys: Box::default(),
            users: Box::default(),
            retry_after: None,
        }
    }

    /// There is no such tenant, or none that whoever asks may know of.
    pub fn no_tenant() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is no such tenant")
    }

    /// A tenant asked for what is the host's to set.
    pub fn host_only(detail: impl Into<String>, keys: Vec<String>) -> Self {
        let (kind, title) = ("urn:gatepost:host-only-setting", "host-only-setting");
        Self { kind, title, keys: keys.into(), ..Self::new(StatusCode::FORBIDDEN, detail) }
    }

    /// With who uses it.
    #[must_use]
    pub fn users(self, users: Vec<String>) -> Self {
        Self { users: users.into(), ..self }
    }

    /// With all that is wrong.
    #[must_use]
    pub fn problems(self, problems: Vec<config::Problem>) -> Self {
        Self { problems: problems.into(), ..self }
    }

    /// With when to try again, in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
