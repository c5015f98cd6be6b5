//! Honest mail beside clients that send an octet a second: solo and loaded slices take turns in one run of one server.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::client::Client;
use super::stand::{Setup, Stand};
use super::{millis, percentile};

/// Clients that are in DATA for ever.
const WRITERS: usize = 1000;
/// Clients that send whole messages.
const HONEST: usize = 20;
/// Between two messages of one of them.
const EVERY: Duration = Duration::from_millis(100);
const PAIRS: usize = 3;
const SLICE: Duration = Duration::from_secs(8);

pub(super) fn run(gatepost: &Path) -> Result<()> {
    println!(
        "\nslow: {HONEST} clients with 10 messages a second each, solo and beside {WRITERS} writers of 1 octet a second, \
         {PAIRS} pairs of {} s slices",
        SLICE.as_secs()
    );
    // They are to stay: the rate that would end them is tested elsewhere.
    let listener = "sessions_max = 3000\nsessions_per_client = 3000\nsessions_per_network = 3000\n\
                    session_messages_max = 1000000\ndata_rate_min = \"0B\"";
    let setup =
        Setup { log: "info", tenants: &[("acme", "header | maildir", "")], components: &[], listener };
    let stand = Stand::start_with(gatepost, "slow", &setup)?;
    let address = stand.server.address;
    slice(address)?;
    let (mut solo, mut loaded) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        solo.extend(slice(address)?);
        let writers = (0..WRITERS).map(|_| writer(address)).collect::<Result<Vec<_>>>()?;
        let over = AtomicBool::new(false);
        let among = std::thread::scope(|scope| {
            let dribbling = scope.spawn(|| dribble(writers, &over));
            let among = slice(address);
            over.store(true, Ordering::Relaxed);
            dribbling.join().ok().context("the writers panicked")??;
            among
        })?;
        loaded.extend(among);
    }
    solo.sort_unstable();
    loaded.sort_unstable();
    for (name, times) in [("solo", &solo), ("loaded", &loaded)] {
        let (p50, p99) = (millis(percentile(times, 50)), millis(percentile(times, 99)));
        println!("  {name:<16}  p50 {p50:>6.1} ms   p99 {p99:>6.1} ms   of {} messages", times.len());
    }
    let ratio = millis(percentile(&loaded, 99)) / millis(percentile(&solo, 99));
    println!("  p99 ratio         {ratio:>8.2}  (to be at most 2)");
    stand.server.stop()
}

/// A client that has begun content.
fn writer(address: SocketAddr) -> Result<TcpStream> {
    let mut client = Client::connect(address)?;
    client.hello("slow.bench.example")?;
    client.begin("a@slow.example", "b@acme.example")
}

/// An octet to each, each second.
fn dribble(mut writers: Vec<TcpStream>, over: &AtomicBool) -> Result<()> {
    while !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        for writer in &mut writers {
            writer.write_all(b"x").context("a writer was cut off")?;
        }
        std::thread::sleep(Duration::from_secs(1).saturating_sub(began.elapsed()));
    }
    Ok(())
}

/// Honest mail for the length of a slice; how long each message took, connected before.
fn slice(address: SocketAddr) -> Result<Vec<Duration>> {
    let (end, all) = (Instant::now() + SLICE, Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..HONEST).map(|_| scope.spawn(|| honest(address, end, &all))).collect();
        clients.into_iter().try_for_each(|client| client.join().ok().context("a client panicked")?)
    })?;
    Ok(all.into_inner().unwrap_or_default())
}

fn honest(address: SocketAddr, end: Instant, all: &Mutex<Vec<Duration>>) -> Result<()> {
    let content = [b"Subject: hi\r\n\r\n".to_vec(), b"some text in a line\r\n".repeat(200)].concat();
    let mut client = Client::connect(address)?;
    client.hello("honest.bench.example")?;
    while Instant::now() < end {
        let began = Instant::now();
        let code = client.deliver("a@honest.example", "b@acme.example", &content)?;
        ensure!(code == 250, "honest mail is answered {code}");
        let took = began.elapsed();
        all.lock().map(|mut all| all.push(took)).ok().context("a client panicked")?;
        std::thread::sleep(EVERY.saturating_sub(took));
    }
    Ok(())
}
