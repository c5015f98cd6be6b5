//! Tenants by the API and the command line: made, shown, changed, removed, each whole or not at all.

use std::time::Duration;

use gatepost_tests::guest::Guest;
use gatepost_tests::wait::until;
use gatepost_tests::{Server, http};
use serde_json::{Value, json};

fn server() -> Server {
    let server = Server::builder().chain("acme", "acme.example", "maildir").start();
    server.announce_admin();
    server
}

fn put(server: &Server, name: &str, tenant: &Value) -> http::Answer {
    server.put(&format!("/v1/tenants/{name}"), &[], tenant.to_string().as_bytes())
}

fn deliver(server: &Server, to: &str) -> u16 {
    let mut smtp = server.smtp();
    smtp.deliver("a@client.test", &[to], b"Subject: x\r\n\r\nx\r\n").unwrap().code
}

/// Goal: a tenant that is made takes mail with the answer; what is put is what is shown, and may be put back.
#[test]
fn a_tenant_comes_and_goes() {
    let server = server();
    assert_eq!(deliver(&server, "jo@bolt.example"), 550);
    let bolt = json!({
        "domains": ["bolt.example", "*.bolt.example"],
        "chain": "header | maildir",
        "limits": {"concurrent_messages": 8},
        "host": {"grants_allowed": ["clock"], "weight": 3},
    });
    let made = put(&server, "bolt", &bolt).is(201);
    assert_eq!((made.header("etag").as_str(), &made.json()["chain"]), ("\"1\"", &json!("header | maildir")));
    assert_eq!(deliver(&server, "jo@mx.bolt.example"), 250);
    let shown = server.api("GET", "/v1/tenants/bolt").is(200).json();
    for key in ["domains", "chain", "limits", "host"] {
        assert_eq!(shown[key], bolt[key], "{key}");
    }
    let file = std::fs::read_to_string(server.site().path().join("catalog/tenants/bolt.toml")).unwrap();
    assert!(file.contains("concurrent_messages = 8\n") && file.contains("weight = 3\n"), "{file}");
    assert_eq!(put(&server, "bolt", &bolt).is(200).header("etag"), "\"1\"", "nothing changes");
    let smaller = json!({"domains": ["bolt.example"], "chain": "maildir"});
    assert_eq!(put(&server, "BOLT", &smaller).is(200).header("etag"), "\"2\"");
    assert_eq!(deliver(&server, "jo@mx.bolt.example"), 550);
    let shown = server.api("GET", "/v1/tenants/bolt").is(200).json();
    assert_eq!((&shown["limits"], &shown["host"]), (&json!({}), &json!({})));
    let list = server.api("GET", "/v1/tenants").is(200).json();
    assert_eq!(list["tenants"][1]["domains"], json!(["bolt.example"]));

    server.upload("bolt", "mine", "1.0.0", &Guest::new().component()).is(201);
    server.api("DELETE", "/v1/tenants/bolt").is(204);
    assert_eq!(server.api("DELETE", "/v1/tenants/bolt").status, 404);
    assert_eq!(deliver(&server, "jo@bolt.example"), 550);
    assert_eq!(server.wait_records("tenant_removed", 1)[0]["tenant"], "bolt");
    // Who comes under the same name finds nothing of it, and what it had is kept aside.
    assert_eq!(put(&server, "bolt", &smaller).is(201).header("etag"), "\"1\"");
    let there = server.api("GET", "/v1/tenants/bolt/processors").is(200).json();
    assert_eq!(there["processors"], json!([]));
    let kept: Vec<_> =
        std::fs::read_dir(server.site().path().join("catalog/removed")).unwrap().flatten().collect();
    assert!(
        kept[0].path().join("processors/mine/1.0.0.wasm").is_file()
            && kept[0].path().join("tenant.toml").is_file()
    );
}

/// Goal: what does not hold makes no tenant, and says why.
#[test]
fn what_does_not_hold_is_refused() {
    let server = server();
    let good = json!({"domains": ["bolt.example"], "chain": "maildir"});
    let refused = |change: Value, key: &str, part: &str| {
        let mut tenant = good.clone();
        tenant.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let told = put(&server, "bolt", &tenant).is(422).json();
        assert_eq!(told["problems"][0]["key"], key, "{told}");
        assert!(told["problems"][0]["text"].as_str().unwrap().contains(part), "{part}: {told}");
    };
    refused(json!({"domains": ["acme.example"]}), "domains", "belongs to another tenant");
    refused(json!({"domains": ["no domain"]}), "domains", "");
    refused(json!({"chain": "nosuch | maildir"}), "chain", "unknown processor");
    refused(
        json!({"limits": {"concurrent_messages": 100_000}}),
        "limits.concurrent_messages",
        "[limits.max]",
    );
    refused(json!({"limits": {"nosuch": 1}}), "limits.nosuch", "unknown");
    refused(json!({"host": {"grants_allowed": ["root"]}}), "host.grants_allowed", "unknown grant");
    for name in ["host", "-x", "x_y", "a.b", "%2e%2e", "a%2fb", "%00", "CON:", "%e2%80%ae", &"x".repeat(64)] {
        let status = put(&server, name, &good).status;
        assert!(status == 400 || status == 422, "{name}: {status}");
    }
    assert_eq!(put(&server, "bolt", &json!({"chain": "maildir"})).status, 422);
    assert_eq!(server.put("/v1/tenants/bolt", &[], b"{").status, 400);
    assert_eq!(server.put("/v1/tenants/bolt", &["If-Match: \"1\""], good.to_string().as_bytes()).status, 412);
    assert_eq!(server.api("GET", "/v1/tenants/bolt").status, 404);
    assert_eq!(std::fs::read_dir(server.site().path().join("catalog/tenants")).unwrap().count(), 1);
}

#[test]
fn by_the_command_line() {
    let server = server();
    let site = server.site();
    let add = [
        "tenant",
        "add",
        "bolt",
        "--domain",
        "bolt.example",
        "--grant",
        "kv,clock",
        "--limit",
        "concurrent_messages=8",
    ];
    let told = site.gatepost(&add).exits(0).text();
    assert!(told.starts_with("bolt: revision 1 is live: header | maildir\n"), "{told}");
    assert_eq!(deliver(&server, "jo@bolt.example"), 250);
    let told = site.gatepost(&add).exits(78).stderr;
    assert!(told.contains("there is a tenant `bolt` already"), "{told}");
    let told = site.gatepost(&["tenant", "show", "bolt"]).exits(0).text();
    assert!(told.contains("  limits      {\"concurrent_messages\":8}\n"), "{told}");
    assert!(told.contains("  host        {\"grants_allowed\":[\"kv\",\"clock\"]}\n"), "{told}");
    let json: Value =
        serde_json::from_str(&site.gatepost(&["--json", "tenant", "list"]).exits(0).text()).unwrap();
    assert_eq!(json["tenants"][1]["name"], "bolt");
    site.gatepost(&["tenant", "remove", "bolt", "--if-revision", "9"]).exits(78);
    site.gatepost(&["tenant", "remove", "bolt"]).exits(0);
    site.gatepost(&["tenant", "show", "bolt"]).exits(64);
    site.gatepost(&["tenant", "show", "../acme"]).exits(64);
}

/// Goal: edits under the catalog are taken up without a reload: a tenant that changes, one that comes, one that goes, and a
/// component that one lacked.
#[test]
fn edits_are_taken_up() {
    let server = server();
    let site = server.site();
    let file = |domain: &str, chain: &str| format!("domains = [\"{domain}\"]\nchain = \"{chain}\"\n");
    site.write("catalog/tenants/acme.toml", file("new.example", "header | maildir").as_bytes());
    until("the edit is live", || (deliver(&server, "jo@new.example") == 250).then_some(()));
    let history = server.api("GET", "/v1/tenants/acme/chain/history").is(200).json();
    assert_eq!(
        (&history["revisions"][0]["author"], &history["revisions"][0]["revision"]),
        (&json!("file"), &json!(2))
    );
    site.write("catalog/tenants/bolt.toml", file("bolt.example", "mine | maildir").as_bytes());
    let refused = server.wait_records("tenant_refused", 1);
    assert_eq!(refused[0]["tenant"], "bolt");
    assert_eq!(deliver(&server, "jo@bolt.example"), 451);
    site.write("catalog/processors/bolt/mine/1.0.0.wasm", &Guest::new().component());
    until("its component has come", || (deliver(&server, "jo@bolt.example") == 250).then_some(()));
    std::fs::remove_file(site.path().join("catalog/tenants/bolt.toml")).unwrap();
    until("it is gone", || (deliver(&server, "jo@bolt.example") == 550).then_some(()));
    // What is refused says so once, and the old one goes on.
    site.write("catalog/tenants/acme.toml", b"domains = 7\n");
    assert_eq!(server.wait_records("tenant_refused", 2)[1]["serving"], 2);
    site.write("catalog/tenants/notes.txt", b"nothing");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(server.records("tenant_refused").len(), 2);
    assert_eq!(deliver(&server, "jo@new.example"), 250);
}

/// Goal: two servers do not share a state folder.
#[test]
fn one_server_one_state_folder() {
    // Another free port for each: the folder alone is what they share.
    let server = Server::builder().chain("acme", "acme.example", "maildir").start();
    let second = server.site().gatepost(&["serve"]).exits(74);
    assert!(second.stderr.contains("another server is at work"), "{}", second.stderr);
}
