//! Whoever asks slowly: a token that goes, or a tenant that another one takes the place of, while a body is on its way.

use std::io::Write as _;
use std::net::TcpStream;

use gatepost_tests::guest::Guest;
use gatepost_tests::wait::until;
use gatepost_tests::{Server, http};
use serde_json::json;

use super::{ask, make, two_tenants};

/// A request whose head has come, and the first byte of its body.
fn begin(server: &Server, method: &str, path: &str, token: &str, body: &[u8]) -> TcpStream {
    let token = format!("Authorization: Bearer {token}");
    let fields = [token.as_str(), "Content-Type: application/json"];
    let mut stream = http::open(server.admin(), method, path, &fields, body.len()).unwrap();
    stream.write_all(&body[..1]).unwrap();
    // Until the server has asked who it is.
    std::thread::sleep(std::time::Duration::from_millis(300));
    stream
}

fn finish(mut stream: TcpStream, body: &[u8]) -> u16 {
    stream.write_all(&body[1..]).unwrap();
    http::answer(stream).unwrap().status
}

/// Goal: who asks must still be who it was when the body has come: neither a removed token nor one of a tenant that is another
/// one's by now changes anything.
#[test]
fn a_token_that_goes_meanwhile() {
    let server = two_tenants().start();
    let chain = br#"{"chain": "header | maildir"}"#.as_slice();
    let token = br#"{"role": "owner"}"#.as_slice();
    let component = Guest::new().component();
    for replaced in [false, true] {
        let owner = make(&server, "acme", &json!({"role": "owner"}));
        let path = |rest: &str| format!("/v1/tenants/acme/{rest}");
        let begun = [
            (begin(&server, "PUT", &path("chain"), &owner.text, chain), chain),
            (begin(&server, "POST", &path("tokens"), &owner.text, token), token),
            (begin(&server, "PUT", &path("processors/evil/1.0.0"), &owner.text, &component), &component),
        ];
        if replaced {
            let tenant = json!({"domains": ["acme.example"], "chain": "maildir"});
            ask(&server, "DELETE", "/v1/tenants/acme", &server.token(), None).is(204);
            ask(&server, "PUT", "/v1/tenants/acme", &server.token(), Some(&tenant)).is(201);
        } else {
            ask(&server, "DELETE", &path(&format!("tokens/{}", owner.id)), &server.token(), None).is(204);
        }
        for (stream, body) in begun {
            assert_eq!(finish(stream, body), 401, "replaced: {replaced}");
        }
        assert_eq!(server.api("GET", "/v1/tenants/acme").header("etag"), "\"1\"");
        assert_eq!(server.api("GET", &path("tokens")).is(200).json()["tokens"], json!([]));
        assert_eq!(server.api("GET", &path("processors")).is(200).json()["processors"], json!([]));
    }
}

/// Goal: a tenant that comes under the name of one that was removed sees nothing of its mail, and who listened with the old one's
/// token hears nothing more.
#[test]
fn the_next_tenant_of_that_name() {
    let server = two_tenants().start();
    let owner = make(&server, "acme", &json!({"role": "owner"}));
    let deliver = |from: &str| {
        let sent = server.smtp().deliver(from, &["jo@acme.example"], b"Subject: x\r\n\r\nx\r\n");
        assert_eq!(sent.unwrap().code, 250);
    };
    deliver("secret@old.example");
    let messages = |token: &str| ask(&server, "GET", "/v1/tenants/acme/messages", token, None).is(200).body;
    assert!(messages(&owner.text).contains("secret@old.example"));
    let fields = [format!("Authorization: Bearer {}", owner.text)];
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let feed = http::open(server.admin(), "GET", "/v1/events?only=message", &fields, 0).unwrap();
    until("the feed is there", || {
        (server.api("GET", "/v1/status").status == 200)
            .then(|| std::thread::sleep(std::time::Duration::from_millis(300)))
    });
    let tenant = json!({"domains": ["acme.example"], "chain": "maildir"});
    ask(&server, "DELETE", "/v1/tenants/acme", &server.token(), None).is(204);
    ask(&server, "PUT", "/v1/tenants/acme", &server.token(), Some(&tenant)).is(201);
    let next = make(&server, "acme", &json!({"role": "owner"}));
    assert!(!messages(&next.text).contains("old.example"));
    deliver("fresh@new.example");
    until("its own message is told", || messages(&next.text).contains("fresh@new.example").then_some(()));
    let heard = http::answer(feed).unwrap();
    assert!(!heard.body.contains("new.example"), "{}", heard.body);
    let figures = ask(&server, "GET", "/v1/figures", &next.text, None).is(200).body;
    assert!(!figures.contains("old.example"), "{figures}");
}

/// Goal: bodies that dribble in take so many places and no more: another one is told to come back, and whoever only asks, or is
/// somebody else, is answered.
#[test]
fn so_many_bodies() {
    let server = two_tenants().start();
    let owner = make(&server, "acme", &json!({"role": "owner"}));
    let body = br#"{"chain": "maildir"}"#;
    let check = "/v1/tenants/acme/chain/check";
    let held: Vec<_> = (0..6).map(|_| begin(&server, "POST", check, &owner.text, body)).collect();
    let change = json!({"chain": "maildir"});
    let refused = ask(&server, "POST", check, &owner.text, Some(&change)).is(503);
    assert_eq!(refused.header("retry-after"), "2");
    ask(&server, "GET", "/v1/tenants/acme/chain", &owner.text, None).is(200);
    ask(&server, "POST", check, &server.token(), Some(&change)).is(200);
    assert_eq!(server.get("/healthz").status, 200);
    for stream in held {
        assert_eq!(finish(stream, body), 200);
    }
    ask(&server, "POST", check, &owner.text, Some(&change)).is(200);
}
