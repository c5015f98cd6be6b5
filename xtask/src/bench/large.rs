//! A message of 200 MiB through `header | subject-tag | maildir`: the server's memory at its peak.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::stand::Stand;
use crate::smtp;
use crate::workspace::{build_processor, target};

const SIZE: usize = 200 << 20;

pub(crate) fn run(gatepost: &Path) -> Result<()> {
    println!("\nlarge: one message of 200 MiB through header | subject-tag | maildir");
    let component = target()?.join("components/subject-tag.wasm");
    std::fs::create_dir_all(component.parent().unwrap_or(Path::new(".")))?;
    build_processor(gatepost, "processors/subject-tag", &component)?;
    let tenants = [("load", "header | subject-tag | maildir")];
    let stand = Stand::start(gatepost, "large", "info", &tenants, &[("subject-tag", &component)])?;
    let idle = stand.status_kib("VmHWM")?;
    let mut content = b"Subject: large\r\n\r\n".to_vec();
    let line = [b"x".repeat(76), b"\r\n".to_vec()].concat();
    while content.len() < SIZE {
        content.extend_from_slice(&line);
    }
    let began = Instant::now();
    smtp::send(stand.server.address, "a@load.example", "b@load.example", &content)?;
    let took = began.elapsed();
    let peak = stand.status_kib("VmHWM")?;
    let new = stand.folder.join("state/mail/load/new");
    let stored = std::fs::read_dir(&new)?.next().context("nothing in the Maildir")??.metadata()?.len();
    ensure!(stored > content.len() as u64, "only {stored} of {} bytes are stored", content.len());
    println!(
        "  memory at its peak  {:>6} MiB  (before the message {} MiB; to be under 120)",
        peak / 1024,
        idle / 1024
    );
    println!("  rate                {:>6.0} MiB/s, synced to disk", 200.0 / took.as_secs_f64());
    stand.server.stop()?;
    // 200 MiB that nobody wants to keep.
    std::fs::remove_dir_all(&stand.folder)
        .with_context(|| format!("cannot remove `{}`", stand.folder.display()))
}
