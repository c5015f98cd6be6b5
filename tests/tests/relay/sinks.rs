//! A relay beside other sinks, and behind stages that change envelope or verdict.

use gatepost_tests::Server;
use gatepost_tests::guest::Guest;
use gatepost_tests::hop::{Act, Hop};

use crate::{CONTENT, send, tenant, wire};

fn serving(hop: &Hop, guest: Option<&Guest>, chain: &str, more: &str) -> Server {
    let lines = format!("address = \"{}\"\n{more}", hop.address());
    let mut builder = Server::builder();
    if let Some(guest) = guest {
        builder = builder.file("catalog/processors/host/guest/1.0.0.wasm", &guest.component());
    }
    let head = "[host]\ngrants_allowed = [\"envelope\"]\n";
    builder.tenant("acme", &format!("{}{head}", tenant(chain, &lines))).start()
}

/// Goal: the message is in both or in neither: the relay commits first.
#[test]
fn relay_and_maildir() {
    for (point, theirs, code) in
        [("nothing", "", 250), ("CONTENT", "550 5.7.1 no", 550), ("DATA", "451 4.3.0 later", 451)]
    {
        let hop = Hop::answering(point, theirs);
        let server = serving(&hop, None, "maildir + relay", "");
        assert_eq!(send(&server, CONTENT).code, code);
        assert_eq!(server.maildir("acme").messages().len(), usize::from(code == 250), "{theirs}");
        assert_eq!(
            server.wait_records("message", 1)[0]["sinks"].as_array().unwrap().len(),
            if code == 250 { 2 } else { 0 }
        );
    }
}

/// Goal: two relays in one chain cannot both be undone: refused when it is checked.
#[test]
fn one_relay_only() {
    let lines = "address = \"192.0.2.1:25\"\n[stage.two]\naddress = \"192.0.2.2:25\"";
    let site = Server::builder().tenant("acme", &tenant("relay + two:relay", lines)).site();
    let told = site.gatepost(&["check"]).exits(78);
    assert!((told.text() + &told.stderr).contains("cannot be undone"));
}

/// Goal: what a stage discards, refuses or keeps apart is not at the next server.
#[test]
fn verdicts() {
    for (close, code, kept) in [
        ("(call $discard)", 250, 0),
        ("(call $refuse (i32.const 0) (i32.const 550) @\"5.7.1\" @\"no\")", 550, 0),
        ("(call $quarantine @\"odd\")", 250, 1),
        ("unreachable", 451, 0),
    ] {
        let hop = Hop::start();
        let guest = Guest::new().content("message", "message").close(close);
        let server = serving(&hop, Some(&guest), "guest | maildir + relay", "");
        assert_eq!(send(&server, CONTENT).code, code, "{close}");
        assert_eq!(hop.messages().len(), 0, "{close}");
        assert_eq!(server.maildir("acme").quarantine().count(), kept, "{close}");
        assert!(hop.sessions()[0].unfinished.is_empty(), "small content has not even begun: {close}");
    }
}

/// Goal: where a stage changed the envelope, the next server is told the final one, and a recipient that it does not take
/// then refuses the message.
#[test]
fn an_envelope_that_changed() {
    for (offers, refused) in [("PIPELINING", false), ("", false), ("PIPELINING", true)] {
        let script = move |line: &str| match line {
            "RCPT TO:<c@acme.example>" if refused => Act::say("550 5.1.1 c is not here"),
            _ => Act::Usual,
        };
        let hop = Hop::script(script).offers(offers).start();
        let guest = Guest::new().wit("import next;", "import next; import envelope-edit;");
        let guest = guest.open("(drop (call $add_rcpt @\"c@acme.example\")) (global.get $ok)");
        let more = "[stage.guest]\ngrants = [\"envelope\"]";
        let server = serving(&hop, Some(&guest), "guest | relay", more);
        let reply = send(&server, CONTENT).text();
        let said = hop.sessions().remove(0).lines;
        let mail = "MAIL FROM:<a@client.test>";
        let (b, c) = ("RCPT TO:<b@acme.example>", "RCPT TO:<c@acme.example>");
        assert_eq!(said[2..8], [mail, b, "RSET", mail, b, c], "{said:?}");
        if refused {
            assert_eq!(reply, "550 5.1.1 c is not here");
            assert!(hop.messages().is_empty());
        } else {
            assert!(reply.starts_with("250 "), "{reply}");
            assert_eq!(hop.messages(), [wire(CONTENT)]);
        }
    }
}

/// Goal: a server that does not start over is told all anew by another connection; that it has no RSET is no refusal.
#[test]
fn a_server_without_rset() {
    let hop = Hop::answering("RSET", "502 5.5.1 what?");
    let guest = Guest::new().wit("import next;", "import next; import envelope-edit;");
    let guest = guest.open("(drop (call $add_rcpt @\"c@acme.example\")) (global.get $ok)");
    let server = serving(&hop, Some(&guest), "guest | relay", "[stage.guest]\ngrants = [\"envelope\"]");
    let reply = send(&server, CONTENT).text();
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!((hop.sessions().len(), hop.messages()), (2, vec![wire(CONTENT)]));
}

/// Goal: a trial of a chain does not even connect.
#[test]
fn a_trial() {
    let hop = Hop::start();
    let server = serving(&hop, None, "header | relay", "");
    let token = format!("Authorization: Bearer {}", server.token());
    let fields = [token.as_str(), "Content-Type: message/rfc822"];
    let path = "/v1/tenants/acme/try";
    let answer = gatepost_tests::http::send(server.admin(), "POST", path, &fields, CONTENT).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(hop.sessions().is_empty());
}
