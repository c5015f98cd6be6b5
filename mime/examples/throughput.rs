//! How fast the scanner is: `cargo run --release -p gatepost-mime --example throughput`.
//!
//! Messages of 10 MiB, in chunks of 16 KiB as a stage gets them, the best of ten runs each.

use std::time::{Duration, Instant};

use gatepost_mime::{Event, Limits, Scanner};

/// Bytes of a message, about.
const SIZE: usize = 10 << 20;
/// Size of chunks, in bytes: the host's default.
const CHUNK_SIZE: usize = 16 << 10;

/// A multipart of parts of some 100 kB: below the limit of 512 parts.
fn message(line: &str) -> Vec<u8> {
    let mut message = b"Content-Type: multipart/mixed; boundary=\"=_boundary\"\r\n\r\n".to_vec();
    while message.len() < SIZE {
        message.extend_from_slice(b"--=_boundary\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n");
        message.extend_from_slice(format!("{line}\r\n").repeat(100_000 / (line.len() + 2)).as_bytes());
    }
    message
}

/// One scan; the bytes of bodies.
fn scan(message: &[u8]) -> (Duration, usize) {
    let start = Instant::now();
    let mut bodies = 0;
    let mut on = |event: Event<'_>| {
        if let Event::Body { raw, .. } = event {
            bodies += raw.len();
        }
    };
    let mut scanner = Scanner::new(Limits::default());
    for chunk in message.chunks(CHUNK_SIZE) {
        scanner.feed(chunk, &mut on);
    }
    scanner.finish(&mut on);
    (start.elapsed(), bodies)
}

#[allow(clippy::print_stdout)]
fn main() {
    let base64 = "QUJD".repeat(19);
    let cases = [
        ("base64, lines of 76", &*base64),
        ("text, lines of 20", "some words in a line"),
        ("empty lines", ""),
        ("lines that begin `--`", "--"),
    ];
    for (name, line) in cases {
        let message = message(line);
        let best = (0..10).map(|_| scan(&message).0).min().unwrap_or_default();
        let mib = message.len() as f64 / f64::from(1 << 20);
        let bodies = scan(&message).1;
        println!("{name}: {:.0} MiB/s ({mib:.1} MiB, {bodies} bytes of bodies)", mib / best.as_secs_f64());
    }
}
