//! Sessions of the web page: cookies, CSRF, pages of other origins.

use gatepost_tests::Server;
use gatepost_tests::http::{self, Answer};
use serde_json::{Value, json};

use super::{ask, make, two_tenants, with};

const PATH: &str = "/v1/session";
const TOKENS: &str = "/v1/tenants/acme/tokens";

struct Session {
    /// `Cookie: ...`
    cookie: String,
    /// `X-CSRF-Token: ...`
    csrf: String,
}

fn log_in(server: &Server, token: &str, fields: &[&str]) -> Answer {
    with(server, "POST", PATH, fields, Some(&json!({"token": token})))
}

fn session(server: &Server, token: &str) -> Session {
    let answer = log_in(server, token, &[]).is(200);
    let cookie = answer.header("set-cookie");
    let csrf = answer.json()["csrf"].as_str().unwrap().to_owned();
    Session {
        cookie: format!("Cookie: {}", cookie.split(';').next().unwrap()),
        csrf: format!("X-CSRF-Token: {csrf}"),
    }
}

/// Goal: a session does what its token does; what changes things needs the CSRF token, too; it ends at once by log-out.
#[test]
fn a_session_from_log_in_to_log_out() {
    let server = two_tenants().start();
    let owner = make(&server, "acme", &json!({"role": "owner", "expires_in": "30m"}));
    with(&server, "GET", PATH, &[], None).is(401);
    let answer = log_in(&server, &owner.text, &["X-Forwarded-Proto: https"]).is(200);
    let cookie = answer.header("set-cookie");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/; Secure"), "{cookie}");
    assert!(!answer.head.contains(&owner.text) && !answer.body.contains(&owner.text));
    let Session { cookie, csrf } = session(&server, &owner.text);
    let shown = with(&server, "GET", PATH, &[&cookie], None).is(200);
    assert_eq!(shown.header("cache-control"), "no-store");
    let shown = shown.json();
    assert_eq!((&shown["role"], &shown["tenant"]), (&json!("owner"), &json!("acme")));
    assert_eq!(format!("X-CSRF-Token: {}", shown["csrf"].as_str().unwrap()), csrf);
    let token = ask(&server, "GET", PATH, &owner.text, None).is(200).json();
    assert_eq!(
        (&token["csrf"], &token["expires"]),
        (&Value::Null, &shown["expires"]),
        "no longer than its token"
    );
    let host = ask(&server, "GET", PATH, &server.token(), None).is(200).json();
    assert_eq!(host, json!({"role": "host", "tenant": null, "csrf": null, "expires": null}));

    with(&server, "GET", "/v1/tenants/acme/chain", &[&cookie], None).is(200);
    with(&server, "GET", "/v1/tenants/other/chain", &[&cookie], None).is(404);
    let body = json!({"role": "reader"});
    let another = session(&server, &owner.text).csrf;
    for bad in [
        &[&*cookie][..],
        &[&cookie, "X-CSRF-Token: "],
        &[&cookie, "X-CSRF-Token: x"],
        &[&cookie, &another],
        &[&cookie, &csrf, &csrf],
    ] {
        let told = with(&server, "POST", TOKENS, bad, Some(&body)).is(403);
        assert!(told.body.contains("X-CSRF-Token"), "{told:?}");
    }
    with(&server, "POST", TOKENS, &[&csrf], Some(&body)).is(401);
    with(&server, "POST", TOKENS, &[&cookie, &csrf], Some(&body)).is(201);

    with(&server, "DELETE", PATH, &[&cookie], None).is(403);
    let out = with(&server, "DELETE", PATH, &[&cookie, &csrf], None).is(204);
    assert!(
        out.header("set-cookie").contains("gatepost_session=;")
            && out.header("set-cookie").contains("Max-Age=0")
    );
    with(&server, "GET", PATH, &[&cookie], None).is(401);
    let actors: Vec<Value> = server.records("audit").iter().map(|audit| audit["actor"].clone()).collect();
    assert!(actors[1..].iter().all(|actor| *actor == format!("acme/owner/{}", owner.id)), "{actors:?}");
}

/// Goal: a session is over with its token: removed, rotated out, expired, or gone from the host's file.
#[test]
fn a_session_ends_with_its_token() {
    let server = two_tenants().start();
    let holds = |session: &Session| with(&server, "GET", PATH, &[&session.cookie], None).status == 200;
    let host = server.token();
    let owner = make(&server, "acme", &json!({"role": "owner"}));
    let of_owner = session(&server, &owner.text);
    ask(&server, "DELETE", &format!("{TOKENS}/{}", owner.id), &host, None).is(204);
    assert!(!holds(&of_owner));

    let owner = make(&server, "acme", &json!({"role": "owner"}));
    let of_owner = session(&server, &owner.text);
    let rotate = format!("{TOKENS}/{}/rotate", owner.id);
    ask(&server, "POST", &rotate, &host, Some(&json!({"overlap": "1h"}))).is(201);
    assert!(holds(&of_owner));
    ask(&server, "POST", &rotate, &host, Some(&json!({"overlap": "0s"}))).is(201);
    assert!(!holds(&of_owner));

    let brief = make(&server, "acme", &json!({"role": "owner", "expires_in": "2s"}));
    let answer = log_in(&server, &brief.text, &[]);
    if answer.status == 200 {
        let cookie = format!("Cookie: {}", answer.header("set-cookie").split(';').next().unwrap());
        gatepost_tests::wait::until("the session's end", || {
            (with(&server, "GET", PATH, &[&cookie], None).status == 401).then_some(())
        });
    }

    let of_host = session(&server, &host);
    server.site().write("admin.token", b"another\n");
    ask(&server, "POST", "/v1/reload", &host, None).is(200);
    assert!(!holds(&of_host));
    ask(&server, "GET", PATH, "another", None).is(200);
}

/// Goal: where a request has a token, that decides, whatever cookie comes with it; of two cookies neither does.
#[test]
fn a_token_decides() {
    let server = two_tenants().start();
    let owner = make(&server, "acme", &json!({"role": "owner"}));
    let Session { cookie, csrf } = session(&server, &owner.text);
    let (right, wrong) = (format!("Authorization: Bearer {}", server.token()), "Authorization: Bearer wrong");
    assert_eq!(with(&server, "GET", PATH, &[&cookie, &right], None).json()["role"], "host");
    with(&server, "POST", "/v1/reload", &[&cookie, &right], None).is(200);
    with(&server, "POST", TOKENS, &[&cookie, &csrf, wrong], Some(&json!({"role": "reader"}))).is(401);
    with(&server, "GET", PATH, &[&right, wrong], None).is(401);
    with(&server, "GET", PATH, &[&cookie, "Authorization: Basic eDp5"], None).is(200);
    let second = session(&server, &owner.text).cookie;
    with(&server, "GET", PATH, &[&cookie, &second], None).is(401);
    let both = format!("{cookie}; {}", second.trim_start_matches("Cookie: "));
    with(&server, "GET", PATH, &[&both], None).is(401);
    with(&server, "GET", PATH, &["Cookie: gatepost_session=nonsense"], None).is(401);
    assert_eq!(server.metric("gatepost_admin_tokens_refused_total{result=\"refused\"}"), 1.0);
}

/// Goal: no page of another origin logs in, reads or changes anything by way of a browser that has a session.
#[test]
fn pages_of_other_origins() {
    let server = two_tenants().section("admin", "hosts = [\"admin.test\"]").start();
    let host = server.token();
    let Session { cookie, csrf } = session(&server, &host);
    let foreign = [
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Origin: null",
        "Origin: http://evil.test",
        "Origin: http://localhost.evil.test",
        "Origin: https://admin.test.evil.test:8025",
    ];
    for foreign in foreign {
        with(&server, "GET", "/v1/status", &[&cookie, foreign], None).is(403);
        with(&server, "POST", "/v1/reload", &[&cookie, &csrf, foreign], None).is(403);
        log_in(&server, &host, &[foreign]).is(403);
    }
    let own = format!("Origin: http://{}", server.admin());
    for own in [&own, "Origin: https://admin.test", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none"] {
        with(&server, "GET", "/v1/status", &[&cookie, own], None).is(200);
        log_in(&server, &host, &[own]).is(200);
    }
    for rebound in ["Host: evil.test", "Host: localhost.evil.test", "Host: 127.0.0.1.evil.test:8025"] {
        with(&server, "GET", "/v1/status", &[&cookie, rebound], None).is(403);
        log_in(&server, &host, &[rebound]).is(403);
    }
    // What a form can send.
    let form = format!("{{\"token\": \"{host}\"}}");
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "",
    ] {
        let kind = format!("Content-Type: {kind}");
        let fields: Vec<&str> = Some(&*kind).into_iter().collect();
        http::send(server.admin(), "POST", PATH, &fields, form.as_bytes()).unwrap().is(415);
    }
    let fields = ["Content-Type: application/json; charset=utf-8"];
    http::send(server.admin(), "POST", PATH, &fields, form.as_bytes()).unwrap().is(200);
}
