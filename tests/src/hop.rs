//! A mail server of the test's own, for what is relayed: takes everything, but where its script says something else.
//!
//! ```text
//! Hop::script(|line| match line { "RCPT TO:<b@c>" => Act::say("550 5.1.1 no"), _ => Act::Usual }).start()
//! ```
//!
//! Besides the client's lines a script is asked about `CONNECT`, `CONTENT` (after the end of `DATA`, or `BDAT ... LAST`) and
//! `CHUNK` (after another chunk). All that came is kept as it came.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::tls::Certificate;
use crate::wait::until;

/// What EHLO is answered where nothing else is said.
pub const OFFERS: &str = "PIPELINING 8BITMIME SMTPUTF8 SIZE";

/// What a script wants to happen.
pub enum Act {
    /// What a server does that takes everything.
    Usual,
    /// These lines, as they are, CRLF added to the last.
    Say(String),
    /// These lines, and after a while the second ones, which nobody asked for; then `AGAIN` stands in the diary.
    Twice(String, Duration, String),
    /// These lines, then the connection is closed.
    SayAndClose(String),
    /// The connection is closed.
    Close,
    /// The connection is reset.
    Reset,
    /// Nothing is said until the client goes.
    Hang,
}

impl Act {
    /// Says that.
    pub fn say(text: &str) -> Self {
        Self::Say(text.to_owned())
    }

    /// Says the one, and after so many milliseconds the other, each in a segment (under TLS: a record) of its own.
    pub fn twice(text: &str, pause_ms: u64, second: &str) -> Self {
        Self::Twice(text.to_owned(), Duration::from_millis(pause_ms), second.to_owned())
    }
}

/// Everything that is said to it, by session.
#[derive(Default, Clone)]
struct Diary(Arc<Mutex<Vec<Session>>>);

/// One connection.
#[derive(Debug, Default, Clone)]
pub struct Session {
    /// Its lines, without CRLF, and what they were asked as: `CONNECT`, `CONTENT`, `CHUNK`; `TLS` for a handshake, `END` when
    /// the client has gone.
    pub lines: Vec<String>,
    /// The wire of each message that came to its end: after `DATA` with the end mark, chunks without their commands.
    pub messages: Vec<Vec<u8>>,
    /// Content that had no end yet.
    pub unfinished: Vec<u8>,
}

type Script = Arc<dyn Fn(&str) -> Act + Send + Sync>;

/// A server to be.
pub struct Builder {
    script: Script,
    offers: String,
    certificate: Option<Arc<ServerConfig>>,
}

/// A running one; it takes no more connections when dropped.
pub struct Hop {
    address: SocketAddr,
    diary: Diary,
}

impl Hop {
    /// One that takes everything.
    pub fn start() -> Self {
        Self::script(|_| Act::Usual).start()
    }

    /// One with a script.
    pub fn script(script: impl Fn(&str) -> Act + Send + Sync + 'static) -> Builder {
        Builder { script: Arc::new(script), offers: OFFERS.to_owned(), certificate: None }
    }

    /// One that answers this to what begins so.
    pub fn answering(start: &'static str, answer: &'static str) -> Self {
        Self::script(move |line| if line.starts_with(start) { Act::say(answer) } else { Act::Usual }).start()
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All sessions so far.
    pub fn sessions(&self) -> Vec<Session> {
        self.diary.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All messages so far that came to their end.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        self.sessions().into_iter().flat_map(|session| session.messages).collect()
    }

    /// All lines so far that begin so.
    pub fn lines(&self, start: &str) -> Vec<String> {
        let lines = self.sessions().into_iter().flat_map(|session| session.lines);
        lines.filter(|line| line.starts_with(start)).collect()
    }

    /// Waits until every session has ended, and gives all.
    ///
    /// # Panics
    /// Where they do not end.
    #[track_caller]
    pub fn ended(&self) -> Vec<Session> {
        until("all sessions at the next server to end", || {
            let ended = |session: &Session| session.lines.last().is_some_and(|line| line == "END");
            Some(self.sessions()).filter(|all| !all.is_empty() && all.iter().all(ended))
        })
    }
}

impl Builder {
    /// What it offers, between spaces; a keyword with parameters has `=` for their space.
    #[must_use]
    pub fn offers(mut self, offers: &str) -> Self {
        self.offers = offers.to_owned();
        self
    }

    /// It offers STARTTLS too.
    #[must_use]
    pub fn tls(mut self, certificate: &Certificate) -> Self {
        self.certificate = Some(certificate.server());
        self
    }

    /// Listens.
    ///
    /// # Panics
    /// Where there is no free port.
    pub fn start(self) -> Hop {
        self.start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Listens there.
    ///
    /// # Panics
    /// Where it cannot.
    pub fn start_at(self, address: SocketAddr) -> Hop {
        let listener = TcpListener::bind(address).expect("a port for the next server");
        let address = listener.local_addr().expect("it is bound");
        let diary = Diary::default();
        let hop = Hop { address, diary: diary.clone() };
        let shared = Arc::new(self);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let (builder, diary) = (shared.clone(), diary.clone());
                thread::spawn(move || Talk::new(builder, diary, stream).run());
            }
        });
        hop
    }
}

trait Both: Read + Write + Send {}
impl<T: Read + Write + Send> Both for T {}

/// One connection at work.
struct Talk {
    builder: Arc<Builder>,
    diary: Diary,
    number: usize,
    socket: TcpStream,
    stream: Box<dyn Both>,
    buffer: Vec<u8>,
    is_tls: bool,
    recipients: usize,
    is_lmtp: bool,
}

impl Talk {
    fn new(builder: Arc<Builder>, diary: Diary, socket: TcpStream) -> Self {
        let _ = socket.set_nodelay(true);
        let stream = Box::new(socket.try_clone().expect("a socket can be cloned"));
        let number = {
            let mut all = diary.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(Session::default());
            all.len() - 1
        };
        let (buffer, is_tls, recipients, is_lmtp) = (Vec::new(), false, 0, false);
        Self { builder, diary, number, socket, stream, buffer, is_tls, recipients, is_lmtp }
    }

    fn note(&self, change: impl FnOnce(&mut Session)) {
        change(&mut self.diary.0.lock().unwrap_or_else(PoisonError::into_inner)[self.number]);
    }

    fn run(mut self) {
        // However it ends: the diary says all.
        let _ = self.talk();
        self.note(|session| session.lines.push("END".to_owned()));
    }

    fn talk(&mut self) -> io::Result<()> {
        self.turn("CONNECT")?;
        loop {
            let line = self.read_line()?;
            self.turn(&line)?;
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            if verb == "QUIT" {
                return Ok(());
            }
        }
    }

    /// Notes a line and answers it. An error ends the session.
    fn turn(&mut self, line: &str) -> io::Result<()> {
        self.note(|session| session.lines.push(line.to_owned()));
        let script = self.builder.script.clone();
        let upper = line.to_ascii_uppercase();
        if let Some(rest) = upper.strip_prefix("BDAT ") {
            let octets = rest.split(' ').next().unwrap_or_default().parse().map_err(io::Error::other)?;
            let chunk = self.read_octets(octets)?;
            let last = rest.ends_with("LAST");
            self.note(|session| {
                session.unfinished.extend_from_slice(&chunk);
                if last {
                    let whole = std::mem::take(&mut session.unfinished);
                    session.messages.push(whole);
                }
            });
            return self.turn(if last { "CONTENT" } else { "CHUNK" });
        }
        match script(line) {
            Act::Usual => self.usual(&upper),
            Act::Say(text) => {
                self.say(&text)?;
                if upper == "DATA" && text.starts_with("354") { self.content() } else { Ok(()) }
            }
            Act::Twice(text, pause, second) => {
                self.say(&text)?;
                thread::sleep(pause);
                self.say(&second)?;
                self.note(|session| session.lines.push("AGAIN".to_owned()));
                if upper == "DATA" { self.content() } else { Ok(()) }
            }
            Act::SayAndClose(text) => {
                self.say(&text)?;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Act::Close => Err(io::ErrorKind::ConnectionAborted.into()),
            Act::Reset => {
                let _ = socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Act::Hang => {
                let _ = io::copy(&mut self.stream, &mut io::sink());
                Err(io::ErrorKind::ConnectionAborted.into())
            }
        }
    }

    fn usual(&mut self, upper: &str) -> io::Result<()> {
        match upper.split([' ', ':']).next().unwrap_or_default() {
            "CONNECT" => self.say("220 hop.test ESMTP"),
            "EHLO" | "LHLO" => {
                self.is_lmtp = upper.starts_with("LHLO");
                let offers = self.builder.offers.replace('=', "\u{0}");
                let mut lines: Vec<String> =
                    offers.split_ascii_whitespace().map(|offer| offer.replace('\u{0}', " ")).collect();
                if self.builder.certificate.is_some() && !self.is_tls {
                    lines.push("STARTTLS".to_owned());
                }
                lines.insert(0, "hop.test".to_owned());
                let last = lines.len() - 1;
                let text: Vec<String> = lines
                    .iter()
                    .enumerate()
                    .map(|(n, line)| format!("250{}{line}", if n == last { ' ' } else { '-' }))
                    .collect();
                self.say(&text.join("\r\n"))
            }
            "STARTTLS" => self.start_tls(),
            "MAIL" | "RSET" => {
                self.recipients = 0;
                self.say("250 2.0.0 ok")
            }
            "RCPT" => {
                self.recipients += 1;
                self.say("250 2.1.5 ok")
            }
            "DATA" => {
                self.say("354 go ahead")?;
                self.content()
            }
            "CONTENT" => {
                let count = if self.is_lmtp { self.recipients } else { 1 };
                self.say(&vec!["250 2.0.0 ok: queued as HOP1"; count].join("\r\n"))
            }
            "QUIT" => self.say("221 2.0.0 bye"),
            "CHUNK" | "HELO" | "NOOP" => self.say("250 2.0.0 ok"),
            _ => self.say("500 5.5.1 what?"),
        }
    }

    /// Content up to `<CRLF>.<CRLF>`, and nothing else.
    fn content(&mut self) -> io::Result<()> {
        let mut wire = Vec::new();
        loop {
            let octet = self.read_octets(1)?;
            wire.extend_from_slice(&octet);
            self.note(|session| session.unfinished.extend_from_slice(&octet));
            if wire.ends_with(b"\r\n.\r\n") || wire == b".\r\n" {
                break;
            }
        }
        self.note(|session| {
            session.unfinished.clear();
            session.messages.push(wire);
        });
        self.turn("CONTENT")
    }

    fn start_tls(&mut self) -> io::Result<()> {
        let Some(config) = self.builder.certificate.clone() else { return self.say("502 5.5.1 no TLS") };
        self.say("220 2.0.0 go ahead")?;
        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut tls = StreamOwned::new(connection, self.socket.try_clone()?);
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock)?;
        }
        (self.stream, self.is_tls) = (Box::new(tls), true);
        self.note(|session| session.lines.push("TLS".to_owned()));
        Ok(())
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(format!("{text}\r\n").as_bytes())?;
        self.stream.flush()
    }

    fn read_line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
            }
            self.fill()?;
        }
    }

    fn read_octets(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < count {
            self.fill()?;
        }
        Ok(self.buffer.drain(..count).collect())
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut piece = [0; 16 << 10];
        match self.stream.read(&mut piece)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                self.buffer.extend_from_slice(&piece[..n]);
                Ok(())
            }
        }
    }
}
