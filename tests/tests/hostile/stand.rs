//! A server with hostile tenants and an honest one, and the clients who wake what sleeps there.
//!
//! Tenants are added by reload, one after the other: compiling all of their components in one go takes longer than a
//! client is patient.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatepost_tests::guest::Guest;
use gatepost_tests::hostile::{Case, Message};
use gatepost_tests::site::Builder;
use gatepost_tests::smtp::Reply;
use gatepost_tests::wait::until;
use gatepost_tests::{Server, Smtp};

/// CPU budget of a stage for a message, in milliseconds, where a case does not say its own.
pub(crate) const BUDGET_MS: u64 = 50;
/// The budget of a case that does.
pub(crate) const OWN_BUDGET_MS: u64 = 2000;
/// What an honest client says in EHLO: no case has the name.
pub(crate) const HONEST: &str = "honest.test";
/// Where honest mail goes.
pub(crate) const HONEST_TO: &str = "one@honest.example";
/// Lines of 42 bytes, more than 50 chunks of 16 KiB.
const CHUNKS_LINES: usize = 20_000;
/// The same for 9 MiB.
const LARGE_LINES: usize = 225_000;

/// A case in the chain of a tenant.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) case: Case,
    pub(crate) tenant: String,
}

/// A message that was answered.
#[derive(Debug)]
pub(crate) struct Sent {
    /// Which of the placed.
    pub(crate) at: usize,
    /// Its reverse-path, which no other message has: it stands in the log, and in the message as `X-Mark`.
    pub(crate) sender: String,
    pub(crate) reply: Reply,
}

/// The config that every server here has.
pub(crate) fn builder() -> Builder {
    let limits = format!(
        "cpu_per_message = \"{BUDGET_MS}ms\"\ncpu_per_mib = \"0ms\"\nbreaker_failures = 0\n\n\
         [limits.max]\ncpu_per_message = \"{OWN_BUDGET_MS}ms\""
    );
    Server::builder()
        // Counts are logged at debug: a budget's worth of them are many lines.
        .section("telemetry", "log = \"info\"")
        .section("limits", &limits)
        .mx("sessions_per_client = 500")
        .chain("honest", "honest.example", "header | good | compress | decompress | maildir")
        .file("catalog/processors/honest/good/1.0.0.wasm", &Guest::new().component())
}

/// Adds a tenant with all of `cases` in its chain.
pub(crate) fn add_tenant(server: &Server, tenant: &str, cases: &[&Case], sinks: &str, more: &str) {
    write_tenant(server, tenant, cases, sinks, more);
    reload(server, true);
}

/// Writes the files of a tenant, which a reload will read.
pub(crate) fn write_tenant(server: &Server, tenant: &str, cases: &[&Case], sinks: &str, more: &str) {
    let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    let mut text =
        format!("domains = [\"{tenant}.example\"]\nchain = \"header | {} | {sinks}\"\n", names.join(" | "));
    for case in cases {
        let path = format!("catalog/processors/{tenant}/{}/1.0.0.wasm", case.name);
        server.site().write(&path, &case.bytes());
        if !case.stage.is_empty() {
            text += &format!("\n[stage.{}]\n{}", case.name, case.stage);
        }
    }
    text += "\n[host]\ngrants_allowed = [\"kv\", \"clock\", \"random\", \"envelope\"]\n";
    server.site().write(&format!("catalog/tenants/{tenant}.toml"), (text + more).as_bytes());
}

/// Reloads all, which must end so. By a signal: the API's answer may take longer than it waits for.
pub(crate) fn reload(server: &Server, ok: bool) {
    let before = server.records("reloaded").len();
    server.sighup();
    let reloaded = server.wait_records("reloaded", before + 1);
    assert_eq!(reloaded[before]["ok"], ok, "{:?}", server.records("tenant_refused").last());
}

/// Wakes a case with one message.
///
/// # Errors
/// Where the connection breaks: never to be.
pub(crate) fn provoke(address: SocketAddr, at: usize, placed: &Placed) -> Result<Sent, String> {
    let to = format!("victim@{}.example", placed.tenant);
    send(address, &placed.case.name, &to, placed.case.message)
        .map(|(sender, reply)| Sent { at, sender, reply })
        .map_err(|error| format!("{}: no reply: {error}", placed.case.name))
}

/// Sends a message with a reverse-path of its own, which is given back with the reply.
///
/// # Errors
/// Where the connection breaks.
pub(crate) fn send(
    address: SocketAddr,
    helo: &str,
    to: &str,
    message: Message,
) -> std::io::Result<(String, Reply)> {
    let mut client = Smtp::connect(address)?;
    client.ask(&format!("EHLO {helo}"))?;
    let sent = send_over(&mut client, to, message)?;
    // The message was answered; how the session ends is no matter here.
    let _ = client.ask("QUIT");
    Ok(sent)
}

/// The same over a connection that has said EHLO.
///
/// # Errors
/// Where the connection breaks.
pub(crate) fn send_over(client: &mut Smtp, to: &str, message: Message) -> std::io::Result<(String, Reply)> {
    static COUNTER: AtomicUsize = AtomicUsize::new(0);
    let sender = format!("m{}@client.example", COUNTER.fetch_add(1, Ordering::Relaxed));
    let lines = match message {
        Message::Small => 1,
        Message::Chunks => CHUNKS_LINES,
        Message::Large => LARGE_LINES,
    };
    let mut content = format!("From: a@b\r\nX-Mark: <{sender}>\r\nSubject: hello\r\n\r\n").into_bytes();
    content.extend(std::iter::repeat_n(b"forty-two bytes of a line that is whole.\r\n", lines).flatten());
    let reply = client.deliver(&sender, &[to], &content)?;
    Ok((sender, reply))
}

/// The mark of a stored message; none: the chain took it away.
pub(crate) fn mark(stored: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&stored[..stored.len().min(4096)]).into_owned();
    let line = head.lines().find_map(|line| line.strip_prefix("X-Mark: <").map(str::to_owned))?;
    Some(line.trim_end_matches('>').to_owned())
}

/// Waits until no instance lives.
pub(crate) fn no_instance_is_left(server: &Server) {
    until("every instance to be gone", || (server.metric("gatepost_instances_live") == 0.0).then_some(()));
}
