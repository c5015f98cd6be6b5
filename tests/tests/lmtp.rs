//! LMTP (RFC 2033): a reply for each recipient, and the chains of several tenants over one stream.

use gatepost_tests::guest::Guest;
use gatepost_tests::smtp::stuffed;
use gatepost_tests::tls::Certificate;
use gatepost_tests::{Server, Smtp};

const CONTENT: &[u8] = b"Subject: hi\r\n\r\n.dot\r\nbody\r\n";

fn site(acme: &str, other: &str) -> gatepost_tests::site::Builder {
    Server::builder()
        .mx("protocol = \"lmtp\"")
        .listener(
            "lmtps",
            "protocol = \"lmtp\"\ntls = { cert = \"mx.pem\", key = \"mx.key\", mode = \"starttls\" }",
        )
        .tenant("acme", &format!("domains = [\"acme.example\"]\n{acme}"))
        .tenant("other", &format!("domains = [\"other.example\"]\n{other}"))
}

fn server(acme: &str, other: &str) -> Server {
    let site = site(acme, other).site();
    Certificate::new().write(site.path());
    site.start()
}

fn client(server: &Server) -> Smtp {
    let mut client = Smtp::connect(server.mx()).unwrap();
    client.expect("LHLO client.test", 250);
    client
}

/// Names the recipients, each of which is taken, up to the 354.
fn open(client: &mut Smtp, recipients: &[&str]) {
    client.expect("MAIL FROM:<a@client.test>", 250);
    for recipient in recipients {
        client.expect(&format!("RCPT TO:<{recipient}>"), 250);
    }
    client.expect("DATA", 354);
}

fn codes(client: &mut Smtp, n: usize) -> Vec<u16> {
    let codes = (0..n).map(|_| client.read_reply().unwrap().code).collect();
    client.expect("NOOP", 250);
    codes
}

const MAILDIR: &str = "chain = \"maildir\"";

/// Goal: each RCPT that was taken is answered, in order, also one named twice; a refused one is not. Each tenant gets the
/// message once, with its own recipients only.
#[test]
fn one_message_to_two_tenants() {
    let server = server("chain = \"header | maildir\"", MAILDIR);
    let mut client = client(&server);
    client.expect("MAIL FROM:<a@client.test>", 250);
    for (recipient, code) in [
        ("jo@acme.example", 250),
        ("x@nobody.example", 550),
        ("mo@other.example", 250),
        ("jo@acme.example", 250),
        ("bo@acme.example", 250),
    ] {
        client.expect(&format!("RCPT TO:<{recipient}>"), code);
    }
    client.expect("DATA", 354);
    client.write(&stuffed(CONTENT)).unwrap();
    assert_eq!(codes(&mut client, 4), [250; 4]);
    let [acme, other] = ["acme", "other"].map(|tenant| server.maildir(tenant).messages());
    assert!(acme.len() == 1 && acme[0].ends_with(CONTENT));
    assert_eq!(other, [CONTENT]);
    let text = String::from_utf8_lossy(&acme[0]).replace("\r\n\t", " ");
    assert!(text.contains(" with LMTP id "), "{text}");
    let mut records = server.wait_records("message", 2);
    records.sort_by_key(|record| record["tenant"].to_string());
    assert_eq!(records[0]["recipients"].as_array().unwrap().len(), 2);
    assert_eq!(records[1]["recipients"][0], "mo@other.example");
    assert_ne!(records[0]["id"], records[1]["id"], "none finds another's message by its id");
}

/// Goal: a tenant that cannot be served keeps no message from the others.
#[test]
fn a_broken_tenant_is_put_off_alone() {
    let server = server(MAILDIR, "chain = \"nosuch | maildir\"");
    let mut client = client(&server);
    client.expect("MAIL FROM:<a@client.test>", 250);
    client.expect("RCPT TO:<jo@acme.example>", 250);
    client.expect("RCPT TO:<mo@other.example>", 451);
    client.expect("DATA", 354);
    client.write(&stuffed(CONTENT)).unwrap();
    assert_eq!(codes(&mut client, 1), [250]);
    assert_eq!(server.maildir("acme").messages(), [CONTENT]);
}

/// Goal: a chain that fails fails for its tenant; the message is with the other.
/// Method: a guest that spends its budget, in front of one of two.
#[test]
fn a_failing_chain_is_its_own_tenants() {
    let endless = Guest::new().write("(loop $forever (br $forever)) unreachable").component();
    for (content, extent) in [(CONTENT.to_vec(), "small"), (large(), "large")] {
        let site = site(
            MAILDIR,
            "chain = \"endless | maildir\"\n[limits]\ncpu_per_message = \"20ms\"\ncpu_per_mib = \"0s\"",
        )
        .file("catalog/processors/other/endless/1.0.0.wasm", &endless)
        .site();
        Certificate::new().write(site.path());
        let server = site.start();
        let mut client = client(&server);
        open(&mut client, &["mo@other.example", "jo@acme.example", "no@other.example"]);
        client.write(&stuffed(&content)).unwrap();
        assert_eq!(codes(&mut client, 3), [451, 250, 451], "{extent}");
        assert_eq!(server.maildir("acme").messages(), [content], "{extent}");
        assert_eq!(server.maildir("other").count(), 0, "{extent}");
    }
}

fn large() -> Vec<u8> {
    let mut content = CONTENT.to_vec();
    content.extend(b"a line of some text that fills the message\r\n".repeat(20_000));
    content
}

/// Goal: a chain that holds up the other tenant's for `fork_stall_max` is dropped, and the other goes on.
/// Method: a guest that loops within a budget of a minute, in front of one of two; more content than is collected first.
#[test]
fn a_chain_that_holds_the_others_up_is_dropped() {
    let endless = Guest::new().write("(loop $forever (br $forever)) unreachable").component();
    let lines = "chain = \"endless | maildir\"\n[limits]\ncpu_per_message = \"60s\"\nfork_stall_max = \"1s\"";
    let site = site(MAILDIR, lines)
        .section("limits", "max = { cpu_per_message = \"60s\" }")
        .file("catalog/processors/other/endless/1.0.0.wasm", &endless)
        .site();
    Certificate::new().write(site.path());
    let server = site.start();
    let mut client = client(&server);
    open(&mut client, &["mo@other.example", "jo@acme.example"]);
    let content = large();
    client.write(&stuffed(&content)).unwrap();
    assert_eq!(codes(&mut client, 2), [451, 250]);
    assert_eq!(server.maildir("acme").messages(), [content]);
    let records = server.wait_records("message", 2);
    let late = records.iter().find(|record| record["tenant"] == "other").unwrap();
    assert_eq!((&late["verdict"], &late["reason"]), (&"defer".into(), &"fork_stall_max".into()));
}

/// RFC 2033 §4.2 with RFC 3030: one reply for a chunk, one for each recipient for the last.
#[test]
fn content_in_chunks() {
    let server = server(MAILDIR, MAILDIR);
    let mut client = client(&server);
    client.expect("MAIL FROM:<a@client.test>", 250);
    client.expect("RCPT TO:<jo@acme.example>", 250);
    client.expect("RCPT TO:<mo@other.example>", 250);
    client.write(b"BDAT 11\r\nSubject: hi").unwrap();
    client.expect_reply(250);
    client.write(b"BDAT 4 LAST\r\n\r\n\r\n").unwrap();
    assert_eq!(codes(&mut client, 2), [250, 250]);
    for tenant in ["acme", "other"] {
        assert_eq!(server.maildir(tenant).messages(), [b"Subject: hi\r\n\r\n"], "{tenant}");
    }
}

/// Goal: what the listener has against the content is said to each recipient.
#[test]
fn content_that_the_listener_refuses() {
    let server = server(MAILDIR, MAILDIR);
    let mut client = client(&server);
    open(&mut client, &["mo@other.example", "jo@acme.example"]);
    client.write(b"Subject: hi\n\r\n.\r\n").unwrap();
    assert_eq!(codes(&mut client, 2), [550, 550]);
    client.expect("MAIL FROM:<a@client.test>", 250);
    client.expect("DATA", 503);
}

/// RFC 2033 §5: LMTP says LHLO, after STARTTLS again.
#[test]
fn the_greeting_and_starttls() {
    let certificate = Certificate::new();
    let site = site(MAILDIR, MAILDIR).site();
    certificate.write(site.path());
    let server = site.start();
    let mut client = Smtp::connect(server.listener("lmtps")).unwrap();
    client.expect("EHLO client.test", 502);
    assert!(client.expect("LHLO client.test", 250).text().contains("STARTTLS"));
    client.expect("STARTTLS", 220);
    client.start_tls(&certificate).unwrap();
    client.expect("MAIL FROM:<>", 503);
    client.expect("LHLO client.test", 250);
    open(&mut client, &["jo@acme.example", "mo@other.example"]);
    client.write(&stuffed(CONTENT)).unwrap();
    assert_eq!(codes(&mut client, 2), [250, 250]);
}

/// Goal: a client that leaves in the midst leaves nothing behind with anybody.
#[test]
fn a_client_gone_leaves_nothing() {
    let server = server(MAILDIR, MAILDIR);
    let mut client = client(&server);
    open(&mut client, &["mo@other.example", "jo@acme.example"]);
    client.write(&large()).unwrap();
    drop(client);
    let records = server.wait_records("message", 2);
    assert!(records.iter().all(|record| record["verdict"] == "aborted"), "{records:?}");
    assert_eq!((server.maildir("acme").count(), server.maildir("other").count()), (0, 0));
}

/// Goal: one tenant's slow chain keeps no other's answer, as far as the order of replies lets it: its sender may give up and
/// send again what is long safe.
#[test]
fn replies_come_as_they_are_known() {
    let server = server(MAILDIR, "chain = \"debug | maildir\"\n[stage.debug]\nsleep_seconds = 3");
    let mut client = client(&server);
    open(&mut client, &["jo@acme.example", "mo@other.example"]);
    client.write(&stuffed(CONTENT)).unwrap();
    client.expect_reply(250);
    assert_eq!((server.maildir("acme").count(), server.maildir("other").count()), (1, 0));
    client.expect_reply(250);
    assert_eq!(server.maildir("other").count(), 1);
}
