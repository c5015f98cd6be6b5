//! What operators see: the log, the metrics, the admin address.

use gatepost_tests::http::request;
use gatepost_tests::{Server, Smtp};
use serde_json::Value;

const FROM: &str = "a@client.test";
const TO: &str = "jo@acme.example";
const CONTENT: &[u8] = b"Subject: x\r\n\r\nbody\r\n";

/// Goal: one record for each message, with every documented field, accepted or not; `size` counts what was received.
/// Method: one message taken, one refused by the listener, one broken off, one to nobody.
#[test]
fn one_record_for_each_message() {
    let server =
        Server::builder().chain("acme", "acme.example", "header | compress | decompress | maildir").start();
    let mut client = server.smtp();
    let taken = client.deliver(FROM, &[TO, "mo@acme.example"], CONTENT).unwrap();
    assert_eq!(client.deliver("", &[TO], b"bare\nnewline\r\n").unwrap().code, 550);
    client.expect("MAIL FROM:<a@client.test>", 250);
    client.expect("RCPT TO:<jo@nobody.example>", 550);
    client.expect("RSET", 250);
    client.expect_data(FROM, TO);
    client.write(b"half").unwrap();
    drop(client);

    let records = server.wait_records("message", 3);
    assert_eq!(records.len(), 3, "{records:?}");
    let record = &records[0];
    let fields = "time level event id tenant chain_revision client helo tls sender recipients size verdict reply stages \
                  sinks ms";
    for field in fields.split_whitespace() {
        assert!(!record[field].is_null(), "`{field}` is missing in {record}");
    }
    assert_eq!(record["tenant"], "acme");
    assert_eq!(record["chain_revision"], 1);
    assert_eq!(record["client"], "127.0.0.1");
    assert_eq!(record["helo"], "client.test");
    assert_eq!(record["tls"], "");
    assert_eq!(record["sender"], FROM);
    assert_eq!(record["recipients"], serde_json::json!([TO, "mo@acme.example"]));
    assert_eq!(record["size"], CONTENT.len());
    assert_eq!(record["verdict"], "accept");
    assert_eq!(record["reply"], Value::from(taken.text()));
    assert_eq!(record["sinks"], serde_json::json!(["maildir"]));
    assert!(taken.text().ends_with(record["id"].as_str().unwrap()));
    let names: Vec<&str> =
        record["stages"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["header", "compress", "decompress"]);
    for field in ["name", "processor", "outcome", "cpu_us", "wall_us", "bytes_in", "bytes_out", "memory_peak"]
    {
        assert!(!record["stages"][0][field].is_null(), "stage `{field}` is missing in {record}");
    }
    assert_eq!(records[1]["verdict"], "reject");
    assert_eq!(records[1]["sender"], "");
    assert!(records[1]["reply"].as_str().unwrap().starts_with("550 5.6.11 "));
    assert_eq!(records[1]["sinks"], serde_json::json!([]));
    assert_eq!(records[2]["verdict"], "aborted");
    assert_eq!(records[2]["reply"], "");
}

/// Goal: text logs say the same in a line each, and a client cannot forge a line or a terminal sequence in either format.
#[test]
fn text_logs_hold_one_line_a_message() {
    let server = Server::builder().section("telemetry", "format = \"text\"").start();
    assert_eq!(
        Smtp::one_message(server.mx(), "\"x INFO message\"@client.test", &[TO], CONTENT).unwrap().code,
        250
    );
    gatepost_tests::wait::until("the line", || server.log().contains(" message ").then_some(()));
    let log = server.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(" INFO  message ")).collect();
    let [line] = lines[..] else { panic!("{log}") };
    for part in
        ["tenant=\"acme\"", "sender=\"\\\"x INFO message\\\"@client.test\"", "verdict=\"accept\"", "size=20"]
    {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert!(log.bytes().all(|b| b == b'\n' || (b' '..0x7f).contains(&b)), "{log:?}");
}

/// Goal: figures count what happened, by tenant and verdict; no address is ever a label.
#[test]
fn metrics_count_messages() {
    let server = Server::builder().chain("acme", "acme.example", "header | maildir").start();
    let mut client = server.smtp();
    for _ in 0..3 {
        client.deliver(FROM, &[TO], CONTENT).unwrap();
    }
    client.deliver(FROM, &[TO], b"bare\nnewline\r\n").unwrap();
    server.wait_records("message", 4);
    let answer = server.get("/metrics");
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("application/openmetrics-text"), "{}", answer.head);
    assert!(answer.body.ends_with("# EOF\n"));
    let counted = |verdict: &str| {
        let lines = answer.body.lines().filter(|line| line.starts_with("gatepost_messages_total{"));
        let of_verdict = lines.filter(|line| line.contains("tenant=\"acme\"") && line.contains(verdict));
        of_verdict.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
    };
    assert!((counted("verdict=\"accept\"") - 3.0).abs() < 0.1, "{}", answer.body);
    assert!((counted("verdict=\"reject\"") - 1.0).abs() < 0.1, "{}", answer.body);
    for secret in ["client.test", "jo@", "127.0.0.1"] {
        assert!(!answer.body.contains(secret), "{secret} is in the metrics");
    }
}

/// Goal: what is for the host needs its token; what is for probes needs none; a foreign Host header gets nothing.
#[test]
fn the_admin_address_asks_who_is_there() {
    let server = Server::builder().section("admin", "hosts = [\"admin.test\"]").start();
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    for (method, path) in [("GET", "/v1/status"), ("POST", "/v1/reload")] {
        let without = request(server.admin(), method, path, &[]).unwrap();
        assert_eq!(without.status, 401, "{path}");
        assert_eq!(without.header("content-type"), "application/problem+json");
        assert_eq!(without.header("www-authenticate"), "Bearer");
        let wrong = request(server.admin(), method, path, &["Authorization: Bearer nonsense"]).unwrap();
        assert_eq!(wrong.status, 401, "{path}");
        assert_eq!(server.api(method, path).status, 200, "{path}");
    }
    let status: Value = serde_json::from_str(&server.api("GET", "/v1/status").body).unwrap();
    assert_eq!(status["draining"], false);
    assert_eq!(status["tenants"][0]["name"], "acme");
    assert_eq!(status["tenants"][0]["chain"], "maildir");
    assert_eq!(status["listeners"][0][1], Value::from(server.mx().to_string()));
    let token = format!("Authorization: Bearer {}", server.token());
    for host in ["Host: evil.test", "Host: localhost.evil.test", "Host: "] {
        for path in ["/healthz", "/metrics", "/v1/status"] {
            let answer = request(server.admin(), "GET", path, &[host, &token]).unwrap();
            assert_eq!(answer.status, 403, "{host} {path}");
        }
    }
    assert_eq!(
        request(server.admin(), "GET", "/v1/status", &["Host: admin.test", &token]).unwrap().status,
        200
    );
    assert_eq!(server.api("GET", "/v1/nothing").status, 404);
    assert_eq!(server.api("DELETE", "/v1/status").status, 405);
}
