//! Postfix beside us: compared with, as a client that relays to us, as a server that we relay to.
//!
//! Where Postfix is not installed, or we are not root, the tests are skipped and say so; where `CI` is `true` they fail instead.

mod arrivals;
mod classes;
mod contents;
mod conversation;
mod dice;
mod differential;
mod exchange;
mod relayed;
mod relaying;
mod stored;
mod words;
