//! A reload changes listeners without touching open sessions, or changes nothing.

use std::net::{SocketAddr, TcpListener};

use gatepost_tests::tls::Certificate;
use gatepost_tests::wait::until;
use gatepost_tests::{Server, Smtp};
use serde_json::{Value, json};

const FROM: &str = "a@client.test";
const TO: &str = "jo@acme.example";
const MESSAGE: &[u8] = b"Subject: x\r\n\r\nx\r\n";

/// An address that nobody has now.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Writes `conf.d/NAME.toml`, which adds a listener of that name or says more of it.
fn write(server: &Server, name: &str, lines: &str) {
    let text = format!("[[listener]]\nname = \"{name}\"\n{lines}\n");
    server.site().write(&format!("conf.d/{name}.toml"), text.as_bytes());
}

/// Reloads, and gives what became of listeners.
#[track_caller]
fn reload(server: &Server, status: u16) -> Value {
    let answer = server.api("POST", "/v1/reload");
    assert_eq!(answer.status, status, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn change(listener: &str, change: &str, address: SocketAddr) -> Value {
    json!({ "listener": listener, "change": change, "address": address.to_string() })
}

fn serves(address: SocketAddr) -> bool {
    Smtp::one_message(address, FROM, &[TO], MESSAGE).is_ok_and(|reply| reply.code == 250)
}

#[track_caller]
fn closes(address: SocketAddr) {
    until("the socket to close", || Smtp::connect(address).err());
}

/// Goal: a listener is added, moved and removed; sessions that it has go on to their own end.
#[test]
fn listeners_come_move_and_go() {
    let server = Server::builder().start();
    let (first, second) = (free(), free());
    write(&server, "late", &format!("address = \"{first}\""));
    assert_eq!(reload(&server, 200)["listeners"], json!([change("late", "added", first)]));
    assert!(serves(first));
    let mut old = Smtp::connect(first).unwrap();
    old.expect("EHLO client.test", 250);

    write(&server, "late", &format!("address = \"{second}\""));
    assert_eq!(reload(&server, 200)["listeners"], json!([change("late", "moved", second)]));
    assert!(serves(second));
    closes(first);
    assert_eq!(old.deliver(FROM, &[TO], MESSAGE).unwrap().code, 250);
    let status: Value = serde_json::from_str(&server.api("GET", "/v1/status").body).unwrap();
    assert_eq!(status["listeners"][1], json!(["late", second.to_string()]));

    std::fs::remove_file(server.site().path().join("conf.d/late.toml")).unwrap();
    assert_eq!(reload(&server, 200)["listeners"], json!([change("late", "removed", second)]));
    closes(second);
    assert_eq!(old.deliver(FROM, &[TO], MESSAGE).unwrap().code, 250);
    assert!(serves(server.mx()));
    assert_eq!(server.maildir("acme").count(), 5);
    assert!(server.log().contains("listener `late`: moved, "));
}

/// Goal: a session of a listener that is gone counts for the drain: a message in flight is finished.
#[test]
fn sessions_of_removed_listeners_are_waited_for() {
    let mut server = Server::builder().start();
    let address = free();
    write(&server, "late", &format!("address = \"{address}\""));
    reload(&server, 200);
    let mut client = Smtp::connect(address).unwrap();
    client.expect("EHLO client.test", 250);
    client.expect_data(FROM, TO);
    std::fs::remove_file(server.site().path().join("conf.d/late.toml")).unwrap();
    reload(&server, 200);
    closes(address);
    server.sigterm();
    closes(server.mx());
    client.write(b"Subject: late\r\n\r\n.\r\n").unwrap();
    client.expect_reply(250);
    client.expect_reply(421);
    client.expect_closed();
    assert_eq!(server.wait_exit(), 0);
    assert_eq!(server.records("stopped")[0]["finished"], true);
    assert_eq!(server.maildir("acme").count(), 1);
}

/// Goal: new limits are for new sessions; who is in counts on, and stays in.
#[test]
fn limits_change_under_open_sessions() {
    let server = Server::builder().start();
    let (mut first, second) = (server.smtp(), server.smtp());
    write(&server, "mx", "sessions_max = 2\nmessage_size_max = \"1KiB\"");
    assert_eq!(reload(&server, 200)["listeners"], json!([change("mx", "changed", server.mx())]));
    assert_eq!(reload(&server, 200)["listeners"], json!([]));
    Smtp::connect_unread(server.mx()).unwrap().expect_reply(421);
    let large = [MESSAGE, &b"0123456789\r\n".repeat(100)].concat();
    assert_eq!(first.deliver(FROM, &[TO], &large).unwrap().code, 250);
    drop(second);
    let mut third = until("a seat", || Smtp::connect(server.mx()).ok());
    third.expect("EHLO client.test", 250);
    assert_eq!(third.deliver(FROM, &[TO], &large).unwrap().code, 552);
}

/// Goal: two listeners change places at once, although either's address is taken by the other.
#[test]
fn listeners_change_places() {
    let (a, b) = (free(), free());
    let server = Server::builder().listener("small", "").start();
    write(&server, "mx", &format!("address = \"{a}\""));
    write(&server, "small", &format!("address = \"{b}\"\nmessage_size_max = \"1KiB\""));
    reload(&server, 200);
    let large = [MESSAGE, &b"0123456789\r\n".repeat(100)].concat();
    let code = |address| Smtp::one_message(address, FROM, &[TO], &large).unwrap().code;
    assert_eq!((code(a), code(b)), (250, 552));
    write(&server, "mx", &format!("address = \"{b}\""));
    write(&server, "small", &format!("address = \"{a}\"\nmessage_size_max = \"1KiB\""));
    let moved = json!([change("mx", "moved", b), change("small", "moved", a)]);
    assert_eq!(reload(&server, 200)["listeners"], moved);
    until("the new ones to serve", || (code(a) == 552 && code(b) == 250).then_some(()));
}

/// Goal: what cannot be had changes nothing, also of what could; the listener and the reason are told.
#[test]
fn all_or_nothing() {
    let server = Server::builder().file("mx.pem", b"no certificate").file("mx.key", b"no key").start();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let late = free();
    write(&server, "mx", "message_size_max = \"1KiB\"");
    write(&server, "late", &format!("address = \"{late}\""));
    server.site().write("conf.d/limits.toml", b"[limits]\nstages_max = 1\n");
    let large = [MESSAGE, &b"0123456789\r\n".repeat(100)].concat();
    for (lines, told) in [
        (format!("address = \"{}\"", taken.local_addr().unwrap()), "listener `more` cannot listen on"),
        (
            format!(
                "address = \"{}\"\ntls = {{ cert = \"mx.pem\", key = \"mx.key\", mode = \"starttls\" }}",
                free()
            ),
            "listener `more` cannot have its TLS",
        ),
    ] {
        write(&server, "more", &lines);
        let report = reload(&server, 422);
        let problems = report["problems"].to_string();
        assert!(problems.contains(told), "{problems}");
        assert_eq!((&report["listeners"], &report["config_refused"]), (&json!([]), &json!(true)));
        assert!(Smtp::connect(late).is_err());
        assert_eq!(Smtp::one_message(server.mx(), FROM, &[TO], &large).unwrap().code, 250);
    }
    server.announce_admin();
    let told = server.site().gatepost(&["reload"]).exits(78).text();
    let last = "0 changed, 1 unchanged, 0 refused; the config was refused, and the old one goes on\n";
    assert!(told.ends_with(last), "{told}");
    std::fs::remove_file(server.site().path().join("conf.d/more.toml")).unwrap();
    assert_eq!(reload(&server, 200)["config_refused"], false);
    let ok = server.wait_records("reloaded", 5).iter().map(|record| record["ok"] == true).collect::<Vec<_>>();
    assert_eq!(ok, [true, false, false, false, true], "of the start, and of four reloads");
    assert!(serves(late));
    assert_eq!(Smtp::one_message(server.mx(), FROM, &[TO], &large).unwrap().code, 552);
}

/// Goal: a wildcard that holds the port is named, as it is what stands in the way.
#[test]
fn a_wildcard_in_the_way_is_named() {
    let port = free().port();
    let server = Server::builder().start();
    write(&server, "wide", &format!("address = \"0.0.0.0:{port}\""));
    reload(&server, 200);
    write(&server, "wide", &format!("address = \"127.0.0.1:{port}\""));
    let problems = reload(&server, 422)["problems"].to_string();
    assert!(problems.contains("listener `wide` holds the port at 0.0.0.0:"), "{problems}");
    assert!(serves(SocketAddr::from(([127, 0, 0, 1], port))));
}

/// Goal: TLS comes and goes with a reload; a session that is open keeps what it was offered.
#[test]
fn tls_comes_and_goes() {
    let certificate = Certificate::new();
    let server = Server::builder().start();
    certificate.write(server.site().path());
    let mut plain = server.smtp();
    write(&server, "mx", "tls = { cert = \"mx.pem\", key = \"mx.key\", mode = \"starttls\" }");
    reload(&server, 200);
    plain.expect("STARTTLS", 502);
    let mut offered = server.smtp();
    std::fs::remove_file(server.site().path().join("conf.d/mx.toml")).unwrap();
    reload(&server, 200);
    offered.expect("STARTTLS", 220);
    offered.start_tls(&certificate).unwrap();
    offered.expect("EHLO client.test", 250);
    assert_eq!(offered.deliver(FROM, &[TO], MESSAGE).unwrap().code, 250);
    server.smtp().expect("STARTTLS", 502);
}
