//! The wasmtime engine: its settings, its pool, its epoch ticker.
//!
//! The settings were measured (`docs/measurements.md`): page faults and mprotect dominate, not wasm. Left as wasmtime has
//! them, on purpose: Cranelift's guards against Spectre (heap and table accesses are masked behind their bounds checks),
//! and guard pages of 32 MiB behind 4 GiB reservations.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Strategy,
    WasmFeatures,
};

use super::swap::Swaps;

/// Length of one epoch: a guest that runs longer yields its thread.
const TICK: Duration = Duration::from_millis(1);
/// Most instances at once, whatever the kernel would allow: 64 messages of 64 stages.
const INSTANCES_MAX: u32 = 4096;
/// Fewest, whatever the kernel says.
const INSTANCES_MIN: u32 = 64;
/// Most guest calls in flight at once; only a call needs a stack.
const STACKS: u32 = 1000;
/// What one component may take of the pool: core instances (a module, and the shims that tools put around it), memories
/// and tables. One that is made of more cannot be instantiated, so no instance takes many others' places.
const CORES_PER_COMPONENT: u32 = 32;
const MEMORIES_PER_COMPONENT: u32 = 4;
const TABLES_PER_COMPONENT: u32 = 8;
/// What wasmtime itself may need for one instance, in bytes: 32 for a function that is passed around, 16 for a global.
const METADATA_MAX: usize = 1 << 20;

/// Every proposal that guests may use; all others are off, also those that a later wasmtime turns on by itself. Beyond the
/// first edition of WebAssembly: what `clang` and `rustc` emit for `wasm32` without being asked, and SIMD. Left out with
/// reason: threads and shared memory (a clock in disguise), memory64 (no bounds by guard pages), multi-memory and custom page
/// sizes (the pool's slots), gc, exceptions, function references and stack switching (young), tail calls and wide
/// arithmetic (unused), relaxed SIMD (not deterministic), component-model-async (stages are called one at a time).
fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIMD
        | WasmFeatures::FLOATS
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::COMPONENT_MODEL
}

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
    /// Most instances at once; fewer where `vm.max_map_count` is small.
    pub instances_max: u32,
}

/// What the config's defaults come to.
impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            memory_max: 64 << 20,
            table_elements: 10_000,
            guest_stack: 512 << 10,
            instances_max: INSTANCES_MAX,
        }
    }
}

/// An engine, and how it was made.
pub(super) struct Made {
    pub(super) engine: Engine,
    /// The instances that its pool has room for.
    pub(super) instances: u32,
    /// Memory is cleared by way of the page scan, which must not be where swap is on.
    pub(super) page_scan: bool,
    /// What the operator should know.
    pub(super) notices: Vec<String>,
}

/// Makes the engine.
pub(super) fn new(settings: PoolSettings, swaps: &Swaps) -> wasmtime::Result<Made> {
    let mut notices = Vec::new();
    let page_scan = PoolingAllocationConfig::is_pagemap_scan_available() && !swaps.is_on();
    if !page_scan {
        // With swap on, the scan overlooks swapped pages and would leak them into the next instance.
        notices
            .push("page scan is off (swap is on, or the kernel has none): instances start slower".to_owned());
    }
    let instances = settings.instances_max.min(instances_that_fit(&mut notices));
    let engine = pooling(settings, instances, page_scan)?;
    Ok(Made { engine, instances, page_scan, notices })
}

/// An engine with the same settings and room for `instances` only, so that their places are soon used again.
pub(super) fn small(page_scan: bool, instances: u32) -> wasmtime::Result<Engine> {
    pooling(PoolSettings::default(), instances, page_scan)
}

fn pooling(settings: PoolSettings, instances: u32, page_scan: bool) -> wasmtime::Result<Engine> {
    let pool = pool(settings, instances, page_scan);
    let mut config = engine_config(InstanceAllocationStrategy::Pooling(pool));
    config.max_wasm_stack(settings.guest_stack).async_stack_size(settings.guest_stack + HOST_STACK);
    Engine::new(&config)
}

/// The engine of the jail, which only compiles: a pool would not fit into its address space, and it may start no thread. What
/// it compiles fits the server's engine.
pub(super) fn for_the_jail() -> wasmtime::Result<Engine> {
    Engine::new(engine_config(InstanceAllocationStrategy::OnDemand).parallel_compilation(false))
}

/// Each kind of place in a pool for so many instances, and how many there are.
pub(super) fn places(instances: u32) -> [(&'static str, u32); 5] {
    [
        ("instances", instances),
        ("core_instances", instances.saturating_mul(3)),
        ("memories", instances),
        ("tables", instances.saturating_mul(2)),
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

/// Whatever stands here but the allocation is part of the compatibility hash, so server and jail share it.
fn engine_config(allocation: InstanceAllocationStrategy) -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .concurrency_support(false)
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(features(), true)
        .allocation_strategy(allocation);
    config
}

fn pool(settings: PoolSettings, instances: u32, page_scan: bool) -> PoolingAllocationConfig {
    let [components, cores, memories, tables, stacks] = places(instances).map(|(_, places)| places);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(components)
        .total_core_instances(cores)
        .total_memories(memories)
        .total_tables(tables)
        .total_stacks(stacks)
        .max_core_instances_per_component(CORES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_component_instance_size(METADATA_MAX)
        .max_core_instance_size(METADATA_MAX)
        .max_memory_size(settings.memory_max)
        .max_memories_per_module(1)
        .max_tables_per_module(2)
        .table_elements(settings.table_elements)
        .linear_memory_keep_resident(if page_scan { 512 << 10 } else { 128 << 10 })
        .table_keep_resident(16 << 10)
        .decommit_batch_size(1)
        .max_unused_warm_slots(100)
        .pagemap_scan(if page_scan { Enabled::Yes } else { Enabled::No });
    pool
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
    fit.clamp(INSTANCES_MIN, INSTANCES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::cache::compatibility;

    /// Goal: what the jail compiles is what the server runs.
    #[test]
    fn jail_and_server_are_compatible() {
        let jail = for_the_jail().unwrap();
        for guest_stack in [64 << 10, 512 << 10] {
            let server =
                new(PoolSettings { guest_stack, ..PoolSettings::default() }, &Swaps::default()).unwrap();
            assert_eq!(compatibility(&server.engine), compatibility(&jail));
        }
        let other = Engine::new(
            engine_config(InstanceAllocationStrategy::OnDemand).cranelift_nan_canonicalization(false),
        );
        assert_ne!(compatibility(&other.unwrap()), compatibility(&jail), "it tells settings apart");
    }
}
