//! Conversations on the wire as data: `tests/transcripts/NAME.txt`, parsed and played.
//!
//! ```text
//! # Why this is here, and the section of the RFC.
//! # stored: 1           how many messages the conversation leaves in the Maildirs; 0 if absent
//! @ keep                a new connection, to the listener of that name; without one, to `mx`
//! C: MAIL FROM:<a@b>    sends the line and CRLF; lines in a row go out in one segment
//! C> .\r\n              sends exactly these bytes
//! ...                   sends what was said so far, and gives the server a moment
//! TLS                   does the handshake
//! C! close_notify       ends TLS and goes on in plain text, as no honest client does
//! C! close              closes our half of the connection
//! S: 250 2.1.0 *        one line; `*` is any text
//! S+ 250                a whole reply: the code of each of its lines
//! S! closed             the server closes and says nothing more
//! M: Subject: hi        a line and CRLF of what is stored, all messages joined
//! M> \r                 the same, exactly these bytes
//! ```
//!
//! Escapes: `\r \n \t \\ \xNN`, and `\(TEXT*N)` for TEXT N times. A connection that is not closed ends with a QUIT, which
//! must be answered by one 221: a reply that nobody waited for is found there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::smtp::Reply;
use crate::tls::Certificate;
use crate::{Server, Smtp};

/// A conversation.
#[derive(Debug, Default)]
pub struct Transcript {
    /// The comment at its head.
    pub reason: String,
    /// Messages that it leaves.
    pub stored: usize,
    /// What they hold, joined; `None` where it does not say.
    pub content: Option<Vec<u8>>,
    steps: Vec<(usize, Step)>,
}

#[derive(Debug)]
enum Step {
    Connect(String),
    Say(Vec<u8>),
    Pause,
    StartTls,
    LeaveTls,
    HangUp,
    Line(String),
    Reply(u16),
    Closed,
}

/// How long `...` waits: long enough that the server has most likely read what was sent. A test never depends on it.
const MOMENT: Duration = Duration::from_millis(5);

/// Listeners, and those that differ from them in implicit TLS only.
pub const UNDER_TLS: [(&str, &str); 5] = [
    ("mx", "mx-tls"),
    ("keep", "keep-tls"),
    ("small", "small-tls"),
    ("extended", "extended-tls"),
    ("lmtp", "lmtp-tls"),
];

/// The folder of the transcripts.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts")
}

/// Every file that is a transcript, in name order.
///
/// # Panics
/// Where the folder cannot be read.
pub fn all() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("the folder of transcripts is there");
    let mut all: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    all.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    all.sort();
    all
}

impl Transcript {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The line that is none, and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut transcript = Self::default();
        for (at, line) in (1..).zip(text.lines()) {
            transcript.line(at, line).map_err(|why| format!("line {at}: {why}: {line:?}"))?;
        }
        if !transcript
            .steps
            .iter()
            .any(|(_, step)| matches!(step, Step::Line(_) | Step::Reply(_) | Step::Closed))
        {
            return Err("it expects nothing of the server".to_owned());
        }
        Ok(transcript)
    }

    fn line(&mut self, at: usize, line: &str) -> Result<(), String> {
        let (mark, rest) = line.split_at_checked(2).unwrap_or((line, ""));
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let with_crlf = |text| unescape(text).map(|bytes| [bytes, b"\r\n".to_vec()].concat());
        let step = match mark {
            "" => return Ok(()),
            "# " => return self.comment(&line[2..]),
            "M:" => return with_crlf(rest).map(|bytes| self.content.get_or_insert_default().extend(bytes)),
            "M>" => return unescape(rest).map(|bytes| self.content.get_or_insert_default().extend(bytes)),
            "@ " => Step::Connect(rest.to_owned()),
            "C:" => Step::Say(with_crlf(rest)?),
            "C>" => Step::Say(unescape(rest)?),
            "C!" if rest == "close" => Step::HangUp,
            "C!" if rest == "close_notify" => Step::LeaveTls,
            "S:" => Step::Line(rest.to_owned()),
            "S+" => Step::Reply(rest.parse().map_err(|_| "not a code")?),
            "S!" if rest == "closed" => Step::Closed,
            _ if line == "..." => Step::Pause,
            _ if line == "TLS" => Step::StartTls,
            _ => return Err("not a line of a transcript".to_owned()),
        };
        if self.steps.is_empty() && !matches!(step, Step::Connect(_)) {
            self.steps.push((at, Step::Connect("mx".to_owned())));
        }
        self.steps.push((at, step));
        Ok(())
    }

    fn comment(&mut self, text: &str) -> Result<(), String> {
        match text.strip_prefix("stored:") {
            Some(count) => self.stored = count.trim().parse().map_err(|_| "not a count")?,
            None if self.steps.is_empty() => self.reason += &format!("{text}\n"),
            None => {}
        }
        Ok(())
    }

    /// Whether it says nothing of TLS and keeps to listeners that have none: [`Self::play_under_tls`] can play it.
    pub fn is_plain(&self) -> bool {
        self.steps.iter().all(|(_, step)| match step {
            Step::Connect(listener) => UNDER_TLS.iter().any(|(plain, _)| plain == listener),
            Step::StartTls | Step::LeaveTls => false,
            _ => true,
        })
    }

    /// Plays it. The certificate is that of the listeners with TLS.
    ///
    /// # Errors
    /// The line of the transcript that did not come true, and what came instead.
    pub fn play(&self, server: &Server, certificate: &Certificate) -> Result<(), String> {
        self.play_with(server, certificate, false)
    }

    /// Plays a plain one on the twins of its listeners that begin with TLS: [`UNDER_TLS`].
    ///
    /// # Errors
    /// As `play`.
    pub fn play_under_tls(&self, server: &Server, certificate: &Certificate) -> Result<(), String> {
        self.play_with(server, certificate, true).map_err(|why| format!("under TLS: {why}"))
    }

    fn play_with(&self, server: &Server, certificate: &Certificate, tls: bool) -> Result<(), String> {
        let mut player = Player { server, certificate, tls, client: None, unsent: Vec::new() };
        for (at, step) in &self.steps {
            player.step(step).map_err(|why| format!("line {at}: {why}"))?;
        }
        player.part().map_err(|why| format!("at the end: {why}"))
    }
}

struct Player<'a> {
    server: &'a Server,
    certificate: &'a Certificate,
    /// Each connection begins with TLS.
    tls: bool,
    client: Option<Smtp>,
    unsent: Vec<u8>,
}

impl Player<'_> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Connect(listener) => {
                self.part()?;
                self.client = Some(self.connect(listener).map_err(told)?);
            }
            Step::Say(bytes) => self.unsent.extend_from_slice(bytes),
            Step::Pause => {
                self.send()?;
                std::thread::sleep(MOMENT);
            }
            Step::StartTls => {
                self.send()?;
                let certificate = self.certificate;
                self.client()?.start_tls(certificate).map_err(told)?;
            }
            Step::LeaveTls => {
                self.send()?;
                self.client()?.leave_tls().map_err(told)?;
            }
            Step::HangUp => {
                self.send()?;
                self.client()?.close_write().map_err(told)?;
            }
            Step::Line(pattern) => {
                self.send()?;
                let line = self.client()?.read_line().map_err(told)?;
                let line = line.ok_or_else(|| format!("not {pattern:?}, but closed"))?;
                if !matches(pattern, &line) {
                    return Err(format!("not {pattern:?}, but {line:?}"));
                }
            }
            Step::Reply(code) => {
                self.send()?;
                let reply = self.client()?.read_reply().map_err(told)?;
                if reply.code != *code || !reply.lines.iter().all(|line| line.starts_with(&code.to_string()))
                {
                    return Err(format!("not {code}, but {:?}", reply.text()));
                }
            }
            Step::Closed => {
                self.send()?;
                match self.client()?.read_line().map_err(told)? {
                    None => self.client = None,
                    Some(line) => return Err(format!("not closed, but {line:?}")),
                }
            }
        }
        Ok(())
    }

    fn connect(&self, listener: &str) -> std::io::Result<Smtp> {
        let twin = UNDER_TLS.iter().find(|(plain, _)| self.tls && *plain == listener);
        let mut client = Smtp::connect_unread(self.server.listener(twin.map_or(listener, |(_, twin)| twin)))?;
        if self.tls {
            client.start_tls(self.certificate)?;
        }
        Ok(client)
    }

    fn client(&mut self) -> Result<&mut Smtp, String> {
        self.client.as_mut().ok_or_else(|| "the connection is closed".to_owned())
    }

    fn send(&mut self) -> Result<(), String> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.unsent);
        self.client()?.write(&bytes).map_err(told)
    }

    /// Ends the connection as a good client does. Nothing but the 221 may come.
    fn part(&mut self) -> Result<(), String> {
        self.send()?;
        let Some(mut client) = self.client.take() else { return Ok(()) };
        match client.ask("QUIT") {
            Ok(Reply { code: 221, .. }) => {}
            other => return Err(format!("QUIT was answered {other:?}")),
        }
        let rest = client.read_all().map_err(told)?;
        if rest.is_empty() {
            Ok(())
        } else {
            Err(format!("after the 221: {:?}", String::from_utf8_lossy(&rest)))
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "to be named in map_err")]
fn told(error: std::io::Error) -> String {
    error.to_string()
}

/// Whether `text` is `pattern`, where each `*` is any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(head) else { return false };
    (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| matches(rest, &text[at..]))
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let kind = after.chars().next().ok_or("a `\\` escapes nothing")?;
        rest = &after[kind.len_utf8()..];
        match kind {
            'r' => bytes.push(b'\r'),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            '\\' => bytes.push(b'\\'),
            'x' => {
                let digits = rest.get(..2).ok_or("`\\x` takes two digits")?;
                bytes.push(u8::from_str_radix(digits, 16).map_err(|_| "`\\x` takes two digits")?);
                rest = &rest[2..];
            }
            '(' => {
                let (inner, tail) = rest.split_once(')').ok_or("no `)`")?;
                let (repeated, count) = inner.rsplit_once('*').ok_or("`\\(` takes TEXT*N")?;
                let count: usize = count.parse().map_err(|_| "`\\(` takes TEXT*N")?;
                bytes.extend(unescape(repeated)?.repeat(count));
                rest = tail;
            }
            _ => return Err(format!("unknown escape `\\{kind}`")),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(matches("250 *", "250 ok") && matches("250 a*c", "250 abc") && matches("*", ""));
        assert!(!matches("250 *", "251 ok") && !matches("250", "250 ok") && !matches("250 a*c", "250 abcd"));
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape(r"a\r\n\t\\\x00\(ab*2)b").unwrap(), b"a\r\n\t\\\0ababb");
        for bad in [r"\", r"\q", r"\x1", r"\xgg", r"\(a", r"\(a*b)", r"\(a)"] {
            assert!(unescape(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let why = Transcript::parse("# why\nS: 220 *\nQ: what\n").unwrap_err();
        assert!(why.starts_with("line 3: "), "{why}");
        assert!(Transcript::parse("# why\nC: NOOP\n").is_err());
    }
}
