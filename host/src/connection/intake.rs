//! Content between the wire and the chains: what the listener has against it, and the fields that it adds.
//!
//! ```text
//! decoded octets --> ContentCheck, Originator --> octets for the chains, or an objection
//! ```
//!
//! Knows nothing of how content is framed.

use crate::config::Listener;
use crate::mail::ContentCheck;
use crate::mail::line_length::LineLength;
use crate::mail::originator::Originator;
use crate::smtp::{Body, Reply};
use crate::transaction::replies;

/// The content of one message as it comes in.
pub(super) struct Intake {
    check: ContentCheck,
    /// Measured where there is a limit.
    lines: Option<LineLength>,
    /// Adds what a message that a user has just written may lack.
    originator: Option<Originator>,
    rules: Rules,
}

struct Rules {
    message_size_max: u64,
    header_size_max: u64,
    text_line_max: u64,
    received_max: usize,
    /// Whether content is made of lines that end in CRLF.
    crlf_only: bool,
}

impl Intake {
    /// Before the first octet. `originator`: users send here.
    pub(super) fn new(listener: &Listener, originator: Option<Originator>, body: Body) -> Self {
        Self {
            check: ContentCheck::default(),
            lines: (listener.text_line_max.0 > 0).then(LineLength::default),
            originator,
            rules: Rules {
                message_size_max: listener.message_size_max.0,
                header_size_max: listener.header_size_max.0,
                text_line_max: listener.text_line_max.0,
                received_max: listener.received_max,
                crlf_only: listener.reject_bare_newlines && body != Body::BinaryMime,
            },
        }
    }

    /// Takes the next piece of content, and leaves in `body` what goes on.
    pub(super) fn take(&mut self, body: &mut Vec<u8>, complete: bool) {
        self.check.feed(body);
        if let Some(lines) = &mut self.lines {
            lines.feed(body);
        }
        if let Some(originator) = &mut self.originator {
            originator.feed(body, complete);
        }
    }

    /// Octets of content so far.
    pub(super) fn size(&self) -> u64 {
        self.check.size()
    }

    /// What the listener has against the content so far.
    pub(super) fn objection(&self, bare_newlines: u64) -> Option<Reply> {
        let (rules, check) = (&self.rules, &self.check);
        if check.size() > rules.message_size_max {
            return Some(replies::too_large(rules.message_size_max));
        }
        if check.header_size() > rules.header_size_max {
            return Some(replies::header_too_large());
        }
        if check.received() > rules.received_max {
            return Some(replies::loops());
        }
        if self.lines.as_ref().is_some_and(|lines| lines.longest() > rules.text_line_max) {
            return Some(replies::line_too_long(rules.text_line_max));
        }
        let bare = bare_newlines > 0 || check.has_nul();
        (bare && rules.crlf_only).then(replies::bare_newline)
    }
}
