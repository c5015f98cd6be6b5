//! How exactly a loop ends at its budget of 20 ms, while other loops keep every core busy.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::client::Client;
use super::stand::{Setup, Stand};
use super::{millis, percentile, rogue};

/// Loops that are measured.
const LOOPS: usize = 300;
/// Connections of the others: two for each core of a small machine.
const OTHERS: usize = 4;
const BUDGET: Duration = Duration::from_millis(20);

pub(super) fn run(gatepost: &Path) -> Result<()> {
    println!(
        "\nloop: own CPU time of {LOOPS} loops limited to {} ms, with {OTHERS} other loops on all cores",
        BUDGET.as_millis()
    );
    let rogue = rogue(gatepost)?;
    // By the message alone: what a MiB would add is a few microseconds here.
    let exact = "[limits]\ncpu_per_mib = \"0ms\"\n\n[stage.rogue]\ncpu_per_message = \"20ms\"\n";
    let stand = Stand::start_with(
        gatepost,
        "loop",
        &Setup {
            log: "info",
            tenants: &[("measured", "rogue | null", exact), ("others", "rogue | null", "")],
            components: &[("rogue", &rogue)],
            listener: "sessions_per_client = 500",
        },
    )?;
    let (address, over) = (stand.server.address, AtomicBool::new(false));
    std::thread::scope(|scope| -> Result<()> {
        let other = || -> Result<()> {
            let mut client = Client::connect(address)?;
            client.hello("rogue-loop")?;
            while !over.load(Ordering::Relaxed) {
                client.deliver("a@b.example", "x@others.example", b"Subject: x\r\n\r\n")?;
            }
            Ok(())
        };
        let others: Vec<_> = (0..OTHERS).map(|_| scope.spawn(other)).collect();
        let measured = measured(address);
        over.store(true, Ordering::Relaxed);
        others.into_iter().try_for_each(|other| other.join().ok().context("a client panicked")?)?;
        measured
    })?;
    let log = stand.folder.join("gatepost.log");
    // Draining writes the log out.
    stand.server.stop()?;
    report(&std::fs::read_to_string(log)?)
}

fn measured(address: std::net::SocketAddr) -> Result<()> {
    let mut client = Client::connect(address)?;
    client.hello("rogue-loop")?;
    for _ in 0..LOOPS {
        let code = client.deliver("a@b.example", "x@measured.example", b"Subject: x\r\n\r\n")?;
        ensure!(code == 451, "a loop was answered {code}");
    }
    Ok(())
}

fn report(log: &str) -> Result<()> {
    let records = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut used: Vec<Duration> = records
        .filter(|record| record["event"] == "message" && record["tenant"] == "measured")
        .filter_map(|record| record["stages"][0]["cpu_us"].as_u64())
        .map(Duration::from_micros)
        .collect();
    ensure!(used.len() == LOOPS, "{} records of {LOOPS} loops", used.len());
    used.sort_unstable();
    let below = used.iter().filter(|used| **used < BUDGET).count();
    println!(
        "  min {:>6.2} ms  (never to be below 20; {below} are)\n  p50 {:>6.2} ms\n  p95 {:>6.2} ms  (to be at most 25)\n  max {:>6.2} ms  (never to be over 40)",
        millis(used[0]),
        millis(percentile(&used, 50)),
        millis(percentile(&used, 95)),
        millis(percentile(&used, 100)),
    );
    Ok(())
}
