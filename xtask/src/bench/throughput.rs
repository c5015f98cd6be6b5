//! Messages a second of `header | null`, beside Postfix's `smtp-sink` under the same load.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::median;
use super::stand::{Stand, load, postfix_tool};
use crate::server::free_address;

const ROUNDS: usize = 5;
const MESSAGES: u32 = 20_000;

pub(crate) fn run(gatepost: &Path) -> Result<()> {
    println!(
        "\nthroughput: 20 connections kept open, 4 KiB messages, {ROUNDS} interleaved runs of {MESSAGES}, medians"
    );
    let (Some(source), Some(sink)) = (postfix_tool("smtp-source"), postfix_tool("smtp-sink")) else {
        println!("  skipped: no smtp-source and smtp-sink here (Debian: apt-get install postfix)");
        return Ok(());
    };
    let stand = Stand::start(gatepost, "throughput", "info", &[("load", "header | null")], &[])?;
    let sink = Sink::start(&sink)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let a = load(&source, stand.server.address, "b@load.example", MESSAGES)?;
        let b = load(&source, sink.address, "b@load.example", MESSAGES)?;
        // The first round warms up.
        if round > 0 {
            ours.push(f64::from(MESSAGES) / a.as_secs_f64());
            theirs.push(f64::from(MESSAGES) / b.as_secs_f64());
        }
    }
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    println!("  header | null     {ours:>8.0} messages/s");
    println!("  smtp-sink         {theirs:>8.0} messages/s");
    println!("  ratio             {:>8.2}  (to be at least 0.6)", ours / theirs);
    // Draining writes the log out.
    stand.server.stop()?;
    let expected = (ROUNDS + 1) * usize::try_from(MESSAGES)?;
    let accepted = accepted(&stand.folder)?;
    ensure!(accepted == expected, "only {accepted} of {expected} messages were accepted");
    Ok(())
}

/// Messages that the server's log says were accepted.
pub(super) fn accepted(folder: &Path) -> Result<usize> {
    let log = std::fs::read_to_string(folder.join("gatepost.log"))?;
    Ok(log.lines().filter(|line| line.contains("\"verdict\":\"accept\"")).count())
}

/// Postfix's test server, killed when dropped.
pub(super) struct Sink {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Sink {
    pub(super) fn start(program: &Path) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(program);
        // As root it wants to be told which user to become.
        if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
            command.args(["-u", "nobody"]);
        }
        command.arg(format!("inet:{address}")).arg("1000").stdin(Stdio::null());
        let sink = Self { child: command.spawn().context("cannot run smtp-sink")?, address };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if began.elapsed() > Duration::from_secs(10) {
                bail!("smtp-sink does not listen");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(sink)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
