//! Reads `[limits]`, `[limits.max]` and a tenant's `[limits]`: the same keys with other defaults.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::reader::Reader;
use super::{ByteSize, Limits, units};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const MS: Duration = Duration::from_millis(1);

const fn secs(from: u64, to: u64) -> RangeInclusive<Duration> {
    Duration::from_secs(from)..=Duration::from_secs(to)
}

/// Reads the keys of a limits table; those that are absent keep their value in `defaults`. Leaves unknown keys to
/// `Reader::finish`.
pub fn read(reader: &mut Reader<'_>, defaults: &Limits) -> Limits {
    let d = defaults;
    let hour = Duration::from_secs(3600);
    let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    Limits {
        memory_per_instance: reader.size("memory_per_instance", 64 * KIB..=4 * GIB, d.memory_per_instance),
        cpu_per_message: reader.duration("cpu_per_message", MS..=hour, d.cpu_per_message),
        cpu_per_mib: reader.duration("cpu_per_mib", Duration::ZERO..=hour, d.cpu_per_mib),
        wall_per_message: reader.duration("wall_per_message", MS..=hour, d.wall_per_message),
        output_ratio_max: reader.count("output_ratio_max", 1..=1000, d.output_ratio_max),
        log_per_message: reader.size("log_per_message", 0..=MIB, d.log_per_message),
        component_size_max: reader.size("component_size_max", KIB..=GIB, d.component_size_max),
        concurrent_messages: count(reader.count(
            "concurrent_messages",
            1..=100_000,
            d.concurrent_messages as u64,
        )),
        queue_wait_max: reader.duration("queue_wait_max", Duration::ZERO..=hour, d.queue_wait_max),
        stages_max: count(reader.count("stages_max", 1..=1000, d.stages_max as u64)),
        compile_cpu: reader.duration("compile_cpu", secs(1, 600), d.compile_cpu),
        compile_memory: reader.size("compile_memory", 64 * MIB..=64 * GIB, d.compile_memory),
        kv_size_max: reader.size("kv_size_max", 0..=64 * GIB, d.kv_size_max),
        kv_calls_max: reader.count("kv_calls_max", 0..=1_000_000, d.kv_calls_max),
        recipient_check_max: reader.duration("recipient_check_max", MS..=hour, d.recipient_check_max),
    }
}

/// A limit as it is named and written.
pub type Shown = (&'static str, String);

/// Each key of `limits` that is above that of `max`, with the value of `max`.
pub fn above(limits: &Limits, max: &Limits) -> Vec<Shown> {
    let size = |value: ByteSize| value.to_string();
    let time = units::format_duration;
    // Taken apart, so that a new limit cannot be forgotten here.
    let Limits {
        memory_per_instance,
        cpu_per_message,
        cpu_per_mib,
        wall_per_message,
        output_ratio_max,
        log_per_message,
        component_size_max,
        concurrent_messages,
        queue_wait_max,
        stages_max,
        compile_cpu,
        compile_memory,
        kv_size_max,
        kv_calls_max,
        recipient_check_max,
    } = max;
    let checks = [
        (
            "memory_per_instance",
            limits.memory_per_instance > *memory_per_instance,
            size(*memory_per_instance),
        ),
        ("cpu_per_message", limits.cpu_per_message > *cpu_per_message, time(*cpu_per_message)),
        ("cpu_per_mib", limits.cpu_per_mib > *cpu_per_mib, time(*cpu_per_mib)),
        ("wall_per_message", limits.wall_per_message > *wall_per_message, time(*wall_per_message)),
        ("output_ratio_max", limits.output_ratio_max > *output_ratio_max, output_ratio_max.to_string()),
        ("log_per_message", limits.log_per_message > *log_per_message, size(*log_per_message)),
        ("component_size_max", limits.component_size_max > *component_size_max, size(*component_size_max)),
        (
            "concurrent_messages",
            limits.concurrent_messages > *concurrent_messages,
            concurrent_messages.to_string(),
        ),
        ("queue_wait_max", limits.queue_wait_max > *queue_wait_max, time(*queue_wait_max)),
        ("stages_max", limits.stages_max > *stages_max, stages_max.to_string()),
        ("compile_cpu", limits.compile_cpu > *compile_cpu, time(*compile_cpu)),
        ("compile_memory", limits.compile_memory > *compile_memory, size(*compile_memory)),
        ("kv_size_max", limits.kv_size_max > *kv_size_max, size(*kv_size_max)),
        ("kv_calls_max", limits.kv_calls_max > *kv_calls_max, kv_calls_max.to_string()),
        (
            "recipient_check_max",
            limits.recipient_check_max > *recipient_check_max,
            time(*recipient_check_max),
        ),
    ];
    checks.into_iter().filter(|(_, above, _)| *above).map(|(key, _, max)| (key, max)).collect()
}

/// What `[limits.max]` is where nothing is said: 64MiB of memory, 256 messages, all else as `[limits]`; never below it.
pub fn max_default(limits: &Limits) -> Limits {
    Limits {
        memory_per_instance: limits.memory_per_instance.max(ByteSize(64 * MIB)),
        concurrent_messages: limits.concurrent_messages.max(256),
        ..limits.clone()
    }
}
