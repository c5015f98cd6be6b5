//! What stages cost, in this process and without a network: `stage_cost PASS.wasm`, for `cargo xtask bench`.
//!
//! Prints one JSON object: medians of the thread's CPU time, in nanoseconds. `PASS.wasm` is `xtask/guests/pass`.

#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use gatepost::chain::{
    Content, Flow, OnFailure, Outlet, PlannedStage, Processor, Run, RunLimits, Stage, StageContext, StageEnd,
};
use gatepost::mail::Envelope;
use gatepost::sink::SinkFailure;
use gatepost::telemetry::Telemetry;
use gatepost::transaction::new_id;
use gatepost::wasm::{Capabilities, PoolSettings, SandboxedProcessor, Sandboxes, StageIdentity, StageLimits};
use rustix::time::{ClockId, clock_gettime};

/// Rounds, each of [`MESSAGES`]; every kind of chain is measured in every round, in turn.
const ROUNDS: usize = 21;
const MESSAGES: u32 = 200;
const LIMITS: RunLimits = RunLimits { chunk_size: 16 << 10, header_size_max: 256 << 10 };

fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).context("stage_cost takes the path of a component")?;
    let component = std::fs::read(&path).with_context(|| format!("cannot read `{path}`"))?;
    let sandboxes = Sandboxes::new(PoolSettings { memory_max: 64 << 20 })?;
    let loaded = sandboxes.load(&component)?;
    let sandboxed = |label: &str| -> anyhow::Result<PlannedStage> {
        let identity = StageIdentity {
            tenant: "bench".into(),
            label: label.into(),
            processor: "bench/pass@1.0.0".into(),
            telemetry: Telemetry::silent(),
            capabilities: Capabilities::default(),
        };
        let limits = StageLimits {
            memory: 32 << 20,
            cpu_per_message: Duration::from_millis(100),
            cpu_per_mib: Duration::from_millis(250),
            output_ratio: 4,
            log_bytes: 8 << 10,
        };
        let processor = SandboxedProcessor::new(loaded.clone(), identity, "{}".into(), limits);
        Ok(planned(label, Arc::new(processor.map_err(anyhow::Error::msg)?)))
    };
    let native = |label: &str| planned(label, Arc::new(Native));
    let (a, b, c) = (sandboxed("a")?, sandboxed("b")?, sandboxed("c")?);
    let message = message(4 << 10);
    let chunk = [Bytes::from(vec![b'x'; 4 << 10])];
    let chunks = vec![chunk[0].clone(); 101];
    let kinds: [(&str, Vec<PlannedStage>, &[Bytes]); 6] = [
        ("no_stage", Vec::new(), &message),
        ("three_native", vec![native("a"), native("b"), native("c")], &message),
        ("three_sandboxed", vec![a.clone(), b, c], &message),
        ("one_sandboxed_empty", vec![a.clone()], &[]),
        ("one_sandboxed_1_write", vec![a.clone()], &chunk),
        ("one_sandboxed_101_writes", vec![a], &chunks),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let mut times = vec![Vec::new(); kinds.len()];
    for _ in 0..ROUNDS {
        for (times, (_, stages, chunks)) in times.iter_mut().zip(&kinds) {
            let began = thread_cpu();
            for _ in 0..MESSAGES {
                runtime.block_on(through(stages, chunks))?;
            }
            times.push((thread_cpu() - began) / MESSAGES);
        }
    }
    let mut shown = serde_json::Map::new();
    for (times, (name, ..)) in times.iter_mut().zip(&kinds) {
        times.sort();
        shown.insert((*name).into(), u64::try_from(times[ROUNDS / 2].as_nanos())?.into());
    }
    println!("{}", serde_json::Value::from(shown));
    Ok(())
}

fn planned(label: &str, processor: Arc<dyn Processor>) -> PlannedStage {
    PlannedStage { label: label.into(), on_failure: OnFailure::Defer, processor }
}

fn message(size: usize) -> [Bytes; 1] {
    let mut message = b"Subject: bench\r\n\r\n".to_vec();
    while message.len() < size {
        message.extend_from_slice(
            b"The quick brown fox jumps over the lazy dog, and does it again and again.\r\n",
        );
    }
    message.truncate(size);
    [message.into()]
}

async fn through(stages: &[PlannedStage], chunks: &[Bytes]) -> anyhow::Result<()> {
    let mut run = Run::new(stages, LIMITS, Envelope::new(new_id(), None, Vec::new()));
    for chunk in chunks {
        run.write(chunk.clone(), &mut Nowhere).await.map_err(|end| anyhow::anyhow!("{end:?}"))?;
    }
    run.finish(&mut Nowhere).await.map_err(|end| anyhow::anyhow!("{end:?}"))?;
    black_box(run.records());
    Ok(())
}

fn thread_cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Takes what comes.
struct Nowhere;

#[async_trait]
impl Outlet for Nowhere {
    async fn write(&mut self, _envelope: &Envelope, chunk: Bytes) -> Result<(), SinkFailure> {
        black_box(chunk);
        Ok(())
    }
}

/// The native counterpart of `xtask/guests/pass`.
struct Native;

impl Processor for Native {
    fn id(&self) -> &str {
        "native-pass"
    }

    fn takes(&self) -> Content {
        Content::Any
    }

    fn gives(&self) -> Content {
        Content::Any
    }

    fn stage(&self) -> Box<dyn Stage> {
        Box::new(NativeStage)
    }
}

struct NativeStage;

#[async_trait]
impl Stage for NativeStage {
    async fn write(&mut self, chunk: &Bytes, _cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        black_box(chunk);
        Ok(Flow::Pass)
    }
}
