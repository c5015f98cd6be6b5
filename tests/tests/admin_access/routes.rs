//! Every route of the OpenAPI document, with every kind of token.

use gatepost_tests::Server;
use serde_json::{Value, json};

use super::{Token, ask, make, steady, two_tenants, with};

/// Routes that need no token.
const OPEN: &[(&str, &str)] = &[("GET", "/v1/openapi.json"), ("POST", "/v1/session")];
/// Routes for whoever has a token.
const FOR_ALL: &[(&str, &str)] = &[
    ("GET", "/v1/session"),
    ("DELETE", "/v1/session"),
    ("GET", "/v1/status"),
    ("GET", "/v1/figures"),
    ("GET", "/v1/events"),
    ("GET", "/v1/tenants"),
    ("GET", "/v1/processors"),
];

/// What a token of the tenant in the path may expect: whether it is let through.
fn may(role: &str, method: &str, template: &str) -> bool {
    if OPEN.contains(&(method, template)) || FOR_ALL.contains(&(method, template)) {
        return true;
    }
    let Some(rest) = template.strip_prefix("/v1/tenants/{tenant}") else { return false };
    match (role, method) {
        (_, "PUT" | "DELETE") if rest.is_empty() => false,
        ("owner", _) => true,
        _ => method == "GET" && !rest.starts_with("/tokens"),
    }
}

/// Method and path of each route.
fn routes(server: &Server) -> Vec<(String, String)> {
    let document = server.get("/v1/openapi.json").is(200).json();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        routes
            .extend(methods.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    assert!(routes.len() >= 12, "{routes:?}");
    routes
}

fn fill(template: &str, tenant: &str) -> String {
    let part = |part: &str| match part {
        "{tenant}" => tenant.to_owned(),
        "{name}" => "x".to_owned(),
        "{version}" => "1.0.0".to_owned(),
        "{revision}" => "1".to_owned(),
        "{id}" => "000000000000".to_owned(),
        named if named.starts_with('{') => panic!("{template}: say here what {named} may be"),
        plain => plain.to_owned(),
    };
    template.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn tokens(server: &Server) -> (Token, Token, Token) {
    (
        make(server, "acme", &json!({"role": "owner"})),
        make(server, "acme", &json!({"role": "reader"})),
        make(server, "other", &json!({"role": "owner"})),
    )
}

/// Goal: each route takes whom it is for and nobody else; nothing is done without a token that holds.
/// Method: all routes of the document, with no token, a wrong, a removed and an expired one, a reader's and an owner's.
#[test]
fn every_route_and_every_token() {
    let server = two_tenants().start();
    let (owner, reader, _) = tokens(&server);
    let (removed, expired) = (
        make(&server, "acme", &json!({"role": "owner"})),
        make(&server, "acme", &json!({"role": "owner", "expires_in": "1s"})),
    );
    ask(&server, "DELETE", &format!("/v1/tenants/acme/tokens/{}", removed.id), &server.token(), None).is(204);
    gatepost_tests::wait::until("the end of a token", || {
        (ask(&server, "GET", "/v1/status", &expired.text, None).status != 200).then_some(())
    });
    let mut problems = String::new();
    for (method, template) in routes(&server) {
        let path = fill(&template, "acme");
        let mut expect = |who: &str, status: u16, good: bool| {
            if !good {
                problems += &format!("{method} {template} for {who}: {status}\n");
            }
        };
        let is_open = OPEN.contains(&(&*method, &*template));
        let none = with(&server, &method, &path, &[], None);
        expect("nobody", none.status, (none.status == 401) != is_open && none.status != 403);
        for (who, token) in [("wrong", "wrong"), ("removed", &removed.text), ("expired", &expired.text)] {
            let told = ask(&server, &method, &path, token, None).status;
            // A host without limits would be asked too often by this test.
            expect(who, told, matches!(told, 401 | 429) != is_open && told != 403);
        }
        for (role, token) in [("reader", &reader), ("owner", &owner)] {
            let told = ask(&server, &method, &path, &token.text, None);
            let passed = !matches!(told.status, 401 | 403 | 429) && !told.body.contains("no such tenant");
            expect(
                role,
                told.status,
                if may(role, &method, &template) { passed } else { told.status == 403 },
            );
            if method == "GET" {
                let head = ask(&server, "HEAD", &path, &token.text, None).status;
                expect("HEAD", head, head == told.status || head == 405);
            }
        }
        let host = ask(&server, "OPTIONS", &path, &server.token(), None).status;
        expect("the host", host, host == 405);
    }
    assert!(problems.is_empty(), "{problems}");
}

/// Goal: what is another tenant's looks to the last byte like what is not there.
/// Method: every route below a tenant, and methods that are none, for a tenant that is there and one that is not.
#[test]
fn another_tenant_is_not_there() {
    let server = two_tenants().start();
    let (owner, reader, _) = tokens(&server);
    let templates = routes(&server).into_iter().map(|(_, path)| path);
    let templates: std::collections::BTreeSet<String> =
        templates.filter(|path| path.starts_with("/v1/tenants/{tenant}")).collect();
    for template in &templates {
        for method in ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"] {
            for token in [&owner, &reader] {
                let told = |tenant: &str| ask(&server, method, &fill(template, tenant), &token.text, None);
                let (there, nowhere) = (told("other").is(404), told("nobody"));
                assert_eq!(steady(&there), steady(&nowhere), "{method} {template}");
                assert_eq!(there.body, nowhere.body, "{method} {template}");
                assert!(!there.body.contains("other"), "{there:?}");
                let shouted = told("OTHER");
                assert_eq!((steady(&shouted), &shouted.body), (steady(&there), &there.body));
            }
        }
    }
    let refused = ask(&server, "PUT", "/v1/processors/x/1.0.0", &owner.text, None).is(403);
    assert!(refused.body.contains("host's token"), "{refused:?}");
    let refused = ask(&server, "POST", "/v1/reload", &owner.text, None).is(403);
    assert!(refused.body.contains("host's token"), "{refused:?}");
}

/// Goal: a path is what it is: its name in any case, percent signs undone once, and nothing else that looks like it.
#[test]
fn paths_that_look_alike() {
    let server = two_tenants().start();
    let (owner, _, other) = tokens(&server);
    for own in ["acme", "ACME", "%61cme", "Acm%45"] {
        let path = format!("/v1/tenants/{own}/chain");
        ask(&server, "GET", &path, &owner.text, None).is(200);
        ask(&server, "GET", &path, &other.text, None).is(404);
    }
    for path in
        ["/v1/tenants/%2561cme/chain", "/v1/tenants/..%2facme/chain", "/v1/tenants/acme%2fchain/chain"]
    {
        ask(&server, "GET", path, &owner.text, None).is(404);
    }
    let unrouted = [
        "/v1/",
        "/v1/nothing",
        "/v1//status",
        "/v1/status/",
        "/v1/./status",
        "/v1/%73tatus",
        "/v1/STATUS",
        "/v1/tenants/other/../acme/chain",
        "/v1/tenants//acme/chain",
        "/v1/tenants/acme//chain",
        "/v1/tenants/acme/chain/",
        "/v1/tenants/acme/%2e%2e/other/chain",
        "/v1/tenants/acme/chain;x",
    ];
    for path in unrouted {
        with(&server, "GET", path, &[], None).is(401);
        ask(&server, "GET", path, &owner.text, None).is(403);
        ask(&server, "GET", path, &server.token(), None).is(404);
    }
    for path in ["//v1/status", "/V1/status", "/%761/status", "/v1%2fstatus", "/../v1/status"] {
        with(&server, "GET", path, &[], None).is(404);
    }
    let overriding = format!("Authorization: Bearer {}", owner.text);
    for field in ["X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE"] {
        let path = format!("/v1/tenants/acme/tokens/{}", owner.id);
        with(&server, "POST", &path, &[&overriding, field], None).is(403);
        with(&server, "GET", "/v1/status?_method=DELETE", &[&overriding, field], None).is(200);
    }
    ask(&server, "GET", "/v1/status", &owner.text, None).is(200);
}

/// Goal: what a tenant's token is shown of the server is its own.
#[test]
fn status_is_of_ones_own() {
    let server = two_tenants().start();
    let (owner, reader, _) = tokens(&server);
    let names = |token: &str| -> Vec<Value> {
        let status = ask(&server, "GET", "/v1/status", token, None).is(200).json();
        status["tenants"].as_array().unwrap().iter().map(|tenant| tenant["name"].clone()).collect()
    };
    assert_eq!(names(&server.token()), ["acme", "other"]);
    assert_eq!(names(&owner.text), ["acme"]);
    assert_eq!(names(&reader.text), ["acme"]);
}

/// Goal: metrics are for everybody, or for the host alone.
#[test]
fn metrics_may_want_a_token() {
    let server = two_tenants().section("admin", "metrics = \"token\"").start();
    let (owner, ..) = tokens(&server);
    with(&server, "GET", "/metrics", &[], None).is(401);
    ask(&server, "GET", "/metrics", &owner.text, None).is(403);
    assert!(ask(&server, "GET", "/metrics", &server.token(), None).is(200).body.contains("gatepost_"));
    with(&server, "GET", "/healthz", &[], None).is(200);
}
