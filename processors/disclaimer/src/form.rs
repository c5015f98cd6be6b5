//! Where the text goes in a part that streams by.
//!
//! Both hold back as much of the part's end as they need to see whether the text is there already.

use std::rc::Rc;

use gatepost_sdk::text::Edits;
use memchr::memmem;

use crate::{Found, ends_with};

/// White space that may stand behind the text and still count as the end, in bytes.
const SLACK: usize = 256;
/// What comes behind the last `</body`, at most, in bytes: `</html>`, and what mail programs put there. Past it the place is
/// settled.
const TAIL_MAX: usize = 8 << 10;
const BODY_END: &[u8] = b"</body";

/// The text as it is put in, with a line break at both ends.
#[derive(Debug, Clone)]
pub(crate) struct Form(Rc<[u8]>);

impl Form {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.as_bytes().into())
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.0
    }

    /// Without the line breaks at its ends.
    pub(crate) fn trimmed(&self) -> &[u8] {
        self.0.trim_ascii()
    }

    /// How much of a part's end must be seen to know whether the text is there: each line break may be two bytes.
    fn room(&self) -> usize {
        self.0.len() + self.0.iter().filter(|byte| **byte == b'\n').count() + SLACK
    }
}

/// The text in every form.
#[derive(Debug)]
pub(crate) struct Forms {
    pub(crate) text: Form,
    /// None: there is none in ASCII.
    pub(crate) ascii: Option<Form>,
    pub(crate) html: Form,
}

impl Forms {
    /// For a part of plain text.
    pub(crate) fn plain(&self, takes_utf8: bool) -> Option<Form> {
        if takes_utf8 { Some(self.text.clone()) } else { self.ascii.clone() }
    }
}

/// Plain text: at its end, behind an empty line.
#[derive(Debug)]
pub(crate) struct Plain {
    form: Form,
    /// Whether all that was settled ends with a line break; so it does before the first byte.
    at_line_start: bool,
}

impl Plain {
    pub(crate) fn new(form: Form) -> Self {
        Self { form, at_line_start: true }
    }

    pub(crate) fn edit(&mut self, text: &[u8], last: bool, edits: &mut Edits) -> (usize, Option<Found>) {
        if !last {
            let settled = text.len().saturating_sub(self.form.room());
            if settled > 0 {
                self.at_line_start = text[settled - 1] == b'\n';
            }
            return (settled, None);
        }
        if ends_with(text, &self.form) {
            return (text.len(), Some(Found::Present));
        }
        let at_line_start = text.last().map_or(self.at_line_start, |byte| *byte == b'\n');
        let form = self.form.text();
        if at_line_start {
            edits.insert(text.len(), form);
        } else {
            // The line break at the end belongs to the delimiter behind it: ours goes before the text.
            edits.insert(text.len(), &[b"\n", &form[..form.len() - 1]].concat());
        }
        (text.len(), Some(Found::Appended))
    }
}

/// HTML: before the last `</body>`, or at the end.
#[derive(Debug)]
pub(crate) struct Html {
    form: Form,
}

impl Html {
    pub(crate) fn new(form: Form) -> Self {
        Self { form }
    }

    pub(crate) fn edit(&mut self, text: &[u8], last: bool, edits: &mut Edits) -> (usize, Option<Found>) {
        let end = last_body_end(text);
        let at = match end {
            Some(at) if last || text.len() - at > TAIL_MAX => at,
            None if last => text.len(),
            // What stands before the place to come must be seen as well.
            Some(at) => return (at.saturating_sub(self.form.room()), None),
            None => return (text.len().saturating_sub(self.form.room() + BODY_END.len()), None),
        };
        if ends_with(&text[..at], &self.form) {
            return (text.len(), Some(Found::Present));
        }
        edits.insert(at, self.form.text());
        (text.len(), Some(Found::Appended))
    }
}

/// Where the last `</body`, in any case, begins.
fn last_body_end(text: &[u8]) -> Option<usize> {
    memmem::rfind_iter(text, b"</").find(|&at| {
        text.get(at..at + BODY_END.len()).is_some_and(|found| found.eq_ignore_ascii_case(BODY_END))
    })
}
