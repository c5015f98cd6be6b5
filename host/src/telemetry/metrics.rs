//! What events add up to, as OpenMetrics.
//!
//! Labels are names of listeners, tenants, stages and sinks, and closed sets of words: never an address or a subject.
//! What a tenant can name is bounded, so that no tenant can fill the memory or crowd the others out.

pub(super) mod process;
mod series;
mod stages;
pub mod watched;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::{Event, MessageRecord};
use series::Series;
use stages::StageSeries;
use watched::{Watched, WatchedCollector};

/// Most series of `gatepost_stage_count_total`, whose names guests choose.
pub const COUNT_SERIES_MAX: usize = 1000;
/// Most series of it that one tenant may have.
pub const COUNT_SERIES_PER_TENANT_MAX: usize = 250;
/// Most series of any other metric with a tenant's name.
const SERIES_MAX: usize = 20_000;
/// Most series of any other metric that one tenant may have: it names its stages itself.
const SERIES_PER_TENANT_MAX: usize = 512;

/// All counters, gauges and histograms.
pub(super) struct Metrics {
    registry: Registry,
    sessions: Series<ListenerLabels, Counter>,
    sessions_live: Gauge,
    sessions_refused: Series<RefusedLabels, Counter>,
    handshakes_failed: Series<ListenerLabels, Counter>,
    recipients_refused: Series<CodeLabels, Counter>,
    recipients_remembered: Series<StageLabels, Counter>,
    auths: Series<AuthLabels, Counter>,
    messages: Series<VerdictLabels, Counter>,
    message_bytes: Series<TenantLabels, Counter>,
    stages: StageSeries,
    stage_failures: Series<FailureLabels, Counter>,
    turns_refused: Series<TurnLabels, Counter>,
    chain_cpu: Series<TenantLabels, CpuTime>,
    stage_count: Series<CountLabels, Counter>,
    sink_commits: Series<SinkLabels, Counter>,
    sink_commit_time: Series<SinkLabels, Histogram>,
    sink_failures: Series<SinkLabels, Counter>,
    compiles: Series<CompileLabels, Counter>,
    compile_cpu: Series<CompileLabels, Counter<f64, AtomicU64>>,
    reloads: Series<ResultLabels, Counter>,
    breaker_changes: Series<ChangeLabels, Counter>,
    instances_live: Gauge,
    instances_of_tenants: Series<TenantLabels, Gauge>,
    pub(super) watched: Arc<Watched>,
    swap_found: Gauge,
    uploads: Series<ResultLabels, Counter>,
    smoke_failures: Series<StageLabels, Counter>,
    tokens_refused: Series<ResultLabels, Counter>,
    changes_asked: Series<ResultLabels, Counter>,
}

/// The label sets. Each has the tenant first where a tenant can add to it.
macro_rules! labels {
    ($($name:ident { $($label:ident: $type:ty),+ })+) => {$(
        #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
        struct $name { $($label: $type),+ }
        labels!(@owner $name $($label)+);
    )+};
    (@owner $name:ident tenant $($rest:ident)*) => {
        impl series::Owner for $name {
            fn owner(&self) -> &str { &self.tenant }
        }
    };
    (@owner $name:ident $($rest:ident)+) => {
        impl series::Owner for $name {
            fn owner(&self) -> &str { "" }
        }
    };
}

labels! {
    ListenerLabels { listener: String }
    RefusedLabels { listener: String, reason: &'static str }
    CodeLabels { listener: String, code: u16 }
    AuthLabels { listener: String, mechanism: String, result: &'static str }
    TenantLabels { tenant: String }
    VerdictLabels { tenant: String, verdict: String }
    StageLabels { tenant: String, stage: String }
    TurnLabels { tenant: String, limit: &'static str }
    LimitLabels { tenant: String, stage: String, limit: String }
    ChangeLabels { tenant: String, stage: String, change: &'static str }
    FailureLabels { tenant: String, stage: String, reason: &'static str }
    CountLabels { tenant: String, stage: String, name: String }
    SinkLabels { tenant: String, sink: String }
    CompileLabels { tenant: String, outcome: &'static str }
    ResultLabels { result: &'static str }
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut r = Registry::with_prefix("gatepost");
        let sessions_live = Gauge::default();
        r.register("sessions_live", "Sessions at this moment", sessions_live.clone());
        let instances_live = Gauge::<i64>::default();
        r.register("instances_live", "Sandboxed instances at this moment", instances_live.clone());
        let swap_found = Gauge::default();
        r.register(
            "swap_found",
            "1 once swap was on while memory is cleared by the page scan: start the server anew",
            swap_found.clone(),
        );
        r.register_collector(Box::new(process::ProcessCollector));
        let watched = Arc::<Watched>::default();
        r.register_collector(Box::new(WatchedCollector(watched.clone())));
        Self {
            sessions: counter(&mut r, "sessions", "Sessions begun"),
            sessions_live,
            sessions_refused: counter(&mut r, "sessions_refused", "Clients sent away at once, by why"),
            handshakes_failed: counter(&mut r, "handshakes_failed", "TLS handshakes that failed"),
            recipients_refused: counter(
                &mut r,
                "recipients_refused",
                "Recipients not taken, by the reply's code",
            ),
            recipients_remembered: counter(
                &mut r,
                "recipients_remembered",
                "Recipients that a checker was not asked about, as its answer was remembered",
            ),
            auths: counter(&mut r, "auths", "Log-ins that were tried, by what became of them"),
            messages: counter(&mut r, "messages", "Messages that came to their end, by what became of them"),
            message_bytes: counter(&mut r, "message_bytes", "Octets of content received"),
            stages: StageSeries::new(&mut r),
            stage_failures: counter(&mut r, "stage_failures", "Messages that a stage could not decide on"),
            turns_refused: counter(
                &mut r,
                "turns_refused",
                "Messages that waited too long for what their tenant may have at once",
            ),
            chain_cpu: Series::register(
                &mut r,
                ("chain_cpu_seconds", "CPU time of a tenant's chains: stages, instances made and dropped"),
                (SERIES_MAX, SERIES_PER_TENANT_MAX),
                CpuTime::default,
            ),
            stage_count: Series::register(
                &mut r,
                ("stage_count", "What stages count through the log interface"),
                (COUNT_SERIES_MAX, COUNT_SERIES_PER_TENANT_MAX),
                Counter::default,
            ),
            sink_commits: counter(&mut r, "sink_commits", "Messages made durable"),
            sink_commit_time: histogram(&mut r, "sink_commit_seconds", "Time of one commit"),
            sink_failures: counter(&mut r, "sink_failures", "Messages that a sink could not keep"),
            compiles: counter(
                &mut r,
                "compiles",
                "Components that went into the jail, by what became of them",
            ),
            compile_cpu: Series::register(
                &mut r,
                ("compile_cpu_seconds", "CPU time of the jail"),
                (SERIES_MAX, SERIES_PER_TENANT_MAX),
                Counter::default,
            ),
            reloads: counter(&mut r, "reloads", "Reloads, by how they ended"),
            breaker_changes: counter(
                &mut r,
                "breaker_changes",
                "Breakers of stages that opened, tried or closed",
            ),
            instances_live,
            instances_of_tenants: Series::register(
                &mut r,
                ("tenant_instances_live", "Sandboxed instances of a tenant at this moment"),
                (SERIES_MAX, SERIES_PER_TENANT_MAX),
                Gauge::default,
            ),
            watched,
            swap_found,
            uploads: counter(&mut r, "uploads", "Components that were uploaded, by what became of them"),
            smoke_failures: counter(
                &mut r,
                "smoke_failures",
                "Stages that went live though they failed on the smoke corpus",
            ),
            tokens_refused: counter(
                &mut r,
                "admin_tokens_refused",
                "Wrong tokens at the admin address, by what their sender was told",
            ),
            changes_asked: counter(
                &mut r,
                "admin_changes",
                "Requests for changes at the admin address, by what became of them",
            ),
            registry: r,
        }
    }

    /// Adds what the event counts for.
    pub(super) fn count(&self, event: &Event) {
        match event {
            Event::SessionOpened { listener, .. } => {
                self.sessions.with(&ListenerLabels { listener: listener.clone() }, inc);
                self.sessions_live.inc();
            }
            Event::SessionClosed { .. } => {
                self.sessions_live.dec();
            }
            Event::SessionRefused { listener, reason, .. } => {
                self.sessions_refused.with(&RefusedLabels { listener: listener.clone(), reason }, inc);
            }
            Event::HandshakeFailed { listener, .. } => {
                self.handshakes_failed.with(&ListenerLabels { listener: listener.clone() }, inc);
            }
            Event::RecipientRefused { listener, code, .. } => {
                self.recipients_refused.with(&CodeLabels { listener: listener.clone(), code: *code }, inc);
            }
            Event::AuthSucceeded { listener, mechanism, .. } => self.count_auth(listener, mechanism, "ok"),
            Event::AuthFailed { listener, mechanism, reason, .. } => {
                self.count_auth(listener, mechanism, reason);
            }
            Event::Message(record) => self.count_message(record),
            Event::TurnRefused { tenant, limit, .. } => {
                self.turns_refused.with(&TurnLabels { tenant: tenant.clone(), limit }, inc);
            }
            Event::StageFailed { tenant, stage, reason, .. } => {
                let labels = FailureLabels { tenant: tenant.clone(), stage: stage.clone(), reason };
                self.stage_failures.with(&labels, inc);
            }
            Event::BreakerOpened { tenant, stage, .. } => self.breaker_changed(tenant, stage, "opened"),
            Event::BreakerProbing { tenant, stage, .. } => self.breaker_changed(tenant, stage, "probing"),
            Event::BreakerClosed { tenant, stage, .. } => self.breaker_changed(tenant, stage, "closed"),
            Event::StageCount { tenant, stage, name, delta } => {
                let name = plain_name(name);
                let labels = CountLabels { tenant: tenant.clone(), stage: stage.clone(), name };
                self.stage_count.with(&labels, |count| {
                    count.inc_by(*delta);
                });
            }
            Event::SinkCommitted { tenant, sink, us, .. } => {
                let labels = SinkLabels { tenant: tenant.clone(), sink: sink.clone() };
                self.sink_commits.with(&labels, inc);
                self.sink_commit_time.with(&labels, |time| time.observe(seconds(*us)));
            }
            Event::SinkFailed { tenant, sink, .. } => {
                self.sink_failures.with(&SinkLabels { tenant: tenant.clone(), sink: sink.clone() }, inc);
            }
            Event::ComponentCompiled { tenant, outcome, cpu_ms, .. } => {
                let labels = CompileLabels { tenant: tenant.clone(), outcome };
                self.compiles.with(&labels, inc);
                self.compile_cpu.with(&labels, |time| {
                    time.inc_by(seconds(cpu_ms.saturating_mul(1000)));
                });
            }
            Event::Reloaded { ok, .. } => {
                self.reloads.with(&ResultLabels { result: if *ok { "ok" } else { "refused" } }, inc);
            }
            Event::SwapFound { .. } => {
                self.swap_found.set(1);
            }
            Event::ProcessorStored { .. } => self.uploads.with(&ResultLabels { result: "ok" }, inc),
            Event::ProcessorRefused { .. } => self.uploads.with(&ResultLabels { result: "refused" }, inc),
            Event::SmokeFailed { tenant, stage, .. } => {
                let labels = StageLabels { tenant: tenant.clone(), stage: stage.clone() };
                self.smoke_failures.with(&labels, inc);
            }
            Event::Audit { status, .. } => {
                let result = if *status < 400 { "ok" } else { "refused" };
                self.changes_asked.with(&ResultLabels { result }, inc);
            }
            Event::Started { .. }
            | Event::TokenRefused { .. }
            | Event::SwapGone
            | Event::Stopped { .. }
            | Event::Notice { .. }
            | Event::StageLog { .. }
            | Event::TenantLoaded { .. }
            | Event::TenantRemoved { .. }
            | Event::ProcessorRemoved { .. }
            | Event::Relayed { .. }
            | Event::LimitReached { .. }
            | Event::TenantRefused { .. } => {}
        }
    }

    fn count_message(&self, record: &MessageRecord) {
        let tenant = || record.tenant.clone();
        self.messages.with(&VerdictLabels { tenant: tenant(), verdict: record.verdict.clone() }, inc);
        self.message_bytes.with(&TenantLabels { tenant: tenant() }, |bytes| {
            bytes.inc_by(record.size);
        });
        for stage in &record.stages {
            self.stages.count(&record.tenant, stage);
        }
    }

    /// `mechanism` is one that is offered.
    fn count_auth(&self, listener: &str, mechanism: &str, result: &'static str) {
        let (listener, mechanism) = (listener.to_owned(), mechanism.to_owned());
        self.auths.with(&AuthLabels { listener, mechanism, result }, inc);
    }

    pub(super) fn count_remembered(&self, tenant: &str, stage: &str) {
        let labels = StageLabels { tenant: tenant.to_owned(), stage: stage.to_owned() };
        self.recipients_remembered.with(&labels, inc);
    }

    pub(super) fn count_wrong_token(&self, limited: bool) {
        let result = if limited { "limited" } else { "refused" };
        self.tokens_refused.with(&ResultLabels { result }, inc);
    }

    /// Sessions open now.
    pub(super) fn sessions_live(&self) -> u32 {
        u32::try_from(self.sessions_live.get()).unwrap_or(0)
    }

    pub(super) fn chain_cpu(&self, tenant: &str) -> CpuCounter {
        let mut counter = CpuCounter::default();
        self.chain_cpu
            .with(&TenantLabels { tenant: tenant.to_owned() }, |time| counter.0 = Some(time.clone()));
        counter
    }

    fn breaker_changed(&self, tenant: &str, stage: &str, change: &'static str) {
        let labels = ChangeLabels { tenant: tenant.to_owned(), stage: stage.to_owned(), change };
        self.breaker_changes.with(&labels, inc);
    }

    /// An instance of `tenant`; none where it is empty.
    pub(super) fn instance(&self, tenant: &str) -> LiveInstance {
        let mut counted = vec![self.instances_live.clone()];
        if !tenant.is_empty() {
            let labels = TenantLabels { tenant: tenant.to_owned() };
            self.instances_of_tenants.with(&labels, |gauge| counted.push(gauge.clone()));
        }
        for gauge in &counted {
            gauge.inc();
        }
        LiveInstance(counted)
    }

    /// Everything as OpenMetrics text.
    pub(super) fn encode(&self, log_lines_lost: u64) -> String {
        let mut lost = Registry::with_prefix("gatepost");
        lost.register("log_lines_lost", "Log lines that were not written", ConstCounter::new(log_lines_lost));
        let mut out = String::new();
        // Writing into a string cannot fail.
        let _ = text::encode_registry(&mut out, &lost);
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}

/// Seconds.
type CpuTime = Counter<f64, AtomicU64>;

/// Adds up the CPU time of one tenant's chains.
#[derive(Debug, Clone, Default)]
pub struct CpuCounter(Option<CpuTime>);

impl CpuCounter {
    /// Adds so many nanoseconds.
    #[allow(clippy::cast_precision_loss, reason = "exact up to 104 days of one poll")]
    pub fn add_ns(&self, ns: u64) {
        if let Some(time) = &self.0 {
            time.inc_by(ns as f64 / 1e9);
        }
    }
}

/// A sandboxed instance that counts as living until this is dropped.
pub struct LiveInstance(Vec<Gauge>);

impl Drop for LiveInstance {
    fn drop(&mut self) {
        for gauge in &self.0 {
            gauge.dec();
        }
    }
}

fn inc(counter: &Counter) {
    counter.inc();
}

#[allow(clippy::cast_precision_loss, reason = "exact up to 285 years")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

/// What a guest named, as a label that needs no quoting anywhere: at most 32 of `[A-Za-z0-9_.-]`.
fn plain_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
    name.chars().take(32).map(plain).collect()
}

fn counter<L: series::Labels>(registry: &mut Registry, name: &str, help: &str) -> Series<L, Counter> {
    Series::register(registry, (name, help), (SERIES_MAX, SERIES_PER_TENANT_MAX), Counter::default)
}

fn histogram<L: series::Labels>(registry: &mut Registry, name: &str, help: &str) -> Series<L, Histogram> {
    // 10 us to 42 s, four times each step.
    let new = || Histogram::new(exponential_buckets(10e-6, 4.0, 12));
    Series::register(registry, (name, help), (SERIES_MAX, SERIES_PER_TENANT_MAX), new)
}
