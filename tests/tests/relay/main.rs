//! The sink `relay`, before a mail server of the test's own that does whatever it is told.
//!
//! What a `relay` is to do says `docs/relay.md`.

mod answers;
mod content;
mod doors;
mod failures;
mod pooled;
mod postfix;
mod secure;
mod sinks;
mod told;
mod turns;

use gatepost_tests::Server;
use gatepost_tests::hop::Hop;
use gatepost_tests::site::Builder;
use gatepost_tests::smtp::Reply;

const CONTENT: &[u8] = b"From: a@client.test\r\nSubject: hi\r\n\r\n.dot\r\nbody\r\n";

/// A tenant `acme` with this chain; lines of `[stage.relay]`.
fn tenant(chain: &str, lines: &str) -> String {
    format!("domains = [\"acme.example\"]\nchain = \"{chain}\"\n[stage.relay]\n{lines}\n")
}

/// A server that relays to `hop`, with these settings.
fn relaying(hop: &Hop, lines: &str) -> Builder {
    Server::builder().tenant("acme", &tenant("relay", &format!("address = \"{}\"\n{lines}", hop.address())))
}

/// One message by a client of its own: the reply to it, or the first refusal.
#[track_caller]
fn send(server: &Server, content: &[u8]) -> Reply {
    server.smtp().deliver("a@client.test", &["b@acme.example"], content).unwrap()
}

/// Content as it came to the next server after `DATA`.
fn wire(content: &[u8]) -> Vec<u8> {
    gatepost_tests::smtp::stuffed(content)
}
