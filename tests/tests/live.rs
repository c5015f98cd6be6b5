//! What happens now, as the admin API and the commands show it: figures, the last messages, the feed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};

use gatepost_tests::guest::Guest;
use gatepost_tests::http::{open, request};
use gatepost_tests::wait::until;
use gatepost_tests::{Server, Smtp};
use serde_json::Value;

const FROM: &str = "a@client.test";
const TO: &str = "jo@acme.example";
const CONTENT: &[u8] = b"Subject: x\r\n\r\nbody\r\n";

fn two_tenants() -> Server {
    Server::builder()
        .chain("acme", "acme.example", "header | maildir")
        .chain("beta", "beta.example", "null")
        .start()
}

fn sum(figures: &Value, of: &str) -> u64 {
    let points = figures["points"].as_array().unwrap();
    points.iter().map(|point| point.pointer(of).unwrap().as_u64().unwrap()).sum()
}

/// Figures once so many messages are counted in seconds that are over.
fn figures(server: &Server, path: &str, messages: u64) -> Value {
    until("the messages to be counted", || {
        let figures = server.api("GET", path).is(200).json();
        (sum(&figures, "/messages") >= messages).then_some(figures)
    })
}

/// A feed that is read event by event.
struct Events(BufReader<TcpStream>);

impl Events {
    fn open(server: &Server, query: &str) -> Self {
        let token = format!("Authorization: Bearer {}", server.token());
        let mut events = Self(BufReader::new(
            open(server.admin(), "GET", &format!("/v1/events{query}"), &[&token], 0).unwrap(),
        ));
        assert_eq!(events.line().unwrap(), "HTTP/1.1 200 OK");
        while !events.line().unwrap().is_empty() {}
        events
    }

    /// None: it ended.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).unwrap_or(0);
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// The next event; what else there is on the wire, lengths of chunks and comments, is passed over.
    fn next(&mut self) -> Option<(String, Value)> {
        let mut event = String::new();
        loop {
            let line = self.line()?;
            if let Some(name) = line.strip_prefix("event: ") {
                name.clone_into(&mut event);
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((event, serde_json::from_str(data).unwrap()));
            }
        }
    }

    fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let (event, data) = self.next().unwrap_or_else(|| panic!("the feed ended before a `{kind}`"));
            if event == kind {
                return data;
            }
        }
    }
}

/// Goal: figures say what happened in which second, of the host and of each tenant.
#[test]
fn figures_of_the_host_and_of_a_tenant() {
    let server = two_tenants();
    let mut client = server.smtp();
    for _ in 0..3 {
        assert_eq!(client.deliver(FROM, &[TO], CONTENT).unwrap().code, 250);
    }
    assert_eq!(client.deliver("", &[TO], b"bare\nnewline\r\n").unwrap().code, 550);
    client.expect("MAIL FROM:<a@client.test>", 250);
    client.expect("RCPT TO:<jo@nobody.example>", 550);
    client.expect("RSET", 250);
    assert_eq!(client.deliver(FROM, &["jo@beta.example"], CONTENT).unwrap().code, 250);

    let host = figures(&server, "/v1/figures", 5);
    assert_eq!(host["every_ms"], 1000);
    assert_eq!((sum(&host, "/verdicts/accept"), sum(&host, "/verdicts/reject")), (4, 1));
    assert_eq!((sum(&host, "/refused"), sum(&host, "/messages")), (1, 5));
    assert!(sum(&host, "/bytes") >= 4 * CONTENT.len() as u64);
    let points = host["points"].as_array().unwrap();
    let last = points.last().unwrap();
    assert_eq!((&last["sessions"], &last["in_flight"]), (&1.into(), &0.into()));
    assert!(last["memory"].as_u64().unwrap() > 1 << 20, "{last}");
    assert!(points.windows(2).all(|two| two[1]["at"].as_u64() == two[0]["at"].as_u64().map(|at| at + 1)));
    assert_eq!(host["senders"][0], serde_json::json!({"name": "client.test", "messages": 4}));
    assert_eq!(host["senders"][1], serde_json::json!({"name": "<>", "messages": 1}));
    assert_eq!(host["clients"], serde_json::json!([{"name": "127.0.0.1", "messages": 5}]));
    assert_eq!(host["stages"], serde_json::json!([]));
    assert_eq!(host["tenants"][0]["name"], "acme");

    let acme = figures(&server, "/v1/figures?tenant=ACME", 4);
    assert_eq!((sum(&acme, "/messages"), sum(&acme, "/refused")), (4, 0));
    let last = acme["points"].as_array().unwrap().last().unwrap();
    assert!(last["sessions"].is_null() && last["memory"].is_null(), "{last}");
    assert_eq!(acme["senders"][0]["messages"], 3);
    assert_eq!(acme["tenants"], serde_json::json!([]));
    let stage = &acme["stages"][0];
    assert_eq!((&stage["name"], &stage["failures"]), (&"header".into(), &0.0.into()));
    assert!(
        stage["messages"].as_f64().unwrap() > 0.0 && stage["bytes_in"].as_f64().unwrap() > 0.0,
        "{stage}"
    );
    assert_eq!(sum(&server.api("GET", "/v1/figures?tenant=beta").json(), "/messages"), 1);

    server.api("GET", "/v1/figures?tenant=nobody").is(404);
    server.api("GET", "/v1/figures?whose=acme").is(400);
    for path in ["/v1/figures", "/v1/events", "/v1/messages", "/v1/tenants/acme/messages"] {
        assert_eq!(request(server.admin(), "GET", path, &[]).unwrap().status, 401, "{path}");
    }
}

/// Goal: the last messages, newest first and in pages, of a tenant and of all; what a client said is data, whatever it is.
#[test]
fn the_last_messages() {
    let server = two_tenants();
    let mut client = server.smtp();
    client.deliver("\"<script>alert(1)</script>\"@client.test", &[TO], CONTENT).unwrap();
    let recipients: Vec<String> = (0..20).map(|n| format!("r{n}@acme.example")).collect();
    client.deliver(FROM, &recipients.iter().map(String::as_str).collect::<Vec<_>>(), CONTENT).unwrap();
    client.deliver(FROM, &["jo@beta.example"], CONTENT).unwrap();
    let logged = server.wait_records("message", 3);

    let all = server.api("GET", "/v1/messages").is(200).json();
    let all = all["messages"].as_array().unwrap();
    assert_eq!(
        all.iter().map(|m| &m["id"]).collect::<Vec<_>>(),
        [&logged[2]["id"], &logged[1]["id"], &logged[0]["id"]]
    );
    for field in "tenant chain_revision client helo tls size verdict reply stages sinks ms".split(' ') {
        assert_eq!(all[2][field], logged[0][field], "{field}");
    }
    assert_eq!(all[2]["sender"], "\"<script>alert(1)</script>\"@client.test");
    assert!(all[2]["at"].as_u64().unwrap() > 1_700_000_000_000);
    assert_eq!((all[1]["recipients"].as_array().unwrap().len(), &all[1]["recipients_more"]), (16, &4.into()));

    let acme = server.api("GET", "/v1/tenants/acme/messages?limit=1").is(200).json();
    assert_eq!(
        (acme["messages"].as_array().unwrap().len(), &acme["messages"][0]["id"]),
        (1, &logged[1]["id"])
    );
    let before = format!("/v1/tenants/acme/messages?before={}", logged[1]["id"].as_str().unwrap());
    let acme = server.api("GET", &before).is(200).json();
    assert_eq!(
        (acme["messages"].as_array().unwrap().len(), &acme["messages"][0]["id"]),
        (1, &logged[0]["id"])
    );
    let none = server.api("GET", "/v1/tenants/acme/messages?before=nothing").is(200).json();
    assert_eq!(none["messages"], serde_json::json!([]));

    for limit in ["0", "201", "-1", "many"] {
        server.api("GET", &format!("/v1/messages?limit={limit}")).is(400);
    }
    server.api("GET", "/v1/messages?limit=200").is(200);
    server.api("GET", "/v1/tenants/nobody/messages").is(404);
}

/// Goal: the feed tells each second's figures, messages and changes; a tenant's feed none of another tenant.
#[test]
fn the_feed_of_the_host_and_of_a_tenant() {
    let server = two_tenants();
    let (mut host, mut acme) = (Events::open(&server, ""), Events::open(&server, "?tenant=acme"));
    let mut figures_only = Events::open(&server, "?only=figures");
    let mut client = server.smtp();
    client.deliver("a@mark.test", &["jo@beta.example"], CONTENT).unwrap();
    server.upload("beta", "mark", "1.0.0", &Guest::new().component()).is(201);
    server.upload("acme", "ours", "1.0.0", &Guest::new().component()).is(201);
    client.deliver(FROM, &[TO], CONTENT).unwrap();

    let message = host.next_of("message");
    assert_eq!((&message["sender"], &message["tenant"]), (&"a@mark.test".into(), &"beta".into()));
    let change = loop {
        let change = host.next_of("change");
        if change["event"] == "processor_stored" {
            break change;
        }
    };
    assert_eq!((&change["owner"], &change["name"]), (&"beta".into(), &"mark".into()));
    let figures = host.next_of("figures");
    assert!(figures["point"]["sessions"].is_number() && figures["senders"].is_array(), "{figures}");

    let (mut message, mut change, mut seconds) = (None, None, 0);
    while message.is_none() || change.is_none() || seconds < 3 {
        let (event, data) = acme.next().expect("the feed goes on");
        let text = data.to_string();
        assert!(!text.contains("mark") && !text.contains("beta"), "{event}: {text}");
        match &*event {
            "figures" => {
                seconds += 1;
                assert!(
                    data["point"]["sessions"].is_null() && data["tenants"] == serde_json::json!([]),
                    "{text}"
                );
            }
            "message" => message = Some(data),
            "change" if data["event"] == "processor_stored" => change = Some(data),
            _ => {}
        }
    }
    assert_eq!((&message.unwrap()["sender"], &change.unwrap()["name"]), (&FROM.into(), &"ours".into()));
    let points: Vec<u64> = (0..3)
        .map(|_| {
            let (event, data) = figures_only.next().unwrap();
            assert_eq!(event, "figures");
            data["point"]["at"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(points, [points[0], points[0] + 1, points[0] + 2], "no second is left out or told twice");
    server.api("GET", "/v1/events?only=nonsense").is(400);
    server.api("GET", "/v1/events?tenant=nobody").is(404);
}

/// Goal: a feed with nothing to tell stays, though its client is silent for longer than others may be; it ends when the server
/// drains, not when it has drained; there are so many and no more.
#[test]
fn feeds_stay_are_counted_and_end() {
    let mut server = two_tenants();
    let mut quiet = Events::open(&server, "?only=message");
    let mut others: Vec<Events> = (1..8).map(|_| Events::open(&server, "?only=change")).collect();
    let refused = server.api("GET", "/v1/events").is(503);
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    others.pop();
    until("the place to come free", || {
        (server.api("GET", "/v1/events?tenant=nobody").status == 404).then_some(())
    });
    until("another feed", || {
        let token = format!("Authorization: Bearer {}", server.token());
        let mut feed = open(server.admin(), "GET", "/v1/events", &[&token], 0).unwrap();
        let mut status = [0; 12];
        feed.read_exact(&mut status).unwrap();
        (&status == b"HTTP/1.1 200").then_some(())
    });
    // Three comments come five seconds apart.
    let mut comments = 0;
    while comments < 3 {
        comments += usize::from(quiet.line().expect("it goes on") == ":");
    }
    let mut client = server.smtp();
    client.expect_data(FROM, TO);
    server.sigterm();
    assert!(quiet.next().is_none());
    assert!(server.is_alive(), "a message is at work still");
    client.write(b"x\r\n.\r\n").unwrap();
    assert_eq!(client.read_reply().unwrap().code, 250);
    assert_eq!(server.wait_exit(), 0);
}

/// Goal: ten thousand messages of ten thousand domains, with a feed that nobody reads, cost bounded memory; the feed says how much
/// it left out.
#[test]
fn a_flood_is_bounded() {
    let server = Server::builder().chain("acme", "acme.example", "null").start();
    let mut slow = Events::open(&server, "?only=message");
    let mut client = server.smtp();
    let content = std::str::from_utf8(CONTENT).unwrap();
    let mut flood = |from: usize, to: usize| {
        for batch in (from..to).step_by(100) {
            let message = |n: usize| {
                let said = format!("MAIL FROM:<{n}@flood-{n}.example>\r\nRCPT TO:<{TO}>\r\n");
                said + &format!("BDAT {} LAST\r\n{content}", content.len())
            };
            client.write((batch..batch + 100).map(message).collect::<String>().as_bytes()).unwrap();
            for _ in 0..300 {
                assert_eq!(client.read_reply().unwrap().code, 250);
            }
        }
    };
    flood(0, 2000);
    let before = server.memory();
    flood(2000, 10_000);
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes for 8000 messages");
    let figures = figures(&server, "/v1/figures?tenant=acme", 10_000);
    assert!(figures["senders"].as_array().unwrap().len() <= 10);
    // None of them sent more than one, so none is told with more.
    assert!(figures["senders"].as_array().unwrap().iter().all(|sender| sender["messages"] == 1), "{figures}");
    assert_eq!(figures["clients"][0]["messages"], 10_000);
    let (mut ids, mut before) = (Vec::new(), String::new());
    loop {
        let page = server.api("GET", &format!("/v1/tenants/acme/messages?limit=150{before}")).is(200).json();
        let page: Vec<String> = page["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["id"].as_str().unwrap().to_owned())
            .collect();
        let Some(last) = page.last() else { break };
        before = format!("&before={last}");
        ids.extend(page);
    }
    assert_eq!(ids.len(), 200);
    assert!(slow.next_of("lagged")["missed"].as_u64().unwrap() > 0);
}

/// Goal: the commands show it all, for people and for machines.
#[test]
fn top_messages_and_status() {
    let server = Server::builder()
        .chain("acme", "acme.example", "header | guest | maildir")
        .file("catalog/processors/host/guest/1.0.0.wasm", &Guest::new().component())
        .chain("beta", "beta.example", "null")
        .start();
    server.announce_admin();
    let site = server.site();
    let client = IpAddr::from(Ipv4Addr::new(127, 0, 0, 9));
    Smtp::one_message_from(client, server.mx(), FROM, &[TO], CONTENT).unwrap();
    Smtp::one_message_from(client, server.mx(), FROM, &[TO], b"bare\nnewline\r\n").unwrap();
    figures(&server, "/v1/figures", 2);

    let top = site.gatepost(&["top", "--once"]).exits(0).text();
    for expected in
        ["serving", "TENANT", "acme ", "beta ", "client.test", "127.0.0.9", "accept ", "sessions 0"]
    {
        assert!(top.contains(expected), "no `{expected}` in\n{top}");
    }
    assert!(!top.contains('\u{1b}'), "no terminal, no sequences:\n{top}");
    let top = site.gatepost(&["top", "--once", "--tenant", "acme"]).exits(0).text();
    for expected in ["STAGE", "header ", "guest ", "host/guest@1.0.0"] {
        assert!(top.contains(expected), "no `{expected}` in\n{top}");
    }
    let top = site.gatepost(&["top", "--once", "--json"]).exits(0).text();
    let second: Value = serde_json::from_str(top.strip_suffix('\n').unwrap()).unwrap();
    assert_eq!(second["clients"][0]["name"], "127.0.0.9");
    assert!(second["point"]["memory"].is_number());
    site.gatepost(&["top", "--once", "--tenant", "nobody"]).exits(64);

    let shown = site.gatepost(&["messages", "--stages"]).exits(0).text();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(
        lines[0].contains(" acme accept ") && lines[0].ends_with("<a@client.test> -> jo@acme.example"),
        "{shown}"
    );
    assert!(lines[1].starts_with("    header ") && lines[2].starts_with("    guest "), "{shown}");
    assert!(lines[3].contains(" reject ") && lines[4].starts_with("    550 5.6.11"), "{shown}");
    let json = site.gatepost(&["messages", "--json", "--limit", "1", "--tenant", "acme"]).exits(0).text();
    let record: Value = serde_json::from_str(json.strip_suffix('\n').unwrap()).unwrap();
    assert_eq!((&record["verdict"], &record["client"]), (&"reject".into(), &"127.0.0.9".into()));
    site.gatepost(&["messages", "--limit", "201"]).exits(64);
    assert!(site.gatepost(&["status"]).exits(0).text().contains(" messages/s, "));
}

/// Goal: what goes on for ever ends when nobody reads it: `gatepost top --json | head -1`; and with `--follow` messages come as they
/// come, those from before first.
#[test]
fn streams_end_with_their_reader() {
    let server = two_tenants();
    server.announce_admin();
    let mut client = server.smtp();
    client.deliver(FROM, &[TO], CONTENT).unwrap();
    server.wait_records("message", 1);
    for arguments in [&["top"][..], &["top", "--json"], &["messages", "--follow", "--json"]] {
        let mut child = std::process::Command::new(gatepost_tests::binary::path())
            .args(arguments)
            .current_dir(server.site().path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        if arguments[0] == "messages" {
            assert_eq!(first["sender"], FROM);
            client.deliver("next@client.test", &[TO], CONTENT).unwrap();
            let shown = lines.by_ref().map(Result::unwrap);
            assert!(shown.into_iter().any(|line| line.contains("\"sender\":\"next@client.test\"")));
        }
        drop(lines);
        let status = until("the command to end", || {
            client.deliver(FROM, &[TO], CONTENT).unwrap();
            child.try_wait().unwrap()
        });
        assert_eq!(status.code(), Some(0), "{arguments:?}");
    }
}

/// Goal: no server, and nobody whose words a server passes on, writes on the terminal of who looks.
/// Method: a server that is ours answers with sequences that terminals act upon.
#[test]
fn hostile_texts_reach_no_terminal() {
    let evil = "\u{1b}[2J\u{9b}1m\r\n<script>\u{202e}";
    let fake = TcpListener::bind("127.0.0.1:0").unwrap();
    let site = Server::builder()
        .section("admin", &format!("address = \"{}\"", fake.local_addr().unwrap()))
        .file("admin.token", b"0123456789abcdef0123456789abcdef")
        .site();
    let stage = serde_json::json!({"name": evil, "processor": evil, "outcome": evil, "cpu_us": 1, "wall_us": 1, "bytes_in": 1,
        "bytes_out": 1, "memory_peak": 1});
    let message = serde_json::json!({"at": 1, "id": evil, "tenant": evil, "client": evil, "sender": evil, "recipients": [evil],
        "size": 1, "verdict": evil, "reply": evil, "stages": [stage], "ms": 1});
    let busy = serde_json::json!([{"name": evil, "messages": 1}]);
    let verdicts = serde_json::json!({"accept": 1, "quarantine": 0, "discard": 0, "reject": 0, "defer": 0, "failed": 0, "aborted": 0});
    let point = serde_json::json!({"at": 1, "messages": 1, "bytes": 1, "verdicts": verdicts, "refused": 0, "sessions": 1,
        "in_flight": 1, "memory": 1});
    let tenant = serde_json::json!({"name": evil, "revision": 1, "chain": evil, "messages": 1, "problems": [evil],
        "breakers": [{"stage": evil, "place": evil, "retry_in_ms": null}]});
    let answers = [
        ("/v1/session", serde_json::json!({"tenant": null}).to_string()),
        ("/v1/messages", serde_json::json!({"messages": [message]}).to_string()),
        ("/v1/status", serde_json::json!({"version": evil, "uptime_s": 1, "draining": false, "not_ready": evil,
            "listeners": [[evil, evil]], "tenants": [tenant]}).to_string()),
        ("/v1/figures", serde_json::json!({"every_ms": 1000, "points": [point], "senders": busy, "clients": busy, "stages": [],
            "tenants": []}).to_string()),
        ("/v1/events", format!("event: figures\ndata: {}\n\n", serde_json::json!({"point": point, "senders": busy,
            "clients": busy, "stages": [], "tenants": []}))),
    ];
    std::thread::spawn(move || {
        for stream in fake.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut asked = String::new();
            reader.read_line(&mut asked).unwrap();
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let found = answers.iter().find(|(path, _)| asked.contains(path)).unwrap();
            let head =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", found.1.len());
            reader.get_mut().write_all((head + &found.1).as_bytes()).unwrap();
        }
    });
    for arguments in [
        &["messages", "--stages"][..],
        &["messages", "--json"],
        &["top", "--once"],
        &["top", "--once", "--json"],
        &["status"],
    ] {
        let text = site.gatepost(arguments).exits(0).text();
        assert!(text.contains("<script>"), "{arguments:?}: {text}");
        let is_plain = |c: char| c == '\n' || !(c.is_control() || matches!(c, '\u{202e}'));
        assert!(text.chars().all(is_plain), "{arguments:?}: {text:?}");
    }
}
