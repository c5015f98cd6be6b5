//! Who may do what: one table of all routes. What stands in no row is the host's alone.

use axum::http::Method;

use super::principal::{Principal, Role};

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Everybody, without a token.
    Anyone,
    /// Whoever has a token; the route shows each what it may see.
    Holder,
    /// The tenant's readers and owners.
    Reader,
    /// The tenant's owners.
    Owner,
    /// The host.
    Host,
}

/// Why a holder of a token may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// For this holder it is not there: another tenant's, which must look like none.
    NotThere,
    /// It may look only.
    ReadOnly,
    /// It is for owners, not for readers.
    OwnersOnly,
    /// It is the host's.
    HostOnly,
}

use Who::{Anyone, Holder, Host, Owner, Reader};

/// Method and path, as the routes have them; what a part in braces is called does not matter. `GET` is `HEAD`, too.
const TABLE: &[(&str, &str, Who)] = &[
    ("GET", "/v1/openapi.json", Anyone),
    ("POST", "/v1/session", Anyone),
    ("GET", "/v1/session", Holder),
    ("DELETE", "/v1/session", Holder),
    ("GET", "/v1/status", Holder),
    ("GET", "/v1/figures", Holder),
    ("GET", "/v1/events", Holder),
    ("GET", "/v1/tenants", Holder),
    ("GET", "/v1/processors", Holder),
    ("GET", "/v1/messages", Host),
    ("POST", "/v1/reload", Host),
    ("PUT", "/v1/processors/{name}/{version}", Host),
    ("DELETE", "/v1/processors/{name}/{version}", Host),
    ("GET", "/v1/tenants/{tenant}", Reader),
    ("PUT", "/v1/tenants/{tenant}", Host),
    ("DELETE", "/v1/tenants/{tenant}", Host),
    ("GET", "/v1/tenants/{tenant}/messages", Reader),
    ("GET", "/v1/tenants/{tenant}/chain", Reader),
    ("PUT", "/v1/tenants/{tenant}/chain", Owner),
    ("POST", "/v1/tenants/{tenant}/chain/check", Owner),
    ("GET", "/v1/tenants/{tenant}/chain/live", Reader),
    ("GET", "/v1/tenants/{tenant}/chain/history", Reader),
    ("GET", "/v1/tenants/{tenant}/chain/history/{revision}", Reader),
    ("POST", "/v1/tenants/{tenant}/chain/rollback", Owner),
    ("GET", "/v1/tenants/{tenant}/processors", Reader),
    ("PUT", "/v1/tenants/{tenant}/processors/{name}/{version}", Owner),
    ("DELETE", "/v1/tenants/{tenant}/processors/{name}/{version}", Owner),
    ("GET", "/v1/tenants/{tenant}/tokens", Owner),
    ("POST", "/v1/tenants/{tenant}/tokens", Owner),
    ("POST", "/v1/tenants/{tenant}/tokens/{id}/rotate", Owner),
    ("DELETE", "/v1/tenants/{tenant}/tokens/{id}", Owner),
    ("POST", "/v1/tenants/{tenant}/try", Owner),
];

/// Who may ask for a route, by its template; none: it stands in no row.
pub(super) fn listed(method: &Method, template: &str) -> Option<Who> {
    let method = if reads(method) { "GET" } else { method.as_str() };
    let is_it = |row: &&(&str, &str, Who)| row.0 == method && is_same(row.1, template);
    TABLE.iter().find(is_it).map(|(_, _, who)| *who)
}

/// Whether a request changes nothing.
pub(super) fn reads(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Whether `template` is below a tenant, who is its third part.
pub(super) fn is_of_tenant(template: &str) -> bool {
    let mut parts = template.split('/').skip(1);
    parts.next() == Some("v1")
        && parts.next() == Some("tenants")
        && parts.next().is_some_and(|part| part.starts_with('{'))
}

/// Whether `principal` may, where `tenant` is the one in the path.
pub(super) fn check(
    principal: &Principal,
    method: &Method,
    template: &str,
    tenant: Option<&str>,
) -> Result<(), Denied> {
    if principal.role == Role::Host {
        return Ok(());
    }
    // First of all, so that nothing can be learned of another tenant, not even what may be done to it.
    if is_of_tenant(template) && !tenant.is_some_and(|tenant| principal.sees(&tenant.to_ascii_lowercase())) {
        return Err(Denied::NotThere);
    }
    match (listed(method, template).unwrap_or(Host), principal.role) {
        (Host, _) => Err(Denied::HostOnly),
        (Owner, Role::Reader) if reads(method) => Err(Denied::OwnersOnly),
        (Owner, Role::Reader) => Err(Denied::ReadOnly),
        (Anyone | Holder | Reader | Owner, _) => Ok(()),
    }
}

fn is_same(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.split('/'), b.split('/'));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || (a.starts_with('{') && b.starts_with('{')) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(role: Role) -> Principal {
        Principal { role, tenant: Some("acme".to_owned()), token: "x".to_owned() }
    }

    fn may(role: Role, method: Method, template: &str, tenant: Option<&str>) -> Result<(), Denied> {
        check(&of(role), &method, template, tenant)
    }

    /// Goal: a tenant's token reaches its own things only, in whatever case they are named, and a reader changes nothing.
    #[test]
    fn what_a_tenants_token_reaches() {
        let chain = "/v1/tenants/{tenant}/chain";
        for own in ["acme", "ACME"] {
            assert_eq!(may(Role::Owner, Method::PUT, chain, Some(own)), Ok(()));
            assert_eq!(may(Role::Reader, Method::HEAD, chain, Some(own)), Ok(()));
            assert_eq!(may(Role::Reader, Method::PUT, chain, Some(own)), Err(Denied::ReadOnly));
        }
        for other in
            [Some("other"), Some("acme "), Some("acme\0"), Some("acmé"), Some(""), Some("../acme"), None]
        {
            for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
                assert_eq!(may(Role::Owner, method, chain, other), Err(Denied::NotThere), "{other:?}");
            }
        }
        let tokens = "/v1/tenants/{t}/tokens";
        assert_eq!(may(Role::Owner, Method::GET, tokens, Some("acme")), Ok(()));
        assert_eq!(may(Role::Reader, Method::GET, tokens, Some("acme")), Err(Denied::OwnersOnly));
    }

    /// Goal: what is in no row is the host's alone.
    #[test]
    fn what_nobody_listed() {
        let unlisted = [
            (Method::GET, "/v1/secrets"),
            (Method::PATCH, "/v1/status"),
            (Method::POST, "/v1/status"),
            (Method::GET, "/v1/reload"),
            (Method::PUT, "/v1/tenants/{tenant}/limits"),
            (Method::GET, "/v1"),
            (Method::GET, ""),
        ];
        for (method, template) in unlisted {
            assert_eq!(listed(&method, template), None, "{template}");
            for role in [Role::Owner, Role::Reader] {
                assert_eq!(
                    may(role, method.clone(), template, Some("acme")),
                    Err(Denied::HostOnly),
                    "{template}"
                );
            }
            assert_eq!(check(&Principal::host(), &method, template, None), Ok(()), "{template}");
        }
        assert_eq!(listed(&Method::DELETE, "/v1/tenants/{t}/tokens/{token}"), Some(Owner));
    }
}
