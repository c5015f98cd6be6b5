//! The text of one part on its way through the editor: what is not let out yet, and the edits to it.
//!
//! ```text
//! raw    |-- let out --|-- settled --|-- unsettled --|-- line not whole --|
//! ```
//!
//! Whole lines are handed over, so that an edit finds what follows it on its line; of a line past
//! [`LINE_MAX`](super::LINE_MAX), what there is. Knows nothing of how bytes are encoded: that is `plain` and `quoted`.

use gatepost_mime::Encoding;

use super::edits::{Editor, Edits};
use super::output::Output;
use super::plain::Plain;
use super::quoted::Quoted;

/// Most bytes of text held back for an editor. 32 KiB: two chunks of the host's.
pub const HOLD_MAX: usize = 32 << 10;
/// Fewer new bytes are collected before the editor is asked again, so that tiny chunks do not make it look at the same text over
/// and over.
const BATCH: usize = 1 << 10;

/// One part at work.
#[derive(Debug)]
pub(super) struct Window {
    form: Form,
    /// Raw bytes not let out.
    held: Vec<u8>,
    /// So many of them the editor has been asked about, or not enough came since.
    asked: usize,
    /// So much text, from the start of what is held, is settled.
    settled: usize,
    /// Settled edits.
    edits: Edits,
    /// What the editor says at the moment.
    said: Edits,
    refused: u64,
}

/// How the text is encoded.
#[derive(Debug)]
enum Form {
    Plain(Plain),
    Quoted(Quoted),
}

impl Window {
    /// For a part whose bytes stand for themselves. `is_inside`: of a multipart, so that it may be taken for a delimiter.
    pub(super) fn plain(encoding: Encoding, line_end: &'static [u8], is_inside: bool) -> Self {
        Self::new(Form::Plain(Plain::new(encoding, line_end, is_inside)))
    }

    /// For a part in quoted-printable.
    pub(super) fn quoted(line_end: &'static [u8]) -> Self {
        Self::new(Form::Quoted(Quoted::new(line_end)))
    }

    fn new(form: Form) -> Self {
        let (held, edits, said) = Default::default();
        Self { form, held, asked: 0, settled: 0, edits, said, refused: 0 }
    }

    /// How many edits could not be made.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Takes the next raw bytes, asks the editor and lets out what is settled. `last`: the part ends behind them.
    pub(super) fn feed(&mut self, raw: &[u8], last: bool, editor: &mut impl Editor, out: &mut Output<'_>) {
        if self.held.is_empty() {
            let used = self.work(raw, last, editor, out);
            self.held.extend_from_slice(&raw[used..]);
            return;
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(raw);
        let used = self.work(&held, last, editor, out);
        held.drain(..used);
        self.held = held;
    }

    /// How much of `raw` was let out.
    fn work(&mut self, raw: &[u8], last: bool, editor: &mut impl Editor, out: &mut Output<'_>) -> usize {
        if !last && raw.len() - self.asked < BATCH.max(self.asked / 2) {
            return 0;
        }
        let text = match &mut self.form {
            Form::Plain(plain) => &raw[..plain.whole(raw, last)],
            Form::Quoted(quoted) => quoted.decode(raw, last),
        };
        let fresh = &text[self.settled..];
        if last || !fresh.is_empty() {
            self.said.clear();
            let said = editor.edit(fresh, last, &mut self.said).min(fresh.len());
            let settled = if last { fresh.len() } else { said.max(fresh.len().saturating_sub(HOLD_MAX)) };
            self.said.settle(settled);
            self.edits.append(&self.said, self.settled);
            self.settled += settled;
        }
        let emitted = match &mut self.form {
            Form::Plain(plain) => plain.emit(raw, self.settled, last, &self.edits, out),
            Form::Quoted(quoted) => quoted.emit(raw, self.settled, last, &self.edits, out),
        };
        self.refused += emitted.refused;
        self.edits.advance(emitted.edits, emitted.text);
        self.settled -= emitted.text;
        self.asked = raw.len() - emitted.raw;
        emitted.raw
    }
}

/// What was let out.
#[derive(Debug)]
pub(super) struct Emitted {
    pub(super) raw: usize,
    pub(super) text: usize,
    pub(super) edits: usize,
    pub(super) refused: u64,
}

/// Where the line at `at` begins.
pub(super) fn line_start(text: &[u8], at: usize) -> usize {
    memchr::memrchr(b'\n', &text[..at]).map_or(0, |newline| newline + 1)
}

/// The output line at hand, as far as it goes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Line {
    /// Its length so far.
    pub(super) len: usize,
    head: [u8; 4],
}

impl Line {
    /// Behind `bytes` more.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let start = line_start(bytes, bytes.len());
        if start > 0 {
            self.len = 0;
        }
        let rest = &bytes[start..];
        for (place, byte) in self.head.iter_mut().skip(self.len).zip(rest) {
            *place = *byte;
        }
        self.len += rest.len();
    }

    /// Its first bytes, at most four.
    pub(super) fn head(&self) -> &[u8] {
        &self.head[..self.len.min(self.head.len())]
    }
}
