//! What conversations are made of: contents, and what looks like their end.
//!
//! ```text
//! content(&mut dice)  ->  Subject: hi CRLF CRLF ..dot CRLF
//! ```
//!
//! Most of it is what people send; some of it no RFC has.

use crate::dice::Dice;

/// Lines of content, each with its end.
const CONTENT: &[&[u8]] = &[
    b"text\r\n",
    b"text\r\n",
    b"..\r\n",
    b"..dot\r\n",
    b".dot\r\n",
    b"...\r\n",
    b"  blanks  \r\n",
    b"\r\n",
    b"\t\r\n",
    b"From here\r\n",
    b"8-bit \xc3\xbc\r\n",
    b"no utf-8 \xff\xfe\r\n",
    b"\x07\x1b[0m\r\n",
    b"Received: in the body\r\n",
];

/// The same, that the rules of content forbid.
const BAD_CONTENT: &[&[u8]] = &[
    b"bare\nline feed\r\n",
    b"bare\rreturn\r\n",
    b"zero\0byte\r\n",
    b"\rx\r\n",
    b"x\r\r\n",
    b"x\n\r\n",
    b"x\n.y\r\n",
];

const HEADERS: &[&[u8]] = &[
    b"Subject: hi\r\n\r\n",
    b"Subject: hi\r\n\r\n",
    b"From: a@client.test\r\nTo: jo@acme.example\r\nSubject: hi\r\n\r\n",
    b"Subject: folded\r\n to two\r\n\tand three\r\n\r\n",
    b"",
    b"no header\r\n",
    b"\r\n",
    b"Subject: no body\r\n",
    b"Subject: hi\r\nno field\r\nX-After: it\r\n\r\n",
    b" begins folded\r\n\r\n",
    b"From jo Thu Jan  1 00:00:00 1970\r\nA: b\r\n\r\n",
    b"Return-Path: <x@x.test>\r\nSubject: hi\r\n\r\n",
    b"Bcc: secret@x.test\r\nSubject: hi\r\n\r\n",
    b"Subject : blank\r\nB: c\r\n\r\n",
    b"Subject: \xc3\xbc\r\n\r\n",
    b"Content-Length: 5\r\nSubject: hi\r\n\r\n",
    b"Received: from a by b; x\r\nReceived: from b by c; y\r\nSubject: hi\r\n\r\n",
    b"Delivered-To: x@x.test\r\nA: b\r\n\r\n",
];

const LOOKALIKES: &[&[u8]] = &[
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n.\0\r\n",
    b"\r\n. \r\n",
    b"\r\n.\t\r\n",
    b"\r\n.\x0b\r\n",
    b"\r\n.\xe2\x80\xa8\r\n",
    b"\r\n\0.\r\n",
    b"\r\n..\r\n",
    b"\n..\n",
    b"\r\n.\r\n",
];

/// Octets of a long line: at RFC 5321's limit, at Postfix's, past both.
const LENGTHS: [usize; 7] = [997, 998, 999, 2047, 2048, 2049, 10_000];

/// Content, as it is meant to arrive.
pub(crate) fn content(dice: &mut Dice) -> Vec<u8> {
    let mut content = dice.pick(HEADERS).to_vec();
    for _ in 0..dice.within(0, 5) {
        content.extend_from_slice(dice.pick(CONTENT));
    }
    match dice.within(0, 11) {
        0 => content.extend_from_slice(dice.pick(BAD_CONTENT)),
        1 => {
            let length = LENGTHS[dice.within(0, LENGTHS.len() - 1)];
            content.extend(std::iter::repeat_n(b'l', length));
            content.extend_from_slice(b"\r\n");
        }
        _ => {}
    }
    content
}

/// The same as DATA has it: its dots doubled or not, one end mark, as its end.
pub(crate) fn after_data(dice: &mut Dice) -> Vec<u8> {
    let mut wire = content(dice);
    if wire.is_empty() || wire.ends_with(b"\r\n") {
        wire.extend_from_slice(b".\r\n");
    } else {
        wire.extend_from_slice(b"\r\n.\r\n");
    }
    wire
}

/// What looks like the end of content; the last is it.
pub(crate) fn lookalike(dice: &mut Dice) -> &'static [u8] {
    dice.pick(LOOKALIKES)
}
