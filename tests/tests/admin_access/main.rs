//! Who may do what at the admin address: tokens and roles, sessions, limits, the audit log, and what attackers try.

mod attacks;
mod commands;
mod routes;
mod sessions;
mod slow_hands;
mod tokens;

use std::io::Read as _;
use std::net::TcpStream;

use gatepost_tests::http::{self, Answer};
use gatepost_tests::{Server, site};
use serde_json::Value;

/// A server with two tenants, `acme` and `other`.
fn two_tenants() -> site::Builder {
    Server::builder().chain("acme", "acme.example", "maildir").chain("other", "other.example", "maildir")
}

/// A token that was made.
struct Token {
    id: String,
    text: String,
}

/// Makes one with the host's.
#[track_caller]
fn make(server: &Server, tenant: &str, wanted: &Value) -> Token {
    let made = ask(server, "POST", &format!("/v1/tenants/{tenant}/tokens"), &server.token(), Some(wanted));
    let made = made.is(201).json();
    let text = |key: &str| made[key].as_str().unwrap().to_owned();
    Token { id: text("id"), text: text("token") }
}

/// A request with a token, and a body of JSON.
#[track_caller]
fn ask(server: &Server, method: &str, path: &str, token: &str, body: Option<&Value>) -> Answer {
    with(server, method, path, &[&format!("Authorization: Bearer {token}")], body)
}

/// A request with fields, and a body of JSON.
#[track_caller]
fn with(server: &Server, method: &str, path: &str, fields: &[&str], body: Option<&Value>) -> Answer {
    let fields: Vec<&str> =
        fields.iter().copied().chain(body.map(|_| "Content-Type: application/json")).collect();
    let bytes = body.map(Value::to_string).unwrap_or_default();
    let stream = http::open(server.admin(), method, path, &fields, bytes.len());
    let mut stream = stream.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    // A server that has answered already may not want it.
    let _ = std::io::Write::write_all(&mut stream, bytes.as_bytes());
    answer(stream)
}

/// The answer; of one without an end, its head.
#[track_caller]
fn answer(mut stream: TcpStream) -> Answer {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} after {head:?}"));
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer { status, head, body: String::new() };
    if !answer.header("content-type").starts_with("text/event-stream") {
        // A server that does not want the rest of a request may cut the connection behind its answer.
        let mut body = Vec::new();
        let _ = stream.read_to_end(&mut body);
        answer.body = String::from_utf8_lossy(&body).into_owned();
    }
    answer
}

/// The head without what differs from second to second.
fn steady(answer: &Answer) -> Vec<&str> {
    answer.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:")).collect()
}
