//! What the black-box tests stand on: the binary, a server of it, and those who talk to it.
//!
//! ```text
//! Server::builder().tenant("acme", "...").start()   a process with a folder of its own, killed on drop
//! server.smtp()                                     an SMTP client that says what it expects
//! server.maildir("acme").messages()                 what was stored
//! server.records("message")                         what was logged
//!
//! Guest::new().write("(call $replaced)").component() a component of a few lines of WAT
//! bombs::all(100, 10)                               components that are made to be compiled for ever
//! Postfix::builder().smtpd("mx", &[]).start()       a Postfix of the test's own, where one is installed
//! Lab::new().run(&stages, pieces)                   the same chains at library level, where SMTP would only be slow
//! ```
//!
//! Knows the binary from outside only, but for `lab` and what stands on it, which link the host.

pub mod binary;
pub mod bombs;
pub mod corpora;
pub mod guest;
pub mod hop;
pub mod hostile;
pub mod http;
pub mod lab;
pub mod maildir;
pub mod postfix;
pub mod server;
pub mod shipped;
pub mod site;
pub mod smtp;
pub mod tls;
pub mod transcript;
pub mod twin;
pub mod wait;

pub use maildir::Maildir;
pub use postfix::Postfix;
pub use server::Server;
pub use site::Site;
pub use smtp::Smtp;
