//! A client of SMTP, as small as a demonstration needs.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Longest wait for a reply.
const PATIENCE: Duration = Duration::from_secs(120);

/// Delivers `content` (CRLF lines) to one recipient; the final reply.
pub(crate) fn send(server: SocketAddr, from: &str, to: &str, content: &[u8]) -> Result<String> {
    let mut session = Session::open(server)?;
    session.say("EHLO laptop.kite.example\r\n", '2')?;
    session.say(&format!("MAIL FROM:<{from}>\r\n"), '2')?;
    session.say(&format!("RCPT TO:<{to}>\r\n"), '2')?;
    session.say("DATA\r\n", '3')?;
    session.stream.get_mut().write_all(&stuffed(content))?;
    let reply = session.say(".\r\n", '2')?;
    session.say("QUIT\r\n", '2')?;
    Ok(reply)
}

struct Session {
    stream: BufReader<TcpStream>,
}

impl Session {
    fn open(server: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(server).with_context(|| format!("cannot reach {server}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // Else the last short write waits for the acknowledgement of the one before.
        stream.set_nodelay(true)?;
        let mut session = Self { stream: BufReader::new(stream) };
        session.say("", '2')?;
        Ok(session)
    }

    /// Says a line and reads the reply, which must be of a class.
    fn say(&mut self, line: &str, class: char) -> Result<String> {
        self.stream.get_mut().write_all(line.as_bytes())?;
        loop {
            let mut reply = String::new();
            if self.stream.read_line(&mut reply)? == 0 {
                bail!("the server hung up on `{}`", line.trim_end());
            }
            if reply.as_bytes().get(3) == Some(&b'-') {
                continue;
            }
            if !reply.starts_with(class) {
                bail!("`{}` was answered `{}`", line.trim_end(), reply.trim_end());
            }
            return Ok(reply.trim_end().to_owned());
        }
    }
}

/// Dots at the beginning of lines doubled (RFC 5321 §4.5.2); ends with CRLF.
fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(content.len() + 16);
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
    }
    if !wire.ends_with(b"\r\n") {
        wire.extend_from_slice(b"\r\n");
    }
    wire
}

#[cfg(test)]
mod tests {
    use super::stuffed;

    #[test]
    fn dots_are_doubled_at_line_starts_only() {
        assert_eq!(stuffed(b".a\r\n..\r\nb.\r\n.c"), b"..a\r\n...\r\nb.\r\n..c\r\n");
        assert_eq!(stuffed(b""), b"\r\n");
    }
}
