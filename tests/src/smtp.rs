//! An SMTP client for tests: says exactly the bytes it is told to, and never hides a reply.
//!
//! Two layers: what may go wrong under faults gives `io::Result`; `expect` and its like panic with what came instead.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};

use rustls::{ClientConnection, StreamOwned};

use crate::tls::Certificate;
use crate::wait::PATIENCE;

/// A reply, all its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The code of the last line.
    pub code: u16,
    /// The lines as they came, without CRLF.
    pub lines: Vec<String>,
}

impl Reply {
    /// The lines joined by newlines.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}

enum Wire {
    Plain(BufReader<TcpStream>),
    Tls(Box<BufReader<StreamOwned<ClientConnection, TcpStream>>>),
    /// Between the two.
    Gone,
}

/// A connection to a server.
pub struct Smtp {
    wire: Wire,
}

impl Smtp {
    /// Connects and reads the greeting, which is to be 220.
    ///
    /// # Errors
    /// Where there is no connection, no greeting, or another.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let mut client = Self::connect_unread(address)?;
        client.read_reply().and_then(|reply| wanted(reply, 220))?;
        Ok(client)
    }

    /// Connects from an address of this machine, all of 127.0.0.0/8 for example, says EHLO, delivers, says QUIT.
    ///
    /// # Errors
    /// As `deliver`; also where the address is none of ours.
    pub fn one_message_from(
        client: IpAddr,
        address: SocketAddr,
        from: &str,
        to: &[&str],
        content: &[u8],
    ) -> io::Result<Reply> {
        let socket =
            socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(client, 0).into())?;
        socket.connect(&address.into())?;
        let mut client = Self::over(socket.into())?;
        client.read_reply().and_then(|reply| wanted(reply, 220))?;
        client.exchange(from, to, content)
    }

    /// Connects and reads nothing.
    ///
    /// # Errors
    /// Where there is no connection.
    pub fn connect_unread(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect(address)?)
    }

    fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { wire: Wire::Plain(BufReader::new(stream)) })
    }

    /// Sends bytes as they are, in one segment where they fit.
    ///
    /// # Errors
    /// Where the connection is gone.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.wire {
            Wire::Plain(reader) => reader.get_mut().write_all(bytes),
            Wire::Tls(reader) => reader.get_mut().write_all(bytes).and_then(|()| reader.get_mut().flush()),
            Wire::Gone => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// One line as it came, without CRLF. `None`: the server closed, be it by a reset, or TLS without a close_notify.
    ///
    /// # Errors
    /// Where nothing came in time, or a line has no CRLF.
    pub fn read_line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let read = match &mut self.wire {
            Wire::Plain(reader) => reader.read_until(b'\n', &mut line),
            Wire::Tls(reader) => reader.read_until(b'\n', &mut line),
            Wire::Gone => return Err(ErrorKind::NotConnected.into()),
        };
        match read {
            Err(error) if !matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) => {
                return Err(error);
            }
            _ => {}
        }
        if line.is_empty() {
            return Ok(None);
        }
        let text =
            line.strip_suffix(b"\r\n").ok_or_else(|| io::Error::other(format!("no CRLF: {line:?}")))?;
        Ok(Some(String::from_utf8_lossy(text).into_owned()))
    }

    /// A whole reply.
    ///
    /// # Errors
    /// As `read_line`; also where the server closed, or what came is no reply.
    pub fn read_reply(&mut self) -> io::Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let line = self.read_line()?.ok_or(ErrorKind::UnexpectedEof)?;
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let code = code.ok_or_else(|| io::Error::other(format!("no reply: {line:?}")))?;
            let last = line.as_bytes().get(3) != Some(&b'-');
            lines.push(line);
            if last {
                return Ok(Reply { code, lines });
            }
        }
    }

    /// Sends a command line and reads its reply.
    ///
    /// # Errors
    /// As `write` and `read_reply`.
    pub fn ask(&mut self, line: &str) -> io::Result<Reply> {
        self.write(format!("{line}\r\n").as_bytes())?;
        self.read_reply()
    }

    /// EHLO is to be said before. Sends `content`, dot-stuffed, with a CRLF added where it lacks one at its end. Gives the
    /// reply to the content, or the first that refused something.
    ///
    /// # Errors
    /// As `ask`.
    pub fn deliver(&mut self, from: &str, to: &[&str], content: &[u8]) -> io::Result<Reply> {
        let mut said = vec![(format!("MAIL FROM:<{from}>"), 250)];
        said.extend(to.iter().map(|to| (format!("RCPT TO:<{to}>"), 250)));
        said.push(("DATA".to_owned(), 354));
        for (line, code) in said {
            let reply = self.ask(&line)?;
            if reply.code != code {
                return Ok(reply);
            }
        }
        self.write(&stuffed(content))?;
        self.read_reply()
    }

    /// Connects, says EHLO, delivers, says QUIT.
    ///
    /// # Errors
    /// As `deliver`.
    pub fn one_message(address: SocketAddr, from: &str, to: &[&str], content: &[u8]) -> io::Result<Reply> {
        Self::connect(address)?.exchange(from, to, content)
    }

    fn exchange(mut self, from: &str, to: &[&str], content: &[u8]) -> io::Result<Reply> {
        self.ask("EHLO client.test").and_then(|reply| wanted(reply, 250))?;
        let reply = self.deliver(from, to, content)?;
        // The message was answered; how the session ends is no matter here.
        let _ = self.ask("QUIT");
        Ok(reply)
    }

    /// Sends a command line and asserts its reply.
    ///
    /// # Panics
    /// With what came instead.
    #[track_caller]
    pub fn expect(&mut self, line: &str, code: u16) -> Reply {
        let reply = self.ask(line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        assert_eq!(reply.code, code, "{line:?}: {}", reply.text());
        reply
    }

    /// Asserts the next reply.
    ///
    /// # Panics
    /// With what came instead.
    #[track_caller]
    pub fn expect_reply(&mut self, code: u16) -> Reply {
        let reply = self.read_reply().unwrap_or_else(|error| panic!("no {code}: {error}"));
        assert_eq!(reply.code, code, "{}", reply.text());
        reply
    }

    /// Asserts that the server closed and said nothing more.
    ///
    /// # Panics
    /// With what came instead.
    #[track_caller]
    pub fn expect_closed(&mut self) {
        match self.read_line() {
            Ok(None) => {}
            other => panic!("not closed: {other:?}"),
        }
    }

    /// Opens a transaction up to the 354.
    ///
    /// # Panics
    /// Where something is refused.
    #[track_caller]
    pub fn expect_data(&mut self, from: &str, to: &str) {
        self.expect(&format!("MAIL FROM:<{from}>"), 250);
        self.expect(&format!("RCPT TO:<{to}>"), 250);
        self.expect("DATA", 354);
    }

    /// Does the handshake, whatever was said before.
    ///
    /// # Errors
    /// Where the handshake fails.
    pub fn start_tls(&mut self, certificate: &Certificate) -> io::Result<()> {
        self.start_tls_for(certificate, crate::tls::NAME)
    }

    /// The same, asking for a name.
    ///
    /// # Errors
    /// Where the handshake fails, for example by another certificate.
    pub fn start_tls_for(&mut self, certificate: &Certificate, name: &str) -> io::Result<()> {
        let Wire::Plain(reader) = std::mem::replace(&mut self.wire, Wire::Gone) else {
            return Err(io::Error::other("TLS is active"));
        };
        let mut stream = certificate.client_of(reader.into_inner(), name);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        self.wire = Wire::Tls(Box::new(BufReader::new(stream)));
        Ok(())
    }

    /// Closes our half; the server may still speak.
    ///
    /// # Errors
    /// Where the connection is gone.
    pub fn close_write(&mut self) -> io::Result<()> {
        match &mut self.wire {
            Wire::Plain(reader) => reader.get_ref().shutdown(Shutdown::Write),
            Wire::Tls(reader) => {
                let stream = reader.get_mut();
                stream.conn.send_close_notify();
                stream.flush()?;
                stream.sock.shutdown(Shutdown::Write)
            }
            Wire::Gone => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Closes the socket as it is: under TLS without a close_notify.
    ///
    /// # Errors
    /// Where the connection is gone.
    pub fn cut(self, how: Shutdown) -> io::Result<()> {
        match self.wire {
            Wire::Plain(reader) => reader.get_ref().shutdown(how),
            Wire::Tls(reader) => reader.get_ref().sock.shutdown(how),
            Wire::Gone => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Ends the connection by a reset, in the middle of whatever there is.
    ///
    /// # Errors
    /// Where the connection is gone.
    pub fn reset(self) -> io::Result<()> {
        let stream = match self.wire {
            Wire::Plain(reader) => reader.into_inner(),
            Wire::Tls(reader) => reader.into_inner().sock,
            Wire::Gone => return Err(ErrorKind::NotConnected.into()),
        };
        socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO))
    }

    /// Says close_notify and goes on in plain text, as no honest client does.
    ///
    /// # Errors
    /// Where there is no TLS, or the connection is gone.
    pub fn leave_tls(&mut self) -> io::Result<()> {
        let Wire::Tls(reader) = std::mem::replace(&mut self.wire, Wire::Gone) else {
            return Err(ErrorKind::NotConnected.into());
        };
        let mut stream = reader.into_inner();
        stream.conn.send_close_notify();
        stream.flush()?;
        self.wire = Wire::Plain(BufReader::new(stream.sock));
        Ok(())
    }

    /// Everything up to the end of the connection.
    ///
    /// # Errors
    /// Where it breaks or stays silent.
    pub fn read_all(&mut self) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        match &mut self.wire {
            Wire::Plain(reader) => reader.read_to_end(&mut all)?,
            Wire::Tls(reader) => reader.read_to_end(&mut all)?,
            Wire::Gone => return Err(ErrorKind::NotConnected.into()),
        };
        Ok(all)
    }
}

fn wanted(reply: Reply, code: u16) -> io::Result<Reply> {
    if reply.code == code {
        Ok(reply)
    } else {
        Err(io::Error::other(format!("not {code}: {}", reply.text())))
    }
}

/// Content as DATA carries it: dots at line starts doubled (RFC 5321 §4.5.2), the end mark after it.
pub fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(content.len() + 64);
    for line in content.split_inclusive(|&b| b == b'\n') {
        // After a bare LF it is no line start, so no dot may be doubled there.
        let starts = wire.is_empty() || wire.ends_with(b"\r\n");
        if starts && line.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
    }
    if !wire.is_empty() && !wire.ends_with(b"\r\n") {
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}
