//! What a rewriter and its editor say to each other.

use std::ops::Range;

use gatepost_mime::Part;

/// Changes the text of parts. One value serves one message.
pub trait Editor {
    /// A text part begins. False: it passes byte-exact, and `edit` is not called for it.
    fn begin(&mut self, part: &TextPart<'_>) -> bool;

    /// Looks at `text`, which follows on what was settled before, adds to `edits`, and answers up to where `text` is settled; the
    /// rest comes again with more behind it. Edits beyond that are dropped. `last`: the part ends behind `text`, which may be empty;
    /// all of it is settled.
    ///
    /// Where `text` is cut must not matter. More than [`HOLD_MAX`](super::HOLD_MAX) bytes are not held back for an editor: what
    /// is over counts as settled.
    fn edit(&mut self, text: &[u8], last: bool, edits: &mut Edits) -> usize;

    /// A text part passes byte-exact because the rewriter cannot, or must not, change it.
    fn left(&mut self, _part: &TextPart<'_>, _why: Left) {}
}

/// Why a text part was not handed to the editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Left {
    /// Signed or encrypted, or inside of what is.
    Protected,
    /// An attachment.
    Attachment,
    /// Base64, or an encoding that is not known.
    Encoding,
    /// A character set that does not contain ASCII, or is not known.
    Charset,
    /// Not understood: a limit of the scanner was met.
    Opaque,
}

/// A text part, as it begins.
#[derive(Debug, Clone, Copy)]
pub struct TextPart<'a> {
    /// What its header section says.
    pub part: &'a Part,
    /// It is what a reader shows first: the message itself, the first part of a multipart that is, or any part of a
    /// `multipart/alternative` that is. Never an attachment, nor inside a `message/rfc822`.
    pub is_body: bool,
}

impl TextPart<'_> {
    /// Whether it is `text/html` or its like.
    pub fn is_html(&self) -> bool {
        matches!(&*self.part.subtype, "html" | "x-amp-html")
    }

    /// The character set in lower case; `us-ascii` where none is named (RFC 2045 §5.2).
    pub fn charset(&self) -> &str {
        self.part.charset.as_deref().unwrap_or("us-ascii")
    }

    /// Whether UTF-8 beyond ASCII can be put in as it is.
    pub fn takes_utf8(&self) -> bool {
        matches!(self.charset(), "utf-8" | "utf8") && self.part.encoding != gatepost_mime::Encoding::SevenBit
    }
}

/// Why this text part cannot be handed over; `None`: it can.
pub(super) fn obstacle(part: &Part) -> Option<Left> {
    use gatepost_mime::{Disposition, Encoding};
    if part.opaque {
        return Some(Left::Opaque);
    }
    if part.protected {
        return Some(Left::Protected);
    }
    if matches!(part.disposition, Disposition::Attachment | Disposition::Other) {
        return Some(Left::Attachment);
    }
    if matches!(part.encoding, Encoding::Base64 | Encoding::Other) {
        return Some(Left::Encoding);
    }
    (!contains_ascii(part.charset.as_deref().unwrap_or("us-ascii"))).then_some(Left::Charset)
}

/// Whether in this character set bytes below 0x40 always are ASCII characters. Shift_JIS, Big5, GBK and GB18030 have second
/// bytes from 0x30 or 0x40 on, which is why an editor looks for its marks (`<`, `&`, `:`) below.
fn contains_ascii(charset: &str) -> bool {
    const NAMES: &[&str] = &[
        "utf-8",
        "utf8",
        "us-ascii",
        "ascii",
        "ansi_x3.4-1968",
        "latin1",
        "shift_jis",
        "shift-jis",
        "sjis",
        "gbk",
        "gb2312",
        "gb18030",
        "big5",
        "big5-hkscs",
        "macintosh",
        "tis-620",
        "ks_c_5601-1987",
        "cp932",
        "cp949",
    ];
    const PREFIXES: &[&str] =
        &["iso-8859-", "iso8859-", "iso_8859-", "windows-", "cp125", "koi8-", "euc-", "x-mac-"];
    NAMES.contains(&charset) || PREFIXES.iter().any(|prefix| charset.starts_with(prefix))
}

/// Changes to a text: ranges, in order and apart, and what stands in for each.
#[derive(Debug, Clone, Default)]
pub struct Edits {
    list: Vec<Edit>,
    arena: Vec<u8>,
}

/// One change: of a range of the text to a range of the arena.
#[derive(Debug, Clone)]
struct Edit {
    range: Range<usize>,
    with: Range<usize>,
}

impl Edits {
    /// Puts `with` in the place of `range`. A line break in `with`, CRLF or LF, is written as the message writes its own.
    ///
    /// # Panics
    /// If `range` begins before the end of the one before, or ends before it begins.
    pub fn replace(&mut self, range: Range<usize>, with: &[u8]) {
        let end = self.list.last().map_or(0, |edit| edit.range.end);
        assert!(end <= range.start && range.start <= range.end, "edits are in order and apart");
        if range.is_empty() && with.is_empty() {
            return;
        }
        let start = self.arena.len();
        self.arena.extend_from_slice(with);
        self.list.push(Edit { range, with: start..self.arena.len() });
    }

    /// Takes `range` out.
    pub fn remove(&mut self, range: Range<usize>) {
        self.replace(range, b"");
    }

    /// Puts `text` in at `at`.
    pub fn insert(&mut self, at: usize, text: &[u8]) {
        self.replace(at..at, text);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (Range<usize>, &[u8])> {
        self.list.iter().map(|edit| (edit.range.clone(), &self.arena[edit.with.clone()]))
    }

    /// Drops those that end behind `end`.
    pub(super) fn settle(&mut self, end: usize) {
        self.list.retain(|edit| edit.range.end <= end);
    }

    /// Takes over those of `other`, moved up by `offset`.
    pub(super) fn append(&mut self, other: &Self, offset: usize) {
        for (range, with) in other.iter() {
            self.replace(range.start + offset..range.end + offset, with);
        }
    }

    /// Drops the first `count`, and moves the others down by `offset`.
    pub(super) fn advance(&mut self, count: usize, offset: usize) {
        self.list.drain(..count);
        if self.list.is_empty() {
            self.arena.clear();
        }
        for edit in &mut self.list {
            edit.range = edit.range.start - offset..edit.range.end - offset;
        }
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.arena.clear();
    }
}
