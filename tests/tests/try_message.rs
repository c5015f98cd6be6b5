//! A message tried on a chain: what would come of it, and nothing of it stays.

use std::collections::BTreeMap;

use gatepost_tests::guest::Guest;
use gatepost_tests::{Server, http, shipped};
use serde_json::{Value, json};

const PATH: &str = "/v1/tenants/acme/try";
const MESSAGE: &str = "Subject: x\r\n\r\nHello\r\n";
/// The message in base64.
const ENCODED: &str = "U3ViamVjdDogeA0KDQpIZWxsbw0K";

fn server() -> Server {
    let tenant = "domains = [\"acme.example\"]\nchain = \"subject-tag | maildir\"\n[stage.subject-tag]\nconfig = { tag = \"[EXT]\" }\n\
                  [host]\ngrants_allowed = [\"kv\"]\n";
    let server = Server::builder()
        .tenant("acme", tenant)
        .file("catalog/processors/host/subject-tag/1.0.0.wasm", shipped::component("subject-tag"))
        .start();
    server.announce_admin();
    server
}

fn post(server: &Server, path: &str, kind: &str, body: &[u8]) -> http::Answer {
    let (token, kind) =
        (format!("Authorization: Bearer {}", server.token()), format!("Content-Type: {kind}"));
    http::send(server.admin(), "POST", path, &[&token, &kind], body).unwrap()
}

fn tried(server: &Server, trial: &Value) -> Value {
    post(server, PATH, "application/json", trial.to_string().as_bytes()).is(200).json()
}

/// RFC 4648, of ASCII.
fn decoded(value: &Value) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let values: BTreeMap<u8, u32> = digits.iter().copied().zip(0..).collect();
    let (mut bits, mut held, mut out) = (0u32, 0, Vec::new());
    for digit in value.as_str().unwrap().bytes().filter(|b| *b != b'=') {
        (bits, held) = (bits << 6 | values[&digit], held + 6);
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    String::from_utf8(out).unwrap()
}

/// Goal: the live chain's verdict, message, envelope, facts and figures; nothing is delivered, counted or logged as mail.
#[test]
fn the_live_chain() {
    let server = server();
    let trial = json!({
        "message": ENCODED,
        "sender": "a@client.test",
        "recipients": ["jo@acme.example"],
        "helo": "client.test",
        "ip": "192.0.2.7",
    });
    let told = tried(&server, &trial);
    assert_eq!((&told["verdict"], &told["reply"]["code"]), (&json!("accept"), &json!(250)), "{told}");
    assert_eq!(decoded(&told["message"]), MESSAGE.replace("Subject: x", "Subject: [EXT] x"));
    assert_eq!(told["envelope"], json!({"sender": "a@client.test", "recipients": ["jo@acme.example"]}));
    assert_eq!(
        (&told["facts"]["client.ip"], &told["facts"]["smtp.helo"]),
        (&json!("192.0.2.7"), &json!("client.test"))
    );
    let stage = &told["stages"][0];
    assert_eq!((&stage["name"], &stage["outcome"]), (&json!("subject-tag"), &json!("changed")));
    assert!(stage["cpu_us"].as_u64().unwrap() > 0 && stage["memory_peak"].as_u64().unwrap() > 0, "{stage}");

    let raw = format!("{PATH}?from=a@client.test&rcpt=jo@acme.example&rcpt=ed@acme.example&ip=2001:db8::1");
    let told = post(&server, &raw, "message/rfc822", MESSAGE.as_bytes()).is(200).json();
    assert_eq!(told["envelope"]["recipients"], json!(["jo@acme.example", "ed@acme.example"]));
    assert_eq!(told["facts"]["client.ip"], "2001:db8::1");
    assert_eq!(server.maildir("acme").count(), 0);
    assert_eq!(server.records("message").len(), 0);
    let empty = post(&server, PATH, "message/rfc822", b"").is(200).json();
    assert_eq!(empty["message"], "");
}

/// Goal: a proposed chain is tried as it would be, and does not go live.
#[test]
fn a_proposed_chain() {
    let server = server();
    let trial = |change: Value| json!({"message": ENCODED, "change": change});
    let change = json!({"chain": "tag:subject-tag | null", "stage": {"tag": {"config": {"tag": "[NEW]"}}}});
    let told = tried(&server, &trial(change));
    assert!(decoded(&told["message"]).contains("Subject: [NEW] x\r\n"), "{told}");
    let wrong = trial(json!({"chain": "nosuch | null"})).to_string();
    let told = post(&server, PATH, "application/json", wrong.as_bytes()).is(422).json();
    assert_eq!(told["problems"][0]["key"], "chain");
    assert_eq!(server.api("GET", "/v1/tenants/acme/chain").header("etag"), "\"1\"");
    let looping = Guest::new().write("(loop $l (br $l)) unreachable");
    server.upload("acme", "looping", "1.0.0", &looping.component()).is(201);
    let change = json!({"chain": "looping | maildir", "on_failure": "reject"});
    let told = tried(&server, &trial(change));
    assert_eq!(
        (&told["verdict"], &told["reply"]["code"], &told["message"]),
        (&json!("failed"), &json!(554), &Value::Null)
    );
    assert_eq!(told["failures"][0]["reason"], "cpu");
    assert_eq!(server.maildir("acme").count(), 0);
}

#[test]
fn what_cannot_be_tried() {
    let server = server();
    let refuse = |body: Value, status: u16| {
        let told = post(&server, PATH, "application/json", body.to_string().as_bytes());
        assert_eq!(told.status, status, "{body}: {told:?}");
    };
    refuse(json!({"message": "not base64!"}), 422);
    refuse(json!({}), 422);
    refuse(json!({"message": ENCODED, "sender": "no mailbox"}), 400);
    refuse(json!({"message": ENCODED, "recipients": ["a@b", "<x>"]}), 400);
    refuse(json!({"message": ENCODED, "ip": "somewhere"}), 422);
    refuse(json!({"message": ENCODED, "chain": "maildir"}), 422);
    for (query, status) in [("?ip=x", 400), ("?to=a@b.example", 400), ("?from=%ff", 400), ("?rcpt=", 400)] {
        assert_eq!(
            post(&server, &format!("{PATH}{query}"), "message/rfc822", b"x").status,
            status,
            "{query}"
        );
    }
    let many = |n: usize| vec!["jo@acme.example"; n];
    tried(&server, &json!({"message": ENCODED, "recipients": many(100), "helo": "h".repeat(512)}));
    refuse(json!({"message": ENCODED, "recipients": many(101)}), 400);
    refuse(json!({"message": ENCODED, "helo": "h".repeat(513)}), 400);
    let large = vec![b'x'; (25 << 20) + 1];
    assert_eq!(post(&server, PATH, "message/rfc822", &large).status, 413);
    assert_eq!(post(&server, "/v1/tenants/nobody/try", "message/rfc822", b"x").status, 404);
}

/// Goal: `gatepost run --tenant` tells the same of the live chain, and ends with its verdict.
#[test]
fn by_the_command_line() {
    let server = server();
    let site = server.site();
    site.write("message.eml", MESSAGE.as_bytes());
    let run = |more: &[&str]| {
        let base = ["run", "--tenant", "acme", "--message", "message.eml", "--from", "a@client.test"];
        site.gatepost(&[&base[..], more].concat())
    };
    let done = run(&[]).exits(0);
    assert_eq!(done.text(), MESSAGE.replace("Subject: x", "Subject: [EXT] x"));
    assert!(
        done.stderr.contains("subject-tag") && done.stderr.contains("verdict: accept"),
        "{}",
        done.stderr
    );
    let json: Value = serde_json::from_str(&run(&["--json"]).exits(0).text()).unwrap();
    assert_eq!(json["stages"][0]["name"], "subject-tag");
    run(&["--watch"]).exits(64);
    run(&["--rcpt", "no mailbox"]).exits(64);
    site.gatepost(&["run", "--tenant", "nobody", "--message", "message.eml"]).exits(64);
    site.gatepost(&["run", "--message", "message.eml"]).exits(64);
    assert_eq!(server.maildir("acme").count(), 0);
}
