//! Users made by commands, and AUTH over the wire: who comes in, who does not, and what nobody learns.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_tests::binary::gatepost;
use gatepost_tests::smtp::Smtp;
use gatepost_tests::tls::Certificate;
use gatepost_tests::wait::until;
use gatepost_tests::{Server, Site};
use ring::{digest, hmac, pbkdf2};

const TLS: &str = "tls = { cert = \"mx.pem\", key = \"mx.key\", mode = \"starttls\" }\nauth = \"offered\"";
/// `pencil`, with few iterations, so that a test is quick: RFC 7677 §3.
const JO: &[u8] = b"jo@acme.example SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==\
    $WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\n";
const WRONG: &str = "535 5.7.8 Name or password are wrong";

/// A server with the user `jo@acme.example`, password `pencil`.
fn start(lines: &str) -> (Server, Certificate) {
    let certificate = Certificate::new();
    let site: Site = Server::builder().listener("in", &format!("{TLS}\n{lines}")).site();
    certificate.write(site.path());
    site.write("users", JO);
    open_to(&site, 0o600);
    (site.start(), certificate)
}

fn open_to(site: &Site, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    let users = site.path().join("users");
    std::fs::set_permissions(users, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A client that is under TLS and has said EHLO.
fn client(server: &Server, certificate: &Certificate) -> Smtp {
    let mut smtp = server.smtp_at("in");
    smtp.expect("STARTTLS", 220);
    smtp.start_tls(certificate).unwrap();
    smtp.expect("EHLO client.test", 250);
    smtp
}

fn b64(text: &str) -> String {
    STANDARD.encode(text)
}

fn plain(smtp: &mut Smtp, user: &str, password: &str) -> String {
    smtp.ask(&format!("AUTH PLAIN {}", b64(&format!("\0{user}\0{password}")))).unwrap().text()
}

fn login(smtp: &mut Smtp, user: &str, password: &str) -> String {
    assert_eq!(smtp.expect("AUTH LOGIN", 334).text(), "334 VXNlcm5hbWU6");
    assert_eq!(smtp.expect(&b64(user), 334).text(), "334 UGFzc3dvcmQ6");
    smtp.ask(&b64(password)).unwrap().text()
}

/// By the words of RFC 5802 §3. The server's signature is checked where there is one; also its first message.
fn scram(smtp: &mut Smtp, user: &str, password: &str) -> (String, String) {
    let bare = format!("n={user},r=fyko+d2lbbFgONRv9qkxdawL");
    let first = smtp.expect(&format!("AUTH SCRAM-SHA-256 {}", b64(&format!("n,,{bare}"))), 334).text();
    let asked = String::from_utf8(STANDARD.decode(&first[4..]).unwrap()).unwrap();
    let parts: Vec<&str> = asked.split(',').collect();
    let (nonce, salt, rounds) = (&parts[0][2..], STANDARD.decode(&parts[1][2..]).unwrap(), &parts[2][2..]);
    assert!(nonce.starts_with("fyko+d2lbbFgONRv9qkxdawL") && nonce.len() > 40, "{nonce}");
    let mut salted = [0; 32];
    let rounds = rounds.parse::<u32>().unwrap().try_into().unwrap();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &mut salted);
    let hmac = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
    let client_key = hmac(&salted, b"Client Key");
    let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
    let unproven = format!("c=biws,r={nonce}");
    let message = format!("{bare},{asked},{unproven}");
    let signature = hmac(stored_key.as_ref(), message.as_bytes());
    let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
    let reply = smtp.ask(&b64(&format!("{unproven},p={}", STANDARD.encode(proof)))).unwrap();
    if reply.code != 334 {
        return (reply.text(), asked);
    }
    let server_key = hmac(&salted, b"Server Key");
    let expected = format!("v={}", STANDARD.encode(hmac(server_key.as_ref(), message.as_bytes())));
    assert_eq!(reply.text(), format!("334 {}", b64(&expected)));
    (smtp.ask("").unwrap().text(), asked)
}

/// Goal: each mechanism lets the right password in, in any case of the name, and says who came; no password is in the log.
#[test]
fn the_right_password_comes_in() {
    let (server, certificate) = start("");
    let connect = || client(&server, &certificate);
    for (n, reply) in [
        plain(&mut connect(), "Jo@Acme.Example", "pencil"),
        login(&mut connect(), "jo@acme.example", "pencil"),
        scram(&mut connect(), "jo@acme.example", "pencil").0,
    ]
    .iter()
    .enumerate()
    {
        assert!(reply.starts_with("235 2.7.0"), "{n}: {reply}");
    }
    let came = server.wait_records("auth_succeeded", 3);
    let mechanisms: Vec<&str> = came.iter().filter_map(|record| record["mechanism"].as_str()).collect();
    assert_eq!(mechanisms, ["PLAIN", "LOGIN", "SCRAM-SHA-256"]);
    assert!(came.iter().all(|record| record["user"] == "jo@acme.example" && record["client"] == "127.0.0.1"));
    let auths = "gatepost_auths_total{listener=\"in\",mechanism=\"PLAIN\",result=\"ok\"}";
    assert_eq!(server.metric(auths), 1.0);
    assert!(!server.log().contains("pencil") && !server.log().contains(&b64("pencil")));
}

/// Goal: nobody learns who is there: the same replies for a wrong password and for a name that is nobody's, by SCRAM a salt that
/// stays the same and outlives a restart.
#[test]
fn nobody_looks_like_somebody() {
    let (mut server, certificate) =
        start("errors_max = 1000\nauth_tries_max = 1000\nauth_failure_rate = \"1000/1m\"");
    let mut smtp = client(&server, &certificate);
    for user in ["jo@acme.example", "nobody@acme.example", "x"] {
        assert_eq!(plain(&mut smtp, user, "wrong"), WRONG, "{user}");
        assert_eq!(login(&mut smtp, user, "wrong"), WRONG, "{user}");
        assert_eq!(scram(&mut smtp, user, "wrong").0, WRONG, "{user}");
    }
    // The nonce is another one each time.
    let salt = |smtp: &mut Smtp, user: &str| {
        let (reply, asked) = scram(smtp, user, "wrong");
        assert_eq!(reply, WRONG);
        asked.split_once(',').unwrap().1.to_owned()
    };
    let (jo, nobody) = (salt(&mut smtp, "jo@acme.example"), salt(&mut smtp, "nobody@acme.example"));
    assert_eq!(jo, "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
    assert!(nobody.len() == jo.len() && nobody.ends_with(",i=4096") && nobody != jo, "{nobody}");
    assert_ne!(salt(&mut smtp, "noone@acme.example"), nobody);
    let failed = server.wait_records("auth_failed", 12);
    assert!(failed.iter().all(|record| record["reason"] == "denied"), "{failed:?}");
    drop(smtp);
    server.kill9();
    server.restart();
    assert_eq!(salt(&mut client(&server, &certificate), "nobody@acme.example"), nobody);
}

/// Goal: what goes wrong in an exchange has its reply, and the session goes on: junk, `*`, a line at the limit and one past it, an
/// initial response of `=`, a pipelined command after it.
#[test]
fn what_goes_wrong_in_an_exchange() {
    let (server, certificate) = start("auth_tries_max = 1000");
    let mut smtp = client(&server, &certificate);
    for (first, line, expect) in [
        ("AUTH PLAIN", "*", "501 5.7.0 Authentication cancelled"),
        ("AUTH PLAIN", "!", "501 5.5.2 That is not base64"),
        ("AUTH LOGIN", "AAA", "501 5.5.2 That is not base64"),
        ("AUTH SCRAM-SHA-256", "", "501 5.5.2 That is no message of this mechanism"),
    ] {
        smtp.expect(first, 334);
        assert_eq!(smtp.ask(line).unwrap().text(), expect, "{first} {line}");
    }
    let equals = smtp.ask("AUTH PLAIN =").unwrap().text();
    assert_eq!(equals, "501 5.5.2 That is no message of this mechanism");
    smtp.expect("AUTH PLAIN", 334);
    assert!(smtp.ask(&"A".repeat(12_284)).unwrap().text().starts_with("501 5.5.2"));
    smtp.expect("AUTH PLAIN", 334);
    assert!(smtp.ask(&"A".repeat(20_000)).unwrap().text().starts_with("500 5.5.6"));
    smtp.expect("AUTH GSSAPI", 504);
    let line = format!("AUTH PLAIN {}\r\nNOOP\r\n", b64("\0jo@acme.example\0pencil"));
    smtp.write(line.as_bytes()).unwrap();
    smtp.expect_reply(235);
    smtp.expect_reply(250);
    smtp.expect("AUTH PLAIN", 503);
}

/// Goal: an address that has failed as often as it may is told to come back, right password or not, in any session.
#[test]
fn an_address_that_guesses_is_slowed_down() {
    let (server, certificate) = start("auth_tries_max = 1000\nauth_failure_rate = \"3/1h\"");
    let mut smtp = client(&server, &certificate);
    for _ in 0..3 {
        assert_eq!(plain(&mut smtp, "jo@acme.example", "wrong"), WRONG);
    }
    assert!(plain(&mut smtp, "jo@acme.example", "pencil").starts_with("454 4.7.0"));
    let mut other = client(&server, &certificate);
    assert!(plain(&mut other, "jo@acme.example", "pencil").starts_with("454 4.7.0"));
    assert!(server.wait_records("auth_failed", 5).iter().any(|record| record["reason"] == "rate"));
}

/// Goal: users are made, changed and removed by commands while the server runs, and it takes each up; a file that others may read
/// lets nobody new in and is told of.
#[test]
fn users_are_taken_up() {
    let (server, certificate) =
        start("errors_max = 1000\nauth_tries_max = 1000\nauth_failure_rate = \"1000/1m\"");
    let folder = server.site().path();
    let user = |arguments: &[&str], input: &[u8]| gatepost(folder, &[&["user"], arguments].concat(), input);
    let said = user(&["add", "Ann@Acme.example"], b"se cret\nignored\n").exits(0);
    assert_eq!(said.text(), "user ann@acme.example is added\n");
    let comes_in = |name: &str, password: &str| {
        plain(&mut client(&server, &certificate), name, password).starts_with("235")
    };
    until("ann", || comes_in("ann@acme.example", "se cret").then_some(()));
    let told = user(&["add", "ann@acme.example"], b"other").exits(78);
    assert!(told.stderr.contains("`--replace`"), "{}", told.stderr);
    let said = user(&["add", "ann@acme.example", "--replace", "--json"], b"other").exits(0).text();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said, serde_json::json!({"name": "ann@acme.example", "replaced": true}));
    until("the new password", || comes_in("ann@acme.example", "other").then_some(()));
    assert!(!comes_in("ann@acme.example", "se cret"));
    user(&["remove", "ann@acme.example"], b"").exits(0);
    until("nobody", || (!comes_in("ann@acme.example", "other")).then_some(()));
    assert!(comes_in("jo@acme.example", "pencil"));
}

/// Goal: what a command cannot do it says, and the file stays as it was.
#[test]
fn what_commands_refuse() {
    let site = Server::builder().site();
    let user =
        |arguments: &[&str], input: &[u8]| gatepost(site.path(), &[&["user"], arguments].concat(), input);
    assert_eq!(user(&["list"], b"").exits(0).text(), "there are no users\n");
    for (arguments, input, code, expect) in [
        (&["add", "a b"][..], &b"x"[..], 64, "the name has a character that cannot stand in it"),
        (&["add", ""], b"x", 64, "the name is empty"),
        (&["add", "jo"], b"", 64, "the password is empty"),
        (&["add", "jo"], b"\n", 64, "the password is empty"),
        (&["add", "jo"], b"a\x07b", 64, "the password has a character that cannot stand in it"),
        (&["add", "jo"], b"\xff", 64, "the password is not UTF-8"),
        (&["add", "jo"], &[b'x'; 1025], 64, "the password is too long"),
        (&["add", "jo"], &[b'x'; 5000], 64, "the password is too long"),
        (&["remove", "jo"], b"", 64, "there is no user `jo`"),
    ] {
        let told = user(arguments, input).exits(code);
        assert!(told.stderr.contains(expect), "{arguments:?}: {}", told.stderr);
    }
    assert!(!site.path().join("users").exists());
    user(&["add", "jo"], &[b'x'; 1024]).exits(0);
    let list: serde_json::Value =
        serde_json::from_str(&user(&["list", "--json"], b"").exits(0).text()).unwrap();
    assert_eq!(list, serde_json::json!({"users": [{"name": "jo", "iterations": 600_000}]}));
    site.write("users", b"jo what?\n");
    let told = user(&["add", "ann"], b"x").exits(78);
    assert!(told.stderr.contains("users` line 1: of `jo`: expected `SCRAM-SHA-256$"), "{}", told.stderr);
    assert_eq!(std::fs::read(site.path().join("users")).unwrap(), b"jo what?\n");
}

/// Goal: a file that others may read, or that is no good, from the start on: nobody comes in, it is told of, and a try is answered as
/// temporary, not as a wrong password.
#[test]
fn a_file_that_is_no_good() {
    let certificate = Certificate::new();
    let site: Site = Server::builder().listener("in", TLS).site();
    certificate.write(site.path());
    site.write("users", JO);
    open_to(&site, 0o644);
    let server = site.start();
    let reply = plain(&mut client(&server, &certificate), "jo@acme.example", "pencil");
    assert!(reply.starts_with("454 4.7.0"), "{reply}");
    assert!(server.log().contains("others may read it (mode 644): chmod 600"), "{}", server.log());
    open_to(server.site(), 0o600);
    let comes_in =
        || plain(&mut client(&server, &certificate), "jo@acme.example", "pencil").starts_with("235");
    until("the file", || comes_in().then_some(()));
}

/// Goal: what a user sends goes through the submission's tenant, wherever to, in one transaction; who has not logged in is
/// served as anybody. The log says who it was, and by which listener.
#[test]
fn what_users_send_is_the_submission_tenants() {
    let certificate = Certificate::new();
    let site: Site = Server::builder()
        .chain("acme", "acme.example", "maildir")
        .chain("outbound", "outbound.invalid", "header | maildir")
        .listener("in", &format!("{TLS}\nsubmission = \"outbound\""))
        .site();
    certificate.write(site.path());
    site.write("users", JO);
    open_to(&site, 0o600);
    let server = site.start();
    let mut smtp = client(&server, &certificate);
    smtp.expect("MAIL FROM:<jo@acme.example>", 250);
    smtp.expect("RCPT TO:<far@away.example>", 550);
    smtp.expect("RSET", 250);
    assert!(plain(&mut smtp, "jo@acme.example", "pencil").starts_with("235 "));
    let reply =
        smtp.deliver("jo@acme.example", &["far@away.example", "mo@acme.example"], b"Subject: hi\r\n\r\n");
    assert_eq!(reply.unwrap().code, 250);
    assert_eq!((server.maildir("acme").count(), server.maildir("outbound").count()), (0, 1));
    let record = &server.wait_records("message", 1)[0];
    let told = ["tenant", "user", "listener"].map(|key| record[key].as_str().unwrap_or_default().to_owned());
    assert_eq!(told, ["outbound", "jo@acme.example", "in"]);
    assert_eq!(record["recipients"].as_array().unwrap().len(), 2);
}

/// Goal: Date and Message-ID are added where a user left them out, in DATA and in BDAT, and to nothing else.
#[test]
fn date_and_message_id_are_added_to_what_users_send() {
    const BARE: &[u8] = b"A: b\r\n\r\nx\r\n";
    let (server, certificate) = start("");
    let stored = || {
        let stored = server.maildir("acme").messages().concat();
        server.maildir("acme").clear();
        String::from_utf8(stored).unwrap()
    };
    let mut smtp = client(&server, &certificate);
    assert_eq!(smtp.deliver("a@x.example", &["jo@acme.example"], BARE).unwrap().code, 250);
    assert_eq!(stored().as_bytes(), BARE, "of somebody who has not logged in");
    assert!(plain(&mut smtp, "jo@acme.example", "pencil").starts_with("235 "));
    assert_eq!(smtp.deliver("a@x.example", &["jo@acme.example"], BARE).unwrap().code, 250);
    let text = stored();
    assert!(text.starts_with("A: b\r\nDate: ") && text.ends_with("@mx.test>\r\n\r\nx\r\n"), "{text}");
    assert_eq!(text.matches("Message-ID: <").count(), 1, "{text}");
    let whole = b"message-id: <a@b>\r\nDATE: today\r\n\r\nx\r\n";
    assert_eq!(smtp.deliver("a@x.example", &["jo@acme.example"], whole).unwrap().code, 250);
    assert_eq!(stored().as_bytes(), whole);
    smtp.expect("MAIL FROM:<a@x.example>", 250);
    smtp.expect("RCPT TO:<jo@acme.example>", 250);
    smtp.write(b"BDAT 4\r\nA: b").unwrap();
    smtp.expect_reply(250);
    smtp.write(b"BDAT 0 LAST\r\n").unwrap();
    smtp.expect_reply(250);
    assert!(stored().starts_with("A: b\r\nDate: "));
}

/// Goal: `auth_failure_rate` cannot be got around by exchanges that are held open at once, nor by cancelling them.
#[test]
fn exchanges_held_open_count_too() {
    let (server, certificate) = start("auth_failure_rate = \"3/1h\"\nauth_tries_max = 9");
    let mut held: Vec<Smtp> = (0..2).map(|_| client(&server, &certificate)).collect();
    for smtp in &mut held {
        smtp.expect("AUTH LOGIN", 334);
    }
    let mut smtp = client(&server, &certificate);
    smtp.expect("AUTH SCRAM-SHA-256 biwsbj1qbyxyPWFiY2RlZmdoaWprbG1ub3BxcnN0", 334);
    smtp.expect("*", 501);
    smtp.expect("AUTH LOGIN", 454);
    // One that succeeds gives its token back.
    assert_eq!(held[0].expect(&b64("jo@acme.example"), 334).text(), "334 UGFzc3dvcmQ6");
    held[0].expect(&b64("pencil"), 235);
    smtp.expect("AUTH LOGIN", 334);
}
