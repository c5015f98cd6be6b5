//! Postfix beside us: compared with, and as a client that relays to us.
//!
//! Where Postfix is not installed, or we are not root, the tests are skipped and say so; where `CI` is `true` they fail instead.

mod arrivals;
mod classes;
mod conversation;
mod dice;
mod differential;
mod exchange;
mod relaying;
mod stored;
mod words;
