//! A next server that is down, silent, leaves or breaks off: 451 in time, another address where there is one, nothing lost,
//! and nothing left there.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatepost_tests::Server;
use gatepost_tests::hop::{Act, Hop};
use gatepost_tests::wait::until;

use crate::{CONTENT, relaying, send, tenant, wire};

/// Goal: at each point, whatever breaks, the client hears 451, nothing counts as delivered, and the next message goes.
#[test]
fn it_breaks_off_at_each_point() {
    for point in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "CONTENT"] {
        for how in ["close", "reset", "421", "hang"] {
            let broken = Arc::new(AtomicUsize::new(0));
            let seen = broken.clone();
            let hop = Hop::script(move |line| {
                if !line.starts_with(point) || seen.fetch_add(1, Ordering::SeqCst) > 0 {
                    return Act::Usual;
                }
                match how {
                    "close" => Act::Close,
                    "reset" => Act::Reset,
                    "421" => Act::SayAndClose("421 4.3.2 shutting down".into()),
                    _ => Act::Hang,
                }
            });
            let hop = hop.start();
            let limits = "connect_timeout = \"1s\"\ncommand_timeout = \"1s\"\ndata_timeout = \"1s\"\nreply_timeout = \"1s\"";
            let server = relaying(&hop, limits).start();
            let reply = send(&server, CONTENT).text();
            assert!(reply.starts_with("451 4."), "{how} at {point}: {reply}");
            assert!(broken.load(Ordering::SeqCst) > 0, "{how} at {point}");
            assert_eq!(send(&server, CONTENT).code, 250, "{how} at {point}: the next message");
            let ends = hop.messages().len();
            assert_eq!(ends, if point == "CONTENT" { 2 } else { 1 }, "{how} at {point}");
            assert_eq!(server.wait_records("relayed", 1).len(), 1, "{how} at {point}");
        }
    }
}

/// Goal: the next address takes the message where the one before is dead, silent, full, or leaves at MAIL; and it is
/// the first choice for a while.
#[test]
fn the_next_address_takes_it() {
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = Hop::script(|line| if line == "CONNECT" { Act::Hang } else { Act::Usual }).start();
    let full = Hop::answering("CONNECT", "421 4.7.0 too many connections");
    let closed = Hop::answering("CONNECT", "554 5.7.1 not you");
    let leaving = Hop::script(|line| match line {
        line if line.starts_with("MAIL") => Act::SayAndClose("421 4.3.2 shutting down".into()),
        _ => Act::Usual,
    });
    let leaving = leaving.start();
    for dead in [refusing, silent.address(), full.address(), closed.address(), leaving.address()] {
        let alive = Hop::start();
        let lines = format!("address = [\"{dead}\", \"{}\"]\nconnect_timeout = \"1s\"", alive.address());
        let server = Server::builder().tenant("acme", &tenant("relay", &lines)).start();
        for n in 1..=2 {
            assert_eq!(send(&server, CONTENT).code, 250, "{dead}");
            assert_eq!(alive.messages().len(), n);
        }
        assert!(server.records("sink_failed").is_empty(), "nothing failed");
    }
    assert_eq!(silent.sessions().len(), 1, "the second message did not wait for it again");
}

/// Goal: where nobody is there, the client hears so at RCPT, and the operator which address it was; and it heals by itself.
#[test]
fn nobody_is_there_and_then_it_is() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let lines = format!("address = \"{address}\"");
    let server = Server::builder().tenant("acme", &tenant("relay", &lines)).start();
    let mut client = server.smtp();
    client.expect("MAIL FROM:<a@client.test>", 250);
    for _ in 0..2 {
        let reply = client.ask("RCPT TO:<b@acme.example>").unwrap().text();
        assert!(reply.starts_with("451 4.4.1 "), "{reply}");
    }
    client.expect("RSET", 250);
    let failed = server.wait_records("sink_failed", 1).remove(0);
    assert!(failed["error"].as_str().unwrap().contains(&address.to_string()), "{failed}");
    let hop = Hop::script(|_| Act::Usual).start_at(address);
    assert_eq!(client.deliver("a@client.test", &["b@acme.example"], CONTENT).unwrap().code, 250);
    assert_eq!(hop.messages(), [wire(CONTENT)]);
}

/// Goal: a client that goes away takes its transaction at the next server along, without an end.
#[test]
fn the_client_goes_away() {
    let hop = Hop::start();
    let server = relaying(&hop, "idle_max = 0").start();
    let mut client = server.smtp();
    client.expect_data("a@client.test", "b@acme.example");
    let half = [b"Subject: large\r\n\r\n".as_slice(), &b"half a message\r\n".repeat(40_000)].concat();
    client.write(&half).unwrap();
    drop(client);
    let sessions = hop.ended();
    assert!(sessions[0].messages.is_empty());
    assert_eq!(server.wait_records("message", 1)[0]["verdict"], "aborted");
}

/// Goal: a message that the chain refuses or discards, or that the listener refuses, is not begun or not ended there.
#[test]
fn a_message_that_is_refused_here() {
    let hop = Hop::start();
    let server = relaying(&hop, "").mx("message_size_max = \"64KiB\"").start();
    let large = [b"Subject: large\r\n\r\n".as_slice(), &b"0123456789abcd\r\n".repeat(5000)].concat();
    assert_eq!(send(&server, &large).code, 552);
    assert_eq!(send(&server, b"Subject: x\n\r\nbare\r\n").code, 550);
    assert_eq!(send(&server, CONTENT).code, 250);
    assert_eq!(hop.messages(), [wire(CONTENT)]);
}

/// Goal: a server that leaves between two recipients, or before the content, costs nothing: all is said once more over a new
/// connection.
#[test]
fn it_leaves_before_the_content() {
    for (point, answer) in [("RCPT TO:<c@", "421 4.3.2 bye"), ("RCPT TO:<d@", "250 2.1.5 ok")] {
        let left = AtomicUsize::new(0);
        let hop = Hop::script(move |line| {
            let leaves = line.starts_with(point) && left.fetch_add(1, Ordering::SeqCst) == 0;
            if leaves { Act::SayAndClose(answer.into()) } else { Act::Usual }
        });
        let hop = hop.start();
        let server = relaying(&hop, "").start();
        let mut client = server.smtp();
        client.expect("MAIL FROM:<a@client.test>", 250);
        for to in ["b@acme.example", "c@acme.example", "d@acme.example"] {
            client.expect(&format!("RCPT TO:<{to}>"), 250);
        }
        until("the first connection to end", || {
            hop.sessions()[0].lines.last().is_some_and(|line| line == "END").then_some(())
        });
        client.expect("DATA", 354);
        client.write(&wire(CONTENT)).unwrap();
        client.expect_reply(250);
        let sessions = hop.sessions();
        assert_eq!(sessions.len(), 2, "{point}");
        assert_eq!(sessions[1].messages, [wire(CONTENT)], "{point}");
        let told = sessions[1].lines.iter().filter(|line| line.starts_with("RCPT")).count();
        assert_eq!(told, 3, "{point}: {:?}", sessions[1].lines);
        assert!(server.records("sink_failed").is_empty(), "{point}");
    }
}

/// Goal: a server that refuses our session refuses no message for good: another address takes it, or the client hears 451.
#[test]
fn it_wants_another_session() {
    let strict = || {
        Hop::script(|line| match line {
            "STARTTLS" => Act::say("454 4.7.0 TLS not available"),
            line if line.starts_with("MAIL") => Act::say("530 5.7.0 Must issue a STARTTLS command first"),
            _ => Act::Usual,
        })
        .offers("PIPELINING STARTTLS")
        .start()
    };
    let (alone, alive) = (strict(), Hop::start());
    let reply = send(&relaying(&alone, "").start(), CONTENT).text();
    assert!(reply.starts_with("451 4."), "{reply}");
    let lines = format!("address = [\"{}\", \"{}\"]", strict().address(), alive.address());
    let server = Server::builder().tenant("acme", &tenant("relay", &lines)).start();
    assert_eq!(send(&server, CONTENT).code, 250);
    assert_eq!(alive.messages(), [wire(CONTENT)]);
    for (point, theirs) in [
        ("MAIL", "504 what?"),
        ("RCPT", "503 5.5.1 need MAIL"),
        ("RCPT", "535 5.7.8 who are you"),
        ("DATA", "503 5.5.1 need RCPT"),
        ("CONTENT", "500 5.5.2 what?"),
    ] {
        let hop = Hop::answering(point, theirs);
        let reply = send(&relaying(&hop, "").start(), CONTENT).text();
        assert!(reply.starts_with("451 4."), "{point} {theirs}: {reply}");
    }
}

/// Goal: what it says of an address is passed on, whatever came behind it in the same segment.
#[test]
fn it_refuses_an_address() {
    for (mail, rcpt, ours) in [
        ("553 5.1.8 sender unknown", "503 5.5.1 need MAIL", "553 5.1.8 sender unknown"),
        ("250 2.1.0 ok", "501 5.1.3 bad address", "501 5.1.3 bad address"),
    ] {
        let hop = Hop::script(move |line| match line {
            line if line.starts_with("MAIL") => Act::say(mail),
            line if line.starts_with("RCPT") => Act::say(rcpt),
            _ => Act::Usual,
        });
        let hop = hop.start();
        assert_eq!(send(&relaying(&hop, "").start(), CONTENT).text(), ours);
    }
}
