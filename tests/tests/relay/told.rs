//! What is told where no next server takes a message: the client hears the most telling thing, the log has all, once.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};

use gatepost_tests::Server;
use gatepost_tests::hop::{Act, Hop};

use crate::{CONTENT, relaying, send, tenant};

/// An address where nobody is.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The error of the only `sink_failed`, once `refused` recipients have their answers.
#[track_caller]
fn error(server: &Server, refused: usize) -> String {
    server.wait_records("recipient_refused", refused);
    let failed = server.wait_records("sink_failed", 1);
    assert_eq!(failed.len(), 1, "{failed:?}");
    failed[0]["error"].as_str().unwrap().to_owned()
}

/// Goal: the log has every address with its cause, whatever their order, and the client hears of the one that waits for a
/// person; what is found out once is said once, however many recipients are asked for.
#[test]
fn several_addresses() {
    let (hop, nobody) = (
        Hop::script(|line| match line {
            line if line.starts_with("AUTH") => Act::say("535 5.7.8 wrong"),
            _ => Act::Usual,
        }),
        nobody(),
    );
    let hop = hop.offers("AUTH=PLAIN").start();
    for places in [[hop.address(), nobody], [nobody, hop.address()]] {
        let [first, second] = places;
        let lines = format!(
            "address = [\"{first}\", \"{second}\"]\nauth = {{ user = \"acme\", secret = \"file:secret\" }}"
        );
        let server =
            Server::builder().tenant("acme", &tenant("relay", &lines)).file("secret", b"hunter2").start();
        let mut client = server.smtp();
        client.expect("MAIL FROM:<a@client.test>", 250);
        for to in ["b@acme.example", "c@acme.example", "d@acme.example"] {
            let reply = client.ask(&format!("RCPT TO:<{to}>")).unwrap().text();
            assert!(reply.starts_with("451 4.7.5 "), "{reply}");
        }
        let error = error(&server, 3);
        let parts = [
            format!("login at {} failed: 535 5.7.8 wrong", hop.address()),
            format!("cannot connect to {nobody}: "),
        ];
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        assert_eq!(error.find("login") < error.find("cannot"), first == hop.address(), "{error}");
    }
}

/// Goal: a 421 to MAIL or RCPT is logged as what it answers, and the client hears its words, as 451; in one segment or not.
#[test]
fn a_server_that_leaves() {
    for (step, offers) in [("MAIL", "PIPELINING"), ("RCPT", "PIPELINING"), ("RCPT", "")] {
        let script = move |line: &str| match line {
            line if line.starts_with(step) => Act::SayAndClose("421 4.3.2 shutting down".into()),
            _ => Act::Usual,
        };
        let hop = Hop::script(script).offers(offers).start();
        let server = relaying(&hop, "").start();
        assert_eq!(send(&server, CONTENT).text(), "451 4.3.2 shutting down", "{step} {offers}");
        let expect = format!("{} leaves at {step}: 421 4.3.2 shutting down", hop.address());
        let error = error(&server, 1);
        assert!(error.contains(&expect), "{error}");
    }
}

/// Goal: what ended a connection that was begun is not forgotten where no other takes its place.
#[test]
fn a_server_that_leaves_and_is_gone() {
    let connections = AtomicUsize::new(0);
    let hop = Hop::script(move |line| match line {
        "CONNECT" if connections.fetch_add(1, Ordering::SeqCst) > 0 => Act::Close,
        "RCPT TO:<c@acme.example>" => Act::SayAndClose("421 4.3.2 shutting down".into()),
        _ => Act::Usual,
    });
    let hop = hop.start();
    let server = relaying(&hop, "").start();
    let mut client = server.smtp();
    client.expect("MAIL FROM:<a@client.test>", 250);
    client.expect("RCPT TO:<b@acme.example>", 250);
    let reply = client.ask("RCPT TO:<c@acme.example>").unwrap().text();
    assert_eq!(reply, "451 4.3.2 shutting down");
    let error = error(&server, 1);
    assert!(error.contains("leaves at RCPT: 421 "), "{error}");
    assert!(error.contains(&format!("waiting for a greeting at {}: ", hop.address())), "{error}");
}

/// Goal: a server that takes nothing from us is none that is not there; its 5xx is no matter of the client's.
#[test]
fn a_server_that_does_not_want_us() {
    for (point, theirs) in
        [("CONNECT", "554 5.7.1 not you"), ("CONNECT", "421 4.7.0 too many"), ("EHLO", "450 4.7.1 no")]
    {
        let hop = Hop::answering(point, theirs);
        let server = relaying(&hop, "").start();
        let reply = send(&server, CONTENT).text();
        assert!(reply.starts_with("451 4.3.2 The next mail server takes nothing"), "{reply}");
        let error = error(&server, 1);
        assert!(error.contains(&hop.address().to_string()) && error.contains(theirs), "{error}");
    }
}

/// Goal: where all the time is over, the log has who had not answered by then, and who was tried before.
#[test]
fn a_server_that_takes_too_long() {
    let hop = Hop::script(|line| if line.starts_with("MAIL") { Act::Hang } else { Act::Usual }).start();
    let nobody = nobody();
    let lines = format!("address = [\"{nobody}\", \"{}\"]\ncommand_timeout = \"1s\"", hop.address());
    let server = Server::builder().tenant("acme", &tenant("relay", &lines)).start();
    let reply = send(&server, CONTENT).text();
    assert!(reply.starts_with("451 4.4.2 "), "{reply}");
    let error = error(&server, 1);
    // Which of two limits of the same length is over first is the machine's to say.
    let expect = [format!("cannot connect to {nobody}: "), hop.address().to_string()];
    assert!(expect.iter().all(|part| error.contains(part)), "{error}");
}
