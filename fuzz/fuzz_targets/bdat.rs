//! Commands and chunks as a client may send them: nothing panics, where the network cuts has no meaning, and no octet of
//! content is ever run as a command.
//!
//! The first octet says how the wire is cut and whether the session begins with a recipient; the rest is the wire. The
//! driver does with the session what a connection does, without a socket. The oracle knows two rules only: `BDAT n` is
//! followed by n octets, and accepted DATA ends at `<CRLF>.<CRLF>`.

#![no_main]

use std::sync::Arc;

use gatepost::smtp::command::ANY_LINE_MAX;
use gatepost::smtp::framing::LineProgress;
use gatepost::smtp::session::AuthPolicy;
use gatepost::smtp::{
    Action, ChunkDecoder, DotDecoder, LineDecoder, Progress, Reply, Session, SessionConfig, Speaks,
};
use libfuzzer_sys::fuzz_target;

const SIZE_MAX: u64 = 64;

/// What came of a wire, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Event {
    /// A line was run as a command.
    Line(Vec<u8>),
    /// A line was too long.
    Overlong,
    /// DATA was accepted; these octets were used up as its content and its end.
    Data(usize),
    /// These octets were used up as content of a chunk.
    Chunk(Vec<u8>),
    /// So many octets of a chunk were dropped.
    Dropped(u64),
    /// A message is complete.
    Message(Vec<u8>),
    /// The session was ended.
    Closed,
}

struct Driver {
    session: Session,
    events: Vec<Event>,
    /// A chunk of the message was taken.
    begun: bool,
    message: Vec<u8>,
}

/// The wire in pieces.
struct Wire<'a> {
    rest: &'a [u8],
    piece: usize,
}

impl<'a> Wire<'a> {
    fn next(&self) -> Option<&'a [u8]> {
        let piece = &self.rest[..self.rest.len().min(self.piece)];
        (!piece.is_empty()).then_some(piece)
    }

    fn advance(&mut self, used: usize) {
        self.rest = &self.rest[used..];
    }
}

impl Driver {
    fn new(ready: bool) -> Self {
        let config = SessionConfig {
            hostname: "mx.test".into(),
            speaks: Speaks::Smtp,
            message_size_max: SIZE_MAX,
            recipients_max: 2,
            messages_max: 5,
            session_recipients_max: 9,
            errors_max: 6,
            unknown_recipients_max: 4,
            auth_tries_max: 2,
            starttls_offered: true,
            auth: AuthPolicy::None,
            dsn: false,
            binarymime: true,
        };
        let mut driver = Self {
            session: Session::new(Arc::new(config), false),
            events: Vec::new(),
            begun: false,
            message: Vec::new(),
        };
        if ready {
            let lines = b"EHLO a\r\nMAIL FROM:<> SMTPUTF8\r\nRCPT TO:<jo@x>\r\n";
            driver.run(&mut Wire { rest: lines, piece: usize::MAX });
            driver.events.clear();
        }
        driver
    }

    fn run(&mut self, wire: &mut Wire<'_>) {
        let mut lines = LineDecoder::new(ANY_LINE_MAX);
        while let Some(piece) = wire.next() {
            let action = match lines.feed(piece) {
                LineProgress::NeedMore => {
                    wire.advance(piece.len());
                    continue;
                }
                LineProgress::Line { consumed, line } => {
                    wire.advance(consumed);
                    self.events.push(Event::Line(line.to_vec()));
                    self.session.command(line)
                }
                LineProgress::Overlong { consumed, start } => {
                    wire.advance(consumed);
                    self.events.push(Event::Overlong);
                    self.session.overlong(start)
                }
            };
            if !self.act(action, wire) {
                return;
            }
            if !self.session.in_chunks() {
                self.begun = false;
                self.message.clear();
            }
        }
    }

    fn act(&mut self, action: Action, wire: &mut Wire<'_>) -> bool {
        match action {
            Action::Reply(reply) => well_formed(&reply),
            Action::CheckRecipient(mailbox) => {
                let refused = mailbox.local().starts_with("no");
                let refusal = || Reply::new(550, "5.1.1", "Unknown");
                let next = self.session.recipient_checked(if refused { Err(refusal()) } else { Ok(mailbox) });
                return self.act(next, wire);
            }
            Action::CheckSender => {
                let next = self.session.sender_checked(Ok(()));
                return self.act(next, wire);
            }
            // Neither is offered.
            Action::Authenticate { .. } | Action::Believe(_) => panic!("{action:?}"),
            Action::Receive(_) => self.data(wire),
            Action::Chunk(chunk) => {
                assert_eq!(
                    chunk.opening.is_some(),
                    !self.begun,
                    "what was agreed comes with the first chunk"
                );
                self.begun = true;
                let content = self.octets(chunk.octets, wire);
                assert!(content.len() as u64 <= SIZE_MAX);
                // The chain refuses what has an exclamation mark.
                let refused = content.contains(&b'!');
                let whole = content.len() as u64 == chunk.octets;
                self.message.extend_from_slice(&content);
                self.events.push(Event::Chunk(content));
                match (refused || !whole, chunk.last) {
                    (refused, true) => {
                        let message = std::mem::take(&mut self.message);
                        if !refused {
                            assert!(message.len() as u64 <= SIZE_MAX);
                            self.events.push(Event::Message(message));
                        }
                        self.session.content_done();
                    }
                    (true, false) => self.session.chunk_refused(),
                    (false, false) => {}
                }
            }
            Action::Skip { reply, octets } => {
                well_formed(&reply);
                let dropped = self.octets(octets, wire).len() as u64;
                self.events.push(Event::Dropped(dropped));
            }
            // What came with it is dropped, and TLS would follow.
            Action::StartTls(reply) | Action::Close(reply) => {
                well_formed(&reply);
                self.events.push(Event::Closed);
                return false;
            }
        }
        true
    }

    fn octets(&mut self, octets: u64, wire: &mut Wire<'_>) -> Vec<u8> {
        let (mut decoder, mut all) = (ChunkDecoder::new(), Vec::new());
        decoder.begin(octets);
        while decoder.left() > 0 {
            let Some(piece) = wire.next() else { break };
            let content = decoder.feed(piece);
            all.extend_from_slice(content);
            wire.advance(content.len());
        }
        all
    }

    fn data(&mut self, wire: &mut Wire<'_>) {
        let (mut decoder, mut body, before) = (DotDecoder::new(), Vec::new(), wire.rest.len());
        while let Some(piece) = wire.next() {
            match decoder.feed(piece, &mut body) {
                Progress::NeedMore => wire.advance(piece.len()),
                Progress::Done { consumed } => {
                    wire.advance(consumed);
                    break;
                }
            }
        }
        self.events.push(Event::Data(before - wire.rest.len()));
        self.session.content_done();
    }
}

/// A reply is one reply, whatever the client said.
fn well_formed(reply: &Reply) {
    let mut wire = Vec::new();
    reply.encode(&mut wire);
    let text = String::from_utf8(wire).expect("ASCII");
    for line in text.strip_suffix("\r\n").expect("a whole line").split("\r\n") {
        assert!(
            line.starts_with(&reply.code().to_string()) && line.bytes().all(|b| (b' '..=b'~').contains(&b))
        );
    }
}

/// The size that a `BDAT` line tells, `None` where it tells none; `Err`: it is another line.
fn told(line: &[u8]) -> Result<Option<u64>, ()> {
    let Some((verb, rest)) = line.split_at_checked(4) else { return Err(()) };
    if !verb.eq_ignore_ascii_case(b"bdat") {
        return Err(());
    }
    let text = std::str::from_utf8(rest).ok().filter(|text| !text.bytes().any(|b| b.is_ascii_control()));
    let Some(words) = text.filter(|text| text.starts_with(' ') && line.len() + 2 <= 512) else {
        return Ok(None);
    };
    let size = words.split(' ').find(|word| !word.is_empty()).unwrap_or_default();
    let digits = !size.is_empty() && size.bytes().all(|b| b.is_ascii_digit());
    Ok(size.parse().ok().filter(|_| digits))
}

/// Walks over the whole wire by the two rules and holds each event against it.
fn check(wire: &[u8], events: &[Event]) {
    let mut at = 0;
    let mut events = events.iter().peekable();
    while let Some(event) = events.next() {
        let Event::Line(line) = event else {
            // Where an overlong line was told its end may be to come; the cuts are compared elsewhere.
            assert!(matches!(event, Event::Overlong | Event::Closed | Event::Message(_)), "{event:?}");
            if *event == Event::Overlong {
                return;
            }
            continue;
        };
        let end = at + wire[at..].iter().position(|&b| b == b'\n').expect("a line was run");
        let text = &wire[at..end];
        assert_eq!(text.strip_suffix(b"\r").unwrap_or(text), line, "content was run as a command");
        at = end + 1;
        let left = wire.len() - at;
        match (told(line), events.peek()) {
            (_, Some(Event::Closed)) => {}
            (Ok(None), next) => panic!("after {:?} came {next:?}", line.escape_ascii().to_string()),
            (Ok(Some(size)), Some(Event::Chunk(content))) => {
                let len = usize::try_from(size).unwrap_or(left).min(left);
                assert_eq!(content[..], wire[at..at + len]);
                at += len;
                events.next();
            }
            (Ok(Some(size)), Some(Event::Dropped(dropped))) => {
                assert_eq!(*dropped, size.min(left as u64));
                at += usize::try_from(size).unwrap_or(left).min(left);
                events.next();
            }
            (Ok(Some(_)), next) => panic!("a chunk's octets are not accounted for: {next:?}"),
            (Err(()), Some(Event::Data(used))) => {
                let seen = [b"\r\n", &wire[at..]].concat();
                let end = seen.windows(5).position(|five| five == b"\r\n.\r\n");
                assert_eq!(*used, end.map_or(left, |end| end + 3));
                at += used;
                events.next();
            }
            // DATA in the middle of chunks gives the message up: there are no octets to it.
            (Err(()), Some(Event::Dropped(dropped))) => {
                assert_eq!(*dropped, 0);
                events.next();
            }
            (Err(()), _) => {}
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&how, wire)) = input.split_first() else { return };
    let ready = how & 1 == 1;
    let run = |piece: usize| {
        let mut driver = Driver::new(ready);
        driver.run(&mut Wire { rest: wire, piece });
        driver.events
    };
    let whole = run(usize::MAX);
    assert_eq!(run(usize::from(how >> 1).max(1)), whole, "cuts have a meaning");
    check(wire, &whole);
});
