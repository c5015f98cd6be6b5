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

/// How large the pool is made.
#[derive(Debug, Clone, Copy)]
pub struct PoolSettings {
    /// Largest linear memory of an instance, in bytes: `[limits.max] memory_per_instance`.
    pub memory_max: usize,
}

/// An engine, and what the operator should know about how its pool was made.
pub(super) fn new(settings: PoolSettings) -> wasmtime::Result<(Engine, Vec<String>)> {
    let (pool, notices) = pool(settings);
    Ok((Engine::new(&engine_config(InstanceAllocationStrategy::Pooling(pool)))?, notices))
}

/// The engine of the jail, which only compiles: a pool would not fit into its address space, and it may start no thread. What
/// it compiles fits the server's engine.
pub(super) fn for_the_jail() -> wasmtime::Result<Engine> {
    Engine::new(engine_config(InstanceAllocationStrategy::OnDemand).parallel_compilation(false))
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
        .wasm_component_model(true)
        .wasm_simd(true)
        .wasm_relaxed_simd(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .allocation_strategy(allocation);
    config
}

fn pool(settings: PoolSettings) -> (PoolingAllocationConfig, Vec<String>) {
    let mut notices = Vec::new();
    let instances = instances_that_fit(&mut notices);
    let scan = PoolingAllocationConfig::is_pagemap_scan_available() && !swap_is_on();
    if !scan {
        // With swap on, the scan overlooks swapped pages and would leak them into the next instance.
        notices
            .push("page scan is off (swap is on, or the kernel has none): instances start slower".to_owned());
    }
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(instances)
        .total_core_instances(instances * 3)
        .total_memories(instances)
        .total_tables(instances * 2)
        .total_stacks(STACKS)
        .max_memory_size(settings.memory_max)
        .max_memories_per_module(1)
        .max_tables_per_module(2)
        .table_elements(5000)
        .linear_memory_keep_resident(if scan { 512 << 10 } else { 128 << 10 })
        .table_keep_resident(16 << 10)
        .async_stack_keep_resident(64 << 10)
        .decommit_batch_size(1)
        .max_unused_warm_slots(100)
        .pagemap_scan(if scan { Enabled::Yes } else { Enabled::No });
    (pool, notices)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::cache::compatibility;

    /// Goal: what the jail compiles is what the server runs.
    #[test]
    fn jail_and_server_are_compatible() {
        let (server, _) = new(PoolSettings { memory_max: 64 << 20 }).unwrap();
        let jail = for_the_jail().unwrap();
        assert_eq!(compatibility(&server), compatibility(&jail));
        let other = Engine::new(
            engine_config(InstanceAllocationStrategy::OnDemand).cranelift_nan_canonicalization(false),
        );
        assert_ne!(compatibility(&other.unwrap()), compatibility(&jail), "it tells settings apart");
    }
}
