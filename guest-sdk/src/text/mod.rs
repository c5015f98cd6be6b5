//! Rewriting the text of a message as it streams by.
//!
//! ```
//! use gatepost_sdk::replace::Replacer;
//! use gatepost_sdk::testing::Recorder;
//! use gatepost_sdk::text::Rewriter;
//!
//! let mut host = Recorder::default();
//! let message = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=e4 secr=\r\net =E4\r\n";
//! let mut rewriter = Rewriter::new(Replacer::new([("secret", "*")]).unwrap());
//! host.begin_call(message.len());
//! rewriter.write(message, &mut host.context()).unwrap();
//! rewriter.close(&mut host.context()).unwrap();
//! assert_eq!(host.end_call().unwrap(), b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=e4 * =E4\r\n");
//! ```
//!
//! A [`Rewriter`] follows the message's structure and hands the decoded text of each `text/*` part to an [`Editor`], which
//! answers with [`Edits`]. Only what an edit covers is encoded anew; every other byte leaves as it came.
//!
//! **Handed over** are parts in `7bit`, `8bit`, `binary` and `quoted-printable` whose character set is a known one that contains
//! ASCII. **Byte-exact pass** ([`Left`] says why): parts in base64, everything in a `multipart/signed`, `multipart/encrypted`, S/MIME or
//! PGP part, attachments, UTF-16, UTF-7, ISO-2022 and unknown character sets, and what lies behind a limit of the scanner.
//!
//! **An edit is refused**, and counted by [`Rewriter::refused`], where it cannot be made without breaking something:
//! - text beyond ASCII for a `7bit` part;
//! - in `7bit` and `8bit`, a line that grows past 998 octets (RFC 5322 §2.1.1);
//! - a line that would begin with `--` and so might become a delimiter of the message;
//! - in quoted-printable, a place with a malformed escape, which readers take differently.
//!
//! Quoted-printable stays within lines of 76 (RFC 2045 §6.7) wherever the input did.
//!
//! Inline PGP in a text part is not told from other text: what an editor changes there breaks its signature.
//!
//! A DKIM or ARC signature on a message breaks when its body is changed: verify before such a stage, and sign (again) behind it.
//! Knows nothing of HTML, and nothing of characters: text is bytes.

mod edits;
mod output;
mod plain;
mod quoted;
mod rewriter;
mod window;

pub use edits::{Editor, Edits, Left, TextPart};
pub use rewriter::Rewriter;
pub use window::HOLD_MAX;

/// Longest line in 7bit and 8bit, in octets without its line end (RFC 5322 §2.1.1).
pub const LINE_MAX: usize = 998;
/// Longest line in quoted-printable, in octets without its line end (RFC 2045 §6.7).
pub const QUOTED_LINE_MAX: usize = 76;

#[cfg(test)]
mod tests;
