//! Whether what tenants are charged adds up to what chains cost: a minute of mixed load.
//!
//! The one side is the server's own metric, by tenant; the other is the kernel's count of its threads named `chain*`.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::client::Client;
use super::rogue;
use super::stand::{Setup, Stand};

const LENGTH: Duration = Duration::from_secs(60);
/// Connections of each tenant.
const CLIENTS: usize = 2;
const METRIC: &str = "gatepost_chain_cpu_seconds_total{";
/// What stages alone are charged, by their own meters: there before the metric was.
const STAGES: &str = "gatepost_stage_cpu_seconds_sum{";

/// Tenants, their chains, what their clients say in EHLO, and the size of their messages in bytes.
const TENANTS: [(&str, &str, &str, usize); 6] = [
    ("small", "header | rogue | null", "honest.example", 2 << 10),
    ("large", "header | a:rogue | b:rogue | null", "honest.example", 1 << 20),
    ("native", "header | compress | decompress | null", "honest.example", 64 << 10),
    ("loops", "header | rogue | null", "rogue-loop", 1 << 10),
    ("grows", "header | rogue | null", "rogue-grow", 1 << 10),
    ("traps", "header | rogue | null", "rogue-trap", 1 << 10),
];

pub(super) fn run(gatepost: &Path) -> Result<()> {
    println!(
        "\nmeter: CPU time charged to tenants against that of the chain threads, {} s of mixed load",
        LENGTH.as_secs()
    );
    let rogue = rogue(gatepost)?;
    let tenants = TENANTS.map(|(tenant, chain, ..)| (tenant, chain, ""));
    let stand = Stand::start_with(
        gatepost,
        "meter",
        &Setup {
            log: "warn",
            tenants: &tenants,
            components: &[("rogue", &rogue)],
            listener: "sessions_per_client = 500",
        },
    )?;
    let address = stand.server.address;
    let before = Figures::of(&stand)?;
    load(address)?;
    let after = Figures::of(&stand)?;
    let threads = after.threads - before.threads;
    println!("  threads `chain*`             {threads:>8.2} s");
    println!("  stages, by their own meters  {:>8.2} s", after.stages - before.stages);
    ensure!(after.tenants > 0.0, "the server has no metric `{METRIC}`");
    let tenants = after.tenants - before.tenants;
    println!("  tenants, by the metric       {tenants:>8.2} s");
    println!("  tenants / threads            {:>8.3}  (to be within 0.9 and 1.1)", tenants / threads);
    stand.server.stop()
}

/// Everybody at once, for the length of the run.
fn load(address: SocketAddr) -> Result<()> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| -> Result<()> {
        let clients: Vec<_> = TENANTS
            .iter()
            .flat_map(|tenant| std::iter::repeat_n(tenant, CLIENTS))
            .map(|(tenant, _, helo, size)| {
                let over = &over;
                scope.spawn(move || -> Result<()> {
                    let content = [
                        "Subject: x\r\n\r\n",
                        &"Forty-two bytes of a line that goes on.\r\n".repeat(size / 42),
                    ]
                    .concat();
                    let mut client = Client::connect(address)?;
                    client.hello(helo)?;
                    while !over.load(Ordering::Relaxed) {
                        client.deliver("a@b.example", &format!("x@{tenant}.example"), content.as_bytes())?;
                    }
                    Ok(())
                })
            })
            .collect();
        std::thread::sleep(LENGTH);
        over.store(true, Ordering::Relaxed);
        clients.into_iter().try_for_each(|client| client.join().ok().context("a client panicked")?)
    })
}

/// CPU time in seconds.
struct Figures {
    threads: f64,
    stages: f64,
    tenants: f64,
}

impl Figures {
    fn of(stand: &Stand) -> Result<Self> {
        let metrics = stand.metrics()?;
        Ok(Self {
            threads: chain_threads(stand.server.pid())?,
            stages: sum(&metrics, STAGES),
            tenants: sum(&metrics, METRIC),
        })
    }
}

fn sum(metrics: &str, name: &str) -> f64 {
    let samples = metrics.lines().filter(|line| line.starts_with(name));
    samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// What threads named `chain*` have spent: `schedstat` begins with nanoseconds on a CPU.
fn chain_threads(pid: u32) -> Result<f64> {
    let mut spent = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?.path();
        if !fs::read_to_string(task.join("comm"))?.starts_with("chain") {
            continue;
        }
        let stat = fs::read_to_string(task.join("schedstat"))?;
        let ns = stat.split(' ').next().and_then(|ns| ns.parse().ok()).context("cannot read schedstat")?;
        spent += Duration::from_nanos(ns);
    }
    Ok(spent.as_secs_f64())
}
