//! `gatepost token`, and how commands find the server: by config, by option, by environment.

use std::path::Path;
use std::process::Command;

use gatepost_tests::binary::{self, Done};
use serde_json::Value;

use super::{ask, two_tenants};

/// A command in a folder, with these variables.
fn gatepost(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Done {
    let mut command = Command::new(binary::path());
    for name in ["GATEPOST_CONFIG", "GATEPOST_SERVER", "GATEPOST_TOKEN"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied()).args(arguments).current_dir(folder);
    binary::run(&mut command, b"")
}

/// Goal: tokens by the command line, and what somebody does who has nothing but one.
#[test]
fn tokens_by_command() {
    let server = two_tenants().start();
    server.announce_admin();
    let site = server.site();
    let add = ["token", "add", "--tenant", "acme", "--role", "owner", "--label", "Jo", "--expires", "90d"];
    let added = site.gatepost(&add).exits(0);
    let token = added.text().trim().to_owned();
    assert!(token.starts_with("gp_") && !token.contains(char::is_whitespace), "the token alone: {token:?}");
    assert!(!added.stderr.contains(&token) && added.stderr.contains("owner"), "{}", added.stderr);
    let shown = site.gatepost(&["token", "list", "--tenant", "acme"]).exits(0).text();
    assert!(shown.contains("owner") && shown.contains("Jo") && !shown.contains(&token), "{shown}");

    let empty = tempfile::tempdir().unwrap();
    let url = format!("http://{}", server.admin());
    let own = [
        ("GATEPOST_SERVER", url.as_str()),
        ("GATEPOST_TOKEN", token.as_str()),
        ("http_proxy", "http://127.0.0.1:9"),
    ];
    let own = |arguments: &[&str]| gatepost(empty.path(), &own, arguments);
    own(&["chain", "set", "acme", "header | maildir"]).exits(0);
    own(&["chain", "show", "other"]).exits(64);
    let status = own(&["status", "--json"]).exits(0).text();
    assert!(status.contains("acme") && !status.contains("other"), "{status}");
    let refused = own(&["reload"]).exits(78);
    assert!(refused.stderr.contains("host's token"), "{}", refused.stderr);
    let added = own(&["token", "add", "--tenant", "acme", "--role", "reader", "--json"]).exits(0).text();
    let added: Value = serde_json::from_str(&added).unwrap();
    let id = added["id"].as_str().unwrap();
    let rotated = own(&["token", "rotate", id, "--tenant", "acme", "--overlap", "0s"]).exits(0).text();
    assert_eq!(ask(&server, "GET", "/v1/status", rotated.trim(), None).status, 200);
    own(&["token", "remove", id, "--tenant", "acme"]).exits(64);
    let told = own(&["token", "remove", rotated.trim(), "--tenant", "acme"]).exits(64);
    assert!(!told.stderr.contains(rotated.trim()), "{}", told.stderr);
    let id = rotated.trim().split('_').nth(1).unwrap();
    own(&["token", "remove", id, "--tenant", "acme"]).exits(0);
    own(&["token", "list", "--tenant", "other"]).exits(64);
    own(&["token", "list", "--tenant", "../x"]).exits(64);
}

/// Goal: server and token come from where the command line says first, then the environment, then the config; a config's token
/// goes to its own server only.
#[test]
fn where_a_command_goes() {
    let server = two_tenants().start();
    let (url, token, site) = (format!("http://{}", server.admin()), server.token(), server.site());
    site.write("token", token.as_bytes());
    let file = site.path().join("token").display().to_string();
    let empty = tempfile::tempdir().unwrap();
    let status = |variables: &[(&str, &str)], options: &[&str]| {
        gatepost(empty.path(), variables, &[options, &["status"]].concat())
    };
    status(&[], &["--server", &url, "--token-file", &file]).exits(0);
    status(
        &[("GATEPOST_TOKEN", "wrong"), ("GATEPOST_SERVER", "http://127.0.0.1:9")],
        &["--server", &url, "--token-file", &file],
    )
    .exits(0);
    status(&[("GATEPOST_TOKEN", &token)], &["--server", &url]).exits(0);
    status(&[("GATEPOST_TOKEN", "wrong")], &["--server", &url]).exits(78);
    status(&[("GATEPOST_TOKEN", &token)], &["--server", "http://127.0.0.1:9"]).exits(69);
    let told = status(&[("GATEPOST_TOKEN", &token)], &["--server", "https://mx.example"]).exits(64);
    assert!(told.stderr.contains("http only") && told.stderr.contains("ssh -L"), "{}", told.stderr);
    let told = status(&[], &["--server", &url]).exits(64);
    assert!(told.stderr.contains("GATEPOST_TOKEN"), "{}", told.stderr);
    status(&[("GATEPOST_TOKEN", "")], &["--server", &url]).exits(64);
    status(&[], &["--server", &url, "--token-file", "/nosuch"]).exits(74);
    let told = status(&[], &[]).exits(78);
    assert!(told.stderr.contains("--config") && told.stderr.contains("--server"), "{}", told.stderr);

    // The config: named, here, above, the nearest first.
    server.announce_admin();
    let config = site.path().join("gatepost.toml").display().to_string();
    status(&[], &["--config", &config]).exits(0);
    status(&[("GATEPOST_CONFIG", &config)], &[]).exits(0);
    let told = gatepost(site.path(), &[], &["--server", "http://127.0.0.1:9", "status"]).exits(64);
    assert!(told.stderr.contains("its own server"), "{}", told.stderr);
    site.write("filters/mine/src/x", b"");
    let deep = site.path().join("filters/mine/src");
    gatepost(&deep, &[], &["status"]).exits(0);
    gatepost(&deep, &[("GATEPOST_TOKEN", "wrong")], &["status"]).exits(78);
    site.write("filters/gatepost.toml", b"nonsense");
    let told = gatepost(&deep, &[], &["status"]).exits(78);
    assert!(told.stderr.contains("filters/gatepost.toml"), "{}", told.stderr);
}
