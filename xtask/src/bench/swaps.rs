//! Hot reload under fire: mail at full speed while chains are activated and rolled back, and how long an upload takes to be live.
//!
//! The chain of each revision stamps it twice, by two sandboxed stages: a message that was not wholly run by one revision shows
//! two stamps that differ. Slices without swaps stand before and after those with them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::client::Client;
use super::stand::{Setup, Stand};
use super::{millis, percentile};
use crate::workspace::{build_processor, target};

/// Messages while chains are swapped, and as many without, half before and half after.
const MESSAGES: usize = 50_000;
/// Activations and rollbacks.
const SWAPS: usize = 1000;
/// Between two of them.
const EVERY: Duration = Duration::from_millis(50);
/// Connections that mail comes over.
const CONNECTIONS: usize = 20;
/// Uploads that are timed.
const UPLOADS: usize = 5;

pub(super) fn run(gatepost: &Path) -> Result<()> {
    println!(
        "\nswaps: {MESSAGES} messages at full speed beside {SWAPS} activations and rollbacks, 20 a second"
    );
    let tag = component(gatepost, "processors/subject-tag")?;
    let stand = Stand::start_with(
        gatepost,
        "swaps",
        &Setup {
            log: "warn",
            tenants: &[("acme", "maildir", ""), ("other", "null", "")],
            components: &[("subject-tag", &tag)],
            listener: "",
        },
    )?;
    activate(&stand, 0)?;
    let marks = AtomicUsize::new(0);
    let mut quiet = mail(stand.server.address, &marks, MESSAGES / 2)?;
    let (over, swaps) = (AtomicBool::new(false), Mutex::new(Swaps::default()));
    let fired = std::thread::scope(|scope| -> Result<Vec<Duration>> {
        let swapping = scope.spawn(|| swap(&stand, &over, &swaps));
        let mut fired = mail(stand.server.address, &marks, MESSAGES)?;
        let mut more = 0;
        // Faster than the swaps: mail goes on until they are done.
        while !swapping.is_finished() {
            fired.append(&mut mail(stand.server.address, &marks, 1000)?);
            more += 1000;
        }
        over.store(true, Ordering::Relaxed);
        swapping.join().ok().context("the one who swaps panicked")??;
        println!("  messages sent beside the swaps: {}", MESSAGES + more);
        Ok(fired)
    })?;
    quiet.extend(mail(stand.server.address, &marks, MESSAGES / 2)?);
    report(&stand, quiet, fired, &swaps.into_inner().unwrap_or_default(), marks.into_inner())?;
    uploads(gatepost, &stand, &tag)?;
    stand.server.stop()
}

fn component(gatepost: &Path, krate: &str) -> Result<PathBuf> {
    let name = krate.rsplit('/').next().unwrap_or(krate);
    let component = target()?.join(format!("components/{name}.wasm"));
    std::fs::create_dir_all(component.parent().unwrap_or(Path::new(".")))?;
    build_processor(gatepost, krate, &component)?;
    Ok(component)
}

/// How long each took.
#[derive(Default)]
struct Swaps {
    activations: Vec<Duration>,
    rollbacks: Vec<Duration>,
}

/// Makes a chain live that stamps `n` twice.
fn activate(stand: &Stand, n: usize) -> Result<Value> {
    let stage = |own: &str| json!({"config": {"tag": format!("[{own}{n}]")}});
    let change = json!({
        "chain": "header | a:subject-tag | b:subject-tag | maildir",
        "stage": {"a": stage("a"), "b": stage("b")},
    });
    stand.api("PUT", "/v1/tenants/acme/chain", change.to_string().as_bytes())
}

fn swap(stand: &Stand, over: &AtomicBool, swaps: &Mutex<Swaps>) -> Result<()> {
    let began = Instant::now();
    for n in 1..=SWAPS {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let due = began + EVERY * u32::try_from(n)?;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let at = Instant::now();
        let rolls_back = n % 2 == 0;
        if rolls_back {
            stand.api("POST", "/v1/tenants/acme/chain/rollback", b"{}")?;
        } else {
            activate(stand, n)?;
        }
        let mut swaps = swaps.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if rolls_back { &mut swaps.rollbacks } else { &mut swaps.activations }.push(at.elapsed());
    }
    Ok(())
}

/// So many messages as quick as they go; how long each waited for its last reply.
fn mail(address: SocketAddr, marks: &AtomicUsize, messages: usize) -> Result<Vec<Duration>> {
    let (all, left) = (Mutex::new(Vec::with_capacity(messages)), AtomicUsize::new(messages));
    std::thread::scope(|scope| -> Result<()> {
        let worker = || -> Result<()> {
            let mut client = Client::connect(address)?;
            client.hello("fire.example")?;
            let mut took = Vec::new();
            let take = |left: usize| left.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                let mark = marks.fetch_add(1, Ordering::Relaxed);
                let content = format!("Subject: mark-{mark}\r\n\r\n{}\r\n", "A line of mail.\r\n".repeat(60));
                let at = Instant::now();
                let code = client.deliver("a@b.example", "one@acme.example", content.as_bytes())?;
                took.push(at.elapsed());
                ensure!(code == 250, "a message was answered {code}");
            }
            all.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(&mut took);
            Ok(())
        };
        let workers: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().ok().context("a client panicked")?)
    })?;
    Ok(all.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

fn report(
    stand: &Stand,
    mut quiet: Vec<Duration>,
    mut fired: Vec<Duration>,
    swaps: &Swaps,
    sent: usize,
) -> Result<()> {
    for (name, took) in [("quiet", &mut quiet), ("swapped", &mut fired)] {
        took.sort_unstable();
        println!(
            "  replies, {name:<8} p50 {:>7.1} ms, p99 {:>7.1} ms, p99.9 {:>7.1} ms, max {:>7.1} ms  ({} messages)",
            millis(percentile(took, 50)),
            millis(percentile(took, 99)),
            millis(thousandth(took, 999)),
            millis(percentile(took, 100)),
            took.len()
        );
    }
    let ratio = thousandth(&fired, 999).as_secs_f64() / thousandth(&quiet, 999).as_secs_f64();
    println!("  p99.9 swapped / quiet  {ratio:>6.2}  (to be at most 2)");
    for (name, took) in [("activations", &swaps.activations), ("rollbacks", &swaps.rollbacks)] {
        let mut took = took.clone();
        took.sort_unstable();
        ensure!(!took.is_empty(), "there were no {name}");
        println!(
            "  {name:<12} p50 {:>7.1} ms, p99 {:>7.1} ms, max {:>7.1} ms  ({})",
            millis(percentile(&took, 50)),
            millis(percentile(&took, 99)),
            millis(percentile(&took, 100)),
            took.len()
        );
    }
    let (mut marks, mut torn, mut stamps) = (BTreeMap::<String, usize>::new(), 0, BTreeMap::new());
    for entry in std::fs::read_dir(stand.folder.join("state/mail/acme/new"))? {
        let text = std::fs::read_to_string(entry?.path())?;
        let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default();
        match subject.split(' ').collect::<Vec<_>>().as_slice() {
            [b, a, mark] if a.strip_prefix("[a") == b.strip_prefix("[b") => {
                *marks.entry((*mark).to_owned()).or_default() += 1;
                *stamps.entry((*a).to_owned()).or_insert(0_usize) += 1;
            }
            _ => torn += 1,
        }
    }
    let lost = sent - marks.len();
    let twice = marks.values().filter(|n| **n > 1).count();
    println!(
        "  lost {lost}, duplicated {twice}, by more than one revision {torn}, of {} different stamps  (to be 0, 0, 0)",
        stamps.len()
    );
    ensure!(lost == 0 && twice == 0 && torn == 0, "messages were lost, duplicated or torn");
    Ok(())
}

/// The figure that so many of a thousand do not exceed, of sorted ones.
fn thousandth(sorted: &[Duration], thousandths: usize) -> Duration {
    sorted[(sorted.len() * thousandths).div_ceil(1000).saturating_sub(1)]
}

/// From the first byte of an upload until the chain that names it is live, by components' sizes.
fn uploads(gatepost: &Path, stand: &Stand, small: &Path) -> Result<()> {
    let large = component(gatepost, "xtask/guests/bulky")?;
    for (name, file) in [("small", small), ("large", large.as_path())] {
        let component = std::fs::read(file)?;
        let mut took = Vec::new();
        for n in 0..UPLOADS {
            // A custom section at the end makes it another component, which no cache knows.
            let bytes = [component.as_slice(), &[0, 4, 1, b'n', u8::try_from(n)?, 0]].concat();
            let at = Instant::now();
            stand.api("PUT", &format!("/v1/tenants/other/processors/{name}/1.0.{n}"), &bytes)?;
            let change = json!({ "chain": format!("{name}@1.0.{n} | null") });
            stand.api("PUT", "/v1/tenants/other/chain", change.to_string().as_bytes())?;
            took.push(at.elapsed());
        }
        took.sort_unstable();
        println!(
            "  upload to live, {} KiB: median {:>7.0} ms, max {:>7.0} ms",
            component.len() >> 10,
            millis(percentile(&took, 50)),
            millis(percentile(&took, 100))
        );
    }
    Ok(())
}
