//! The smoke corpus at chain check: what depends on the cuts is refused, what fails is a warning, and nobody else notices.

use gatepost_tests::guest::Guest;
use gatepost_tests::{Server, shipped};
use serde_json::{Value, json};

const PATH: &str = "/v1/tenants/acme/chain";

fn server() -> Server {
    let tenant = "domains = [\"acme.example\"]\nchain = \"null\"\n[host]\n\
                  grants_allowed = [\"kv\", \"clock\", \"random\", \"envelope\"]\n";
    Server::builder().tenant("acme", tenant).start()
}

/// A filter of messages.
fn filter() -> Guest {
    Guest::new()
        .content("message", "message")
        .wit("import next;", "import next; import kv; import random; import clock;")
}

/// Sets the chain `guest | null` with this guest.
#[track_caller]
fn set(server: &Server, guest: &Guest, status: u16) -> Value {
    let component = guest.component();
    let version = format!("1.0.{}", blake(&component));
    let stored = server.upload("acme", "guest", &version, &component);
    assert!(stored.status == 201 || stored.status == 200, "{stored:?}");
    let stage = json!({"grants": ["kv", "random", "clock"]});
    let change = json!({"chain": format!("guest@{version} | null"), "stage": {"guest": stage}});
    server.put(PATH, &[], change.to_string().as_bytes()).is(status).json()
}

/// A version of its own for each component.
fn blake(component: &[u8]) -> u32 {
    component.iter().fold(7, |hash: u32, byte| hash.wrapping_mul(31).wrapping_add(u32::from(*byte)))
}

/// Goal: a stage whose output, facts or verdict depend on the cuts is refused, and the text says where.
#[test]
fn what_depends_on_the_cuts_is_refused() {
    let server = server();
    let refused = |guest: &Guest, part: &str| {
        let told = set(&server, guest, 422);
        let text = told["problems"][0]["text"].as_str().unwrap();
        assert!(text.contains("depends on how the message is cut") && text.contains(part), "{part}: {told}");
        assert_eq!(told["problems"][0]["key"], "stage.guest", "{told}");
    };
    let mark = filter().write("(drop (call $next @\"[\")) (global.get $ok)");
    refused(&mark, "smoke message `plain`, output: whole ");
    refused(&mark, "every 1 bytes");
    // The mark, the header section of 274 bytes, the mark, one byte of the body; then the mark once more, or not.
    refused(&mark, "first difference at offset 277");
    let counted = "(global $n (mut i32) (i32.const 48))";
    let count = "(global.set $n (i32.add (global.get $n) (i32.const 1)))";
    let digit = "(i32.add (i32.const 48) (i32.rem_u (i32.sub (global.get $n) (i32.const 48)) (i32.const 7)))";
    let fact = filter().items(counted).write(&format!(
        "{count} (i32.store8 (i32.const 200) {digit})
         (drop (call $set_fact @\"x.n\" (i32.const 200) (i32.const 1))) (global.get $ok)"
    ));
    refused(&fact, "fact \"x.n\": whole \"2\"");
    let verdict = filter().items(counted).write(&format!("{count} (global.get $ok)")).close(
        "(if (result i32) (i32.gt_s (global.get $n) (i32.const 60)) (then (call $discard)) (else (global.get $ok)))",
    );
    refused(&verdict, "verdict: whole \"Accept\"");
    let refusal = filter().items(counted).write(&format!("{count} (global.get $ok)")).close(
        "(if (result i32) (i32.gt_s (global.get $n) (i32.const 60))
           (then (call $refuse (i32.const 0) (i32.const 550) @\"5.7.1\" @\"no\")) (else (global.get $ok)))",
    );
    refused(&refusal, "reject: 550 5.7.1 no");
    assert_eq!(server.api("GET", PATH).header("etag"), "\"1\"");
    // By the file it is the same.
    let component = mark.component();
    server.site().write("catalog/processors/acme/marker/1.0.0.wasm", &component);
    let file = "domains = [\"acme.example\"]\nchain = \"marker | null\"\n";
    server.site().write("catalog/tenants/acme.toml", file.as_bytes());
    let report = server.api("POST", "/v1/reload").is(422).json();
    let text = report["refused"][0]["problems"][0]["text"].as_str().unwrap();
    assert!(text.contains("depends on how the message is cut"), "{report}");
    assert!(
        server.site().gatepost(&["check"]).exits(78).stderr.contains("depends on how the message is cut")
    );
}

/// Goal: a stage that gives no message may depend on the cuts, as a compressor does.
#[test]
fn what_gives_no_message_may_depend_on_the_cuts() {
    let server = server();
    for (takes, gives) in [("message", "bytes"), ("any", "any")] {
        let marks = filter().content(takes, gives).write("(drop (call $next @\"[\")) (global.get $ok)");
        let view = set(&server, &marks, 200);
        assert_eq!(view["stages"][0]["smoke"]["complete"], true, "{view}");
    }
}

/// Goal: time, random bytes and what is remembered are the same for every cut.
#[test]
fn the_world_stands_still() {
    let server = server();
    let draws = filter().open(
        "(call $random (i32.const 8) (i32.const 128)) (i64.store (i32.const 300) (call $now_ms))
         (drop (call $next (i32.load (i32.const 128)) (i32.load (i32.const 132))))
         (drop (call $next (i32.const 300) (i32.const 8))) (global.get $ok)",
    );
    let view = set(&server, &draws, 200);
    assert_eq!(
        (&view["warnings"], &view["stages"][0]["smoke"]["complete"]),
        (&json!([]), &json!(true)),
        "{view}"
    );
}

/// Goal: what a stage remembers of the corpus nobody finds, nor does the next run; what it logs and counts nobody hears.
#[test]
fn nothing_is_left_of_it() {
    let server = server();
    let remembers = filter().open(
        "(call $emit (i32.const 3) @\"I was here\") (call $count @\"here\" (i64.const 1))
         (call $kv_get @\"k\" (i32.const 128)) (if (i32.load8_u (i32.const 132)) (then unreachable))
         (call $kv_set @\"k\" @\"v\" (i32.const 0) (i64.const 0) (i32.const 128)) (global.get $ok)",
    );
    let view = set(&server, &remembers, 200);
    assert_eq!(view["warnings"], json!([]));
    assert!(!server.log().contains("I was here"));
    assert!(!server.get("/metrics").body.contains("name=\"here\""));
    let deliver = || {
        server.smtp().deliver("a@client.test", &["jo@acme.example"], b"Subject: x\r\n\r\nx\r\n").unwrap().code
    };
    assert_eq!(
        (deliver(), deliver()),
        (250, 451),
        "the first message finds an empty space, the second what it left"
    );
    assert!(server.log().contains("I was here"));
}

/// Goal: a stage that fails goes live with a warning, which is told everywhere; and it is not tried again and again.
#[test]
fn what_fails_is_a_warning() {
    let server = server();
    let warned = |guest: &Guest, message: &str, reason: &str, part: &str| {
        let view = set(&server, guest, 200);
        let warning = &view["warnings"][0];
        assert_eq!(
            (&warning["stage"], &warning["message"], &warning["reason"]),
            (&json!("guest"), &json!(message), &json!(reason)),
            "{view}"
        );
        assert!(warning["text"].as_str().unwrap().contains(part), "{part}: {warning}");
        assert_eq!(view["stages"][0]["smoke"]["complete"], false);
        view["stages"][0]["smoke"]["runs"].as_u64().unwrap()
    };
    assert_eq!(warned(&filter().open("unreachable"), "plain", "trap", "unreachable"), 1);
    let spin = "(loop (br 0)) unreachable";
    assert_eq!(
        warned(&filter().write(spin), "plain", "cpu", "used its 50 ms of CPU time"),
        1,
        "half of its budget, once"
    );
    let grows = "(loop (br_if 0 (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0)))) unreachable";
    assert_eq!(warned(&filter().close(grows), "plain", "memory", "memory"), 1);
    let says = filter().close("(call $failed @\"not today\")");
    assert_eq!(warned(&says, "plain", "failed", "not today"), 1);
    // The body, in one piece of 100 KiB: only `long` has such.
    let long = "(if (result i32) (i32.gt_u (local.get $len) (i32.const 10000)) (then unreachable) (else (global.get $ok)))";
    assert_eq!(warned(&filter().write(long), "long", "trap", "unreachable"), 7);
    let records = server.wait_records("smoke_failed", 5);
    assert_eq!(
        (&records[1]["level"], &records[1]["reason"], &records[1]["tenant"]),
        (&json!("warn"), &json!("cpu"), &json!("acme"))
    );
    let failures = server.metric("gatepost_smoke_failures_total{tenant=\"acme\",stage=\"guest\"}");
    assert!((failures - 5.0).abs() < f64::EPSILON, "{failures}");

    let told = server.site().gatepost(&["check"]).exits(0).text();
    assert!(told.contains("warning: stage `guest` failed (trap) on the smoke message `long`"), "{told}");
    let checked: Value =
        serde_json::from_str(&server.site().gatepost(&["check", "--json"]).exits(0).text()).unwrap();
    assert_eq!(checked["tenants"][0]["warnings"][0]["reason"], "trap");
    let mut server = server;
    server.restart();
    assert_eq!(server.wait_records("smoke_failed", 6)[5]["message"], "long", "told again at the start");
    let report = server.api("POST", "/v1/reload").is(200).json();
    assert_eq!(report["warnings"], json!([]), "what does not change is not tried");
    let file = server.site().path().join("catalog/tenants/acme.toml");
    let text = std::fs::read_to_string(&file).unwrap() + "# changed\n";
    server.site().write("catalog/tenants/acme.toml", text.as_bytes());
    let report = server.api("POST", "/v1/reload").is(200).json();
    assert_eq!(
        (&report["warnings"][0]["tenant"], &report["warnings"][0]["reason"]),
        (&json!("acme"), &json!("trap"))
    );
}

/// Goal: a stage that is slow but within its budget holds a check up for a second of CPU time, not for all of its runs.
#[test]
fn what_is_slow_is_not_run_to_the_end() {
    let tenant = "domains = [\"acme.example\"]\nchain = \"null\"\n[host]\ngrants_allowed = [\"kv\", \"clock\", \"random\"]\n";
    let server =
        Server::builder().section("limits", "cpu_per_message = \"1h\"").tenant("acme", tenant).start();
    let slow = filter().open(
        "(i32.store (i32.const 300) (i32.const 100000000))
         (loop (i32.store (i32.const 300) (i32.sub (i32.load (i32.const 300)) (i32.const 1)))
           (br_if 0 (i32.load (i32.const 300))))
         (global.get $ok)",
    );
    let view = set(&server, &slow, 200);
    assert_eq!(
        (&view["warnings"][0]["reason"], &view["warnings"][0]["message"]),
        (&json!("slow"), &json!("")),
        "{view}"
    );
    let smoke = &view["stages"][0]["smoke"];
    assert_eq!(smoke["complete"], false);
    assert!(smoke["runs"].as_u64().unwrap() < 25, "{view}");
}

/// Goal: a config that does not come to an end is refused, as a fault of the chain.
#[test]
fn a_config_without_end() {
    let server = server();
    let spin = filter().configure("(loop (br 0)) unreachable");
    let told = set(&server, &spin, 422);
    assert!(told["problems"][0]["text"].as_str().unwrap().contains("CPU time"), "{told}");
}

/// Goal: what we ship passes the whole corpus, each stage with figures.
#[test]
fn shipped_processors_pass() {
    let names = ["subject-tag", "strip-trackers", "attachment-guard", "disclaimer", "plus-fold", "greylist"];
    let server = server();
    for name in names {
        server.upload("host", name, "1.0.0", shipped::component(name)).is(201);
    }
    let change = json!({
        "chain": names.join(" | ") + " | maildir",
        "stage": {
            "subject-tag": {"config": {"tag": "[EXT]"}},
            "disclaimer": {"config": {"text": "Ours."}},
            "plus-fold": {"grants": ["envelope"]},
            "greylist": {"grants": ["kv", "clock"]},
        },
    });
    let view = server.put(PATH, &[], change.to_string().as_bytes()).is(200).json();
    assert_eq!(view["warnings"], json!([]));
    for stage in view["stages"].as_array().unwrap() {
        let smoke = &stage["smoke"];
        assert_eq!(
            (&smoke["messages"], &smoke["runs"], &smoke["complete"]),
            (&json!(7), &json!(25), &json!(true)),
            "{stage}"
        );
        let number = |key: &str| smoke[key].as_u64().unwrap();
        assert!(number("cpu_us_max") >= number("cpu_us_median") && number("memory_peak") > 0, "{stage}");
    }
}
