//! An SMTP client that takes any reply: those who measure and those who attack want different ones.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Longest wait for a reply: `queue_wait_max`, and a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A connection that is kept open.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects and reads the greeting.
    pub(super) fn connect(server: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(server).with_context(|| format!("cannot reach {server}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream: BufReader::new(stream) };
        let greeting = client.reply()?;
        ensure!(greeting == 220, "greeted with {greeting}");
        Ok(client)
    }

    /// EHLO; may be said again between messages.
    pub(super) fn hello(&mut self, name: &str) -> Result<()> {
        let code = self.ask(&format!("EHLO {name}\r\n"))?;
        ensure!(code == 250, "EHLO was answered {code}");
        Ok(())
    }

    /// Sends a message, which must be dot-stuffed and end in CRLF; the code of the last reply.
    pub(super) fn deliver(&mut self, from: &str, to: &str, content: &[u8]) -> Result<u16> {
        let code = self.open(from, to)?;
        if code != 354 {
            self.ask("RSET\r\n")?;
            return Ok(code);
        }
        self.stream.get_mut().write_all(&[content, b".\r\n"].concat())?;
        self.reply()
    }

    /// Begins a message; what follows is content.
    pub(super) fn begin(mut self, from: &str, to: &str) -> Result<TcpStream> {
        let code = self.open(from, to)?;
        ensure!(code == 354, "content was answered {code}");
        Ok(self.stream.into_inner())
    }

    /// Up to the 354, or the code that refuses the recipient.
    fn open(&mut self, from: &str, to: &str) -> Result<u16> {
        let code = self.ask(&format!("MAIL FROM:<{from}>\r\n"))?;
        ensure!(code == 250, "MAIL was answered {code}");
        let code = self.ask(&format!("RCPT TO:<{to}>\r\n"))?;
        if code != 250 {
            return Ok(code);
        }
        let code = self.ask("DATA\r\n")?;
        ensure!(code == 354, "DATA was answered {code}");
        Ok(code)
    }

    fn ask(&mut self, line: &str) -> Result<u16> {
        self.stream.get_mut().write_all(line.as_bytes())?;
        self.reply()
    }

    fn reply(&mut self) -> Result<u16> {
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line)? > 0, "the server hung up");
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.get(..3).and_then(|code| code.parse().ok()).context("no reply");
            }
        }
    }
}
