//! What the whole process uses, read from the kernel at each scrape.

use std::fmt;
use std::path::Path;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// CPU time, resident memory, open files and threads of this process.
#[derive(Debug)]
pub(super) struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let cpu = ConstCounter::new(cpu_seconds());
        let help = "CPU time of the process";
        let unit = Unit::Seconds;
        cpu.encode(encoder.encode_descriptor("process_cpu", help, Some(&unit), MetricType::Counter)?)?;
        let chains = ConstCounter::new(chain_threads_cpu_seconds());
        let help = "CPU time of the threads that chains run on, the runtime's own part included";
        chains.encode(encoder.encode_descriptor(
            "chain_threads_cpu",
            help,
            Some(&unit),
            MetricType::Counter,
        )?)?;
        let gauges = [
            ("process_resident_bytes", "Resident memory", resident_bytes()),
            ("process_threads", "Threads", entries("/proc/self/task")),
            ("process_open_files", "Open file descriptors", entries("/proc/self/fd")),
        ];
        for (name, help, value) in gauges {
            let Some(value) = value.and_then(|value| i64::try_from(value).ok()) else { continue };
            ConstGauge::new(value).encode(encoder.encode_descriptor(
                name,
                help,
                None,
                MetricType::Gauge,
            )?)?;
        }
        Ok(())
    }
}

/// CPU time of all threads, user and system.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let whole = u32::try_from(time.tv_sec).unwrap_or(0);
    f64::from(whole) + f64::from(u32::try_from(time.tv_nsec).unwrap_or(0)) / 1e9
}

/// `sum_exec_runtime` of the threads named `chain` (proc(5), `schedstat`).
fn chain_threads_cpu_seconds() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let of_thread = |path: &Path| {
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let ran = std::fs::read_to_string(path.join("schedstat")).ok()?;
        let ns: f64 = ran.split(' ').next()?.parse().ok()?;
        (name.trim_end() == "chain").then_some(ns / 1e9)
    };
    threads.flatten().filter_map(|thread| of_thread(&thread.path())).sum()
}

/// `VmRSS` of `status` (proc(5)), which is in KiB.
pub(in crate::telemetry) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

fn entries(folder: &str) -> Option<u64> {
    u64::try_from(std::fs::read_dir(folder).ok()?.count()).ok()
}
