//! Chains alone: stages, one message through them, and the thread's CPU time.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gatepost::chain::{OnFailure, Outlet, PlannedStage, Processor, Run, RunLimits};
use gatepost::mail::Envelope;
use gatepost::sink::SinkFailure;
use gatepost::telemetry::Telemetry;
use gatepost::transaction::new_id;
use gatepost::wasm::{
    Capabilities, Compiler, LoadLimits, PoolSettings, SandboxedProcessor, Sandboxes, StageIdentity,
    StageLimits,
};
use rustix::time::{ClockId, clock_gettime};

/// The host's defaults.
const LIMITS: RunLimits = RunLimits { chunk_size: 16 << 10, header_size_max: 256 << 10 };

/// An engine, and a runtime of one thread.
pub(crate) struct Bench {
    sandboxes: Sandboxes,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let sandboxes = Sandboxes::new(PoolSettings::default(), Compiler::InProcess)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        Ok(Self { sandboxes, runtime })
    }

    /// A stage of this component under the host's default limits.
    pub(crate) fn sandboxed(&self, label: &str, component: &[u8]) -> anyhow::Result<PlannedStage> {
        let identity = StageIdentity {
            tenant: "bench".into(),
            label: label.into(),
            processor: format!("bench/{label}@1.0.0"),
            telemetry: Telemetry::silent(),
            capabilities: Capabilities::default(),
        };
        let limits = StageLimits::default();
        let loaded = self.sandboxes.load(component, &LoadLimits::default(), "bench")?;
        let processor = SandboxedProcessor::new(loaded, identity, "{}".into(), limits);
        Ok(planned(label, Arc::new(processor.map_err(anyhow::Error::msg)?)))
    }

    /// One message through these stages. Gives how many bytes came out.
    pub(crate) fn run(&self, stages: &[PlannedStage], chunks: &[Bytes]) -> anyhow::Result<usize> {
        self.runtime.block_on(async {
            let mut run = Run::new(stages, LIMITS, Envelope::new(new_id(), None, Vec::new()));
            let mut outlet = Nowhere(0);
            for chunk in chunks {
                run.write(chunk.clone(), &mut outlet).await.map_err(|end| anyhow::anyhow!("{end:?}"))?;
            }
            run.finish(&mut outlet).await.map_err(|end| anyhow::anyhow!("{end:?}"))?;
            black_box(run.records());
            Ok(outlet.0)
        })
    }
}

pub(crate) fn planned(label: &str, processor: Arc<dyn Processor>) -> PlannedStage {
    PlannedStage { label: label.into(), on_failure: OnFailure::Defer, processor, breaker: None }
}

/// CPU time of this thread.
pub(crate) fn thread_cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// The middle one; of an even number the upper of the two.
pub(crate) fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Counts what comes.
struct Nowhere(usize);

#[async_trait]
impl Outlet for Nowhere {
    async fn write(&mut self, _envelope: &Envelope, chunk: Bytes) -> Result<(), SinkFailure> {
        self.0 += black_box(chunk).len();
        Ok(())
    }
}
