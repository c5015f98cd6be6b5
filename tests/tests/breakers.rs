//! Circuit breakers in a running server: what opens one, what it does then, and how it closes.

use std::net::{IpAddr, Ipv4Addr};

use gatepost_tests::guest::Guest;
use gatepost_tests::wait::until;
use gatepost_tests::{Server, Smtp};
use serde_json::Value;

const OPEN_METRIC: &str = "gatepost_breakers_open{tenant=\"acme\",stage=\"guest\"}";
const TO: &str = "jo@acme.example";

/// Runs `code` where the sender's address begins with `letter`.
fn where_the_sender_begins_with(letter: char, code: &str) -> String {
    format!(
        "(call $sender (i32.const 128))
         (if (i32.eq (i32.load8_u (i32.load (i32.const 132))) (i32.const {})) (then {code}))",
        u32::from(letter)
    )
}

/// Mail from `e...` fails in `open`, from `t...` traps on content, from `l...` loops on content; all else passes.
fn guest() -> Guest {
    let early = where_the_sender_begins_with('e', "unreachable");
    let late = where_the_sender_begins_with('t', "unreachable")
        + &where_the_sender_begins_with('l', "(loop (br 0))");
    Guest::new().open(&format!("{early} (global.get $ok)")).write(&format!("{late} (global.get $ok)"))
}

fn tenant(lines: &str) -> String {
    format!("domains = [\"acme.example\"]\n{lines}\n[limits]\ncpu_per_message = \"2ms\"\n")
}

/// Breakers that open for an hour, but for what `limits` says.
fn server(lines: &str, limits: &str) -> Server {
    let pause = if limits.contains("breaker_pause") { "" } else { "breaker_pause = \"1h\"\n" };
    Server::builder()
        .section("limits", &format!("{pause}{limits}"))
        .file("catalog/processors/host/guest/1.0.0.wasm", &guest().component())
        .tenant("acme", &tenant(lines))
        .tenant("calm", "domains = [\"calm.example\"]\nchain = \"guest | maildir\"")
        .start()
}

const CHAIN: &str = "chain = \"guest | maildir\"";

/// The reply to a message from a client of the network 127.0.`network`.0/24.
fn send(server: &Server, network: u8, from: &str) -> String {
    let client = IpAddr::from(Ipv4Addr::new(127, 0, network, 1));
    Smtp::one_message_from(client, server.mx(), from, &[TO], b"Subject: x\r\n\r\nx\r\n").unwrap().text()
}

fn is_open(server: &Server) -> bool {
    let metric = server.metric(OPEN_METRIC) == 1.0;
    let status: Value = serde_json::from_str(&server.api("GET", "/v1/status").body).unwrap();
    let breakers = status["tenants"][0]["breakers"].as_array().unwrap();
    assert_eq!(!breakers.is_empty(), metric, "the metrics and the status agree: {status}");
    metric
}

/// Sends one message after the other; asserts that the breaker is open after the last and not before.
#[track_caller]
fn opens_with_the_last(server: &Server, messages: &[(u8, &str)]) {
    for (network, from) in messages {
        assert!(!is_open(server), "too early: {messages:?}");
        let reply = send(server, *network, from);
        assert!(!reply.contains("paused"), "{reply}");
    }
    assert!(is_open(server), "{messages:?}");
}

const PAUSED: &str = "451 4.3.2 Message processing is paused, try again later";

/// Goal: failures before content open it, from one client; then all is deferred before anything runs, the log and `status`
/// say why, and another tenant with the same component is served.
#[test]
fn early_failures_open_it() {
    let server = server(CHAIN, "");
    opens_with_the_last(&server, &[(0, "early@client.test"); 20]);
    let reply = send(&server, 0, "good@client.test");
    assert!(reply.starts_with(PAUSED), "{reply}");
    let opened = server.wait_records("breaker_opened", 1);
    let fields =
        ["level", "tenant", "stage", "place", "reason"].map(|field| opened[0][field].as_str().unwrap());
    assert_eq!(fields, ["warn", "acme", "guest", "chain", "trap"]);
    let figures = ["failures", "networks", "pause_ms"].map(|field| opened[0][field].as_u64().unwrap());
    assert_eq!(figures, [20, 1, 3_600_000]);
    let last = &server.wait_records("message", 21)[20];
    assert_eq!((&last["verdict"], &last["reason"]), (&"defer".into(), &"breaker of guest".into()), "{last}");
    assert_eq!(
        (&last["reply"], &last["stages"]),
        (&reply.into(), &serde_json::json!([])),
        "nothing ran: {last}"
    );
    let address = format!("[admin]\naddress = \"{}\"\n", server.admin());
    server.site().write("conf.d/address.toml", address.as_bytes());
    let status = server.site().gatepost(&["status"]).exits(0).text();
    assert!(status.contains("breaker of `guest` is open: messages get 451; one is tried in 3"), "{status}");
    let calm = Smtp::one_message(server.mx(), "good@client.test", &["a@calm.example"], b"x\r\n").unwrap();
    assert_eq!(calm.code, 250);
    assert_eq!((server.maildir("acme").count(), server.maildir("calm").count()), (0, 1));
    assert_eq!(server.metric("gatepost_breakers_open{tenant=\"calm\",stage=\"guest\"}"), 0.0);
    let opened = "gatepost_breaker_changes_total{tenant=\"acme\",stage=\"guest\",change=\"opened\"}";
    assert_eq!(server.metric(opened), 1.0);
}

/// Goal: a sender chooses the content, so spent budgets of one network do not open it, and those of three do.
#[test]
fn spent_budgets_count_from_several_networks() {
    let server = server(CHAIN, "");
    for _ in 0..21 {
        let reply = send(&server, 0, "loop@client.test");
        assert!(reply.starts_with("451 4.3.2 Message processing ran out"), "{reply}");
    }
    assert!(!is_open(&server));
    assert!(send(&server, 0, "good@client.test").starts_with("250"), "which ends the row");
    let messages: Vec<_> = (0..20).map(|n| (1 + n % 3, "loop@client.test")).collect();
    opens_with_the_last(&server, &messages);
    let opened = &server.wait_records("breaker_opened", 1)[0];
    assert_eq!((&opened["reason"], &opened["networks"]), (&"cpu".into(), &3.into()), "{opened}");
}

/// Goal: a trap on content does not count, a message that is handled ends the row, and early failures stand in the row of
/// spent budgets.
#[test]
fn what_makes_a_row() {
    let server = server(CHAIN, "breaker_failures = 3");
    for _ in 0..4 {
        assert!(send(&server, 1, "trap@client.test").starts_with("451 4.3.0"));
    }
    for from in ["early@c.test", "early@c.test", "good@c.test", "early@c.test", "early@c.test", "good@c.test"]
    {
        send(&server, 1, from);
    }
    assert!(!is_open(&server));
    opens_with_the_last(
        &server,
        &[(1, "early@c.test"), (2, "loop@c.test"), (2, "trap@c.test"), (3, "loop@c.test")],
    );
}

/// Goal: open means deferred, whatever `on_failure` says: mail does not pass a filter unfiltered because somebody broke it.
#[test]
fn an_open_one_never_bypasses() {
    let server = server(&format!("{CHAIN}\non_failure = \"bypass\""), "breaker_failures = 3");
    for n in 1..=3 {
        assert!(send(&server, 0, "early@client.test").starts_with("250"), "bypassed");
        assert_eq!(server.maildir("acme").count(), n);
    }
    assert!(is_open(&server));
    for from in ["early@client.test", "good@client.test"] {
        assert!(send(&server, 0, from).starts_with(PAUSED));
    }
    assert_eq!(server.maildir("acme").count(), 3);
}

/// Goal: after the pause a message is a probe: one that fails opens it again, one that traps on content says nothing, one
/// that is handled closes it.
#[test]
fn probes_open_and_close_it() {
    let server = server(CHAIN, "breaker_failures = 2\nbreaker_pause = \"1ms\"");
    opens_with_the_last(&server, &[(0, "early@client.test"), (0, "early@client.test")]);
    // Sends until it is past the pause, which has no fixed length for a test.
    let probe = |from: &str| {
        until("a probe", || Some(send(&server, 0, from)).filter(|reply| !reply.contains("paused")))
    };
    probe("early@client.test");
    assert!(is_open(&server));
    assert_eq!(server.wait_records("breaker_opened", 2)[1]["pause_ms"], 2);
    assert!(probe("trap@client.test").starts_with("451 4.3.0"));
    assert!(is_open(&server), "it found out nothing");
    assert!(probe("good@client.test").starts_with("250"));
    assert!(!is_open(&server));
    let closed = &server.wait_records("breaker_closed", 1)[0];
    let probing = server.records("breaker_probing");
    assert_eq!(probing.len(), 3, "{probing:?}");
    assert_eq!((&closed["id"], &closed["stage"]), (&probing[2]["id"], &"guest".into()), "{closed}");
    assert!(send(&server, 0, "good@client.test").starts_with("250"));
}

/// Goal: a reload that leaves the tenant as it is leaves its breaker open; a new revision begins closed.
#[test]
fn a_new_revision_begins_closed() {
    let server = server(CHAIN, "breaker_failures = 2");
    opens_with_the_last(&server, &[(0, "early@client.test"), (0, "early@client.test")]);
    assert_eq!(server.api("POST", "/v1/reload").status, 200);
    assert!(is_open(&server));
    server
        .site()
        .write("catalog/tenants/acme.toml", tenant("chain = \"header | guest | maildir\"").as_bytes());
    assert_eq!(server.api("POST", "/v1/reload").status, 200);
    assert!(!is_open(&server));
    assert!(send(&server, 0, "good@client.test").starts_with("250"));
}

#[test]
fn none_where_it_is_switched_off() {
    let server = server(CHAIN, "breaker_failures = 0");
    for _ in 0..25 {
        assert!(send(&server, 0, "early@client.test").starts_with("451 4.3.0"));
    }
    assert!(send(&server, 0, "good@client.test").starts_with("250"));
    assert!(server.records("breaker_opened").is_empty());
}

/// Goal: a client that goes away while its message is the probe leaves the way to the next.
#[test]
fn a_probe_that_is_broken_off_makes_way() {
    let server = server(CHAIN, "breaker_failures = 2\nbreaker_pause = \"1ms\"");
    opens_with_the_last(&server, &[(0, "early@client.test"), (0, "early@client.test")]);
    let mut gone = server.smtp();
    until("the probe to be at work", || {
        gone = server.smtp();
        gone.expect_data("good@client.test", TO);
        gone.write(&b"a line of content\r\n".repeat(8000)).ok()?;
        std::thread::sleep(std::time::Duration::from_millis(50));
        (server.records("breaker_probing").len() == 1).then_some(())
    });
    assert!(send(&server, 0, "good@client.test").starts_with(PAUSED), "one at a time");
    drop(gone);
    until("the next probe", || send(&server, 0, "good@client.test").starts_with("250").then_some(()));
    assert!(!is_open(&server));
}

/// Goal: checkers of recipients have breakers too: what failed before `check` is early, what `check` traps on does not count.
#[test]
fn checkers_have_breakers() {
    let loops = where_the_sender_begins_with('l', "(loop (br 0))")
        + &where_the_sender_begins_with('t', "unreachable");
    let checks = "gatepost:processor/recipients@0.1.0";
    let checker =
        Guest::new().wit("export processor;", "export processor; export recipients;").items(&format!(
            "(func (export \"{checks}#configure\") (param i32 i32) (result i32) (global.get $ok))
         (func (export \"{checks}#check\") (param i32 i32) (result i32) {loops} (global.get $ok))"
        ));
    let lines = "recipients = \"guest\"\nchain = \"null\"\non_failure = \"bypass\"";
    let server = Server::builder()
        .section("limits", "breaker_failures = 3\nbreaker_pause = \"1h\"")
        .file("catalog/processors/host/guest/1.0.0.wasm", &checker.component())
        .tenant("acme", &tenant(lines))
        .start();
    for _ in 0..4 {
        assert!(send(&server, 0, "trap@client.test").starts_with("250"), "bypassed, and not counted");
    }
    opens_with_the_last(
        &server,
        &[(1, "loop@client.test"), (2, "loop@client.test"), (3, "loop@client.test")],
    );
    let reply = send(&server, 0, "good@client.test");
    assert!(reply.starts_with("451 4.3.2 This recipient could not be checked in time"), "{reply}");
    assert_eq!(server.wait_records("breaker_opened", 1)[0]["place"], "recipients");
}
