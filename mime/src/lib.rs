//! A streaming MIME scanner: says where a message's parts begin and end, and what they are.
//!
//! ```
//! use gatepost_mime::{Event, Limits, Scanner};
//!
//! let message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n\
//!     --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>\r\n--b--\r\n";
//! let mut scanner = Scanner::new(Limits::default());
//! let mut html = Vec::new();
//! let mut on = |event: Event<'_>| {
//!     if let Event::Body { part, raw } = event {
//!         assert!(part.is("text", "html") && part.path == "1");
//!         html.extend_from_slice(raw);
//!     }
//! };
//! for chunk in message.chunks(7) {
//!     scanner.feed(chunk, &mut on);
//! }
//! scanner.finish(&mut on);
//! assert_eq!(html, b"<p>");
//! ```
//!
//! Sans-io, and bounded in state whatever the input: by [`Limits`]. Every input byte comes out in exactly one [`Event`], in
//! order. Takes time linear in the input. Decodes no bodies. What a message means where RFC 2045 to 2049 leave it open, or
//! where messages do not hold to them, is said in `docs/mime.md`.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`scanner`] | the machine that finds header sections and delimiter lines |
//! | [`part`] | what a part's header section says of it |
//! | [`limits`] | bounds, and what is met past them |
//! | [`fields`] | Content-Type and the like: a value and its parameters (RFC 2045, RFC 2231) |
//! | [`words`] | encoded words (RFC 2047) |

mod charset;
pub mod fields;
pub mod limits;
pub mod part;
pub mod scanner;
pub mod words;

pub use limits::{Limits, Problem};
pub use part::{Disposition, Encoding, Part};
pub use scanner::{Event, Scanner};
