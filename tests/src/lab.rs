//! Chains at library level: stages of natives and fixtures, one message through them, and all that came of it.
//!
//! Knows nothing of SMTP, tenants or sinks.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use gatepost::chain::meter::{CpuMeter, Metered};
use gatepost::chain::{
    Fixed, OnFailure, Outlet, PlannedCheck, PlannedStage, Run, RunEnd, RunLimits, Settings, StageEnd,
    StageScope,
};
use gatepost::kv::MemoryKv;
use gatepost::mail::{Envelope, Mailbox, MessageId, Verdict};
use gatepost::sink::SinkFailure;
use gatepost::telemetry::{Event, StageRecord, Telemetry, causes};
use gatepost::wasm::{
    Capabilities, Compiler, KvAccess, LoadError, LoadLimits, Loaded, PoolSettings, SandboxedChecker,
    SandboxedProcessor, Sandboxes, StageIdentity, StageLimits,
};

/// Longest header section in a lab, in bytes: the listener's default.
pub const HEADER_SIZE_MAX: usize = 256 << 10;
/// Size of chunks in a lab, in bytes: the host's default.
pub const CHUNK_SIZE: usize = 16 << 10;

/// What a tenant may keep in a lab, in bytes.
pub const KV_SIZE_MAX: u64 = 1 << 20;
/// Calls of `kv` of one stage and message in a lab.
pub const KV_CALLS_MAX: u64 = 400;
/// Bytes that one stage may move to and from `kv` for a message in a lab.
pub const KV_BYTES_MAX: u64 = 4 << 20;

/// Whose stages they are.
pub const TENANT: &str = "acme";

/// An engine, and somewhere to listen to what stages say.
pub struct Lab {
    /// The engine.
    pub sandboxes: Sandboxes,
    /// Where stages speak.
    pub telemetry: Telemetry,
    /// What stages remember.
    pub kv: Arc<MemoryKv>,
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

impl Lab {
    /// An engine with the host's default pool.
    ///
    /// # Panics
    /// If the kernel gives no room for the pool.
    pub fn new() -> Self {
        Self::with_pool(PoolSettings::default())
    }

    /// An engine with another pool. With room for one instance, each gets the place of the one before, whoever's that was.
    ///
    /// # Panics
    /// If the kernel gives no room for it.
    pub fn with_pool(settings: PoolSettings) -> Self {
        // The test's own executable has no jail to be started in.
        Self::with(settings, Compiler::InProcess)
    }

    /// The host's default pool, with components compiled by another.
    ///
    /// # Panics
    /// If the kernel gives no room for the pool.
    pub fn with_compiler(compiler: Compiler) -> Self {
        Self::with(PoolSettings::default(), compiler)
    }

    fn with(settings: PoolSettings, compiler: Compiler) -> Self {
        let telemetry = Telemetry::silent();
        let sandboxes = Sandboxes::new(settings, compiler).expect("the pool is made");
        Self { sandboxes: sandboxes.with_telemetry(telemetry.clone()), telemetry, kv: Arc::default() }
    }

    /// Loads a component of `acme` under the host's default limits.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn load(&self, component: &[u8]) -> Result<Arc<Loaded>, LoadError> {
        self.sandboxes.load(component, &LoadLimits::default(), TENANT)
    }

    /// A sandboxed stage called `guest`, to be configured further.
    pub fn stage<'a>(&'a self, component: &[u8]) -> StagePlan<'a> {
        let config = "{}".to_owned();
        let on_failure = OnFailure::Defer;
        StagePlan {
            lab: self,
            component: component.to_vec(),
            tenant: TENANT,
            label: "guest",
            config,
            on_failure,
            limits: StageLimits::default(),
            capabilities: Capabilities::default(),
        }
    }

    /// A native stage with its default settings.
    ///
    /// # Panics
    /// If there is no such processor.
    pub fn native(&self, name: &str) -> PlannedStage {
        self.native_with(name, Settings::default())
    }

    /// A native stage with these settings.
    ///
    /// # Panics
    /// If there is no such processor, or it refuses them.
    pub fn native_with(&self, name: &str, settings: Settings) -> PlannedStage {
        let scope = StageScope {
            hostname: "mx.example".into(),
            state_dir: "/nonexistent".into(),
            tenant: TENANT.into(),
            label: name.into(),
            chunk_size: CHUNK_SIZE,
            message_size_max: 256 << 20,
            telemetry: self.telemetry.clone(),
            own: gatepost::chain::OwnAddresses::default(),
            files: gatepost::chain::FilesRead::default(),
        };
        let all = gatepost::native::all();
        let (_, factory) = all.iter().find(|(known, _)| *known == name).expect("a native processor");
        let processor = factory(&scope, settings).expect("its settings fit");
        PlannedStage { label: name.into(), on_failure: OnFailure::Defer, processor, breaker: None }
    }

    /// The number of living instances, from the metrics.
    ///
    /// # Panics
    /// If the gauge is missing.
    pub fn instances_live(&self) -> u64 {
        let text = self.telemetry.metrics_text();
        let line = text.lines().find(|line| line.starts_with("gatepost_instances_live "));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).expect("the gauge is there")
    }
}

/// A sandboxed stage in the making.
pub struct StagePlan<'a> {
    lab: &'a Lab,
    component: Vec<u8>,
    tenant: &'static str,
    label: &'static str,
    config: String,
    on_failure: OnFailure,
    limits: StageLimits,
    capabilities: Capabilities,
}

impl StagePlan<'_> {
    /// Its name in the chain.
    #[must_use]
    pub fn label(self, label: &'static str) -> Self {
        Self { label, ..self }
    }

    /// Whose it is.
    #[must_use]
    pub fn tenant(self, tenant: &'static str) -> Self {
        Self { tenant, ..self }
    }

    /// Its config, JSON text.
    #[must_use]
    pub fn config(self, json: &str) -> Self {
        Self { config: json.into(), ..self }
    }

    /// What happens where it fails.
    #[must_use]
    pub fn on_failure(self, on_failure: OnFailure) -> Self {
        Self { on_failure, ..self }
    }

    /// What it is granted, with what stands behind it in this lab: `to.example` and `tenant.example` are the tenant's own, a
    /// message may have 100 recipients, and keys are kept as long as the lab lives.
    #[must_use]
    pub fn grants(mut self, grants: &[&str]) -> Self {
        self.capabilities = Capabilities {
            grants: grants.iter().map(ToString::to_string).collect(),
            kv: Some(KvAccess {
                store: self.lab.kv.clone(),
                size_max: KV_SIZE_MAX,
                calls_max: KV_CALLS_MAX,
                bytes_max: KV_BYTES_MAX,
            }),
            owns: Some(Arc::new(|mailbox| ["to.example", "tenant.example"].contains(&mailbox.domain()))),
            recipients_max: 100,
            fixed: self.capabilities.fixed,
            wasi: self.capabilities.wasi,
        };
        self
    }

    /// Bytes that it may move to and from `kv`; to be said after the grants.
    #[must_use]
    pub fn kv_bytes_max(mut self, bytes_max: u64) -> Self {
        self.capabilities.kv = self.capabilities.kv.map(|kv| KvAccess { bytes_max, ..kv });
        self
    }

    /// With `[host] wasi = "stub"`.
    #[must_use]
    pub fn wasi(mut self) -> Self {
        self.capabilities.wasi = true;
        self
    }

    /// Time and randomness of the test's own.
    #[must_use]
    pub fn fixed(mut self, fixed: Fixed) -> Self {
        self.capabilities.fixed = Some(fixed);
        self
    }

    /// Its limits.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut StageLimits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// The stage.
    ///
    /// # Errors
    /// What `configure` said.
    ///
    /// # Panics
    /// If the component is not loaded.
    pub fn try_plan(self) -> Result<PlannedStage, String> {
        let (loaded, identity) = self.parts();
        let processor = SandboxedProcessor::new(loaded, identity, self.config, self.limits)?;
        let processor = Arc::new(processor);
        Ok(PlannedStage { label: self.label.into(), on_failure: self.on_failure, processor, breaker: None })
    }

    /// A checker of recipients.
    ///
    /// # Errors
    /// What `configure` said.
    ///
    /// # Panics
    /// If the component is not loaded.
    pub fn try_check(self) -> Result<PlannedCheck, String> {
        let (loaded, identity) = self.parts();
        let check = Arc::new(SandboxedChecker::new(&loaded, identity, self.config, self.limits)?);
        Ok(PlannedCheck {
            label: self.label.into(),
            on_failure: self.on_failure,
            check,
            breaker: None,
            answers: None,
        })
    }

    fn parts(&self) -> (Arc<Loaded>, StageIdentity) {
        let loaded = self.lab.load(&self.component).unwrap_or_else(|error| panic!("{error}"));
        let identity = StageIdentity {
            tenant: self.tenant.into(),
            label: self.label.into(),
            processor: format!("{}/{}@1.0.0", self.tenant, self.label),
            telemetry: self.lab.telemetry.clone(),
            capabilities: self.capabilities.clone(),
        };
        (loaded, identity)
    }

    /// The stage.
    ///
    /// # Panics
    /// If it is not loaded, or refuses its config.
    pub fn plan(self) -> PlannedStage {
        self.try_plan().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// What came of a message.
#[derive(Debug)]
pub struct Ran {
    /// How the run ended.
    pub end: Result<Verdict, RunEnd>,
    /// What reached the outlet.
    pub output: Vec<u8>,
    /// The envelope at the end.
    pub envelope: Envelope,
    /// Each failure: `stage: reason: error with its causes`.
    pub failures: Vec<String>,
    /// What each stage did.
    pub records: Vec<StageRecord>,
    /// What stages said and counted.
    pub events: Vec<Arc<Event>>,
}

impl Ran {
    /// One line that tells how it ended, for assertions: a verdict, `550 5.7.1 text`, or `failed: reason`.
    pub fn end(&self) -> String {
        match &self.end {
            Ok(Verdict::Quarantine(reason)) => format!("quarantine: {reason}"),
            Ok(verdict) => verdict.to_string(),
            Err(RunEnd::Refused { refusal, .. }) => match refusal {
                gatepost::chain::Refusal::Reject(reply) => format!("reject {reply}"),
                gatepost::chain::Refusal::Defer(reply) => format!("defer {reply}"),
            },
            Err(RunEnd::Failed { reject, budget }) => {
                let what = self.failures.last().map_or("", String::as_str);
                format!(
                    "failed{}{}: {what}",
                    if *reject { " reject" } else { "" },
                    if *budget { " budget" } else { "" }
                )
            }
            Err(other) => format!("{other:?}"),
        }
    }

    /// The output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// What stages logged.
    pub fn logged(&self) -> Vec<String> {
        let text = |event: &Arc<Event>| match &**event {
            Event::StageLog { text, .. } => Some(text.clone()),
            _ => None,
        };
        self.events.iter().filter_map(text).collect()
    }

    /// What stages counted, by name.
    pub fn counted(&self) -> Vec<(String, u64)> {
        let count = |event: &Arc<Event>| match &**event {
            Event::StageCount { name, delta, .. } => Some((name.clone(), *delta)),
            _ => None,
        };
        self.events.iter().filter_map(count).collect()
    }
}

/// An outlet that keeps everything.
#[derive(Default)]
struct Kept(Vec<u8>);

#[async_trait]
impl Outlet for Kept {
    async fn write(&mut self, _envelope: &Envelope, chunk: Bytes) -> Result<(), SinkFailure> {
        assert!(!chunk.is_empty(), "an empty chunk reached the outlet");
        self.0.extend_from_slice(&chunk);
        Ok(())
    }
}

impl Lab {
    /// One message, in these pieces, through `stages`.
    ///
    /// # Panics
    /// If no runtime can be made.
    pub fn run<'m>(&self, stages: &[PlannedStage], pieces: impl IntoIterator<Item = &'m [u8]>) -> Ran {
        let sender = Mailbox::from_parts("sender", "from.example");
        let recipients =
            vec![Mailbox::from_parts("one", "to.example"), Mailbox::from_parts("two", "to.example")];
        let mut envelope = Envelope::new(MessageId::next(1), Some(sender), recipients);
        envelope.set_host_fact("client.ip", "192.0.2.1");
        self.run_envelope(stages, envelope, pieces)
    }

    /// As [`Lab::run`], with this envelope.
    ///
    /// # Panics
    /// If no runtime can be made.
    pub fn run_envelope<'m>(
        &self,
        stages: &[PlannedStage],
        envelope: Envelope,
        pieces: impl IntoIterator<Item = &'m [u8]>,
    ) -> Ran {
        let mut heard = self.telemetry.subscribe();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let limits = RunLimits { chunk_size: CHUNK_SIZE, header_size_max: HEADER_SIZE_MAX };
        let mut run = Run::new(stages, limits, envelope);
        let mut kept = Kept::default();
        let end = runtime.block_on(async {
            for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
                run.write(Bytes::copy_from_slice(piece), &mut kept).await?;
            }
            run.finish(&mut kept).await
        });
        let failure = |failure: &gatepost::chain::run::Failure| {
            format!("{}: {}: {}", failure.stage, failure.error.reason(), causes(&failure.error))
        };
        Ran {
            end,
            output: kept.0,
            envelope: run.envelope().clone(),
            failures: run.failures().iter().map(failure).collect(),
            records: run.records(),
            events: std::iter::from_fn(|| heard.try_recv().ok()).collect(),
        }
    }

    /// Begins a message and drops it in the midst of a call, as where its client goes away. True: there was a call.
    ///
    /// # Panics
    /// If no runtime can be made.
    pub fn abandon(&self, stages: &[PlannedStage], piece: &'static [u8]) -> bool {
        let envelope = Envelope::new(MessageId::next(1), None, Vec::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let limits = RunLimits { chunk_size: CHUNK_SIZE, header_size_max: HEADER_SIZE_MAX };
        let mut run = Run::new(stages, limits, envelope);
        let mut kept = Kept::default();
        runtime.block_on(async {
            let write = run.write(Bytes::from_static(piece), &mut kept);
            tokio::time::timeout(std::time::Duration::from_millis(30), write).await.is_err()
        })
    }

    /// Asks a checker about an address; the answer as [`Ran::end`] would say it.
    ///
    /// # Panics
    /// If no runtime can be made, or it is no address.
    pub fn ask(&self, planned: &PlannedCheck, mut envelope: Envelope, address: &str) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let address = Mailbox::parse(address).expect("an address");
        let meter = Arc::new(CpuMeter::default());
        let check = planned.check.check(&address, &mut envelope, &meter);
        match runtime.block_on(Metered::new(&meter, check)) {
            Ok(()) => "accept".into(),
            Err(StageEnd::Refused(gatepost::chain::Refusal::Reject(reply))) => format!("reject {reply}"),
            Err(StageEnd::Refused(gatepost::chain::Refusal::Defer(reply))) => format!("defer {reply}"),
            Err(StageEnd::Failed(error)) => causes(&error),
        }
    }
}
