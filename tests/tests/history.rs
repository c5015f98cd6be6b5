//! Revisions by the API and the command line: who made which, what it changed, and how one comes back.

use gatepost_tests::guest::Guest;
use gatepost_tests::{Server, http, shipped};
use serde_json::{Value, json};

const PATH: &str = "/v1/tenants/acme/chain";

fn server() -> Server {
    let server = Server::builder()
        .chain("acme", "acme.example", "maildir")
        .file("catalog/processors/host/subject-tag/1.0.0.wasm", shipped::component("subject-tag"))
        .start();
    server.announce_admin();
    server
}

fn post(server: &Server, path: &str, body: &Value) -> http::Answer {
    let token = format!("Authorization: Bearer {}", server.token());
    http::send(server.admin(), "POST", path, &[&token], body.to_string().as_bytes()).unwrap()
}

fn set(server: &Server, tag: &str) -> Value {
    let change = json!({
        "chain": "subject-tag@1 | maildir",
        "stage": {"subject-tag": {"config": {"tag": tag}}},
    });
    server.put(PATH, &[], change.to_string().as_bytes()).is(200).json()
}

fn subject(server: &Server) -> String {
    server.maildir("acme").clear();
    let sent = server.smtp().deliver("a@client.test", &["jo@acme.example"], b"Subject: x\r\n\r\nx\r\n");
    assert_eq!(sent.unwrap().code, 250);
    let message = String::from_utf8(server.maildir("acme").messages().remove(0)).unwrap();
    message.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap().to_owned()
}

/// Goal: a revision that comes back runs what it ran, with the answer; the history says who did what, and shows the difference.
#[test]
fn a_revision_comes_back() {
    let server = server();
    set(&server, "[one]");
    set(&server, "[two]");
    assert_eq!(subject(&server), "[two] x");
    let back = post(&server, &format!("{PATH}/rollback"), &json!({"revision": 2})).is(200);
    assert_eq!(back.header("etag"), "\"4\"");
    assert_eq!(back.json()["revision"], 4);
    assert_eq!(subject(&server), "[one] x", "with its answer");
    assert_eq!(server.wait_records("message", 2)[1]["chain_revision"], 4);

    let history = server.api("GET", &format!("{PATH}/history")).is(200).json();
    let told: Vec<_> = history["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| format!("{} {} {} {} {}", r["revision"], r["live"], r["author"], r["action"], r["of"]))
        .collect();
    assert_eq!(
        told,
        [
            "4 true \"host\" \"rollback\" 2",
            "3 false \"host\" \"set\" null",
            "2 false \"host\" \"set\" null",
            "1 false \"file\" \"file\" null"
        ]
    );
    let component = &history["revisions"][0]["components"][0];
    assert_eq!(
        (&component["name"], &component["processor"]),
        (&json!("subject-tag@1"), &json!("host/subject-tag@1.0.0"))
    );
    let past = server.api("GET", &format!("{PATH}/history/3")).is(200).json();
    assert!(past["diff"].as_str().unwrap().contains("-config = { tag = \"[one]\" }\n+config"), "{past}");
    assert!(past["diff_live"].as_str().unwrap().contains("--- revision 4\n+++ revision 3\n"), "{past}");

    // Without a number, the one before; a condition that is stale changes nothing.
    let stale = format!("If-Match: \"3\"\r\nAuthorization: Bearer {}", server.token());
    let stale = http::send(server.admin(), "POST", &format!("{PATH}/rollback"), &[&stale], b"{}").unwrap();
    assert_eq!(stale.status, 412, "{stale:?}");
    assert_eq!(post(&server, &format!("{PATH}/rollback"), &json!({})).is(200).json()["revision"], 5);
    assert_eq!(subject(&server), "[two] x");
    assert_eq!(post(&server, &format!("{PATH}/rollback"), &json!({"revision": 77})).status, 404);
    assert_eq!(post(&server, &format!("{PATH}/rollback"), &json!({"revisio": 2})).status, 422);
    assert_eq!(server.api("GET", &format!("{PATH}/history/77")).status, 404);
    assert_eq!(server.api("GET", &format!("{PATH}/history/x")).status, 400);
    assert_eq!(server.api("GET", "/v1/tenants/nobody/chain/history").status, 404);
}

/// Goal: the revision that is live means the same bytes, whatever is uploaded, reloaded or restarted; the same chain set once
/// more takes up what is newest; what is in use is not removed.
#[test]
fn a_pin_is_resolved_when_it_goes_live() {
    let mut server = server();
    let component = |pages| Guest::new().name("tagger").pages(pages).component();
    server.upload("acme", "tagger", "1.0.0", &component(17)).is(201);
    let chain = br#"{"chain": "tagger@1 | maildir"}"#;
    let runs = |server: &Server| {
        let view = server.api("GET", &format!("{PATH}/live")).is(200).json();
        let processor = view["stages"][0]["processor"].as_str().unwrap().to_owned();
        (view["revision"].as_u64().unwrap(), processor.split('#').next().unwrap().to_owned())
    };
    server.put(PATH, &[], chain).is(200);
    server.upload("acme", "tagger", "1.0.1", &component(18)).is(201);
    assert_eq!(server.api("POST", "/v1/reload").is(200).json()["changed"], json!([]));
    assert_eq!(runs(&server), (2, "acme/tagger@1.0.0".to_owned()));
    server.kill9();
    server.restart();
    assert_eq!(runs(&server), (2, "acme/tagger@1.0.0".to_owned()));
    let remove = |server: &Server, version: &str| {
        server.api("DELETE", &format!("/v1/tenants/acme/processors/tagger/{version}"))
    };
    let refused = remove(&server, "1.0.0").is(409).json();
    assert_eq!(refused["users"], json!(["acme (revision 2)"]));
    server.put(PATH, &[], chain).is(200);
    assert_eq!(runs(&server), (3, "acme/tagger@1.0.1".to_owned()));
    post(&server, &format!("{PATH}/rollback"), &json!({})).is(200);
    assert_eq!(runs(&server), (4, "acme/tagger@1.0.0".to_owned()));
    remove(&server, "1.0.1").is(204);
    assert_eq!(remove(&server, "1.0.1").status, 404);
    let told = post(&server, &format!("{PATH}/rollback"), &json!({"revision": 3})).is(422).json();
    assert!(told["problems"][0]["text"].as_str().unwrap().contains("acme/tagger@1.0.1"), "{told}");
    let list = server.api("GET", "/v1/tenants/acme/processors").is(200).json();
    let told: Vec<_> = list["processors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| format!("{}/{}@{} {}", p["owner"], p["name"], p["version"], p["used_by"]).replace('"', ""))
        .collect();
    assert_eq!(told, ["acme/tagger@1.0.0 [acme]", "host/subject-tag@1.0.0 []"]);
    assert!(
        list["processors"][1]["imports"].to_string().contains("gatepost:processor/"),
        "put there by hand: {list}"
    );
}

/// Goal: a check tells what a change would be, and changes nothing.
#[test]
fn a_check_changes_nothing() {
    let server = server();
    let check = |chain: &str| post(&server, &format!("{PATH}/check"), &json!({ "chain": chain }));
    let view = check("nosuch@1 | maildir").is(422).json();
    assert_eq!(view["problems"][0]["key"], "chain", "{view}");
    let good = json!({"chain": "header | subject-tag@1 | maildir", "stage": {"subject-tag": {"config": {"tag": "[x]"}}}});
    let view = post(&server, &format!("{PATH}/check"), &good).is(200).json();
    assert_eq!((&view["revision"], &view["stages"][1]["smoke"]["complete"]), (&json!(2), &json!(true)));
    assert_eq!(server.api("GET", PATH).header("etag"), "\"1\"");
    assert_eq!(subject(&server), "x");
    let site = server.site();
    let stage = "subject-tag={\"config\":{\"tag\":\"[x]\"}}";
    let told =
        site.gatepost(&["chain", "check", "acme", "subject-tag | maildir", "--stage", stage]).exits(0).text();
    assert!(told.starts_with("acme: it would be revision 2: subject-tag | maildir\n"), "{told}");
    site.gatepost(&["chain", "check", "acme", "nosuch | maildir"]).exits(78);
}

/// Goal: the command line does what the API does.
#[test]
fn by_the_command_line() {
    let server = server();
    let site = server.site();
    let stage = "subject-tag={\"config\":{\"tag\":\"[cli]\"}}";
    site.gatepost(&["chain", "set", "acme", "subject-tag | maildir", "--stage", stage]).exits(0);
    assert_eq!(subject(&server), "[cli] x");
    let told = site.gatepost(&["chain", "rollback", "acme"]).exits(0).text();
    assert!(told.starts_with("acme: revision 3 is live: maildir\n"), "{told}");
    let told = site.gatepost(&["chain", "history", "acme"]).exits(0).text();
    let lines: Vec<&str> = told.lines().collect();
    assert!(
        lines[0].starts_with("*    3  20") && lines[0].contains("host") && lines[0].contains("rollback to 1"),
        "{told}"
    );
    assert!(lines[1].starts_with("     2  20") && lines[1].ends_with("subject-tag | maildir"), "{told}");
    let told = site.gatepost(&["chain", "history", "acme", "--revision", "2"]).exits(0).text();
    assert!(told.contains("subject-tag: nothing -> host/subject-tag@1.0.0\n"), "{told}");
    assert!(
        told.contains("\n domains = [\"acme.example\"]\n-chain = \"maildir\"\n+chain = \"subject-tag"),
        "{told}"
    );
    let json: Value =
        serde_json::from_str(&site.gatepost(&["--json", "chain", "history", "acme"]).exits(0).text())
            .unwrap();
    assert_eq!(json["revisions"][0]["of"], 1);
    site.gatepost(&["chain", "rollback", "acme", "--if-revision", "1"]).exits(78);
    site.gatepost(&["chain", "rollback", "acme", "--to", "55"]).exits(64);
    site.gatepost(&["chain", "history", "nobody"]).exits(64);

    let told = site.gatepost(&["processor", "list"]).exits(0).text();
    assert!(told.starts_with("host/subject-tag@1.0.0") && told.contains("unused"), "{told}");
    site.gatepost(&["chain", "set", "acme", "subject-tag | maildir", "--stage", stage]).exits(0);
    let told = site.gatepost(&["processor", "remove", "subject-tag@1.0.0", "--host"]).exits(78).stderr;
    assert!(told.contains("in use by acme (revision 4)"), "{told}");
    site.gatepost(&["chain", "rollback", "acme"]).exits(0);
    site.gatepost(&["processor", "remove", "subject-tag@1.0.0", "--host"]).exits(0);
    site.gatepost(&["processor", "remove", "subject-tag@1.0.0", "--host"]).exits(64);
}
