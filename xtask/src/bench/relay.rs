//! Messages a second of `header | relay` before a Postfix, against sending to that Postfix directly; and the same before
//! Postfix's `smtp-sink`, which does nothing with a message.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::median;
use super::postfix::Postfix;
use super::stand::{Setup, Stand, load, postfix_tool};
use super::throughput::{Sink, accepted};

const ROUNDS: usize = 5;
/// Postfix writes each message to its queue, with fsync.
const MESSAGES_POSTFIX: u32 = 3_000;
const MESSAGES_SINK: u32 = 10_000;

pub(crate) fn run(gatepost: &Path) -> Result<()> {
    println!("\nrelay: 20 connections kept open, 4 KiB messages, {ROUNDS} interleaved runs, medians");
    let Some(source) = postfix_tool("smtp-source") else {
        println!("  skipped: no smtp-source here (Debian: apt-get install postfix)");
        return Ok(());
    };
    match Postfix::start("relay")? {
        Some(postfix) => {
            compare(
                gatepost,
                &source,
                "Postfix",
                postfix.address,
                MESSAGES_POSTFIX,
                "  (to be at least 0.7)",
            )?;
        }
        None => {
            println!("  skipped: a Postfix of its own is started by root only, where postfix is installed");
        }
    }
    if let Some(program) = postfix_tool("smtp-sink") {
        let sink = Sink::start(&program)?;
        compare(gatepost, &source, "smtp-sink", sink.address, MESSAGES_SINK, "")?;
    }
    Ok(())
}

/// Sends to `next` directly and through a relay, in turn.
fn compare(
    gatepost: &Path,
    source: &Path,
    name: &str,
    next: SocketAddr,
    messages: u32,
    remark: &str,
) -> Result<()> {
    let settings = format!("[stage.relay]\naddress = \"{next}\"\n");
    let setup = Setup {
        log: "info",
        tenants: &[("load", "header | relay", &settings)],
        components: &[],
        listener: "",
    };
    let stand = Stand::start_with(gatepost, "relay", &setup)?;
    let (mut through, mut direct) = (Vec::new(), Vec::new());
    let rate = |took: Duration| f64::from(messages) / took.as_secs_f64();
    for round in 0..=ROUNDS {
        let a = load(source, stand.server.address, "b@load.example", messages)?;
        let b = load(source, next, "b@load.example", messages)?;
        // The first round warms up.
        if round > 0 {
            through.push(rate(a));
            direct.push(rate(b));
        }
    }
    let mut ratios: Vec<f64> =
        through.iter().zip(&direct).map(|(through, direct)| through / direct).collect();
    let (through, direct, ratio) = (median(&mut through), median(&mut direct), median(&mut ratios));
    println!("  header | relay before {name:<10} {through:>8.0} messages/s");
    println!("  {name} directly           {direct:>8.0} messages/s");
    println!("  ratio                            {ratio:>8.2}{remark}");
    // Draining writes the log out.
    stand.server.stop()?;
    let expected = (ROUNDS + 1) * usize::try_from(messages)?;
    let accepted = accepted(&stand.folder)?;
    ensure!(accepted == expected, "only {accepted} of {expected} messages were accepted");
    Ok(())
}
