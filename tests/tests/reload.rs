//! Reloads: each tenant swaps alone, a broken one keeps its last good revision, history is kept.

use gatepost_tests::wait::until;
use gatepost_tests::{Server, Smtp, shipped};
use serde_json::Value;

const FROM: &str = "a@client.test";

fn two_tenants() -> Server {
    Server::builder()
        .chain("acme", "acme.example", "maildir")
        .chain("other", "other.example", "maildir")
        .start()
}

fn tenant(domain: &str, chain: &str) -> String {
    format!("domains = [\"{domain}\"]\nchain = \"{chain}\"\n")
}

#[track_caller]
fn delivers(server: &Server, to: &str, code: u16) {
    let reply = Smtp::one_message(server.mx(), FROM, &[to], b"Subject: x\r\n\r\nx\r\n").unwrap();
    assert_eq!(reply.code, code, "{}", reply.text());
}

/// Goal: `gatepost reload` says what it did, and exits 78 if something was refused; a broken tenant goes on as it was,
/// the others change; once mended it changes, too.
#[test]
fn a_broken_tenant_keeps_its_last_good_revision() {
    let server = two_tenants();
    let site = server.site();
    let config = format!("[admin]\naddress = \"{}\"\n", server.admin());
    site.write("conf.d/address.toml", config.as_bytes());
    assert!(site.gatepost(&["reload"]).exits(0).text().contains("0 changed, 2 unchanged, 0 refused"));

    site.write("catalog/tenants/acme.toml", tenant("acme.example", "nosuch | maildir").as_bytes());
    site.write("catalog/tenants/other.toml", tenant("new.example", "header | maildir").as_bytes());
    let told = site.gatepost(&["reload"]).exits(78).text();
    assert!(told.contains("acme: refused, revision 1 goes on") && told.contains("nosuch"), "{told}");
    assert!(told.contains("other: revision 2 is live"), "{told}");
    delivers(&server, "jo@acme.example", 250);
    delivers(&server, "jo@new.example", 250);
    delivers(&server, "jo@other.example", 550);
    assert!(server.maildir("other").messages()[0].starts_with(b"Return-Path: "));

    let json: Value = serde_json::from_str(&site.gatepost(&["reload", "--json"]).exits(78).text()).unwrap();
    assert_eq!(json["refused"][0]["tenant"], "acme");
    assert_eq!(json["refused"][0]["serving"], 1);

    site.write("catalog/tenants/acme.toml", tenant("acme.example", "header | maildir").as_bytes());
    let told = site.gatepost(&["reload"]).exits(0).text();
    assert!(told.contains("acme: revision 2 is live"), "{told}");
    let status = site.gatepost(&["status"]).exits(0).text();
    assert!(
        status.contains("acme") && status.contains("revision 2") && status.contains("serving"),
        "{status}"
    );
}

/// Goal: revisions are kept as numbered files, each as it was; a removed tenant's domains are nobody's.
#[test]
fn history_is_kept_and_removal_takes_effect() {
    let server = two_tenants();
    let history = |n: u32| server.site().path().join(format!("catalog/history/acme/{n:04}.toml"));
    let first = tenant("acme.example", "maildir");
    assert_eq!(std::fs::read_to_string(history(1)).unwrap(), first);
    let second = tenant("acme.example", "header | maildir");
    server.site().write("catalog/tenants/acme.toml", second.as_bytes());
    assert_eq!(server.api("POST", "/v1/reload").status, 200);
    assert_eq!(std::fs::read_to_string(history(1)).unwrap(), first);
    assert_eq!(std::fs::read_to_string(history(2)).unwrap(), second);
    std::fs::remove_file(server.site().path().join("catalog/tenants/acme.toml")).unwrap();
    let report: Value = serde_json::from_str(&server.api("POST", "/v1/reload").body).unwrap();
    assert_eq!(report["removed"], serde_json::json!(["acme"]));
    delivers(&server, "jo@acme.example", 550);
    delivers(&server, "jo@other.example", 250);
}

/// Goal: a server that starts with a broken tenant that once was good serves its last good revision.
#[test]
fn a_restart_brings_the_last_good_revision_back() {
    let mut server = two_tenants();
    server.site().write("catalog/tenants/acme.toml", b"domains = [\"acme.example\"]\nchain = \"nosuch\"\n");
    server.restart();
    delivers(&server, "jo@acme.example", 250);
    delivers(&server, "jo@other.example", 250);
    assert!(!server.wait_records("tenant_refused", 1).is_empty());
}

/// Goal: a config that cannot be read at SIGHUP changes nothing, and the log says why.
#[test]
fn a_broken_config_changes_nothing() {
    let server = two_tenants();
    let config = std::fs::read_to_string(server.site().path().join("gatepost.toml")).unwrap();
    server.site().write("gatepost.toml", format!("{config}\nnonsense = 1\n").as_bytes());
    server.sighup();
    server.wait_records("reloaded", 2);
    until("the log to say why", || server.log().contains("nonsense").then_some(()));
    delivers(&server, "jo@acme.example", 250);
    let answer = server.api("POST", "/v1/reload");
    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("nonsense"), "{}", answer.body);
}

/// Goal: the command line says that no server runs, with a code of its own.
#[test]
fn no_server_is_exit_69() {
    let site = Server::builder()
        .section("admin", "token = \"file:token\"\naddress = \"127.0.0.1:9\"")
        .file("token", b"t")
        .site();
    site.gatepost(&["reload"]).exits(69);
    site.gatepost(&["status"]).exits(69);
}

/// Goal: two tenants, two chains, one process: neither can name the other's processor, nor learn that it is there.
/// Method: each has a component of its own; each uses its own, then names the other's in every way.
#[test]
fn no_tenant_can_name_anothers_processor() {
    let wasm = shipped::component("subject-tag");
    let tag = |tag: &str| format!("[stage.tag]\nconfig = {{ tag = \"[{tag}]\" }}\n");
    let of = |domain: &str, processor: &str, mark: &str| {
        format!("{}{}", tenant(domain, &format!("tag:{processor} | maildir")), tag(mark))
    };
    let server = Server::builder()
        .file("catalog/processors/acme/acme-tag/1.0.0.wasm", wasm)
        .file("catalog/processors/other/other-tag/1.0.0.wasm", wasm)
        .tenant("acme", &of("acme.example", "acme-tag", "A"))
        .tenant("other", &of("other.example", "other/other-tag@1", "B"))
        .start();
    delivers(&server, "jo@acme.example", 250);
    delivers(&server, "jo@other.example", 250);
    assert_eq!(server.maildir("acme").messages(), [b"Subject: [A] x\r\n\r\nx\r\n"]);
    assert_eq!(server.maildir("other").messages(), [b"Subject: [B] x\r\n\r\nx\r\n"]);
    let refusal = |processor: &str| {
        server.site().write("catalog/tenants/acme.toml", of("acme.example", processor, "A").as_bytes());
        let answer = server.api("POST", "/v1/reload");
        assert_eq!(answer.status, 422, "{processor}: {}", answer.body);
        let report: Value = serde_json::from_str(&answer.body).unwrap();
        report["refused"][0]["problems"][0]["text"].as_str().unwrap().to_owned()
    };
    for (there, nowhere) in [
        ("other-tag", "otter-tag"),
        ("other/other-tag", "other/otter-tag"),
        ("other/other-tag@1.0.0", "other/otter-tag@1.0.0"),
    ] {
        let told = refusal(there);
        assert!(told.contains("unknown processor"), "{there}: {told}");
        assert_eq!(told.replace("other-tag", "otter-tag"), refusal(nowhere), "what is there is told apart");
    }
    delivers(&server, "jo@acme.example", 250);
}
