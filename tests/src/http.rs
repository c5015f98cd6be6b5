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
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n");
    if !fields.iter().any(|field| field.to_ascii_lowercase().starts_with("host:")) {
        head += &format!("Host: {address}\r\n");
    }
    for field in fields {
        head += &format!("{field}\r\n");
    }
    stream.write_all((head + "\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let bad = || io::Error::other(format!("no HTTP answer: {answer:?}"));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(bad)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(bad)?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}
