//! A message tried on a tenant's chain, the live one or a proposed one: what would come of it. Nothing is delivered, and what its
//! stages remember they forget again.

use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr};

use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;
use utoipa::ToSchema;

use super::api::Api;
use super::guard::Pass;
use super::openapi::{Binary, Problems};
use super::problem::Problem;
use super::processors::unreadable;
use super::{body, work};
use crate::catalog::{ChainChange, TryOut};
use crate::telemetry::{Event, Level};
use crate::transaction::new_id;
use crate::transaction::trial::{Outcome, Sent};

/// Beyond the message, in bytes: envelope and chain.
const REST_MAX: u64 = 1 << 20;
/// Longest `helo`, in bytes: that of a command line (RFC 5321 §4.5.3.1.4).
const HELO_MAX: usize = 512;
/// Records of what stages say that are kept of one trial.
const SAID_MAX: usize = 1000;

/// A message to be tried.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Trial {
    /// The message, in base64.
    #[schema(format = Byte)]
    message: String,
    /// The reverse-path; empty: the null one.
    #[serde(default)]
    sender: String,
    /// The recipients; none: `postmaster`.
    #[serde(default)]
    recipients: Vec<String>,
    /// What the client said in EHLO; default `localhost`.
    #[serde(default)]
    helo: Option<String>,
    /// The client's address; default 127.0.0.1.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    ip: Option<IpAddr>,
    /// A chain that is proposed; null: the live one.
    #[serde(default)]
    change: Option<ChainChange>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tried {
    #[serde(flatten)]
    outcome: Outcome,
    /// What its stages said.
    log: Vec<Said>,
    /// The message as the chain left it, in base64; null: the client would have to keep it.
    #[schema(format = Byte)]
    message: Option<String>,
}

/// Something that a stage said.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Said {
    #[schema(value_type = String)]
    level: Level,
    stage: String,
    text: String,
}

/// Try a message on a tenant's chain
///
/// As JSON, or as the message itself with its envelope in the query: `from`, `rcpt` (may be repeated), `helo`, `ip`.
#[utoipa::path(
    post,
    path = "/v1/tenants/{tenant}/try",
    tag = "chains",
    params(
        ("tenant" = String, Path, description = "Its name"),
        ("from" = Option<String>, Query, description = "The reverse-path, where the body is the message"),
        ("rcpt" = Option<Vec<String>>, Query, description = "A recipient, where the body is the message"),
        ("helo" = Option<String>, Query, description = "What the client said, where the body is the message"),
        ("ip" = Option<String>, Query, description = "The client's address, where the body is the message")
    ),
    request_body(content(
        (Trial = "application/json"),
        (inline(Binary) = "message/rfc822")
    )),
    responses((status = 200, description = "What would come of it", body = Tried), Problems)
)]
pub(super) async fn post(
    State(api): State<Api>,
    Extension(pass): Extension<Pass>,
    parts: Result<Path<String>, PathRejection>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Tried>, Problem> {
    let Path(tenant) = parts.map_err(unreadable)?;
    let tenant = tenant.to_ascii_lowercase();
    let Query(query) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let catalog = api.handle.catalog();
    let limits = catalog.wire_limits();
    let is_json = is_json(&headers);
    let (size_max, what) = match is_json {
        true => (limits.message_size * 4 / 3 + REST_MAX, "a trial"),
        false => (limits.message_size, "a message"),
    };
    let mut file = body::spool(&headers, body, size_max, what, catalog.state_dir()).await?;
    let turn = api.turn(&pass).await?;
    let by_tenant = !pass.principal().is_host();
    let make = move || {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| body::unkept(&error))?;
        let (sent, message, change) = match is_json {
            true => body::parsed::<Trial>(&bytes, what)?.parts(limits.message_size)?,
            false => (sent(query)?, bytes, None),
        };
        let wrong = |text| Problem::new(StatusCode::BAD_REQUEST, text);
        if sent.to.len() > limits.recipients || sent.helo.len() > HELO_MAX {
            let text = format!("at most {} recipients, and {HELO_MAX} bytes of helo", limits.recipients);
            return Err(wrong(text));
        }
        let envelope = sent.envelope(new_id()).map_err(wrong)?;
        let made = catalog.try_out(&tenant, change.as_ref(), by_tenant)?;
        Ok::<_, Problem>((made, envelope, message))
    };
    let (made, envelope, message) = turn.spend(make).await??;
    let TryOut { tenant, line_up, said } = made;
    let chains = api.handle.chains();
    let tried = chains.try_message(&tenant, line_up, envelope, limits.header_size, Bytes::from(message));
    let mut outcome = tried.await.map_err(work::busy)?;
    let message = outcome.message.take().map(|message| STANDARD.encode(message));
    Ok(Json(Tried { outcome, log: heard(said), message }))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

impl Trial {
    fn parts(self, size_max: u64) -> Result<(Sent, Vec<u8>, Option<ChainChange>), Problem> {
        let message = STANDARD.decode(&self.message).map_err(|error| {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("`message` is not base64: {error}"))
        })?;
        if message.len() as u64 > size_max {
            let text = format!("a message may have at most {size_max} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        let mut sent = Sent { from: self.sender, ..nobody() };
        if !self.recipients.is_empty() {
            sent.to = self.recipients;
        }
        sent.helo = self.helo.unwrap_or(sent.helo);
        sent.ip = self.ip.unwrap_or(sent.ip);
        Ok((sent, message, self.change))
    }
}

/// Who sends where nothing is said: what `gatepost run` takes.
fn nobody() -> Sent {
    let (to, helo) = (vec!["postmaster".to_owned()], "localhost".to_owned());
    Sent { from: String::new(), to, helo, ip: IpAddr::V4(Ipv4Addr::LOCALHOST) }
}

fn sent(query: Vec<(String, String)>) -> Result<Sent, Problem> {
    let (mut sent, mut to) = (nobody(), Vec::new());
    for (key, value) in query {
        match key.as_str() {
            "from" => sent.from = value,
            "rcpt" => to.push(value),
            "helo" => sent.helo = value,
            "ip" => {
                let wrong = |_| Problem::new(StatusCode::BAD_REQUEST, "`ip` is not an address");
                sent.ip = value.parse().map_err(wrong)?;
            }
            other => {
                let text =
                    format!("unknown parameter `{}`: there are from, rcpt, helo, ip", other.escape_debug());
                return Err(Problem::new(StatusCode::BAD_REQUEST, text));
            }
        }
    }
    if !to.is_empty() {
        sent.to = to;
    }
    Ok(sent)
}

fn heard(mut said: Receiver<std::sync::Arc<Event>>) -> Vec<Said> {
    let mut log = Vec::new();
    while log.len() < SAID_MAX {
        match said.try_recv().as_deref() {
            Ok(Event::StageLog { level, stage, text, .. }) => {
                log.push(Said { level: *level, stage: stage.clone(), text: text.clone() });
            }
            Ok(_) | Err(TryRecvError::Lagged(_)) => {}
            Err(_) => break,
        }
    }
    log
}
