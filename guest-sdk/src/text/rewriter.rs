//! From a message's chunks to its text parts and back.

use gatepost_mime::{Encoding, Event, Limits, Part, Scanner};

use super::edits::{Editor, TextPart, obstacle};
use super::output::Output;
use super::window::Window;
use crate::context::Context;
use crate::types::{Flow, Refusal};

/// Takes a message's chunks, hands its text to an editor and writes what comes of it.
#[derive(Debug)]
pub struct Rewriter<E> {
    scanner: Scanner,
    work: Work<E>,
    spare: Vec<u8>,
}

#[derive(Debug)]
struct Work<E> {
    editor: E,
    /// The open parts, outermost first.
    open: Vec<Open>,
    /// The part at work.
    window: Option<Window>,
    refused: u64,
}

#[derive(Debug)]
struct Open {
    is_body: bool,
    is_multipart: bool,
    is_alternative: bool,
    children: usize,
}

impl<E: Editor> Rewriter<E> {
    /// Before the first chunk.
    pub fn new(editor: E) -> Self {
        Self {
            scanner: Scanner::new(Limits::default()),
            work: Work { editor, open: Vec::new(), window: None, refused: 0 },
            spare: Vec::new(),
        }
    }

    /// The editor.
    pub fn editor(&self) -> &E {
        &self.work.editor
    }

    /// How many edits could not be made.
    pub fn refused(&self) -> u64 {
        self.work.refused
    }

    /// The next chunk, as [`Processor::write`](crate::Processor::write) has it, and what that is to answer.
    ///
    /// # Errors
    /// As [`Context::write`].
    pub fn write(&mut self, chunk: &[u8], cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        let (scanner, work) = (&mut self.scanner, &mut self.work);
        let mut out = Output::new(chunk, std::mem::take(&mut self.spare));
        scanner.feed(chunk, &mut |event| work.event(event, &mut out));
        let flow = if out.is_chunk() {
            Flow::Pass
        } else {
            if !out.bytes().is_empty() {
                cx.write(out.bytes())?;
            }
            Flow::Replaced
        };
        self.spare = out.into_spare();
        Ok(flow)
    }

    /// The end of the message: writes what was held back.
    ///
    /// # Errors
    /// As [`Context::write`].
    pub fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let (scanner, work) = (&mut self.scanner, &mut self.work);
        let mut out = Output::new(&[], std::mem::take(&mut self.spare));
        scanner.finish(&mut |event| work.event(event, &mut out));
        if out.bytes().is_empty() { Ok(()) } else { cx.write(out.bytes()) }
    }
}

impl<E: Editor> Work<E> {
    fn event(&mut self, event: Event<'_>, out: &mut Output<'_>) {
        match event {
            Event::Header { part, raw } => {
                out.raw(raw);
                let is_body = self.enter(part);
                self.begin(TextPart { part, is_body }, raw);
            }
            Event::Body { raw, .. } => match &mut self.window {
                Some(window) => window.feed(raw, false, &mut self.editor, out),
                None => out.raw(raw),
            },
            Event::End { .. } => {
                if let Some(mut window) = self.window.take() {
                    window.feed(&[], true, &mut self.editor, out);
                    self.refused += window.refused();
                }
            }
            Event::Other(raw) => out.raw(raw),
        }
    }

    /// Keeps account of where `part` stands. Whether it is the message's body.
    fn enter(&mut self, part: &Part) -> bool {
        self.open.truncate(part.depth);
        let is_body = match self.open.last_mut() {
            None => true,
            Some(parent) => {
                parent.children += 1;
                parent.is_body && parent.is_multipart && (parent.is_alternative || parent.children == 1)
            }
        };
        self.open.push(Open {
            is_body,
            is_multipart: part.is_multipart(),
            is_alternative: part.is("multipart", "alternative"),
            children: 0,
        });
        is_body
    }

    fn begin(&mut self, text: TextPart<'_>, header: &[u8]) {
        let part = text.part;
        // Without a blank line there is no body, and what were put in would be another field.
        if part.media_type != "text" || !ends_with_blank_line(header) {
            return;
        }
        if let Some(why) = obstacle(part) {
            self.editor.left(&text, why);
        } else if self.editor.begin(&text) {
            let line_end: &[u8] =
                if header.ends_with(b"\n") && !header.ends_with(b"\r\n") { b"\n" } else { b"\r\n" };
            let is_inside = self.open.iter().any(|open| open.is_multipart);
            self.window = Some(match part.encoding {
                Encoding::QuotedPrintable => Window::quoted(line_end),
                encoding => Window::plain(encoding, line_end, is_inside),
            });
        }
    }
}

fn ends_with_blank_line(header: &[u8]) -> bool {
    matches!(header, b"\n" | b"\r\n") || header.ends_with(b"\n\n") || header.ends_with(b"\n\r\n")
}
