//! `[limits]`, `[limits.max]` and a tenant's `[limits]`: the same keys with other defaults. One row for each limit: its
//! reason, its name, its range, its default.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::{Table, Value};

use super::reader::Reader;
use super::{ByteSize, units};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A limit as it is named and written.
pub type Shown = (&'static str, String);

/// How the limits of one type are read and written.
trait Limit: Sized {
    type Range;
    fn read(reader: &mut Reader<'_>, key: &'static str, range: Self::Range, default: &Self) -> Self;
    fn show(&self) -> Value;
}

impl Limit for ByteSize {
    type Range = RangeInclusive<u64>;

    fn read(reader: &mut Reader<'_>, key: &'static str, range: Self::Range, default: &Self) -> Self {
        reader.size(key, range, *default)
    }

    fn show(&self) -> Value {
        self.to_string().into()
    }
}

impl Limit for Duration {
    type Range = RangeInclusive<Duration>;

    fn read(reader: &mut Reader<'_>, key: &'static str, range: Self::Range, default: &Self) -> Self {
        reader.duration(key, range, *default)
    }

    fn show(&self) -> Value {
        units::format_duration(*self).into()
    }
}

impl Limit for u64 {
    type Range = RangeInclusive<u64>;

    fn read(reader: &mut Reader<'_>, key: &'static str, range: Self::Range, default: &Self) -> Self {
        reader.count(key, range, *default)
    }

    fn show(&self) -> Value {
        i64::try_from(*self).unwrap_or(i64::MAX).into()
    }
}

impl Limit for usize {
    type Range = RangeInclusive<u64>;

    fn read(reader: &mut Reader<'_>, key: &'static str, range: Self::Range, default: &Self) -> Self {
        usize::try_from(reader.count(key, range, *default as u64)).unwrap_or(usize::MAX)
    }

    fn show(&self) -> Value {
        i64::try_from(*self).unwrap_or(i64::MAX).into()
    }
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $key:ident: $type:ty, $range:expr, $default:expr;)+) => {
        /// `[limits]`: what one tenant's messages and components may use.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $key: $type,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        /// Reads the keys of a limits table; those that are absent keep their value in `defaults`. Leaves unknown keys to
        /// `Reader::finish`.
        pub fn read(reader: &mut Reader<'_>, defaults: &Limits) -> Limits {
            Limits { $($key: Limit::read(reader, stringify!($key), $range, &defaults.$key),)+ }
        }

        /// Each key of `limits` that is above that of `max`, with the value of `max`.
        pub fn above(limits: &Limits, max: &Limits) -> Vec<Shown> {
            let checks = [$((stringify!($key), limits.$key > max.$key, max.$key.show()),)+];
            let above = checks.into_iter().filter(|(_, above, _)| *above);
            above.map(|(key, _, max)| (key, max.as_str().map_or_else(|| max.to_string(), str::to_owned))).collect()
        }

        /// All of them, as a table that reads back as the same.
        pub fn table(limits: &Limits) -> Table {
            Table::from_iter([$((stringify!($key).to_owned(), limits.$key.show()),)+])
        }
    };
}

limits! {
    /// Linear memory of one sandboxed stage, all memories of its instance together. Default 32MiB: interpreters fit.
    memory_per_instance: ByteSize, 64 * KIB..=4 * GIB, ByteSize(32 * MIB);
    /// Elements of all tables of one sandboxed stage. Default 10000: interpreters have about half of that.
    table_elements_max: u64, 16..=1_000_000, 10_000;
    /// CPU time of one sandboxed stage for one message, before `cpu_per_mib`. Default 100ms.
    cpu_per_message: Duration, ms(1)..=secs(3600), ms(100);
    /// CPU time added for each MiB of input. Default 250ms.
    cpu_per_mib: Duration, Duration::ZERO..=secs(3600), ms(250);
    /// Time a message's chain may be runnable or running. Default 60s.
    wall_per_message: Duration, ms(1)..=secs(3600), secs(60);
    /// Output of a sandboxed stage for a message: at most this times its input, plus `output_base`. Default 4. One call may
    /// write 4 times its input, plus `output_base` (`processor.wit`).
    output_ratio_max: u64, 1..=1000, 4;
    /// What a sandboxed stage may write beyond the multiple of its input, in a call and for a message. Default and most: 1MiB
    /// (`processor.wit`).
    output_base: ByteSize, 1..=MIB, ByteSize(MIB);
    /// Calls of the host by one sandboxed stage for one message. Default 1000000: a write for every 25 bytes of the largest
    /// message.
    host_calls_max: u64, 1..=1_000_000_000, 1_000_000;
    /// Resource handles that one sandboxed stage may hold at once. Default 10000: about 300KiB of the host's memory; interpreters
    /// hold some dozens.
    handles_max: usize, 16..=1_000_000, 10_000;
    /// Log bytes of one sandboxed stage for one message. Default 8KiB.
    log_per_message: ByteSize, 0..=MIB, ByteSize(8 * KIB);
    /// Facts that the stages of a chain may set for one message. Default and most: 64 (`processor.wit`).
    facts_max: usize, 0..=64, 64;
    /// Messages of one tenant in its chain at once. Default 64.
    concurrent_messages: usize, 1..=100_000, 64;
    /// Of these, from one client network, /24 or /64: who comes slowly keeps a place for long. Default 32: no network has all of
    /// them.
    concurrent_messages_per_network: usize, 1..=100_000, 32;
    /// Sandboxed instances of one tenant at once. A message waits for as many as its chain has sandboxed stages. Default 512:
    /// an eighth of the pool.
    concurrent_instances: usize, 1..=100_000, 512;
    /// Content of one tenant's messages that the host holds between socket and chain. Default 16MiB: 64KiB for each of 256
    /// slow clients. At least 4MiB: a chain may have three chunks of `chunk_size` on their way.
    buffered_max: ByteSize, 4 * MIB..=64 * GIB, ByteSize(16 * MIB);
    /// How long a message may wait for its turn; then 451 4.3.2. Default 30s.
    queue_wait_max: Duration, Duration::ZERO..=secs(3600), secs(30);
    /// How long a chain may hold up those of other tenants that get the same message by LMTP, in all; then its recipients get 451.
    /// Default 5s.
    fork_stall_max: Duration, ms(1)..=secs(3600), secs(5);
    /// Most stages of a chain. Default 64.
    stages_max: usize, 1..=1000, 64;
    /// Consecutive messages that a sandboxed stage fails before its breaker opens. Default 20; 0: it never does.
    breaker_failures: u64, 0..=1_000_000, 20;
    /// Client networks (/24, /48) that spent budgets must come from to open the breaker. Default 3: one sender of odd
    /// messages must not switch a tenant's filter off.
    breaker_networks: u64, 1..=64, 3;
    /// How long an open breaker defers every message before it tries one. Default 30s.
    breaker_pause: Duration, ms(1)..=secs(3600), secs(30);
    /// What a tenant may keep in its key-value space, 64 bytes for each entry included. Default 16MiB: a hundred thousand
    /// entries of a greylist.
    kv_size_max: ByteSize, 0..=64 * GIB, ByteSize(16 * MIB);
    /// Calls of `kv` that one stage may make for one message. Default 400: four for each of 100 recipients.
    kv_calls_max: u64, 0..=1_000_000, 400;
    /// Bytes of keys and values that one stage may move to and from `kv` for one message. Default 4MiB: 10KiB a call.
    kv_bytes_max: ByteSize, 0..=GIB, ByteSize(4 * MIB);
    /// How long the checkers of `recipients` may take for one address, the wait for a place included; then 451. Default 5s:
    /// the client waits for each RCPT.
    recipient_check_max: Duration, ms(1)..=secs(3600), secs(5);
    /// Largest component. Default 20MiB: the largest interpreters fit.
    component_size_max: ByteSize, KIB..=GIB, ByteSize(20 * MIB);
    /// Components that may be stored of one tenant, every version counted. Default 500: years of releases, and at most some GiB.
    components_max: u64, 1..=1_000_000, 500;
    /// Core modules and components in one component. Default 200: an interpreter with its libraries has some dozens.
    component_modules_max: u64, 1..=100_000, 200;
    /// Instances that starting a component makes, nested ones multiplied out. Default 1000.
    component_instances_max: u64, 1..=1_000_000, 1000;
    /// Memories of all modules of a component. Default 8.
    component_memories_max: u64, 0..=1000, 8;
    /// Tables of all modules of a component. Default 32.
    component_tables_max: u64, 0..=10_000, 32;
    /// Functions of all modules of a component. Default 100000: the largest interpreters have a third.
    component_functions_max: u64, 1..=10_000_000, 100_000;
    /// Locals of one function, parameters included. Default 10000: compilers emit some thousands at most.
    component_locals_max: u64, 16..=50_000, 10_000;
    /// Types of all modules of a component and of itself. Default 100000.
    component_types_max: u64, 1..=1_000_000, 100_000;
    /// How deep types may stand in each other. Default 100.
    component_type_depth_max: u64, 1..=1000, 100;
    /// Start functions of a component. Default 16.
    component_starts_max: u64, 0..=10_000, 16;
    /// CPU time to compile one component. Default 10s; interpreters compiled to wasm want 30s.
    compile_cpu: Duration, secs(1)..=secs(600), secs(10);
    /// Memory to compile one component. Default 1GiB.
    compile_memory: ByteSize, 64 * MIB..=64 * GIB, ByteSize(GIB);
    /// Time to compile one component, from the start of the jail on. Default 60s: `compile_cpu` on a machine that is busy.
    compile_wall: Duration, secs(1)..=secs(3600), secs(60);
    /// Machine code that a component compiles to; the host holds it in memory. Default 128MiB: three times what the largest
    /// interpreters come to.
    compiled_size_max: ByteSize, MIB..=4 * GIB, ByteSize(128 * MIB);
}

/// What `[limits.max]` is where nothing is said: 64MiB of memory, 256 messages, all else as `[limits]`; never below it.
pub fn max_default(limits: &Limits) -> Limits {
    Limits {
        memory_per_instance: limits.memory_per_instance.max(ByteSize(64 * MIB)),
        concurrent_messages: limits.concurrent_messages.max(256),
        ..limits.clone()
    }
}
