//! The messages of the smoke corpus, and how each is cut.
//!
//! Small enough that a chain is checked in milliseconds, odd enough that a stage which keeps no state from chunk to chunk is
//! found: each has something that a cut can fall into.

use crate::chain::cutting::Cut;

/// Up to this length, in bytes, a message also comes byte by byte.
const BYTES_MAX: usize = 2 << 10;
/// Piece sizes of a short message, in bytes: a CRLF, a boundary and a word all fall between.
const SHORT_PIECES: [usize; 3] = [1, 7, 61];
/// Piece sizes of a long one.
const LONG_PIECES: [usize; 2] = [1021, 4099];
/// Length of the long message, in bytes.
const LONG: usize = 100 << 10;

/// One message.
pub(super) struct Message {
    /// For people.
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
}

/// All of them.
pub(super) fn messages() -> Vec<Message> {
    let message = |name, bytes: &[u8]| Message { name, bytes: bytes.to_vec() };
    vec![
        message("plain", PLAIN),
        message("attachment", ATTACHMENT),
        message("utf-8", UTF8.as_bytes()),
        message("no body", NO_BODY),
        Message { name: "odd lines", bytes: odd_lines() },
        message("empty", b""),
        Message { name: "long", bytes: long() },
    ]
}

/// The ways in which a message is cut beyond coming whole.
pub(super) fn cuts(len: usize, chunk_size: usize) -> Vec<Cut> {
    let sizes: Vec<usize> = match len {
        0..=BYTES_MAX => SHORT_PIECES.into(),
        _ => LONG_PIECES.into_iter().chain([chunk_size]).collect(),
    };
    sizes.into_iter().filter(|size| *size < len).map(|size| Cut::every(size, len)).collect()
}

const PLAIN: &[u8] = b"Received: from client.example (client.example [192.0.2.7])\r\n\
\tby mx.example with ESMTP id 1; Thu, 1 Jan 2026 00:00:00 +0000\r\n\
From: Ann <ann@sender.example>\r\n\
To: you@example.com\r\n\
Subject: Lunch at noon?\r\n\
Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n\
Message-ID: <1@sender.example>\r\n\
\r\n\
See https://www.example.com/menu?utm_source=mail&id=7 and tell me.\r\n\
\r\n\
..a line with a dot\r\n\
-- \r\n\
Ann\r\n";

const ATTACHMENT: &[u8] = b"From: ann@sender.example\r\n\
To: you@example.com\r\n\
Subject: The report\r\n\
MIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=\"=_b1\"\r\n\
\r\n\
This is a message in several parts.\r\n\
--=_b1\r\n\
Content-Type: multipart/alternative; boundary=\"=_b2\"\r\n\
\r\n\
--=_b2\r\n\
Content-Type: text/plain; charset=utf-8\r\n\
Content-Transfer-Encoding: quoted-printable\r\n\
\r\n\
Caf=C3=A9, a soft=\r\n break, and a link: https://www.example.com/?id=3D7&utm_medium=3Dm=\r\nail\r\n\
--=_b2\r\n\
Content-Type: text/html; charset=iso-8859-1\r\n\
Content-Transfer-Encoding: 8bit\r\n\
\r\n\
<p>Caf\xe9, <a href=\"https://www.example.com/?id=7&amp;utm_medium=mail\">a link</a></p>\r\n\
--=_b2--\r\n\
--=_b1\r\n\
Content-Type: application/octet-stream; name=\"report.bin\"\r\n\
Content-Transfer-Encoding: base64\r\n\
Content-Disposition: attachment; filename=\"report.bin\"\r\n\
\r\n\
AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4\r\n\
OTo7PD0+Pw==\r\n\
--=_b1--\r\n";

const UTF8: &str = "From: Zoë Größe <zoe@sender.example>\r\n\
To: you@example.com\r\n\
Subject: Grüße — =?utf-8?Q?Caf=C3=A9?= 🙂\r\n\
MIME-Version: 1.0\r\n\
Content-Type: text/plain; charset=utf-8\r\n\
Content-Transfer-Encoding: 8bit\r\n\
\r\n\
Übergröße, naïve, Ελληνικά, 日本語, 🙂🙃\r\n";

const NO_BODY: &[u8] = b"From: ann@sender.example\r\nTo: you@example.com\r\nSubject: nothing more to say\r\n";

/// A folded field with spaces only, a field without a value, bare line ends in the body, a line of 1200 octets, no end of line
/// at the end.
fn odd_lines() -> Vec<u8> {
    let mut bytes = b"From: ann@sender.example\r\nSubject:\r\n \t\r\n  folded\r\nX-Empty:\r\n\r\n".to_vec();
    bytes.extend_from_slice(b"bare\nnewline, bare\rreturn, \r\r\n\n\r\n.\r\n");
    bytes.extend(std::iter::repeat_n(b'x', 1200));
    bytes.extend_from_slice(b"\r\n--\r\n\r\nno newline at the end\r");
    bytes
}

/// Text in lines of many lengths, in one part.
fn long() -> Vec<u8> {
    let mut bytes = b"From: ann@sender.example\r\nTo: you@example.com\r\nSubject: long\r\n\
Content-Type: text/plain; charset=us-ascii\r\n\r\n"
        .to_vec();
    let mut n: usize = 0;
    while bytes.len() < LONG {
        n += 1;
        bytes.extend_from_slice(format!("{n} https://www.example.com/{n}?utm_source=x ").as_bytes());
        bytes.extend(std::iter::repeat_n(b'a' + u8::try_from(n % 26).unwrap_or(0), n * 7 % 90));
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_cut_in_several_ways() {
        for message in messages() {
            let cuts = cuts(message.bytes.len(), 16 << 10);
            assert_eq!(cuts.len(), if message.bytes.is_empty() { 0 } else { 3 }, "{}", message.name);
            for cut in cuts {
                assert_eq!(cut.pieces(&message.bytes).collect::<Vec<_>>().concat(), message.bytes);
            }
        }
    }
}
