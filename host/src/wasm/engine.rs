//! The wasmtime engine: its settings, its pool, its epoch ticker.
//!
//! The settings were measured (`docs/measurements.md`): page faults and mprotect dominate, not wasm.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Strategy,
};

/// Length of one epoch: a guest that runs longer yields its thread.
const TICK: Duration = Duration::from_millis(1);
/// Most instances at once, whatever the kernel would allow: 64 messages of 64 stages.
const INSTANCES_MAX: u32 = 4096;
/// Most guest calls in flight at once; only a call needs a stack.
const STACKS: u32 = 1000;

/// What a host call of a guest may take of the guest's stack beyond what the guest itself may, in bytes: the host's code runs
/// there too.
const HOST_STACK: usize = 3 << 19;

/// How large the pool is made.
#[derive(Debug, Clone, Copy)]
pub struct PoolSettings {
    /// Largest linear memory of an instance, in bytes: `[limits.max] memory_per_instance`.
    pub memory_max: usize,
    /// Most elements of a table: `[limits.max] table_elements_max`.
    pub table_elements: usize,
    /// Stack of a guest, in bytes: `[server] guest_stack`.
    pub guest_stack: usize,
}

/// What the config's defaults come to.
impl Default for PoolSettings {
    fn default() -> Self {
        Self { memory_max: 64 << 20, table_elements: 10_000, guest_stack: 512 << 10 }
    }
}

/// An engine, the instances that its pool has room for, and what the operator should know about how it was made.
pub(super) fn new(settings: PoolSettings) -> wasmtime::Result<(Engine, u32, Vec<String>)> {
    let (pool, instances, notices) = pool(settings);
    let mut config = engine_config(pool);
    config.max_wasm_stack(settings.guest_stack).async_stack_size(settings.guest_stack + HOST_STACK);
    Ok((Engine::new(&config)?, instances, notices))
}

/// Each kind of place in a pool for so many instances, and how many there are.
pub(super) fn places(instances: u32) -> [(&'static str, u32); 5] {
    [
        ("instances", instances),
        ("core_instances", instances * 3),
        ("memories", instances),
        ("tables", instances * 2),
        ("stacks", STACKS),
    ]
}

/// Counts the engine's epochs until it is dropped.
pub(super) struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(super) fn start(engine: Engine) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("epoch".into()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(TICK);
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The thread's only fault would be a panic, which has been printed.
            let _ = thread.join();
        }
    }
}

fn engine_config(pool: PoolingAllocationConfig) -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .concurrency_support(false)
        .wasm_component_model(true)
        .wasm_simd(true)
        .wasm_relaxed_simd(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

fn pool(settings: PoolSettings) -> (PoolingAllocationConfig, u32, Vec<String>) {
    let mut notices = Vec::new();
    let instances = instances_that_fit(&mut notices);
    let scan = PoolingAllocationConfig::is_pagemap_scan_available() && !swap_is_on();
    if !scan {
        // With swap on, the scan overlooks swapped pages and would leak them into the next instance.
        notices
            .push("page scan is off (swap is on, or the kernel has none): instances start slower".to_owned());
    }
    let [components, cores, memories, tables, stacks] = places(instances).map(|(_, places)| places);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(components)
        .total_core_instances(cores)
        .total_memories(memories)
        .total_tables(tables)
        .total_stacks(stacks)
        .max_memory_size(settings.memory_max)
        .max_memories_per_module(1)
        .max_tables_per_module(2)
        .table_elements(settings.table_elements)
        .linear_memory_keep_resident(if scan { 512 << 10 } else { 128 << 10 })
        .table_keep_resident(16 << 10)
        .async_stack_keep_resident(64 << 10)
        .decommit_batch_size(1)
        .max_unused_warm_slots(100)
        .pagemap_scan(if scan { Enabled::Yes } else { Enabled::No });
    (pool, instances, notices)
}

/// Instances that the kernel's limit on mappings has room for: about 4 mappings each, and 5000 for everything else.
fn instances_that_fit(notices: &mut Vec<String>) -> u32 {
    let mappings = std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok())
        .unwrap_or(65530);
    let fit = mappings.saturating_sub(5000) / 4;
    if fit < INSTANCES_MAX {
        notices.push(format!(
            "room for {fit} instances at once; `sysctl vm.max_map_count={}` makes room for {INSTANCES_MAX}",
            INSTANCES_MAX * 4 + 5000
        ));
    }
    fit.clamp(64, INSTANCES_MAX)
}

fn swap_is_on() -> bool {
    // One heading line, then a line for each swap area. Unreadable: assume the worse.
    std::fs::read_to_string("/proc/swaps").map_or(true, |text| text.lines().count() > 1)
}
