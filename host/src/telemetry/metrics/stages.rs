//! What stages used, and which limits they ran into, from the message's record.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::series::Series;
use super::{LimitLabels, SERIES_MAX, SERIES_PER_TENANT_MAX, StageLabels, counter, histogram, inc, seconds};
use crate::telemetry::StageRecord;

/// A series for each stage; where a stage never does a thing, there is none of it.
pub(super) struct StageSeries {
    cpu: Series<StageLabels, Histogram>,
    wall: Series<StageLabels, Histogram>,
    memory: Series<StageLabels, Histogram>,
    output: Series<StageLabels, Counter>,
    host_calls: Series<StageLabels, Counter>,
    log_bytes: Series<StageLabels, Counter>,
    facts: Series<StageLabels, Counter>,
    kv_calls: Series<StageLabels, Counter>,
    kv_bytes: Series<StageLabels, Counter>,
    limit_hits: Series<LimitLabels, Counter>,
}

impl StageSeries {
    pub(super) fn new(r: &mut Registry) -> Self {
        let memory = Series::register(
            r,
            ("stage_memory_peak_bytes", "Most memory of a stage for one message"),
            (SERIES_MAX, SERIES_PER_TENANT_MAX),
            // 64 KiB to 1 GiB, four times each step.
            || Histogram::new(exponential_buckets(65_536.0, 4.0, 8)),
        );
        Self {
            cpu: histogram(r, "stage_cpu_seconds", "CPU time of a stage for one message"),
            wall: histogram(r, "stage_wall_seconds", "Wall time of a stage for one message"),
            memory,
            output: counter(r, "stage_output_bytes", "Bytes that stages let out"),
            host_calls: counter(r, "stage_host_calls", "Calls of the host by sandboxed stages"),
            log_bytes: counter(r, "stage_log_bytes", "What log records of stages took of the log budget"),
            facts: counter(r, "stage_facts", "Facts set by sandboxed stages"),
            kv_calls: counter(r, "stage_kv_calls", "Calls of kv"),
            kv_bytes: counter(r, "stage_kv_bytes", "Bytes of keys and values moved to and from kv"),
            limit_hits: counter(
                r,
                "stage_limit_hits",
                "Messages for which a stage ran into a limit, by limit",
            ),
        }
    }

    pub(super) fn count(&self, tenant: &str, stage: &StageRecord) {
        let labels = StageLabels { tenant: tenant.to_owned(), stage: stage.name.clone() };
        self.cpu.with(&labels, |time| time.observe(seconds(stage.cpu_us)));
        self.wall.with(&labels, |time| time.observe(seconds(stage.wall_us)));
        if stage.memory_peak > 0 {
            self.memory.with(&labels, |memory| memory.observe(bytes(stage.memory_peak)));
        }
        let counters = [
            (&self.output, stage.bytes_out),
            (&self.host_calls, stage.host_calls),
            (&self.log_bytes, stage.log_bytes),
            (&self.facts, stage.facts),
            (&self.kv_calls, stage.kv_calls),
            (&self.kv_bytes, stage.kv_bytes),
        ];
        for (series, value) in counters.into_iter().filter(|(_, value)| *value > 0) {
            series.with(&labels, |counter| {
                counter.inc_by(value);
            });
        }
        for limit in &stage.limits {
            let StageLabels { tenant, stage } = labels.clone();
            self.limit_hits.with(&LimitLabels { tenant, stage, limit: limit.to_string() }, inc);
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "exact up to 8 PiB")]
fn bytes(bytes: u64) -> f64 {
    bytes as f64
}
