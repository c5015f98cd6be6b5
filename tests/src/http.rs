//! A small HTTP/1.1 client: one request a connection, nothing sent but what the test says.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::wait::PATIENCE;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The status line and the header fields, as they came.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// Where it is none.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts the status and passes on.
    ///
    /// # Panics
    /// Where it is another.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The value of a header field; empty where it is absent.
    pub fn header(&self, name: &str) -> String {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        let value = fields
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .next();
        value.unwrap_or_default().to_owned()
    }
}

/// Sends `METHOD PATH` with `fields` (each `Name: value`); `Host` is the address unless it is among them.
///
/// # Errors
/// Where there is no answer.
pub fn request(address: SocketAddr, method: &str, path: &str, fields: &[&str]) -> io::Result<Answer> {
    send(address, method, path, fields, b"")
}

/// The same with a body. `Content-Length` is its length unless it is among the fields, or `Transfer-Encoding` is.
///
/// # Errors
/// Where there is no answer.
pub fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &[&str],
    body: &[u8],
) -> io::Result<Answer> {
    let mut stream = open(address, method, path, fields, body.len())?;
    // A server that has answered already may not want it.
    let _ = stream.write_all(body);
    answer(stream)
}

/// Sends the head alone: the body is for the caller to send, or not.
///
/// # Errors
/// Where there is no connection.
pub fn open(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &[&str],
    length: usize,
) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    let has = |name: &str| fields.iter().any(|field| field.to_ascii_lowercase().starts_with(name));
    if !has("host:") {
        head += &format!("Host: {address}\r\n");
    }
    if !has("content-length:") && !has("transfer-encoding:") {
        head += &format!("Content-Length: {length}\r\n");
    }
    for field in fields {
        head += &format!("{field}\r\n");
    }
    stream.write_all((head + "\r\n").as_bytes())?;
    Ok(stream)
}

/// Reads the answer to its end.
///
/// # Errors
/// Where there is none.
pub fn answer(mut stream: TcpStream) -> io::Result<Answer> {
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        // A server that closes before it has read all may cut the connection behind its answer.
        if answer.is_empty() {
            return Err(error);
        }
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let bad = || io::Error::other(format!("no HTTP answer: {answer:?}"));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(bad)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(bad)?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}
