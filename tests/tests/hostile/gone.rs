//! A client that goes away in the middle of its message: its instances go, wherever they are.
//!
//! How long that took is printed; that it happened, and that no guest ran to its end for nobody, is held.

use std::time::Instant;

use gatepost_tests::hostile::{Case, Message, all};
use gatepost_tests::wait::until;
use gatepost_tests::{Server, Smtp};

use crate::stand::{HONEST, HONEST_TO, OWN_BUDGET_MS, add_tenant, builder, send};

/// Clients at once.
const CLIENTS: usize = 8;
/// Lines of 42 bytes: 80 KiB, of which 64 KiB start a chain and all is read.
const READ: usize = 2000;
/// 400 KiB, most of which nobody reads while the chain is at work.
const UNREAD: usize = 10_000;

/// Says EHLO, opens a transaction and sends so much content that the chain is at work, but no end.
fn half_a_message(server: &Server, helo: &str, lines: usize) -> Smtp {
    let mut client = Smtp::connect(server.mx()).unwrap();
    client.expect(&format!("EHLO {helo}"), 250);
    client.expect_data("a@b.example", "victim@mallory.example");
    let mut content = b"Subject: cut\r\n\r\n".to_vec();
    content.extend(std::iter::repeat_n(b"forty-two bytes of a line that is whole.\r\n", lines).flatten());
    client.write(&content).unwrap();
    client
}

/// Clients of one case stop in mid-message, and hang up when all their guests are at work.
fn hang_up_on(name: &str, lines: usize) {
    let server = builder().start();
    let cases: Vec<Case> = all().into_iter().filter(|case| case.name == name).collect();
    let budget = format!("\n[limits]\ncpu_per_message = \"{OWN_BUDGET_MS}ms\"\n");
    add_tenant(&server, "mallory", &cases.iter().collect::<Vec<_>>(), "maildir", &budget);
    let live = || server.metric("gatepost_instances_live");
    let clients: Vec<Smtp> = (0..CLIENTS).map(|_| half_a_message(&server, name, lines)).collect();
    until("every message to be at work", || (live() >= CLIENTS as f64).then_some(()));
    let gone = Instant::now();
    drop(clients);
    until("every instance to be gone", || (live() == 0.0).then_some(()));
    eprintln!("{name}: {CLIENTS} clients gone, no instance left after {:?}", gone.elapsed());
    for record in server.wait_records("message", CLIENTS) {
        assert_eq!(record["verdict"], "aborted", "it ended by itself: {record}");
        let used = record["stages"][1]["cpu_us"].as_u64().unwrap();
        assert!(used < OWN_BUDGET_MS * 1000, "it used up its budget: {record}");
    }
    let maildir = server.maildir("mallory");
    until("an empty tmp", || maildir.unfinished().is_empty().then_some(()));
    assert_eq!(maildir.count(), 0);
    let (_, reply) = send(server.mx(), HONEST, HONEST_TO, Message::Small).unwrap();
    assert_eq!(reply.code, 250);
}

/// Goal: instances that wait for a client who is gone are freed.
#[test]
fn while_its_guests_wait_for_more() {
    hang_up_on("hold-memory", READ);
}

/// Goal: guest code stops for a client who is gone, long before its budget of two seconds is spent.
#[test]
fn while_its_guests_loop() {
    hang_up_on("loop-write", READ);
}

/// Goal: the same where the client's end stands behind content that nobody reads, because the chain is at work.
#[test]
fn while_nobody_reads() {
    hang_up_on("loop-write", UNREAD);
}
