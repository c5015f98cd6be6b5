//! The smoke corpus: a few small messages, each cut in several ways, through each sandboxed stage of a chain that is being
//! checked.
//!
//! ```text
//! corpus x cuts --> the stage alone, as it is configured --> figures   what it cost
//!                                                        --> warnings  it failed: `on_failure` is the answer to that
//!                                                        --> faults    what it gives depends on the cuts: refused
//! ```
//!
//! The stage sees a clock that stands still, seeded random bytes and an empty key-value space at every run, has half of its
//! CPU budget, and nobody hears what it logs. Knows nothing of where a chain came from or what becomes of it.

mod corpus;
mod trial;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ComponentStage;
use crate::chain::{Fixed, Processor, RunLimits};
use crate::config::Limits;
use crate::kv::{KvStore, MemoryKv};
use crate::telemetry::Telemetry;
use crate::tenant::Pattern;

/// Of its CPU budget a stage has one part of so many.
const BUDGET_DIVISOR: u32 = 2;
/// Longest header section, in bytes: the listener's default.
const HEADER_SIZE_MAX: usize = 256 << 10;
/// The time it is, in milliseconds since 1970: 2026-01-01.
const NOW_MS: u64 = 1_767_225_600_000;

/// One sandboxed stage of a chain, as the corpus finds it.
#[derive(Clone)]
pub struct Rehearsal {
    label: String,
    tenant: String,
    /// Or why it does not even start with half of its budget.
    processor: Result<Arc<dyn Processor>, String>,
    kv: Arc<MemoryKv>,
}

/// What the corpus showed of a chain that holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Smoke {
    /// One for each sandboxed stage, head first.
    pub figures: Vec<SmokeFigures>,
    /// Stages that failed.
    pub warnings: Vec<SmokeWarning>,
}

/// What a stage cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SmokeFigures {
    /// Its label.
    pub stage: String,
    /// Messages of the corpus that it has seen.
    pub messages: usize,
    /// Runs, each message once for each cut.
    pub runs: usize,
    /// False: it failed, or was so slow that the rest was left out.
    pub complete: bool,
    /// CPU time for a message that comes whole, in microseconds: the median.
    pub cpu_us_median: u64,
    /// The most.
    pub cpu_us_max: u64,
    /// Most linear memory of any run, in bytes.
    pub memory_peak: u64,
}

/// A stage failed on a message of the corpus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SmokeWarning {
    /// Its label.
    pub stage: String,
    /// The message, by its name in the corpus; empty: none was needed.
    pub message: String,
    /// One of `StageError::reason`, or `configure`, or `slow`.
    pub reason: String,
    /// The whole chain of causes.
    pub text: String,
}

/// What a stage gives depends on how a message is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The stage's label.
    pub stage: String,
    /// Message, cuts, and where they part.
    pub text: String,
}

/// What came of one stage.
type Tried = Result<(SmokeFigures, Option<SmokeWarning>), Fault>;

impl fmt::Display for SmokeWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, message, reason, text } = self;
        if message.is_empty() {
            return write!(f, "stage `{stage}`: {text}");
        }
        write!(f, "stage `{stage}` failed ({reason}) on the smoke message `{message}`: {text}")
    }
}

impl Rehearsal {
    /// Makes the stage once more, as the corpus is to find it. `load` is the loader's.
    pub(super) fn of(
        stage: &ComponentStage<'_>,
        load: impl FnOnce(ComponentStage<'_>) -> Result<Arc<dyn Processor>, String>,
    ) -> Self {
        let kv = Arc::new(MemoryKv::default());
        let store: Arc<dyn KvStore> = kv.clone();
        let limits = Limits {
            cpu_per_message: stage.limits.cpu_per_message / BUDGET_DIVISOR,
            cpu_per_mib: stage.limits.cpu_per_mib / BUDGET_DIVISOR,
            ..stage.limits.clone()
        };
        let processor = load(ComponentStage {
            limits: &limits,
            fixed: Some(Fixed { now_ms: NOW_MS, seed: 1 }),
            kv: Some(&store),
            telemetry: &Telemetry::silent(),
            ..*stage
        });
        Self { label: stage.label.to_owned(), tenant: stage.tenant.to_owned(), processor, kv }
    }
}

/// Runs the corpus through each of these stages, as messages to the first of `domains`. Blocks, for some seconds of CPU
/// time at most.
///
/// # Errors
/// Stages whose output depends on the cuts.
pub(super) fn run(
    rehearsals: &[Rehearsal],
    domains: &[Pattern],
    chunk_size: usize,
) -> Result<Smoke, Vec<Fault>> {
    if rehearsals.is_empty() {
        return Ok(Smoke::default());
    }
    let domain = domains
        .first()
        .map_or_else(|| "example.com".to_owned(), |pattern| pattern.to_string().replace('*', "any"));
    let limits = RunLimits { chunk_size, header_size_max: HEADER_SIZE_MAX };
    // On a thread of its own: this may be called where a runtime is at work already.
    let all = || -> std::io::Result<Vec<Tried>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let each = (trial::CHAIN_CPU_US_MAX / rehearsals.len() as u64).min(trial::STAGE_CPU_US_MAX);
        let run = |rehearsal| runtime.block_on(trial::stage(rehearsal, &domain, limits, each));
        Ok(rehearsals.iter().map(run).collect())
    };
    let done = std::thread::scope(|scope| scope.spawn(all).join());
    let stages = match done {
        Ok(Ok(stages)) => stages,
        Ok(Err(error)) => return Err(nothing_ran(rehearsals, &format!("cannot be started: {error}"))),
        Err(_) => return Err(nothing_ran(rehearsals, "panicked")),
    };
    let (mut smoke, mut faults) = (Smoke::default(), Vec::new());
    for stage in stages {
        match stage {
            Ok((figures, warning)) => {
                smoke.figures.push(figures);
                smoke.warnings.extend(warning);
            }
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(smoke) } else { Err(faults) }
}

/// A fault of ours: what was not checked does not go live.
fn nothing_ran(rehearsals: &[Rehearsal], what: &str) -> Vec<Fault> {
    let stage = rehearsals.first().map(|rehearsal| rehearsal.label.clone()).unwrap_or_default();
    vec![Fault { stage, text: format!("the smoke corpus {what}") }]
}
