//! `disclaimer`: appends a text to the body of a message, in each form that a reader may be shown.
//!
//! The body is the message itself, or the first part of a multipart that is, or every part of a `multipart/alternative` that
//! is: never an attachment, nor a message inside the message. What it does to text and to HTML is said in `README.md`.
//! Knows nothing of transfer encodings and of where parts begin: that is the SDK's rewriter.

mod config;
mod form;

use gatepost_sdk::text::{Editor, Edits, Left, Rewriter, TextPart};
use gatepost_sdk::{Context, Description, Flow, Processor, Refusal, Verdict};

pub use config::Config;
use form::{Form, Forms, Html, Plain};

/// The processor.
#[derive(Debug)]
pub struct Disclaimer {
    rewriter: Rewriter<Appender>,
}

gatepost_sdk::export!(Disclaimer);

impl Processor for Disclaimer {
    type Config = Config;

    fn describe() -> Description {
        Description::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"))
    }

    fn configure(config: Config) -> Result<Self, String> {
        let appender =
            Appender { forms: config.forms()?, part: Part::None, appended: 0, present: 0, left: 0 };
        Ok(Self { rewriter: Rewriter::new(appender) })
    }

    fn write(&mut self, chunk: &[u8], cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        self.rewriter.write(chunk, cx)
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Result<Verdict, Refusal> {
        self.rewriter.close(cx)?;
        let refused = self.rewriter.refused();
        let Appender { appended, present, left, .. } = self.rewriter.editor();
        for (name, count) in
            [("appended", appended.saturating_sub(refused)), ("present", *present), ("left", left + refused)]
        {
            if count > 0 {
                cx.count(name, count);
            }
        }
        Ok(Verdict::Accept)
    }
}

/// Appends to one part after the other, and keeps count of parts.
#[derive(Debug)]
struct Appender {
    forms: Forms,
    part: Part,
    /// Got the text.
    appended: u64,
    /// Had it already.
    present: u64,
    /// Bodies that could not be changed.
    left: u64,
}

/// The part at hand.
#[derive(Debug)]
enum Part {
    /// None, or one that is done with.
    None,
    Plain(Plain),
    Html(Html),
}

impl Editor for Appender {
    fn begin(&mut self, part: &TextPart<'_>) -> bool {
        if !part.is_body {
            return false;
        }
        let form = match &*part.part.subtype {
            "html" => Some(Part::Html(Html::new(self.forms.html.clone()))),
            "plain" => self.forms.plain(part.takes_utf8()).map(|form| Part::Plain(Plain::new(form))),
            // A calendar's or another format's text is not for readers.
            _ => return false,
        };
        let Some(form) = form else {
            self.left += 1;
            return false;
        };
        self.part = form;
        true
    }

    fn edit(&mut self, text: &[u8], last: bool, edits: &mut Edits) -> usize {
        let (settled, found) = match &mut self.part {
            Part::None => return text.len(),
            Part::Plain(plain) => plain.edit(text, last, edits),
            Part::Html(html) => html.edit(text, last, edits),
        };
        match found {
            None => return settled,
            Some(Found::Appended) => self.appended += 1,
            Some(Found::Present) => self.present += 1,
        }
        self.part = Part::None;
        text.len()
    }

    fn left(&mut self, part: &TextPart<'_>, _why: Left) {
        if part.is_body && matches!(&*part.part.subtype, "html" | "plain") {
            self.left += 1;
        }
    }
}

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Appended,
    Present,
}

/// Whether `text` ends with `form`, apart from white space behind it and from how lines end.
fn ends_with(text: &[u8], form: &Form) -> bool {
    let mut text = text.trim_ascii_end().iter().rev().filter(|byte| **byte != b'\r');
    form.trimmed().iter().rev().all(|byte| text.next() == Some(byte))
}
