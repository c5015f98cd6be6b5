//! The victim: honest mail at 50 messages a second, alone and beside a tenant that does its worst on 64 connections.
//!
//! Solo and loaded slices take turns in one run of one server. A message's time runs from when it was due, not from when a
//! late client came to send it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::client::Client;
use super::stand::{Setup, Stand};
use super::{DEEDS, millis, percentile, rogue};

/// Pairs of slices, one solo and one loaded.
const PAIRS: usize = 3;
/// Length of a slice.
const SLICE: Duration = Duration::from_secs(10);
/// Between two honest messages.
const EVERY: Duration = Duration::from_millis(20);
/// Connections that honest mail comes over: a late reply does not make the next message late.
const HONEST: usize = 8;
/// Connections of the attacker.
const ATTACKERS: usize = 64;
/// Below this nobody calls mail slow.
const FLOOR: Duration = Duration::from_millis(50);

pub(super) fn run(gatepost: &Path) -> Result<()> {
    println!(
        "\nhostile: honest mail at 50 messages/s, solo and beside {ATTACKERS} hostile connections, {PAIRS} pairs of {} s slices",
        SLICE.as_secs()
    );
    let rogue = rogue(gatepost)?;
    let stand = Stand::start_with(
        gatepost,
        "hostile",
        &Setup {
            log: "info",
            tenants: &[("honest", "header | rogue | maildir", ""), ("mallory", "header | rogue | null", "")],
            components: &[("rogue", &rogue)],
            listener: "sessions_per_client = 500",
        },
    )?;
    let attack = Attack::default();
    let (mut solo, mut loaded) = (Slice::default(), Slice::default());
    std::thread::scope(|scope| -> Result<()> {
        let address = stand.server.address;
        let attackers: Vec<_> = (0..ATTACKERS)
            .map(|n| {
                scope.spawn({
                    let attack = &attack;
                    move || attack.run(address, n)
                })
            })
            .collect();
        let measured = slices(address, &attack, &mut solo, &mut loaded);
        attack.over.store(true, Ordering::Relaxed);
        for attacker in attackers {
            attacker.join().ok().context("an attacker panicked")??;
        }
        measured
    })?;
    report(&stand, &attack, solo, loaded)?;
    stand.server.stop()
}

/// Slices in turn.
fn slices(address: SocketAddr, attack: &Attack, solo: &mut Slice, loaded: &mut Slice) -> Result<()> {
    // What is slow only once, and goes into no figure.
    slice(address)?;
    for _ in 0..PAIRS {
        solo.add(slice(address)?);
        attack.on.store(true, Ordering::Relaxed);
        // Until the attack is at its height.
        std::thread::sleep(Duration::from_secs(1));
        loaded.add(slice(address)?);
        attack.on.store(false, Ordering::Relaxed);
        while attack.busy.load(Ordering::Relaxed) > 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

/// What became of honest mail.
#[derive(Default)]
struct Slice {
    took: Vec<Duration>,
    /// Marks of the messages that were answered 250.
    accepted: Vec<String>,
    refused: usize,
}

impl Slice {
    fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        self.accepted.extend(other.accepted);
        self.refused += other.refused;
    }
}

/// Honest mail for the length of a slice.
fn slice(address: SocketAddr) -> Result<Slice> {
    static MARKS: AtomicU64 = AtomicU64::new(0);
    let (begun, next, all) = (Instant::now(), AtomicUsize::new(0), Mutex::new(Slice::default()));
    std::thread::scope(|scope| -> Result<()> {
        let worker = || -> Result<()> {
            let mut client = Client::connect(address)?;
            client.hello("honest.example")?;
            loop {
                let due = EVERY * u32::try_from(next.fetch_add(1, Ordering::Relaxed))?;
                if due >= SLICE {
                    return Ok(());
                }
                std::thread::sleep((begun + due).saturating_duration_since(Instant::now()));
                let mark = format!("mark-{}", MARKS.fetch_add(1, Ordering::Relaxed));
                let content = format!("Subject: {mark}\r\n\r\n{}\r\n", "An honest line.\r\n".repeat(200));
                let code = client.deliver("a@b.example", "one@honest.example", content.as_bytes())?;
                let took = (begun + due).elapsed();
                let mut all = all.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                all.took.push(took);
                if code == 250 { all.accepted.push(mark) } else { all.refused += 1 }
            }
        };
        let workers: Vec<_> = (0..HONEST).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().ok().context("a client panicked")?)
    })?;
    Ok(all.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// Hostile connections, which work while they are told to.
#[derive(Default)]
struct Attack {
    on: AtomicBool,
    over: AtomicBool,
    /// Messages that are not answered yet.
    busy: AtomicUsize,
    /// By deed and code.
    answers: Mutex<BTreeMap<(&'static str, u16), usize>>,
}

impl Attack {
    fn run(&self, address: SocketAddr, n: usize) -> Result<()> {
        let mut client = Client::connect(address)?;
        let mut turn = n;
        while !self.over.load(Ordering::Relaxed) {
            if !self.on.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
                continue;
            }
            let deed = DEEDS[turn % DEEDS.len()];
            turn += 1;
            self.busy.fetch_add(1, Ordering::Relaxed);
            client.hello(deed)?;
            let sent =
                client.deliver("m@mallory.example", "victim@mallory.example", b"Subject: x\r\n\r\nx\r\n");
            self.busy.fetch_sub(1, Ordering::Relaxed);
            let mut answers = self.answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *answers.entry((deed, sent?)).or_default() += 1;
        }
        Ok(())
    }
}

fn report(stand: &Stand, attack: &Attack, mut solo: Slice, mut loaded: Slice) -> Result<()> {
    for (name, slice) in [("solo", &mut solo), ("loaded", &mut loaded)] {
        slice.took.sort_unstable();
        ensure!(!slice.took.is_empty(), "no honest message was sent");
        println!(
            "  {name:<8} p50 {:>7.1} ms, p99 {:>7.1} ms, max {:>7.1} ms  ({} messages)",
            millis(percentile(&slice.took, 50)),
            millis(percentile(&slice.took, 99)),
            millis(percentile(&slice.took, 100)),
            slice.took.len()
        );
    }
    let (alone, beside) = (percentile(&solo.took, 99), percentile(&loaded.took, 99));
    println!("  p99 loaded / solo  {:>6.2}", beside.as_secs_f64() / alone.as_secs_f64());
    println!(
        "  the same, solo being at least {} ms  {:>6.2}  (to be at most 2)",
        FLOOR.as_millis(),
        beside.as_secs_f64() / alone.max(FLOOR).as_secs_f64()
    );
    let stored = stored(&stand.folder.join("state/mail/honest/new"))?;
    let accepted = solo.accepted.iter().chain(&loaded.accepted);
    let lost = accepted.filter(|mark| !stored.contains(*mark)).count();
    println!("  honest messages refused {}, lost {lost}  (to be 0 and 0)", solo.refused + loaded.refused);
    for ((deed, code), n) in attack.answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter() {
        println!("  {deed:<12} answered {code}: {n}");
    }
    ensure!(lost == 0, "{lost} honest messages are lost");
    Ok(())
}

/// Subjects of the messages in a folder.
fn stored(folder: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let text = std::fs::read_to_string(entry?.path())?;
        found.extend(text.lines().find_map(|line| line.strip_prefix("Subject: ").map(str::to_owned)));
    }
    Ok(found)
}
