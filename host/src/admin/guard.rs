//! Who may ask: the Host header against rebinding, then the token or the session, then the table of `access`.
//!
//! ```text
//! Host known? --> token or cookie --> (cookie: our own page? CSRF token?) --> access --> route, with its Principal and Pass
//!   no: 403        no: 401 or 429        no: 403                              no: 403, or 404 for what is another tenant's
//! ```
//!
//! All that is under `/v1` passes here, also what is no route. What is another tenant's is answered here, before anything looks
//! whether it is there: no difference can be seen.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, FromRequestParts as _, MatchedPath, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::access::{self, Denied, Who};
use super::audit::Record;
use super::door::Line;
use super::hosts::Hosts;
use super::keys::{Key, Keys};
use super::limit::Failures;
use super::principal::{Principal, Role};
use super::problem::Problem;
use super::session::{Secret, Sessions};
use super::tokens::Tokens;
use super::work::{Turn, Work};
use crate::config::Config;
use crate::telemetry::{Event, Level, Telemetry};

/// What requests are held against.
pub struct Guard {
    hosts: Hosts,
    pub(super) keys: Keys,
    pub(super) sessions: Sessions,
    failures: Failures,
    metrics_open: bool,
    /// Requests with a body that are at work: each may take minutes to come, so they leave connections for others.
    bodies: Work,
    pub(super) telemetry: Telemetry,
}

/// Most requests with a body at once: of the door's places these, the feeds' and some for everybody.
const BODIES_MAX: usize = 12;
/// Most of them that one tenant may have, or all those without a token.
const BODIES_PER_OWNER: usize = 6;

/// What a request came with, and whether it still holds: what goes on for long asks again.
#[derive(Clone)]
pub(super) struct Pass {
    guard: Arc<Guard>,
    key: Key,
    /// None: a bearer token.
    session: Option<(Secret, Duration)>,
}

impl Guard {
    /// For the server that listens on `address`; `is_tenant` says whether there is a tenant of a name.
    pub fn new(
        config: &Config,
        address: SocketAddr,
        host_tokens: &[String],
        telemetry: Telemetry,
        is_tenant: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        let folder = config.server.state_dir.join("tokens");
        let (keys, problems) = Keys::new(host_tokens, folder, Box::new(is_tenant));
        for text in problems {
            telemetry.emit(Event::Notice { level: Level::Error, text });
        }
        Self {
            hosts: Hosts::new(address, &config.admin.hosts),
            keys,
            sessions: Sessions::default(),
            failures: Failures::default(),
            metrics_open: config.admin.metrics_open,
            bodies: Work::with(BODIES_MAX, BODIES_PER_OWNER),
            telemetry,
        }
    }

    /// From now on the host's tokens are these. Sessions of others end.
    pub fn set_host_tokens(&self, tokens: &[String]) {
        self.keys.set_host(tokens);
    }

    /// Reads tenants' tokens anew. Gives what is wrong with them. Blocks.
    pub fn reload_tokens(&self) -> Vec<String> {
        self.keys.tokens.read_again()
    }

    /// Tenants' tokens.
    pub fn tokens(&self) -> &Arc<Tokens> {
        &self.keys.tokens
    }

    /// Whether the request comes from our own page, or from none.
    pub(super) fn is_our_page(&self, headers: &HeaderMap) -> bool {
        self.hosts.sent_it(headers)
    }

    /// Counts a wrong token, and gives what its sender is told.
    pub(super) fn wrong_token(&self, client: IpAddr) -> Problem {
        let outcome = self.failures.count(client, Instant::now());
        let limited = outcome.wait.is_some();
        self.telemetry.count_wrong_token(limited);
        if let Some(failures) = outcome.log {
            self.telemetry.emit(Event::TokenRefused { client, failures, limited });
        }
        match outcome.wait {
            None => Problem::new(
                StatusCode::UNAUTHORIZED,
                "this token opens nothing: it is wrong, removed or over",
            ),
            Some(seconds) => {
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens, try again later")
                    .retry_after(seconds)
            }
        }
    }

    /// A place for a request that may have a body.
    async fn place_of_body(
        &self,
        method: &Method,
        principal: Option<&Principal>,
    ) -> Result<Option<Turn>, Problem> {
        if access::reads(method) {
            return Ok(None);
        }
        let nobody = Principal { role: Role::Reader, tenant: Some(String::new()), token: String::new() };
        self.bodies.turn(principal.unwrap_or(&nobody)).await.map(Some)
    }

    /// Whether a path is behind the guard.
    fn covers(&self, path: &str) -> bool {
        path == "/v1" || path.starts_with("/v1/") || (path == "/metrics" && !self.metrics_open)
    }

    /// Who asks. A bearer token decides, whatever cookies come with it.
    fn who_asks(self: &Arc<Self>, headers: &HeaderMap, client: IpAddr) -> Result<Pass, Problem> {
        let pass = |key, session| Pass { guard: self.clone(), key, session };
        match bearer(headers) {
            Bearer::Token(token) => match self.keys.find(token) {
                Some(key) => Ok(pass(key, None)),
                None => Err(self.wrong_token(client)),
            },
            Bearer::Several => Err(Problem::new(StatusCode::UNAUTHORIZED, "send one token, not several")),
            Bearer::None => {
                let none = "send a token: `Authorization: Bearer TOKEN`";
                let secret =
                    Secret::of(headers).ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, none))?;
                let found = self.sessions.find(&secret, Instant::now(), |key| self.keys.again(key));
                let over = || Problem::new(StatusCode::UNAUTHORIZED, "this session is over: log in again");
                let found = found.ok_or_else(over)?;
                Ok(pass(found.key, Some((secret, found.left))))
            }
        }
    }
}

impl Pass {
    /// Whether the token still opens what it did, or the session is still there; a session that is asked is not idle.
    pub(super) fn holds(&self) -> bool {
        let keys = &self.guard.keys;
        match &self.session {
            None => keys.again(&self.key).is_some(),
            Some((secret, _)) => {
                self.guard.sessions.find(secret, Instant::now(), |key| keys.again(key)).is_some()
            }
        }
    }

    /// That it still holds: a body may have taken its time, and the token gone meanwhile, or its tenant.
    pub(super) fn still(&self) -> Result<(), Problem> {
        if self.holds() {
            Ok(())
        } else {
            Err(Problem::new(StatusCode::UNAUTHORIZED, "this token opens nothing any more"))
        }
    }

    /// Who it is.
    pub(super) fn principal(&self) -> Principal {
        self.key.principal()
    }

    pub(super) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The session; none: a bearer token.
    pub(super) fn session(&self) -> Option<&Secret> {
        self.session.as_ref().map(|(secret, _)| secret)
    }

    /// When it is over, if nothing more is asked.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        let session = self.session.as_ref().map(|(_, left)| Timestamp::now() + *left);
        self.key.expires().into_iter().chain(session).min()
    }

    /// What a cookie needs beyond itself, as a browser sends it without being asked: our own page, and its CSRF token.
    fn check_page(&self, parts: &Parts) -> Result<(), Problem> {
        let Some((secret, _)) = &self.session else { return Ok(()) };
        if !self.guard.is_our_page(&parts.headers) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "a page of another origin may not ask"));
        }
        if access::reads(&parts.method) || secret.goes_with(&parts.headers) {
            return Ok(());
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "send the session's `csrf` as `X-CSRF-Token`"))
    }
}

/// Refuses a Host header that names somebody else: a page that rebinds its name to us gets nothing.
pub(super) async fn host(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    if guard.hosts.are_asked(request.headers()) {
        return next.run(request).await;
    }
    Problem::new(StatusCode::FORBIDDEN, "unknown Host; list the name in `[admin] hosts`").into_response()
}

/// Lets a request through to its route, or says why not; and has it audited.
pub(super) async fn admit(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    if !guard.covers(request.uri().path()) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let template = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let params = params(&mut parts).await;
    let client = client(&parts);
    let is_open = access::listed(&parts.method, &template) == Some(Who::Anyone);
    let pass = if is_open { None } else { Some(guard.who_asks(&parts.headers, client)) };
    let pass = match pass.transpose() {
        Ok(pass) => pass,
        Err(problem) => return private(problem.into_response()),
    };
    let principal = pass.as_ref().map(|pass| pass.key.principal());
    let asked = (template.as_str(), params.as_slice());
    let record = Record::begin(&guard.telemetry, principal.clone(), client, &parts.method, asked);
    let allowed = match (&pass, &principal) {
        (Some(pass), Some(principal)) => {
            let tenant = tenant_of(&template, &params);
            let may = access::check(principal, &parts.method, &template, tenant).map_err(Problem::from);
            pass.check_page(&parts).and(may)
        }
        _ => Ok(()),
    };
    let answer = match allowed {
        Err(problem) => problem.into_response(),
        Ok(()) => {
            let place = guard.place_of_body(&parts.method, principal.as_ref()).await;
            if let (Some(pass), Some(principal)) = (pass, principal) {
                parts.extensions.insert(principal);
                parts.extensions.insert(pass);
            }
            match place {
                Ok(_held) => next.run(Request::from_parts(parts, body)).await,
                Err(problem) => problem.into_response(),
            }
        }
    };
    if let Some(record) = record {
        record.finish(&answer);
    }
    private(answer)
}

/// No cache keeps what only the holder of a token may see.
fn private(mut answer: Response) -> Response {
    answer.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// What stood in place of the template's names, its percent signs undone once, as routes see it. Nothing, where that is no
/// UTF-8: a route refuses it, and no tenant has such a name.
async fn params(parts: &mut Parts) -> Vec<(String, String)> {
    match RawPathParams::from_request_parts(parts, &()).await {
        Ok(params) => params.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        Err(_) => Vec::new(),
    }
}

/// The tenant in the path, as it was written.
fn tenant_of<'a>(template: &str, params: &'a [(String, String)]) -> Option<&'a str> {
    let name = template.split('/').nth(3)?.strip_prefix('{')?.strip_suffix('}')?;
    params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// Where a request comes from: the address of the connection. What a field says of it anybody can write.
pub(super) fn client(parts: &Parts) -> IpAddr {
    let line = parts.extensions.get::<ConnectInfo<Line>>();
    line.map_or(Ipv6Addr::UNSPECIFIED.into(), |ConnectInfo(line)| line.client())
}

enum Bearer<'a> {
    /// None, or what is for somebody else: `Basic` for a proxy.
    None,
    Token(&'a str),
    /// Two of them mean two things to two readers.
    Several,
}

fn bearer(headers: &HeaderMap) -> Bearer<'_> {
    let mut tokens = headers.get_all(header::AUTHORIZATION).iter().filter_map(|value| {
        let value = value.as_bytes();
        let (scheme, token) = value.split_at(value.iter().position(|b| *b == b' ').unwrap_or(value.len()));
        // What is no text is a token all the same, and a wrong one.
        let token = || str::from_utf8(token).unwrap_or_default().trim();
        scheme.eq_ignore_ascii_case(b"bearer").then(token)
    });
    match (tokens.next(), tokens.next()) {
        (None, _) => Bearer::None,
        (Some(token), None) => Bearer::Token(token),
        (Some(_), Some(_)) => Bearer::Several,
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotThere => Self::no_tenant(),
            Denied::ReadOnly => Self::new(StatusCode::FORBIDDEN, "this token may look, but change nothing"),
            Denied::OwnersOnly => Self::new(StatusCode::FORBIDDEN, "this is for owners' tokens"),
            Denied::HostOnly => {
                Self::new(StatusCode::FORBIDDEN, "this is for the host's token, not for a tenant's")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_token() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            match bearer(&headers) {
                Bearer::None => "none".to_owned(),
                Bearer::Several => "several".to_owned(),
                Bearer::Token(token) => format!("token {token}"),
            }
        };
        for (values, found) in [
            (&["Bearer secret"][..], "token secret"),
            (&["bearer  secret"], "token secret"),
            (&["Basic eHg=", "Bearer secret"], "token secret"),
            (&["Bearer"], "token "),
            (&["Bearer \u{e9}"], "token \u{e9}"),
            (&["Bearer a", "Bearer b"], "several"),
            (&["Basic secret"], "none"),
            (&["secret"], "none"),
            (&["Bearersecret"], "none"),
            (&[""], "none"),
            (&[], "none"),
        ] {
            assert_eq!(of(values), found, "{values:?}");
        }
    }

    #[test]
    fn what_is_behind_the_guard() {
        let guard = |metrics_open| {
            let (keys, _) = Keys::new(&[], "nowhere".into(), Box::new(|_| true));
            Guard {
                bodies: Work::with(BODIES_MAX, BODIES_PER_OWNER),
                hosts: Hosts::new("127.0.0.1:1".parse().unwrap(), &[]),
                keys,
                sessions: Sessions::default(),
                failures: Failures::default(),
                metrics_open,
                telemetry: Telemetry::silent(),
            }
        };
        for path in ["/v1", "/v1/", "/v1/status", "/v1//status", "/v1/nothing"] {
            assert!(guard(true).covers(path), "{path}");
        }
        for path in ["/", "/page/app.js", "/healthz", "/v2", "//v1/status", "/metrics"] {
            assert!(!guard(true).covers(path), "{path}");
        }
        assert!(guard(false).covers("/metrics"));
    }
}
