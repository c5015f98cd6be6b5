//! Tokens from their making to their end, by the API; the host's own; and what the audit log tells of it.

use std::os::unix::fs::PermissionsExt as _;

use gatepost_tests::Server;
use gatepost_tests::wait::until;
use serde_json::{Value, json};

use super::{ask, make, two_tenants};

const TOKENS: &str = "/v1/tenants/acme/tokens";

fn status(server: &Server, token: &str) -> u16 {
    ask(server, "GET", "/v1/status", token, None).status
}

/// Goal: a token is made, listed without its text, rotated with an overlap, removed; across a restart; 0600 on disk.
#[test]
fn a_token_is_made_rotated_and_removed() {
    let mut server = two_tenants().start();
    let owner = make(&server, "acme", &json!({"role": "owner", "label": "Jo's laptop", "expires_in": "90d"}));
    let listed = ask(&server, "GET", TOKENS, &owner.text, None).is(200);
    assert!(!listed.body.contains(&owner.text));
    let shown = &listed.json()["tokens"][0];
    assert_eq!((&shown["id"], &shown["role"]), (&json!(owner.id), &json!("owner")));
    assert_eq!(shown["label"], "Jo's laptop");
    assert!(
        shown["expires"].as_str() > shown["created"].as_str() && shown["last_used"].is_string(),
        "{shown}"
    );

    // An owner makes others of its tenant.
    let made = ask(&server, "POST", TOKENS, &owner.text, Some(&json!({"role": "reader"}))).is(201);
    assert_eq!(made.header("cache-control"), "no-store");
    let reader = made.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(status(&server, &reader), 200);

    let rotate = format!("{TOKENS}/{}/rotate", owner.id);
    let new = ask(&server, "POST", &rotate, &owner.text, None).is(201).json();
    assert_eq!(new["label"], "Jo's laptop");
    let new = new["token"].as_str().unwrap().to_owned();
    assert_eq!((status(&server, &owner.text), status(&server, &new)), (200, 200), "both hold for an hour");
    ask(&server, "POST", &rotate, &new, Some(&json!({"overlap": "0s"}))).is(201);
    assert_eq!((status(&server, &owner.text), status(&server, &new)), (401, 200));

    let mode =
        |path: &str| std::fs::metadata(server.site().path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("tokens"), mode("tokens/acme.json")), (0o700, 0o600));
    let stored = std::fs::read_to_string(server.site().path().join("tokens/acme.json")).unwrap();
    for text in [&owner.text, &new, &reader] {
        assert!(!stored.contains(text.rsplit('_').next().unwrap()), "{stored}");
    }
    server.restart();
    assert_eq!(
        (status(&server, &new), status(&server, &reader), status(&server, &owner.text)),
        (200, 200, 401)
    );
    let listed = ask(&server, "GET", TOKENS, &new, None).json();
    let id = listed["tokens"].as_array().unwrap().iter().find(|token| token["role"] == "reader").unwrap();
    let path = format!("{TOKENS}/{}", id["id"].as_str().unwrap());
    ask(&server, "DELETE", &path, &new, None).is(204);
    ask(&server, "DELETE", &path, &server.token(), None).is(404);
    assert_eq!((status(&server, &new), status(&server, &reader)), (200, 401));
}

/// Goal: each limit is told, and what is asked wrongly.
#[test]
fn what_is_refused() {
    let server = two_tenants().start();
    let host = server.token();
    let refused = |body: Value, status: u16| ask(&server, "POST", TOKENS, &host, Some(&body)).is(status);
    for bad in [
        json!({}),
        json!({"role": "host"}),
        json!({"role": "owner", "expires_in": "soon"}),
        json!({"role": "owner", "expires_in": "0s"}),
        json!({"role": "owner", "expires_in": "3651d"}),
        json!({"role": "owner", "label": "x".repeat(65)}),
        json!({"role": "owner", "label": "a\nb"}),
        json!({"role": "owner", "admin": true}),
        json!([]),
    ] {
        refused(bad, 422);
    }
    for _ in 0..32 {
        make(&server, "acme", &json!({"role": "reader"}));
    }
    assert!(refused(json!({"role": "reader"}), 409).body.contains("32"));
    make(&server, "other", &json!({"role": "reader"}));
    ask(&server, "POST", "/v1/tenants/nobody/tokens", &host, Some(&json!({"role": "owner"}))).is(404);
}

/// Goal: a tenant that is gone takes its tokens along; the next one of its name does not get them.
#[test]
fn a_removed_tenants_tokens_do_not_come_back() {
    let server = two_tenants().start();
    let owner = make(&server, "acme", &json!({"role": "owner"}));
    let file = server.site().path().join("catalog/tenants/acme.toml");
    let text = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    server.api("POST", "/v1/reload").is(200);
    assert_eq!(status(&server, &owner.text), 401);
    std::fs::write(&file, &text).unwrap();
    server.api("POST", "/v1/reload").is(200);
    ask(&server, "GET", "/v1/tenants/acme/chain", &server.token(), None).is(200);
    assert_eq!(status(&server, &owner.text), 401);
    // One whose file is broken is there all the same: its owner is to mend it.
    let owner = make(&server, "acme", &json!({"role": "owner"}));
    std::fs::write(&file, "nonsense").unwrap();
    server.api("POST", "/v1/reload").is(422);
    assert_eq!(status(&server, &owner.text), 200);
}

/// Goal: the host's token is changed without a moment in which none or only one is right.
/// Method: a second line, SIGHUP, the first line goes, SIGHUP; and what cannot be read changes nothing.
#[test]
fn the_hosts_token_is_rotated() {
    let server = two_tenants().start();
    let old = server.token();
    server.announce_admin();
    let write = |text: &str| server.site().write("admin.token", text.as_bytes());
    let hup = |reloads: usize| {
        server.sighup();
        server.wait_records("reloaded", reloads);
    };
    write(&format!("{old}\nbrand-new\n"));
    assert_eq!(status(&server, "brand-new"), 401, "not before a reload");
    hup(2);
    until("the new token", || (status(&server, "brand-new") == 200).then_some(()));
    assert_eq!(status(&server, &old), 200);
    write(&format!("brand-new\n{old}\n"));
    server.site().gatepost(&["status"]).exits(0);
    write("brand-new\n");
    hup(3);
    until("the end of the old token", || (status(&server, &old) != 200).then_some(()));
    for nothing in ["", "\n\n"] {
        write(nothing);
        let report = ask(&server, "POST", "/v1/reload", "brand-new", None).is(422);
        assert!(report.body.contains("admin.token"), "{report:?}");
    }
    assert_eq!(status(&server, "brand-new"), 200);
    assert!(!server.log().contains("brand-new"));
}

/// Goal: the same where the config says where the tokens are.
#[test]
fn tokens_in_a_file_of_the_config() {
    let server = two_tenants()
        .section("admin", "token = \"file:host.tokens\"")
        .file("host.tokens", b"one\ntwo\n")
        .start();
    assert_eq!(
        (status(&server, "one"), status(&server, "two"), status(&server, "one\ttwo")),
        (200, 200, 401)
    );
    server.site().write("host.tokens", b"two\nthree\n");
    let report = ask(&server, "POST", "/v1/reload", "one", None).is(200).json();
    assert_eq!(report["problems"], json!([]));
    assert_eq!((status(&server, "one"), status(&server, "two"), status(&server, "three")), (401, 200, 200));
    assert!(!server.log().contains("restart"), "it needs none");
}

/// Goal: every change that was asked for by somebody who may ask is in the audit log, with what came of it, also a refusal;
/// what only looks, and who is nobody, is not.
#[test]
fn changes_are_audited() {
    let server = two_tenants().start();
    let reader = make(&server, "acme", &json!({"role": "reader"}));
    ask(&server, "GET", "/v1/status", &reader.text, None).is(200);
    ask(&server, "PUT", "/v1/tenants/acme/chain", "wrong", None).is(401);
    ask(&server, "PUT", "/v1/tenants/acme/chain", &reader.text, None).is(403);
    ask(&server, "PUT", "/v1/tenants/Other/chain", &reader.text, None).is(404);
    let change = json!({"chain": "header | maildir"});
    ask(&server, "PUT", "/v1/tenants/acme/chain", &server.token(), Some(&change)).is(200);
    ask(&server, "POST", "/v1/nothing", &server.token(), None).is(404);
    let audits = server.wait_records("audit", 5);
    let rows: Vec<_> =
        audits.iter().map(|a| (a["actor"].as_str().unwrap(), a["status"].as_u64().unwrap())).collect();
    let actor = format!("acme/reader/{}", reader.id);
    assert_eq!(rows, [("host", 201), (&*actor, 403), (&*actor, 404), ("host", 200), ("host", 404)]);
    assert_eq!(audits[0]["detail"], format!("token {} made", reader.id));
    assert_eq!(
        (&audits[2]["tenant"], &audits[2]["path"]),
        (&json!("other"), &json!("/v1/tenants/Other/chain"))
    );
    assert_eq!((&audits[3]["revision_after"], &audits[3]["client"]), (&json!(2), &json!("127.0.0.1")));
    assert_eq!((&audits[3]["method"], &audits[3]["tenant"]), (&json!("PUT"), &json!("acme")));
    assert_eq!(audits[4]["path"], "");
    assert_eq!(server.metric("gatepost_admin_changes_total{result=\"refused\"}"), 3.0);
}
