//! A tenant's chain by the admin API and by `gatepost chain`: checked whole, then live, or nothing changes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatepost_tests::guest::Guest;
use gatepost_tests::wait::until;
use gatepost_tests::{Server, http, shipped};
use serde_json::{Value, json};

const PATH: &str = "/v1/tenants/acme/chain";
const FILE: &str = "# Acme\ndomains = [\"acme.example\"] # ours\nchain = \"maildir\"\n\n[limits]\nconcurrent_messages = 16\n\n\
                    [host]\ngrants_allowed = [\"kv\"]\n";

fn server() -> Server {
    Server::builder()
        .tenant("acme", FILE)
        .chain("other", "other.example", "maildir")
        .file("catalog/processors/host/subject-tag/1.0.0.wasm", shipped::component("subject-tag"))
        .start()
}

fn set(server: &Server, change: &Value) -> http::Answer {
    server.put(PATH, &["Content-Type: application/json"], change.to_string().as_bytes())
}

fn text(server: &Server, path: &str) -> String {
    std::fs::read_to_string(server.site().path().join("catalog").join(path)).unwrap()
}

fn deliver(server: &Server, to: &str) -> u16 {
    let sent = server.smtp().deliver("a@client.test", &[to], b"Subject: x\r\n\r\nx\r\n");
    sent.unwrap().code
}

/// Goal: a change is live with its answer, its revision is kept, and nothing else of the file changes; what `GET` shows can
/// be put back.
#[test]
fn a_change_is_live_at_once() {
    let server = server();
    let shown = server.api("GET", PATH).is(200);
    assert_eq!(shown.header("etag"), "\"1\"");
    assert_eq!(
        shown.json(),
        json!({"chain": "maildir", "stage": {}, "on_failure": null, "recipients": null})
    );

    let change = json!({
        "chain": "HEADER | tag:subject-tag@1 | maildir",
        "stage": {"tag": {"config": {"tag": "[EXT]"}, "on_failure": "bypass"}},
        "on_failure": "reject",
    });
    let answer = set(&server, &change).is(200);
    assert_eq!(answer.header("etag"), "\"2\"");
    let view = answer.json();
    assert_eq!(
        (&view["revision"], &view["chain"]),
        (&json!(2), &json!("header | tag:subject-tag@1 | maildir"))
    );
    assert_eq!(view["sinks"], json!(["maildir"]));
    assert_eq!(view["warnings"], json!([]));
    let tag = &view["stages"][1];
    assert!(tag["processor"].as_str().unwrap().starts_with("host/subject-tag@1.0.0#"), "{tag}");
    assert_eq!((&tag["takes"], &tag["gives"]), (&json!("message"), &json!("message")));
    assert_eq!(tag["smoke"]["complete"], true);
    assert_eq!(view["stages"][0]["smoke"], Value::Null, "what is built in is not tried");

    assert_eq!(deliver(&server, "jo@acme.example"), 250);
    let message = String::from_utf8(server.maildir("acme").messages().remove(0)).unwrap();
    assert!(message.contains("Subject: [EXT] x\r\n"), "{message}");
    assert_eq!(server.wait_records("message", 1)[0]["chain_revision"], 2);
    assert_eq!(server.wait_records("tenant_loaded", 3)[2]["revision"], 2);
    let live = text(&server, "tenants/acme.toml");
    assert_eq!(live, text(&server, "history/acme/0002.toml"));
    assert_eq!(text(&server, "history/acme/0001.toml"), FILE);
    let (head, tail) = FILE.split_once("chain = \"maildir\"\n").unwrap();
    assert!(
        live.starts_with(&format!(
            "{head}chain = \"header | tag:subject-tag@1 | maildir\"\non_failure = \"reject\"\n"
        )),
        "{live}"
    );
    assert!(live.contains(tail.trim_end()), "{live}");

    let shown = server.api("GET", PATH).is(200).json();
    assert_eq!(shown["stage"], change["stage"]);
    assert_eq!(set(&server, &shown).is(200).header("etag"), "\"2\"", "nothing changes");
    let report = server.api("POST", "/v1/reload").is(200).json();
    assert_eq!(report["changed"], json!([]), "a reload finds what is live");
    let back = set(&server, &json!({"chain": "maildir", "on_failure": null})).is(200).json();
    assert_eq!(back["revision"], 3);
    assert_eq!(text(&server, "tenants/acme.toml").trim_end(), FILE.trim_end(), "tables go with their stages");
}

/// Goal: whatever is wrong is told with where, and nothing has changed: no file, no revision, no chain.
#[test]
fn nothing_changes_where_it_is_refused() {
    let server = server();
    let trapping = Guest::new().configure("(call $misconfigured @\"no such colour\")").component();
    server.upload("acme", "picky", "1.0.0", &trapping).is(201);
    let asking = Guest::new()
        .wit("import next;", "import next; import clock;")
        .open("(drop (call $now_ms)) (global.get $ok)");
    // Shared ones are stored without asking what a tenant may give.
    server.upload("host", "asking", "1.0.0", &asking.component()).is(201);
    let refused = |change: Value, key: &str, part: &str| {
        let told = set(&server, &change).is(422).json();
        let problem = &told["problems"][0];
        assert_eq!(problem["key"], key, "{told}");
        assert!(problem["text"].as_str().unwrap().contains(part), "{part}: {told}");
        assert_eq!(problem["file"], "tenants/acme.toml");
    };
    refused(json!({"chain": "header | | maildir"}), "chain", "at character 10");
    refused(json!({"chain": "subject-tagg | maildir"}), "chain", "did you mean `subject-tag`?");
    refused(json!({"chain": "other/subject-tag | maildir"}), "chain", "unknown processor");
    refused(json!({"chain": "subject-tag@2 | maildir"}), "chain", "has no version @2");
    refused(json!({"chain": "compress | maildir"}), "chain", "message");
    refused(json!({"chain": "picky | maildir"}), "chain", "no such colour");
    refused(json!({"chain": "maildir", "stage": {"nowhere": {}}}), "stage.nowhere", "the chain has no stage");
    refused(json!({"chain": "maildir", "on_failure": "perhaps"}), "on_failure", "perhaps");
    refused(json!({"chain": "maildir", "recipients": "maildir"}), "recipients", "built in");
    refused(json!({"chain": "asking | maildir"}), "chain", "needs the grant `clock`");
    let grant = json!({"chain": "asking | maildir", "stage": {"asking": {"grants": ["clock"]}}});
    refused(grant, "stage.asking.grants", "grants_allowed");
    let null = json!({"chain": "picky | maildir", "stage": {"picky": {"config": {"a": null}}}});
    refused(null, "stage.picky.config", "null");
    let two = |size: &str| json!({"chain": "a:buffer | b:buffer | maildir", "stage": {"a": {"size": "8MiB"}, "b": {"size": size}}});
    refused(two("8193KiB"), "chain", "may keep 16778240 bytes of a message, buffered_max is 16MiB");
    let many: String = (0..70).map(|n| format!("a{n}:debug | ")).collect();
    refused(json!({"chain": many + "maildir"}), "chain", "stages");
    for (body, status) in [
        ("{\"chain\": \"maildir\", \"domains\": []}", 422),
        ("{\"stage\": {}}", 422),
        ("{\"chain\": 7}", 422),
        ("{\"chain\": \"maildir\"", 400),
        ("", 400),
        ("\u{0}", 400),
    ] {
        assert_eq!(server.put(PATH, &[], body.as_bytes()).status, status, "{body}");
    }
    server.put(PATH, &[], &vec![b' '; (1 << 20) + 1]).is(413);
    assert_eq!(text(&server, "tenants/acme.toml"), FILE);
    assert!(!server.site().path().join("catalog/history/acme/0002.toml").exists());
    assert_eq!(server.api("GET", PATH).header("etag"), "\"1\"");
    assert_eq!(deliver(&server, "jo@acme.example"), 250);
    assert_eq!(server.wait_records("message", 1)[0]["chain_revision"], 1);
}

#[test]
fn only_for_tenants_that_are_there() {
    let server = server();
    let long = "a".repeat(300);
    for tenant in [
        "nobody",
        "host",
        "..",
        "%2e%2e",
        "..%2facme",
        "acme%00",
        "acme%2f..%2facme",
        "acme.toml",
        "%ff",
        &long,
    ] {
        let path = format!("/v1/tenants/{tenant}/chain");
        for answer in [server.api("GET", &path), server.put(&path, &[], b"{\"chain\": \"null\"}")] {
            assert!([400, 404].contains(&answer.status), "{tenant}: {answer:?}");
        }
    }
    assert_eq!(server.api("GET", "/v1/tenants/ACME/chain").is(200).header("etag"), "\"1\"");
}

/// Goal: a change goes by the revision that its author knows.
#[test]
fn stale_revisions() {
    let server = server();
    let put = |condition: &str, chain: &str| {
        let body = json!({ "chain": chain }).to_string();
        server.put(PATH, &[condition], body.as_bytes()).status
    };
    assert_eq!(put("If-Match: \"1\"", "header | maildir"), 200);
    for stale in [
        "If-Match: \"1\"",
        "If-Match: \"3\"",
        "If-Match: W/\"2\"",
        "If-Match: \"x\"",
        "If-Match: \"1\", \"3\"",
    ] {
        assert_eq!(put(stale, "null"), 412, "{stale}");
    }
    for wrong in ["If-Match: 2", "If-Match: \"2", "If-Match: "] {
        assert_eq!(put(wrong, "null"), 400, "{wrong}");
    }
    assert_eq!(put("If-Match: \"1\", \"2\"", "debug | maildir"), 200);
    assert_eq!(put("If-Match: *", "maildir"), 200);
    assert_eq!(server.api("GET", PATH).header("etag"), "\"4\"");
}

/// Goal: of changes at once that know the same revision one goes through, whole.
#[test]
fn changes_at_once() {
    let server = Server::builder().section("admin", "uploads_max = 16").tenant("acme", FILE).start();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let put = |n: usize| {
            let body = json!({ "chain": format!("a{n}:debug | maildir") }).to_string();
            server.put(PATH, &["If-Match: \"1\""], body.as_bytes()).status
        };
        let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || put(n))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 7, "{statuses:?}");
    assert_eq!(server.api("GET", PATH).header("etag"), "\"2\"");
    assert_eq!(text(&server, "tenants/acme.toml"), text(&server, "history/acme/0002.toml"));
}

/// Goal: what was edited by hand is not written over, nor built upon before it is live.
#[test]
fn a_file_edited_by_hand() {
    let server = server();
    let change = json!({"chain": "debug | maildir"});
    for edited in [FILE.replace("chain = \"maildir\"", "chain = \"header | maildir\""), "broken".to_owned()] {
        server.site().write("catalog/tenants/acme.toml", edited.as_bytes());
        let told = set(&server, &change).is(409).json();
        assert!(told["detail"].as_str().unwrap().contains("history/acme/0001.toml"), "{told}");
        assert_eq!(text(&server, "tenants/acme.toml"), edited);
        assert_eq!(server.api("GET", PATH).is(200).json()["chain"], "maildir", "what is live is shown");
    }
    std::fs::remove_file(server.site().path().join("catalog/tenants/acme.toml")).unwrap();
    set(&server, &change).is(409);
    server
        .site()
        .write("catalog/tenants/acme.toml", FILE.replace("\"maildir\"", "\"header | maildir\"").as_bytes());
    server.api("POST", "/v1/reload").is(200);
    assert_eq!(set(&server, &change).is(200).header("etag"), "\"3\"");

    server
        .site()
        .write("catalog/tenants/new.toml", b"domains = [\"new.example\"]\nchain = \"nosuch | maildir\"\n");
    let new = "/v1/tenants/new/chain";
    assert_eq!(
        server.api("GET", new).is(409).json()["detail"],
        server.put(new, &[], b"{\"chain\": \"maildir\"}").is(409).json()["detail"]
    );
    server.api("POST", "/v1/reload").is(422);
    server.put(new, &[], b"{\"chain\": \"maildir\"}").is(409);
}

/// Goal: a server that is killed around a change comes back with the chain before it or after it, whole; and with what it
/// answered at least.
/// Method: one change after the other as fast as they go, killed after another and another pause.
#[test]
fn killed_around_a_change() {
    let mut server = server();
    let chain = |n: usize| format!("a{n}:debug | maildir");
    let answered = AtomicUsize::new(0);
    for round in 0..8u64 {
        let (token, admin) = (format!("Authorization: Bearer {}", server.token()), server.admin());
        let before = answered.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in before + 1.. {
                    let body = json!({ "chain": chain(n) }).to_string();
                    let Ok(answer) = http::send(admin, "PUT", PATH, &[&token], body.as_bytes()) else {
                        break;
                    };
                    assert_eq!(answer.status, 200, "{answer:?}");
                    answered.store(n, Ordering::Relaxed);
                }
            });
            until("a change to be answered", || (answered.load(Ordering::Relaxed) > before).then_some(()));
            std::thread::sleep(Duration::from_millis(7 * round));
            server.kill9();
        });
        server.restart();
        let last = answered.load(Ordering::Relaxed);
        let shown = server.api("GET", PATH).is(200);
        let live = shown.json()["chain"].as_str().unwrap().to_owned();
        assert!(live == chain(last) || live == chain(last + 1), "{last} was answered, {live} is live");
        answered.store(if live == chain(last) { last } else { last + 1 }, Ordering::Relaxed);
        let revision: u64 = shown.header("etag").trim_matches('"').parse().unwrap();
        assert_eq!(
            text(&server, "tenants/acme.toml"),
            text(&server, &format!("history/acme/{revision:04}.toml"))
        );
        assert_eq!(deliver(&server, "jo@acme.example"), 250);
        let problems = &server.api("GET", "/v1/status").json()["tenants"][0]["problems"];
        assert_eq!(*problems, json!([]));
    }
}

/// Goal: a message under way keeps its chain, and another tenant's goes on as it was.
#[test]
fn a_message_keeps_the_chain_that_it_began_with() {
    let server = server();
    let mut client = server.smtp();
    client.expect_data("a@client.test", "jo@acme.example");
    set(&server, &json!({"chain": "header | maildir"})).is(200);
    client.write(b"Subject: x\r\n\r\nx\r\n.\r\n").unwrap();
    client.expect_reply(250);
    assert_eq!(server.wait_records("message", 1)[0]["chain_revision"], 1);
    assert_eq!(deliver(&server, "jo@other.example"), 250);
    assert_eq!(server.wait_records("message", 2)[1]["chain_revision"], 1);
}

/// Goal: the commands do the same, say what they did, and exit as others do.
#[test]
fn from_a_component_to_mail_by_the_command_line() {
    let server = server();
    server.announce_admin();
    let site = server.site();
    site.write("tagger.wasm", shipped::component("subject-tag"));
    let run = |arguments: &[&str], code: i32| site.gatepost(arguments).exits(code);

    let told = run(&["processor", "push", "tagger.wasm", "--tenant", "acme", "--name", "tagger"], 0).text();
    assert!(
        told.contains("acme/tagger@1.0.0 stored") && told.contains("its own name is `subject-tag`"),
        "{told}"
    );
    let told =
        run(&["processor", "push", "tagger.wasm", "--tenant", "acme", "--name", "tagger", "--json"], 0)
            .text();
    let stored: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&stored["owner"], &stored["version"]), (&json!("acme"), &json!("1.0.0")));
    let told = run(&["processor", "push", "tagger.wasm", "--host", "--version", "2.0.0"], 0).text();
    assert!(told.contains("host/subject-tag@2.0.0 stored"), "{told}");

    let stage = "tagger={\"config\":{\"tag\":\"[CLI]\"}}";
    let told =
        run(&["chain", "set", "acme", "tagger@1 | maildir", "--stage", stage, "--on-failure", "bypass"], 0)
            .text();
    assert!(
        told.contains("acme: revision 2 is live: tagger@1 | maildir") && told.contains("smoke: 7 messages"),
        "{told}"
    );
    assert_eq!(deliver(&server, "jo@acme.example"), 250);
    assert_eq!(server.maildir("acme").messages(), [b"Subject: [CLI] x\r\n\r\nx\r\n"]);
    let told = run(&["chain", "show", "acme"], 0).text();
    assert!(told.contains("acme: revision 2") && told.contains("[CLI]") && told.contains("bypass"), "{told}");
    let shown: Value = serde_json::from_str(&run(&["chain", "show", "acme", "--json"], 0).text()).unwrap();
    assert_eq!((&shown["revision"], &shown["on_failure"]), (&json!(2), &json!("bypass")));
    // What is not named stays.
    let view =
        run(&["chain", "set", "acme", "header | tagger@1 | maildir", "--if-revision", "2", "--json"], 0)
            .text();
    assert_eq!(serde_json::from_str::<Value>(&view).unwrap()["revision"], 3);
    assert!(run(&["chain", "show", "acme"], 0).text().contains("[CLI]"));

    let told = run(&["chain", "set", "acme", "nosuch | maildir"], 78).stderr;
    assert!(told.contains("tenants/acme.toml:") && told.contains("unknown processor `nosuch`"), "{told}");
    assert!(
        run(&["chain", "set", "acme", "null", "--if-revision", "2"], 78)
            .stderr
            .contains("revision 3 is live")
    );
    run(&["chain", "set", "nobody", "null"], 64);
    run(&["chain", "show", "../acme"], 64);
    run(&["chain", "set", "acme", "null", "--stage", "x=7"], 64);
    run(&["chain", "set", "acme", "null", "--on-failure", "perhaps"], 64);
    run(&["processor", "push", "tagger.wasm"], 64);
    run(&["processor", "push", "tagger.wasm", "--tenant", "acme", "--host"], 64);
    run(&["processor", "push", "tagger.wasm", "--tenant", "nobody"], 64);
    run(&["processor", "push", "tagger.wasm", "--tenant", "acme", "--version", "1"], 64);
    run(&["processor", "push", "nosuch.wasm", "--tenant", "acme"], 74);
    site.write("text.wasm", b"text");
    let told =
        run(&["processor", "push", "text.wasm", "--tenant", "acme", "--name", "x", "--version", "1.0.0"], 78)
            .stderr;
    assert!(told.contains("not a component"), "{told}");
    let other = Guest::new().component();
    site.write("other.wasm", &other);
    run(&["processor", "push", "other.wasm", "--tenant", "acme", "--name", "tagger"], 78);
    assert_eq!(server.api("GET", PATH).header("etag"), "\"3\"");
}

#[test]
fn without_a_server() {
    let site =
        Server::builder().section("admin", "address = \"127.0.0.1:9\"").file("admin.token", b"t").site();
    site.write("x.wasm", &Guest::new().name("x").component());
    site.gatepost(&["chain", "show", "acme"]).exits(69);
    site.gatepost(&["chain", "set", "acme", "null"]).exits(69);
    site.gatepost(&["processor", "push", "x.wasm", "--tenant", "acme"]).exits(69);
}
