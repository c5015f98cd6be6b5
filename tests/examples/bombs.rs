//! What each family of compile bombs comes to under the host's default limits: the verdict, and what it took.
//!
//! ```text
//! cargo build --release && GATEPOST_BIN=target/release/gatepost cargo run -p gatepost-tests --example bombs [--all]
//! ```
//!
//! First as they are, then, with `--all`, let through to the jail whatever their numbers are.

#![allow(clippy::print_stdout)]

use std::time::Instant;

use gatepost::telemetry::Event;
use gatepost::wasm::{Census, Compiler, LoadLimits};
use gatepost_tests::lab::Lab;
use gatepost_tests::{binary, bombs};

fn main() {
    let lab = Lab::with_compiler(Compiler::Jail(binary::path()));
    show(&lab, &LoadLimits::default());
    if std::env::args().any(|argument| argument == "--all") {
        println!("\nwithout admission");
        show(&lab, &LoadLimits { component: unlimited(), ..LoadLimits::default() });
    }
}

fn unlimited() -> Census {
    Census {
        size: u64::MAX,
        modules: u64::MAX,
        instances: u64::MAX,
        memories: u64::MAX,
        tables: u64::MAX,
        functions: u64::MAX,
        locals: u64::MAX,
        types: u64::MAX,
        type_depth: u64::MAX,
        starts: u64::MAX,
        memory: u64::MAX,
        table_elements: u64::MAX,
    }
}

fn show(lab: &Lab, limits: &LoadLimits) {
    let mut heard = lab.telemetry.subscribe();
    println!("| family | bytes | cpu ms | wall ms | verdict |\n| --- | --- | --- | --- | --- |");
    for (n, levels) in [(100, 10), (1000, 100)] {
        for (name, bomb) in bombs::all(n, levels) {
            let began = Instant::now();
            let verdict = lab
                .sandboxes
                .load(&bomb, limits, "bombs")
                .map_or_else(|e| e.to_string(), |_| "loaded".into());
            let wall = began.elapsed().as_millis();
            let jail = std::iter::from_fn(|| heard.try_recv().ok()).find_map(|event| match &*event {
                Event::ComponentCompiled { cpu_ms, .. } => Some(cpu_ms.to_string()),
                _ => None,
            });
            let (cpu, size) = (jail.unwrap_or_else(|| "-".to_owned()), bomb.len());
            println!("| {name}, n={n} i={levels} | {size} | {cpu} | {wall} | {verdict} |");
        }
    }
}
