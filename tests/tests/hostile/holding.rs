//! A hundred sessions whose guests take memory and whose clients then say nothing more.

use gatepost_tests::Smtp;
use gatepost_tests::hostile::{Case, Message, all};
use gatepost_tests::wait::until;

use crate::stand::{HONEST, HONEST_TO, add_tenant, builder, no_instance_is_left, send};

/// Sessions that hold on.
const SESSIONS: usize = 100;
/// `concurrent_messages` of their tenant.
const MESSAGES_MAX: usize = 6;
/// What each instance touches: `hold-memory.wat`.
const HELD: u64 = 16 << 20;
/// What a hundred sessions cost beside their guests: buffers of 64 KiB each, and the clients' own share of the kernel is not
/// ours.
const SLACK: u64 = 48 << 20;

/// Goal: a tenant's sessions hold as much memory as its messages may, for as long as a silent client is waited for.
/// Method: a hundred clients send a part of a message that makes its guest take 16 MiB, and fall silent; honest mail goes on.
/// After `data_timeout` the server has hung up on all of them, and no instance is left.
#[test]
fn memory_that_is_held_is_bounded() {
    let server = builder().mx("data_timeout = \"4s\"").start();
    let case: Vec<Case> = all().into_iter().filter(|case| case.name == "hold-memory").collect();
    let limits = format!("\n[limits]\nconcurrent_messages = {MESSAGES_MAX}\n");
    add_tenant(&server, "mallory", &case.iter().collect::<Vec<_>>(), "maildir", &limits);
    let before = server.memory();
    let mut content = b"Subject: held\r\n\r\n".to_vec();
    content.extend(std::iter::repeat_n(b"forty-two bytes of a line that is whole.\r\n", 2500).flatten());
    let mut clients: Vec<Smtp> = (0..SESSIONS)
        .map(|_| {
            let mut client = Smtp::connect(server.mx()).unwrap();
            client.expect("EHLO hold-memory", 250);
            client.expect_data("a@b.example", "victim@mallory.example");
            client.write(&content).unwrap();
            client
        })
        .collect();
    let live = || server.metric("gatepost_instances_live");
    until("the tenant to have all it may", || (live() >= MESSAGES_MAX as f64).then_some(()));
    let mut most: f64 = 0.0;
    for _ in 0..20 {
        most = most.max(live());
        let (_, reply) = send(server.mx(), HONEST, HONEST_TO, Message::Small).unwrap();
        assert_eq!(reply.code, 250, "{}", reply.text());
    }
    // Another one may live for a moment: the honest tenant's.
    assert!(most <= MESSAGES_MAX as f64 + 1.0, "{most} instances of {MESSAGES_MAX} messages");
    let allowed = before + MESSAGES_MAX as u64 * HELD + SLACK;
    assert!(server.memory() < allowed, "{before} bytes before, {} now", server.memory());
    for client in &mut clients {
        // 421 or 451, by which of the two timeouts is the first; then nothing more.
        client.read_all().unwrap();
    }
    no_instance_is_left(&server);
    assert_eq!(server.maildir("mallory").count(), 0);
    assert_eq!(server.maildir("honest").count(), 20);
}
