//! Reads the replies of the next server: bounded, and nothing but what RFC 5321 §4.2 says is taken for one.
//!
//! ```text
//! "250-mx.example\r\n250 PIPELINING\r\n"  ->  250 ["mx.example", "PIPELINING"]
//! ```
//!
//! Pure: knows nothing of sockets, and of no command that is answered.

use bytes::BytesMut;
use memchr::memchr;

use crate::smtp::Reply;
use crate::smtp::reply::Enhanced;

/// Longest line of a reply in bytes, CRLF included. RFC 5321 §4.5.3.1.5 has 512; some servers say more.
pub(super) const LINE_MAX: usize = 2048;
/// Most lines of a reply: EHLO answers have some twenty.
pub(super) const LINES_MAX: usize = 128;
/// Longest reply in bytes, all its lines together.
pub(super) const REPLY_MAX: usize = 32 << 10;
/// Longest reply in a log, in characters: a record may hold one for each recipient, or for each address.
pub(super) const SHOWN_MAX: usize = 500;

/// What the next server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HopReply {
    /// 200 to 599.
    pub(super) code: u16,
    /// The text of each line, without code and CRLF. What is no UTF-8 is replaced.
    pub(super) lines: Vec<String>,
}

/// Why what came is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReplyError {
    /// Past [`LINE_MAX`].
    #[error("a line of its reply is longer than {LINE_MAX} bytes")]
    LineTooLong,
    /// Past [`LINES_MAX`] or [`REPLY_MAX`].
    #[error("its reply is longer than {LINES_MAX} lines or {REPLY_MAX} bytes")]
    TooLong,
    /// No code, another code than the lines before, or no CRLF.
    #[error("what it says is no SMTP reply")]
    Malformed,
}

/// Collects one reply out of what comes.
#[derive(Debug, Default)]
pub(super) struct ReplyDecoder {
    code: Option<u16>,
    lines: Vec<String>,
    bytes: usize,
}

impl ReplyDecoder {
    /// Takes whole lines off the front of `input` until a reply is complete. `None`: more has to come.
    ///
    /// # Errors
    /// What came is no reply, or is not going to be one. Nothing that the server says can be understood any more.
    pub(super) fn feed(&mut self, input: &mut BytesMut) -> Result<Option<HopReply>, ReplyError> {
        while let Some(end) = memchr(b'\n', input) {
            if end >= LINE_MAX {
                return Err(ReplyError::LineTooLong);
            }
            let line = input.split_to(end + 1);
            self.bytes += line.len();
            if self.lines.len() == LINES_MAX || self.bytes > REPLY_MAX {
                return Err(ReplyError::TooLong);
            }
            let (code, is_last, text) = parse(&line).ok_or(ReplyError::Malformed)?;
            if *self.code.get_or_insert(code) != code {
                return Err(ReplyError::Malformed);
            }
            self.lines.push(text);
            if is_last {
                return Ok(Some(HopReply { code, lines: std::mem::take(&mut self.lines) }));
            }
        }
        if input.len() >= LINE_MAX { Err(ReplyError::LineTooLong) } else { Ok(None) }
    }
}

/// Code, whether it is the last line, text.
fn parse(line: &[u8]) -> Option<(u16, bool, String)> {
    let line = line.strip_suffix(b"\r\n")?;
    let (code, rest) = line.split_at_checked(3)?;
    let is_code = matches!(code, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9']);
    let code = std::str::from_utf8(code).ok().filter(|_| is_code)?.parse().ok()?;
    let (is_last, text) = match rest.split_first() {
        None => (true, rest),
        Some((b' ', text)) => (true, text),
        Some((b'-', text)) => (false, text),
        Some(_) => return None,
    };
    (!text.contains(&b'\r')).then(|| (code, is_last, String::from_utf8_lossy(text).into_owned()))
}

impl HopReply {
    /// Whether it says yes.
    pub(super) fn is_ok(&self) -> bool {
        self.code / 100 == 2
    }

    /// Whether it refuses, for now or for good.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.code / 100, 4 | 5)
    }

    /// Whether it refuses for good.
    pub(super) fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// Whether the server leaves (RFC 5321 §3.8).
    pub(super) fn is_goodbye(&self) -> bool {
        self.code == 421
    }

    /// Whether it refuses this session, and says nothing of the message: a command that it does not know or expect (RFC 5321
    /// §4.2.4), TLS or a login that it misses (RFC 3207 §4, RFC 4954 §6). An enhanced code for addresses (X.1.X, RFC 3463
    /// §3.2) makes an address of it, as in `501 5.1.3`.
    pub(super) fn is_about_session(&self) -> bool {
        let first = self.lines.first().and_then(|line| line.split(' ').next());
        let is_address = first.and_then(Enhanced::parse).is_some_and(|enhanced| enhanced.subject == 1);
        matches!(self.code, 500..=504 | 530 | 534 | 535 | 538) && !is_address
    }

    /// The same with the first [`SHOWN_MAX`] bytes of its text: more is neither logged nor passed on, and a message may wait
    /// for a thousand of them.
    pub(super) fn short(mut self) -> Self {
        let mut left = SHOWN_MAX;
        for line in &mut self.lines {
            line.truncate(line.floor_char_boundary(left));
            line.shrink_to_fit();
            left -= line.len();
        }
        self
    }

    /// As it stands in logs: code and text in one line, at most [`SHOWN_MAX`] characters of it.
    pub(super) fn shown(&self) -> String {
        format!("{} {}", self.code, self.lines.join(" ")).chars().take(SHOWN_MAX).collect()
    }

    /// The same for our own client: its code, its enhanced code, its text, in one line. A 421 is a 451, as it is their
    /// connection that ends, not our client's, and so is what is about their session. Where it has no enhanced code that goes with the code (RFC 2034 §4), it is
    /// `X.0.0`.
    pub(super) fn for_client(&self) -> Reply {
        let code = if self.is_goodbye() || self.is_about_session() { 451 } else { self.code };
        let class = code / 100;
        let mut enhanced = None;
        let lines: Vec<&str> = self
            .lines
            .iter()
            .map(|line| {
                let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
                let Some(found) = Enhanced::parse(first) else { return line.as_str() };
                if u16::from(found.class) == class {
                    enhanced.get_or_insert(found);
                }
                rest
            })
            .collect();
        let text = lines.join(" ");
        let text = if text.trim().is_empty() { "Refused by the next server" } else { text.trim() };
        let enhanced = enhanced.map_or_else(|| format!("{class}.0.0"), |found| found.to_string());
        Reply::new(code, &enhanced, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(wire: &[u8], cut: usize) -> Result<Option<HopReply>, ReplyError> {
        let (mut decoder, mut input) = (ReplyDecoder::default(), BytesMut::new());
        for piece in wire.chunks(cut) {
            input.extend_from_slice(piece);
            if let Some(reply) = decoder.feed(&mut input)? {
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    fn reply(code: u16, lines: &[&str]) -> HopReply {
        HopReply { code, lines: lines.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn replies_however_they_are_cut() {
        for cut in 1..40 {
            let one = |wire: &[u8]| decode(wire, cut).unwrap().unwrap();
            assert_eq!(one(b"250 2.0.0 Ok\r\n"), reply(250, &["2.0.0 Ok"]));
            assert_eq!(one(b"250\r\n"), reply(250, &[""]));
            assert_eq!(one(b"250-a\r\n250-\r\n250 c\r\n"), reply(250, &["a", "", "c"]));
            assert_eq!(decode(b"250-a\r\n250-b\r\n25", cut), Ok(None));
        }
    }

    #[test]
    fn what_is_no_reply() {
        for wire in [
            "\r\n",
            "25\r\n",
            "250\n",
            "250 ok\n",
            "150 x\r\n",
            "650 x\r\n",
            "2x0 x\r\n",
            "250_x\r\n",
            "250-a\r\n251 b\r\n",
            "250 a\rb\r\n",
            " 250 x\r\n",
            "HTTP/1.1 400 Bad Request\r\n",
            "+OK\r\n",
        ] {
            for cut in [1, 3, 100] {
                assert_eq!(decode(wire.as_bytes(), cut), Err(ReplyError::Malformed), "{wire:?}");
            }
        }
    }

    #[test]
    fn limits_of_a_reply() {
        let line = |len: usize| [b"250 ", "x".repeat(len - 6).as_bytes(), b"\r\n"].concat();
        assert!(decode(&line(LINE_MAX), 100).unwrap().is_some());
        assert_eq!(decode(&line(LINE_MAX + 1), 100), Err(ReplyError::LineTooLong));
        assert_eq!(decode(&vec![b'2'; 1 << 20], 4096), Err(ReplyError::LineTooLong));
        let lines = |n: usize| [b"250-x\r\n".repeat(n - 1).as_slice(), b"250 x\r\n"].concat();
        assert!(decode(&lines(LINES_MAX), 100).unwrap().is_some());
        assert_eq!(decode(&lines(LINES_MAX + 1), 100), Err(ReplyError::TooLong));
        let long = |n: usize| [&b"250-"[..], &vec![b'x'; n - 6], b"\r\n"].concat().repeat(REPLY_MAX / n);
        assert_eq!(decode(&long(1024), 4096), Ok(None));
        assert_eq!(decode(&[long(1024), b"250 x\r\n".to_vec()].concat(), 4096), Err(ReplyError::TooLong));
    }

    #[test]
    fn what_logs_show() {
        assert_eq!(reply(550, &["5.1.1 one", "two"]).shown(), "550 5.1.1 one two");
        let text = |len: usize| reply(550, &["x".repeat(len).as_str()]).shown().len();
        assert_eq!(
            (text(SHOWN_MAX - 4), text(SHOWN_MAX - 3), text(REPLY_MAX)),
            (SHOWN_MAX, SHOWN_MAX, SHOWN_MAX)
        );
    }

    #[test]
    fn what_is_kept_of_a_reply() {
        let (almost, umlaut) = ("x".repeat(SHOWN_MAX - 1), "\u{e4}".to_owned());
        let kept = HopReply { code: 550, lines: vec![almost.clone(), umlaut, "y".repeat(REPLY_MAX)] }.short();
        assert_eq!(kept.lines, [almost, String::new(), "y".to_owned()]);
        let whole = reply(250, &["2.0.0 ok", ""]);
        assert_eq!(whole.clone().short(), whole);
    }

    #[test]
    fn what_our_client_hears() {
        let heard = |code, lines: &[&str]| reply(code, lines).for_client().to_string();
        assert_eq!(heard(550, &["5.1.1 <a@b>: no such user"]), "550 5.1.1 <a@b>: no such user");
        assert_eq!(heard(550, &["5.7.1 one", "5.7.1 two"]), "550 5.7.1 one two");
        assert_eq!(heard(554, &["no thanks"]), "554 5.0.0 no thanks");
        assert_eq!(heard(550, &["4.2.2 odd"]), "550 5.0.0 odd");
        assert_eq!(heard(452, &[""]), "452 4.0.0 Refused by the next server");
        assert_eq!(heard(530, &["5.7.0 Must issue STARTTLS"]), "451 4.0.0 Must issue STARTTLS");
        assert_eq!(heard(504, &["what?"]), "451 4.0.0 what?");
        assert_eq!(heard(505, &["what?"]), "505 5.0.0 what?");
        assert_eq!(heard(501, &["5.1.3 bad address"]), "501 5.1.3 bad address");
        assert_eq!(heard(421, &["4.3.2 shutting down"]), "451 4.3.2 shutting down");
        assert_eq!(heard(550, &["5.7.1 a\u{1b}[2J\u{0}b"]), "550 5.7.1 a [2J b");
    }
}
