//! What `strip-trackers` costs on large messages: in the sandbox against the same code natively.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use gatepost_sdk::testing::{Envelope, Recorder};
use gatepost_sdk::{Flow, processor};
use strip_trackers::StripTrackers;

use crate::bench::{Bench, median, thread_cpu};

const ROUNDS: usize = 9;
/// About so large is each message, in bytes.
const SIZE: usize = 10 << 20;
/// The host's default.
const CHUNK_SIZE: usize = 16 << 10;

/// MB/s in the sandbox and natively for each kind of message. `component` is `processors/strip-trackers`.
pub(crate) fn measure(component: &[u8]) -> anyhow::Result<serde_json::Value> {
    let bench = Bench::new()?;
    let stages = [bench.sandboxed("strip", component)?];
    let mut shown = serde_json::Map::new();
    for (name, message) in
        [("mixed", mixed()), ("html", only(HTML, HTML_LINES)), ("text", only(TEXT, TEXT_LINES))]
    {
        let chunks: Vec<Bytes> = cut(&message).map(Bytes::copy_from_slice).collect();
        let out = native(&message)?;
        ensure!(bench.run(&stages, &chunks)? == out, "{name}: the two give messages of other lengths");
        ensure!(out < message.len(), "{name}: nothing was taken out");
        let (mut sandboxed_times, mut native_times) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            native_times.push(timed(|| native(&message))?);
            sandboxed_times.push(timed(|| bench.run(&stages, &chunks))?);
        }
        let speed = |times: &mut [Duration]| message.len() as f64 / 1e6 / median(times).as_secs_f64();
        let (sandboxed, native) = (speed(&mut sandboxed_times), speed(&mut native_times));
        shown.insert(name.into(), serde_json::json!({ "sandboxed": sandboxed, "native": native }));
    }
    Ok(shown.into())
}

fn timed(work: impl FnOnce() -> anyhow::Result<usize>) -> anyhow::Result<Duration> {
    let began = thread_cpu();
    std::hint::black_box(work()?);
    Ok(thread_cpu() - began)
}

/// As the host cuts it: the header section, then chunks.
fn cut(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    let head = message.windows(4).position(|bytes| bytes == b"\r\n\r\n").map_or(message.len(), |at| at + 4);
    let (head, body) = message.split_at(head);
    std::iter::once(head).chain(body.chunks(CHUNK_SIZE))
}

/// The message through the native build. Gives how many bytes came out.
fn native(message: &[u8]) -> anyhow::Result<usize> {
    use gatepost_sdk::Processor as _;
    let mut stage: StripTrackers = processor::configure("{}").map_err(anyhow::Error::msg)?;
    let mut host = Recorder::new(Envelope::default());
    let mut out = 0;
    let failed = |refusal| anyhow::anyhow!("{refusal:?}");
    for chunk in cut(message) {
        host.begin_call(chunk.len());
        let flow = stage.write(chunk, &mut host.context()).map_err(failed)?;
        out += host.end_call().map_err(failed)?.len();
        if flow == Flow::Pass {
            out += chunk.len();
        }
    }
    host.begin_call(0);
    stage.close(&mut host.context()).map_err(failed).context("close")?;
    Ok(out + host.end_call().map_err(failed)?.len())
}

const TEXT: &str = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
const TEXT_LINES: &str = "The quick brown fox jumps over the lazy dog, and does it again and again.\r\n\
    Read more at https://news.example/articles/2026/11/23/fox?id=7&utm_source=letter&utm_medium=mail\r\n\
    or write to us, if you have any questions about foxes, dogs, or what they do.\r\n\r\n\
    Nothing of note happened otherwise, as far as anybody who was there could tell.\r\n";
const HTML: &str = "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
const HTML_LINES: &str = "<tr><td class=\"story\" style=\"padding: 4px 8px; color: #333333\">\r\n\
    <a href=\"https://news.example/articles/2026/11/23/fox?id=7&amp;utm_source=letter&amp;utm_medium=mail\">\r\n\
    <img src=\"https://img.example/fox.png\" width=\"600\" height=\"200\" alt=\"A fox\"></a></td></tr>\r\n\
    <tr><td><p>The quick brown fox jumps over the lazy dog, and does it <b>again and again</b>.</p>\r\n\
    <p>Nothing of note happened otherwise, as far as anybody who was there could tell.</p></td></tr>\r\n";
const QUOTED: &str =
    "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
const QUOTED_LINES: &str = "<tr><td class=3D\"story\" style=3D\"padding: 4px 8px; color: #333333\">\r\n\
    <a href=3D\"https://news.example/articles/2026/11/23/fox?id=3D7&amp;utm_sour=\r\nce=3Dletter\">\r\n\
    <p>F=C3=BCchse springen =C3=BCber den faulen Hund, und noch einmal, un=\r\nd immer wieder.</p></td></tr>\r\n";

fn only(header: &str, lines: &str) -> Vec<u8> {
    format!("Subject: bench\r\nMIME-Version: 1.0\r\n{header}{}", lines.repeat(SIZE / lines.len()))
        .into_bytes()
}

/// Text and HTML as alternatives, a tenth of the message each, HTML in quoted-printable another tenth, and an attachment.
fn mixed() -> Vec<u8> {
    let tenth = |lines: &str| lines.repeat(SIZE / 10 / lines.len());
    let line = "R2F0ZXBvc3QgcGFzc2VzIHdoYXQgaXQgaGFzIG5vIHJlYXNvbiB0byB0b3VjaCBhcyBpdCBjYW1l\r\n";
    format!(
        "Subject: bench\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=mixed\r\n\r\n--mixed\r\n\
         Content-Type: multipart/alternative; boundary=alternative\r\n\r\n--alternative\r\n{TEXT}{}\r\n--alternative\r\n{HTML}{}\r\n\
         --alternative--\r\n--mixed\r\n{QUOTED}{}\r\n--mixed\r\nContent-Type: application/pdf; name=fox.pdf\r\n\
         Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=fox.pdf\r\n\r\n{}--mixed--\r\n",
        tenth(TEXT_LINES),
        tenth(HTML_LINES),
        tenth(QUOTED_LINES),
        line.repeat(SIZE * 7 / 10 / line.len()),
    )
    .into_bytes()
}
