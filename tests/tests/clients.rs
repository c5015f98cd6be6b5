//! Real clients deliver a message: what people will connect with first.

use gatepost_tests::Server;
use gatepost_tests::smtp::Smtp;

/// Goal: the harness itself holds together.
/// Method: one message by its own client, found in the Maildir and in the log.
#[test]
fn our_own_client_delivers() {
    let server = Server::builder().start();
    let reply =
        Smtp::one_message(server.mx(), "a@client.test", &["jo@acme.example"], b"Subject: hi\r\n\r\nho\r\n");
    assert_eq!(reply.unwrap().code, 250);
    assert_eq!(server.maildir("acme").messages(), [b"Subject: hi\r\n\r\nho\r\n"]);
    assert_eq!(server.wait_records("message", 1)[0]["tenant"], "acme");
    assert!(server.memory_peak() > 0);
}
