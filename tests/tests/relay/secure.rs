//! TLS and logins: what `tls` promises is held, and a password goes nowhere else.

use gatepost_tests::hop::{Act, Hop};
use gatepost_tests::site::Builder;
use gatepost_tests::tls::Certificate;

use crate::{CONTENT, relaying, send};

const REQUIRE: &str = "tls = \"require\"\nca = \"hop.pem\"\nconnect_timeout = \"1s\"";

/// A next server under TLS, for its address, and a server of ours that trusts its certificate.
fn required(hop: &Hop, certificate: &Certificate, lines: &str) -> Builder {
    relaying(hop, &format!("{REQUIRE}\n{lines}")).file("hop.pem", certificate.pem().as_bytes())
}

/// Goal: `opportunistic` speaks TLS with anyone who offers it, `none` never, `require` with whom it knows.
#[test]
fn tls_where_it_is_offered() {
    let certificate = Certificate::of("127.0.0.1");
    let script = || Hop::script(|_| Act::Usual);
    let (plain, tls) = (script().start(), script().tls(&certificate).start());
    let stranger = script().tls(&Certificate::of("stranger.test")).start();
    for (hop, lines, is_tls) in [
        (&plain, "", false),
        (&tls, "", true),
        (&stranger, "", true),
        (&tls, "tls = \"none\"", false),
        (&tls, REQUIRE, true),
    ] {
        let before = hop.lines("TLS").len();
        let server = relaying(hop, lines).file("hop.pem", certificate.pem().as_bytes()).start();
        assert_eq!(send(&server, CONTENT).code, 250, "{lines}");
        assert_eq!(hop.lines("TLS").len() > before, is_tls, "{lines}");
        assert_eq!(server.wait_records("relayed", 1)[0]["tls"], is_tls, "{lines}");
    }
    // Everything is asked anew after the handshake.
    let lines = tls.sessions().remove(0).lines;
    let place = |start: &str| lines.iter().rposition(|line| line.starts_with(start)).unwrap();
    assert!(place("TLS") < place("EHLO") && place("EHLO") < place("MAIL"), "{lines:?}");
}

/// Goal: with `require` nothing is sent to whom it does not know: no TLS, another certificate, another name.
#[test]
fn tls_that_is_required() {
    let certificate = Certificate::of("127.0.0.1");
    let script = || Hop::script(|_| Act::Usual);
    let named = Certificate::of("other.test");
    let refusing =
        Hop::script(|line| if line == "STARTTLS" { Act::say("454 4.7.0 not now") } else { Act::Usual });
    for (hop, trusted) in [
        (script().start(), &certificate),
        (script().tls(&Certificate::of("127.0.0.1")).start(), &certificate),
        (script().tls(&named).start(), &named),
        (refusing.offers("STARTTLS").start(), &certificate),
    ] {
        let server = required(&hop, trusted, "").start();
        let reply = send(&server, CONTENT).text();
        assert!(reply.starts_with("451 4.7.5 "), "{reply}");
        assert!(hop.lines("MAIL").is_empty());
    }
}

/// Goal: a self-signed certificate that calls itself an authority is known where `ca` holds it; where it does not, the log
/// says in words what to do.
#[test]
fn a_self_signed_certificate() {
    let certificate = Certificate::of_authority("127.0.0.1");
    let hop = Hop::script(|_| Act::Usual).tls(&certificate).start();
    let server = required(&hop, &certificate, "").start();
    assert_eq!(send(&server, CONTENT).code, 250);
    assert_eq!(server.wait_records("relayed", 1)[0]["tls"], true);
    for (hop, words) in [
        (
            Hop::script(|_| Act::Usual).tls(&Certificate::of_authority("127.0.0.1")).start(),
            "is an authority itself (CA:TRUE)",
        ),
        (
            Hop::script(|_| Act::Usual).tls(&Certificate::of("127.0.0.1")).start(),
            "was not signed by the authority",
        ),
    ] {
        let server = required(&hop, &certificate, "").start();
        assert!(send(&server, CONTENT).text().starts_with("451 4.7.5 "));
        let failed = server.wait_records("sink_failed", 1).remove(0);
        let error = failed["error"].as_str().unwrap();
        assert!(error.contains(words) && !error.contains("OtherError"), "{error}");
    }
}

/// Goal: what comes in plain text behind the answer to STARTTLS is not taken for an answer under TLS; and a server whose TLS is
/// broken gets its mail in plain text only where `opportunistic` says so.
#[test]
fn plain_text_behind_starttls() {
    for answer in ["220 go ahead\r\n250 injected\r\n250 injected", "220 go ahead"] {
        let script = move |line: &str| if line == "STARTTLS" { Act::say(answer) } else { Act::Usual };
        let hop = Hop::script(script).offers("STARTTLS").start();
        let server = required(&hop, &Certificate::of("127.0.0.1"), "").start();
        assert!(send(&server, CONTENT).text().starts_with("451 4.7.5 "), "{answer}");
        assert!(hop.lines("MAIL").is_empty());
        let server = relaying(&hop, "connect_timeout = \"1s\"").start();
        assert_eq!(send(&server, CONTENT).code, 250, "{answer}");
        let said = hop.sessions().pop().unwrap().lines;
        assert!(!said.iter().any(|line| line == "STARTTLS"), "{said:?}");
    }
}

/// Goal: we say who we are where we are told to, by either mechanism, and a login that fails is no matter of the client's.
#[test]
fn logins() {
    let auth = "auth = { user = \"acme\", secret = \"file:secret\" }";
    let plain = "AUTH PLAIN AGFjbWUAaHVudGVyMg==";
    for (offers, said) in
        [("AUTH=LOGIN=PLAIN", &[plain][..]), ("AUTH=LOGIN", &["AUTH LOGIN", "YWNtZQ==", "aHVudGVyMg=="])]
    {
        let script = |line: &str| match line {
            "AUTH LOGIN" => Act::say("334 VXNlcm5hbWU6"),
            "YWNtZQ==" => Act::say("334 UGFzc3dvcmQ6"),
            "aHVudGVyMg==" | "AUTH PLAIN AGFjbWUAaHVudGVyMg==" => Act::say("235 2.7.0 welcome"),
            _ => Act::Usual,
        };
        let hop = Hop::script(script).offers(offers).start();
        let server = relaying(&hop, auth).file("secret", b"hunter2\n").start();
        assert_eq!(send(&server, CONTENT).code, 250, "{offers}");
        assert_eq!(hop.sessions()[0].lines[2..2 + said.len()], *said, "{offers}");
    }
    for (offers, answer) in
        [("AUTH=PLAIN", "535 5.7.8 wrong: AUTH PLAIN AGFjbWUAaHVudGVyMg=="), ("AUTH=GSSAPI", "500 what")]
    {
        let script = move |line: &str| if line.starts_with("AUTH") { Act::say(answer) } else { Act::Usual };
        let hop = Hop::script(script).offers(offers).start();
        let server = relaying(&hop, auth).file("secret", b"hunter2\n").start();
        let reply = send(&server, CONTENT).text();
        assert!(reply.starts_with("451 4.7.5 "), "{reply}");
        assert!(hop.lines("MAIL").is_empty());
        server.wait_records("sink_failed", 1);
        assert!(
            !server.log().contains("hunter2") && !server.log().contains("AGFjbWUAaHVudGVyMg"),
            "{}",
            server.log()
        );
    }
}

/// Goal: a secret that is replaced counts from the next login on, without a reload.
#[test]
fn a_new_secret() {
    let script = |line: &str| match line {
        "AUTH PLAIN AHUAbmV3" => Act::say("235 2.7.0 welcome"),
        line if line.starts_with("AUTH") => Act::say("535 5.7.8 wrong"),
        _ => Act::Usual,
    };
    let hop = Hop::script(script).offers("AUTH=PLAIN").start();
    let server =
        relaying(&hop, "auth = { user = \"u\", secret = \"file:secret\" }").file("secret", b"old").start();
    assert_eq!(send(&server, CONTENT).code, 451);
    server.site().write("secret", b"new");
    assert_eq!(send(&server, CONTENT).code, 250);
}
