//! TLS as a server: a socket, plain or under TLS, and the certificates that a listener serves.
//!
//! ```text
//! Wire::plain --start_tls(slot)--> handshake: the certificate by the name asked for --> Wire under TLS, with its facts
//! ```
//!
//! Knows nothing of SMTP.

mod client;
mod expiry;
mod facts;
mod files;
mod names;
mod slot;
#[cfg(test)]
mod tests;
mod wire;

pub use facts::TlsFacts;
pub use files::TlsError;
pub use slot::{Fresh, TlsSlot};
pub use wire::{Stream, Wire};
