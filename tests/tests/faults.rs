//! Durability under faults: kill -9, reloads and big messages, under load.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use gatepost_tests::{Server, Smtp, shipped};

/// Last line of every message: one that lacks it is torn.
const TRAILER: &str = "-- end of message --\r\n";

/// A message of a few kilobytes that says which one it is.
fn message(token: &str) -> Vec<u8> {
    let filler = "All work and no play makes Jack a dull boy.\r\n".repeat(100);
    format!("From: a@b.example\r\nSubject: {token}\r\n\r\n{filler}{TRAILER}").into_bytes()
}

/// Tokens of the messages in `new/`.
///
/// # Panics
/// Where one of them is torn.
fn stored(server: &Server, tenant: &str) -> Vec<String> {
    let whole = |message: Vec<u8>| {
        let text = String::from_utf8(message).expect("messages are ASCII here");
        let start = text.find("Subject: ").expect("a subject") + "Subject: ".len();
        let token = text[start..].lines().next().unwrap_or_default().to_owned();
        let sent = String::from_utf8(self::message(&token)).expect("ASCII");
        assert!(text.ends_with(&sent), "a torn message is visible: {} bytes of `{token}`", text.len());
        token
    };
    server.maildir(tenant).messages().into_iter().map(whole).collect()
}

/// Sends until told to stop or the server is gone; notes what was answered 250.
fn send_until(
    mx: SocketAddr,
    name: &str,
    to: &str,
    stop: &AtomicBool,
    answered: &Mutex<BTreeSet<String>>,
) -> std::io::Result<()> {
    let mut client = Smtp::connect(mx)?;
    client.ask("EHLO load.test")?;
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let token = format!("{name}-{n}");
        let reply = client.deliver("a@b.example", &[to], &message(&token))?;
        assert_eq!(reply.code, 250, "{}", reply.text());
        answered.lock().expect("no test thread panics while it holds this").insert(token);
    }
    Ok(())
}

/// Goal: 250 means durable, and nothing half-written is ever visible.
/// Method: 20 times: six clients at full speed, kill -9 after a while, then every message that was answered must be
/// there, whole; what is there unanswered must be whole too.
#[test]
fn kill_9_loses_nothing_that_was_answered() {
    let mut server = Server::builder().chain("acme", "acme.example", "header | maildir").start();
    let answered = Arc::new(Mutex::new(BTreeSet::new()));
    for cycle in 0..20u64 {
        let stop = AtomicBool::new(false);
        let mx = server.mx();
        thread::scope(|scope| {
            for client in 0..6 {
                let (answered, stop) = (&answered, &stop);
                // The kill breaks its connection: that error is expected.
                scope.spawn(move || {
                    drop(send_until(mx, &format!("c{cycle}-{client}"), "jo@acme.example", stop, answered));
                });
            }
            thread::sleep(Duration::from_millis(60 + cycle * 13 % 150));
            server.kill9();
            stop.store(true, Ordering::Relaxed);
        });
        let there: BTreeSet<String> = stored(&server, "acme").into_iter().collect();
        let answered = answered.lock().expect("no thread is left");
        let lost: Vec<&String> = answered.difference(&there).collect();
        assert!(lost.is_empty(), "cycle {cycle}: answered and lost: {lost:?}");
        drop(answered);
        server.restart();
    }
    let answered = answered.lock().expect("no thread is left").len();
    assert!(answered > 100, "only {answered} messages were answered: the load was none");
}

/// Goal: a reload loses nothing, duplicates nothing, and no message sees two chains.
/// Method: four clients at full speed while the chain changes between two forms and SIGHUP comes again and again; every
/// message is stored once and bears either none or all of the marks of the longer chain.
#[test]
fn sighup_under_load_loses_nothing() {
    let tenant = |chain: &str| format!("domains = [\"acme.example\"]\nchain = \"{chain}\"\n");
    let chains = ["header | maildir", "one:header | compress | decompress | two:header | maildir"];
    let server = Server::builder().tenant("acme", &tenant(chains[0])).start();
    let (stop, answered, reloads) =
        (AtomicBool::new(false), Mutex::new(BTreeSet::new()), AtomicUsize::new(0));
    let mx = server.mx();
    thread::scope(|scope| {
        let (stop, answered) = (&stop, &answered);
        for client in 0..4 {
            scope.spawn(move || {
                send_until(mx, &format!("r{client}"), "jo@acme.example", stop, answered)
                    .expect("no session is cut by a reload");
            });
        }
        for n in 1..=30 {
            server.site().write("catalog/tenants/acme.toml", tenant(chains[n % 2]).as_bytes());
            server.sighup();
            server.wait_records("reloaded", n + 1);
            reloads.fetch_add(1, Ordering::Relaxed);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let there = stored(&server, "acme");
    let unique: BTreeSet<String> = there.iter().cloned().collect();
    assert_eq!(unique.len(), there.len(), "a message was stored twice");
    assert_eq!(unique, answered.into_inner().expect("no thread is left"));
    for record in server.records("message") {
        let stages = record["stages"].as_array().map_or(0, Vec::len);
        assert!(stages == 1 || stages == 4, "{record}");
    }
    for message in server.maildir("acme").messages() {
        let marks = String::from_utf8_lossy(&message).matches("Return-Path:").count();
        assert!(marks == 1 || marks == 2, "{marks} marks");
    }
    assert_eq!(reloads.into_inner(), 30);
}

/// Goal: memory does not grow with the message.
/// Method: 200 MiB through a native stage, a sandboxed one and the Maildir; the most memory the process ever had.
#[test]
fn a_message_of_200_mib_streams() {
    const SIZE: usize = 200 << 20;
    let tenant = "domains = [\"acme.example\"]\nchain = \"header | subject-tag | maildir\"\n\
                  [stage.subject-tag]\nconfig = { tag = \"[BIG]\" }\n";
    let server = Server::builder()
        .mx("message_size_max = \"300MiB\"")
        .file("catalog/processors/acme/subject-tag/1.0.0.wasm", shipped::component("subject-tag"))
        .tenant("acme", tenant)
        .start();
    let mut client = server.smtp();
    client.expect_data("a@b.example", "jo@acme.example");
    client.write(b"Subject: big\r\n\r\n").expect("the server takes content");
    let block = [b'x'; 1022].iter().chain(b"\r\n").copied().collect::<Vec<u8>>().repeat(64);
    for _ in 0..SIZE / block.len() {
        client.write(&block).expect("the server takes content");
    }
    client.write(b".\r\n").expect("the server takes the end");
    client.expect_reply(250);
    let stored = server.maildir("acme").stored();
    let size = std::fs::metadata(&stored[0].path).expect("the message is there").len();
    assert!(size > SIZE as u64, "{size} bytes were stored");
    let peak = server.memory_peak();
    assert!(peak < 120 << 20, "{} MiB of memory", peak >> 20);
}
