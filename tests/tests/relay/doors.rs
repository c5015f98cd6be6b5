//! Never to ourselves, nor to where the settings do not let it.

use std::net::SocketAddr;

use gatepost_tests::hop::Hop;
use gatepost_tests::{Server, http};
use serde_json::{Value, json};

use crate::{CONTENT, relaying, send, tenant, wire};

/// What a client hears at RCPT.
#[track_caller]
fn at_rcpt(server: &Server) -> String {
    let mut client = server.smtp();
    client.expect("MAIL FROM:<a@client.test>", 250);
    client.ask("RCPT TO:<b@acme.example>").unwrap().text()
}

/// Goal: a relay to any address of this server is refused for good, at once, and no session is opened for it.
#[test]
fn ourselves() {
    let server = Server::builder().mx("sessions_max = 10").start();
    let admin = server.admin();
    let mx = server.mx();
    let mapped: SocketAddr = format!("[::ffff:127.0.0.1]:{}", mx.port()).parse().unwrap();
    for target in [mx, admin, mapped] {
        let lines = format!("address = \"{target}\"\nhosts_allowed = [\"0.0.0.0/0\", \"::/0\"]");
        server.site().write("catalog/tenants/acme.toml", tenant("relay", &lines).as_bytes());
        server.announce_admin();
        server.site().gatepost(&["reload"]).exits(0);
        let reply = at_rcpt(&server);
        assert!(reply.starts_with("554 5.4.6 "), "{target}: {reply}");
        let failed = server.wait_records("sink_failed", 1);
        assert!(
            failed.last().unwrap()["error"].as_str().unwrap().contains("is this server itself"),
            "{failed:?}"
        );
    }
}

/// Goal: a name that leads to ourselves is found out once it is resolved.
#[test]
fn ourselves_by_name() {
    let server = Server::builder().start();
    let lines = format!("address = \"localhost:{}\"\nhosts_allowed = [\"127.0.0.0/8\"]", server.mx().port());
    server.site().write("catalog/tenants/acme.toml", tenant("relay", &lines).as_bytes());
    server.announce_admin();
    server.site().gatepost(&["reload"]).exits(0);
    let reply = at_rcpt(&server);
    // Where `localhost` has an IPv6 address as well, nobody is there, and mail may yet get through.
    assert!(reply.starts_with("554 5.4.6 ") || reply.starts_with("451 4."), "{reply}");
    assert_eq!(server.wait_records("sink_failed", 1).len(), 1);
    assert_eq!(server.records("session_opened").len(), 1, "only our own client's");
}

/// Goal: a server that has our name would send the message back to us.
#[test]
fn a_server_with_our_name() {
    for (line, answer) in [("CONNECT", "220 MX.test. ESMTP"), ("EHLO", "250-mx.test\r\n250 PIPELINING")] {
        let hop = Hop::answering(line, answer);
        let server = relaying(&hop, "").start();
        assert!(at_rcpt(&server).starts_with("554 5.4.6 "));
        assert!(hop.lines("MAIL").is_empty());
    }
}

/// Goal: a name leads only to what `hosts_allowed` covers, asked of the address that is connected to; a literal covers itself.
#[test]
fn hosts_allowed() {
    let hop = Hop::start();
    let port = hop.address().port();
    let localhost = format!("address = \"localhost:{port}\"");
    let literal = format!("address = \"127.0.0.1:{port}\"");
    for (lines, is_open) in [
        (literal.clone(), true),
        (format!("{literal}\nhosts_allowed = [\"192.0.2.1\"]"), true),
        (localhost.clone(), false),
        (format!("{localhost}\nhosts_allowed = []"), false),
        (format!("{localhost}\nhosts_allowed = [\"192.0.2.0/24\", \"::2\"]"), false),
        (format!("{localhost}\nhosts_allowed = [\"127.0.0.0/8\", \"::1\"]"), true),
        // What the system's resolver takes for an address is a name here.
        (format!("address = \"127.1:{port}\""), false),
        (format!("address = \"2130706433:{port}\""), false),
    ] {
        let before = hop.sessions().len();
        let server = Server::builder().tenant("acme", &tenant("relay", &lines)).start();
        let reply = at_rcpt(&server);
        if is_open {
            assert!(reply.starts_with("250 "), "{lines}: {reply}");
        } else {
            assert!(reply.starts_with("451 4.3.5 ") || reply.starts_with("451 4.4.1 "), "{lines}: {reply}");
            assert_eq!(hop.sessions().len(), before, "{lines}");
        }
    }
}

/// Goal: link-local, metadata and multicast addresses are refused when the chain is checked, and whatever else cannot be.
#[test]
fn settings_that_are_refused() {
    let check = |lines: &str| {
        let site = Server::builder().tenant("acme", &tenant("relay", lines)).site();
        let told = site.gatepost(&["check"]);
        if told.code == 0 { String::new() } else { told.text() + &told.stderr }
    };
    for (lines, expect) in [
        ("", "`address`: is required"),
        ("address = []", "`address`: is required"),
        ("address = 25", "`address`"),
        ("address = \"mx.example\"", "has no port"),
        ("address = \"169.254.169.254:25\"", "metadata"),
        ("address = \"[fd00:ec2::254]:25\"", "metadata"),
        ("address = \"224.0.0.1:25\"", "multicast"),
        ("address = \"0.0.0.0:25\"", "`address`"),
        ("address = \"169.254.169.254:25\"\nhosts_allowed = [\"0.0.0.0/0\"]", "metadata"),
        ("address = \"192.0.2.1:25\"\nhosts_allowed = [\"mx.example\"]", "`hosts_allowed`"),
        ("address = \"192.0.2.1:25\"\nprotocol = \"http\"", "`protocol`"),
        ("address = \"192.0.2.1:25\"\ntls = \"maybe\"", "`tls`"),
        ("address = \"192.0.2.1:25\"\nca = \"none.pem\"", "`ca`"),
        ("address = \"192.0.2.1:25\"\ntls = \"require\"\nca = \"none.pem\"", "`ca`"),
        ("address = \"192.0.2.1:25\"\nauth = { user = \"u\", secret = \"hunter2\" }", "`auth`"),
        (
            "address = \"192.0.2.1:25\"\nauth = { user = \"u\", secret = \"env:HOME\" }",
            "needs `tls = \"require\"`",
        ),
        ("address = \"192.0.2.1:25\"\nauth = \"hunter2\"", "is no table"),
        (
            "address = \"192.0.2.1:25\"\nauth = { user = \"u\", secret = \"env:HOME\", password = \"hunter2\" }",
            "`user` and `secret`",
        ),
        ("address = \"192.0.2.1:25\"\nhelo = \"a b\"", "`helo`"),
        ("address = \"192.0.2.1:25\"\nbare_newlines = \"keep\"", "`bare_newlines`"),
        ("address = \"192.0.2.1:25\"\nconnect_timeout = \"999ms\"", "`connect_timeout`"),
        ("address = \"192.0.2.1:25\"\nconnect_timeout = \"301s\"", "`connect_timeout`"),
        ("address = \"192.0.2.1:25\"\ncommand_timeout = \"601s\"", "`command_timeout`"),
        ("address = \"192.0.2.1:25\"\ndata_timeout = \"601s\"", "`data_timeout`"),
        ("address = \"192.0.2.1:25\"\nreply_timeout = \"601s\"", "`reply_timeout`"),
        ("address = \"192.0.2.1:25\"\nidle_timeout = \"3601s\"", "`idle_timeout`"),
        ("address = \"192.0.2.1:25\"\npause_timeout = \"999ms\"", "`pause_timeout`"),
        ("address = \"192.0.2.1:25\"\npause_timeout = \"301s\"", "`pause_timeout`"),
        ("address = \"192.0.2.1:25\"\nconnections_max = 0", "`connections_max`"),
        ("address = \"192.0.2.1:25\"\nconnections_max = 1001", "`connections_max`"),
        ("address = \"192.0.2.1:25\"\nidle_max = 1001", "`idle_max`"),
        ("address = \"192.0.2.1:25\"\nconnection_messages_max = 0", "`connection_messages_max`"),
    ] {
        let told = check(lines);
        assert!(told.contains(expect), "{lines}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    for good in [
        "address = [\"192.0.2.1:25\", \"mx.example:2525\", \"[2001:db8::1]:25\"]\nprotocol = \"lmtp\"\ntls = \"none\"",
        "address = \"169.254.1.1:25\"\nhosts_allowed = [\"169.254.1.0/24\"]",
        "address = \"127.0.0.1:25\"\nauth = { user = \"u\", secret = \"env:HOME\" }",
        "address = \"192.0.2.1:25\"\nconnect_timeout = \"5m\"\ncommand_timeout = \"10m\"\ndata_timeout = \"10m\"\nreply_timeout = \"10m\"",
        "address = \"192.0.2.1:25\"\nidle_max = 0\npause_timeout = \"5m\"\nidle_timeout = \"1h\"\nconnections_max = 1000\nconnection_messages_max = 1000000",
    ] {
        assert_eq!(check(good), "", "{good}");
    }
}

/// Goal: no tenant's token sets where a relay goes, who it may go to, or who it is there; the host's does.
#[test]
fn settings_are_the_hosts() {
    let (hop, other) = (Hop::start(), Hop::start());
    let server = relaying(&hop, "").start();
    let ask = |method: &str, path: &str, token: &str, body: Value| {
        let fields = [&format!("Authorization: Bearer {token}"), "Content-Type: application/json"];
        http::send(server.admin(), method, path, &fields, body.to_string().as_bytes()).unwrap()
    };
    let made =
        ask("POST", "/v1/tenants/acme/tokens", &server.token(), json!({"role": "owner"})).is(201).json();
    let token = made["token"].as_str().unwrap();
    let elsewhere = other.address().to_string();
    for settings in [
        json!({"address": elsewhere}),
        json!({"address": hop.address().to_string(), "hosts_allowed": ["0.0.0.0/0"]}),
        json!({"address": hop.address().to_string(), "helo": "else.test"}),
        json!({"address": hop.address().to_string(), "auth": {"user": "u", "secret": "env:HOME"}}),
    ] {
        let change = json!({"chain": "relay", "stage": {"relay": settings}});
        let refused = ask("PUT", "/v1/tenants/acme/chain", token, change).is(403);
        assert!(refused.body.contains("host-only-setting"), "{}", refused.body);
    }
    let second = json!({"chain": "two:relay", "stage": {"two": {"address": elsewhere}}});
    ask("PUT", "/v1/tenants/acme/chain", token, second).is(403);
    assert_eq!(send(&server, CONTENT).code, 250);
    assert_eq!((hop.messages(), other.sessions().len()), (vec![wire(CONTENT)], 0));
    let change = json!({"chain": "relay", "stage": {"relay": {"address": elsewhere}}});
    ask("PUT", "/v1/tenants/acme/chain", &server.token(), change).is(200);
    assert_eq!(send(&server, CONTENT).code, 250);
    assert_eq!(other.messages(), [wire(CONTENT)]);
}
