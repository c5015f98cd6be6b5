//! What a message is, apart from how it travels: mailboxes, the envelope, its id, what becomes of it.
//!
//! Pure values. Knows nothing of sockets, clocks, tenants or stages.

pub mod content_check;
pub mod content_copy;
pub mod domain;
pub mod envelope;
pub mod header_section;
pub mod id;
pub mod idna;
pub mod line_length;
pub mod mailbox;
pub mod originator;
pub mod verdict;

pub use content_check::ContentCheck;
pub use content_copy::ContentCopy;
pub use envelope::Envelope;
pub use id::MessageId;
pub use mailbox::{Mailbox, MailboxError};
pub use verdict::Verdict;
