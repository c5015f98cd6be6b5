//! Who may ask: the Host header against rebinding, the bearer token against everyone else.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::principal::Principal;
use super::problem::Problem;

/// What requests are held against.
pub struct Guard {
    token: blake3::Hash,
    hosts: Vec<String>,
}

impl Guard {
    /// `hosts` may be named beyond `address` and `localhost`.
    pub fn new(token: &str, address: SocketAddr, hosts: &[String]) -> Self {
        let mut hosts: Vec<String> = hosts.iter().map(|host| host.to_lowercase()).collect();
        hosts.extend(["localhost".to_owned(), address.ip().to_string(), format!("[{}]", address.ip())]);
        if address.ip().is_loopback() || address.ip().is_unspecified() {
            hosts.extend(["127.0.0.1".to_owned(), "[::1]".to_owned()]);
        }
        Self { token: blake3::hash(token.as_bytes()), hosts }
    }

    fn knows_host(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        // Two of them mean two things to two readers (RFC 9112 §3.2).
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let Ok(host) = host.to_str() else { return false };
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        self.hosts.contains(&name.to_lowercase())
    }

    /// Compared as hashes, whose comparison takes the same time for every token.
    fn knows_token(&self, headers: &HeaderMap) -> bool {
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        token.is_some_and(|(_, token)| blake3::hash(token.trim().as_bytes()) == self.token)
    }
}

/// Refuses a Host header that names somebody else: a page that rebinds its name to us gets nothing.
pub(super) async fn host(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    if guard.knows_host(request.headers()) {
        return next.run(request).await;
    }
    Problem::new(StatusCode::FORBIDDEN, "unknown Host; list the name in `[admin] hosts`").into_response()
}

/// Refuses a request without the host's token.
pub(super) async fn token(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    if guard.knows_token(request.headers()) {
        request.extensions_mut().insert(Principal::host());
        return next.run(request).await;
    }
    Problem::new(StatusCode::UNAUTHORIZED, "send the host's token: `Authorization: Bearer TOKEN`")
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn only_our_own_names() {
        let guard = Guard::new("t", "127.0.0.1:8025".parse().unwrap(), &["Mx.Example".into()]);
        for good in
            ["localhost", "localhost:8025", "127.0.0.1:8025", "mx.example:1", "MX.EXAMPLE", "[::1]:8025"]
        {
            assert!(guard.knows_host(&headers(header::HOST, good)), "{good}");
        }
        for bad in ["evil.example", "localhost.evil.example", "evil:localhost", ""] {
            assert!(!guard.knows_host(&headers(header::HOST, bad)), "{bad}");
        }
        assert!(!guard.knows_host(&HeaderMap::new()));
        let mut two = headers(header::HOST, "localhost");
        two.append(header::HOST, "evil.example".parse().unwrap());
        assert!(!guard.knows_host(&two));
    }

    #[test]
    fn only_the_token() {
        let guard = Guard::new("secret", "127.0.0.1:8025".parse().unwrap(), &[]);
        for good in ["Bearer secret", "bearer secret"] {
            assert!(guard.knows_token(&headers(header::AUTHORIZATION, good)), "{good}");
        }
        for bad in ["Bearer secre", "Bearer secrets", "Bearer", "secret", "Basic secret", ""] {
            assert!(!guard.knows_token(&headers(header::AUTHORIZATION, bad)), "{bad}");
        }
    }
}
