//! One message through one fresh instance of a component.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use wasmtime::{PoolConcurrencyLimitError, Store, UpdateDeadline};

use super::bindings::gatepost::processor::types as wit;
use super::bindings::{MailProcessor, MailProcessorPre};
use super::component::{Loaded, PROCESSOR, block_on};
use super::limits::StageLimits;
use super::sandbox::Sandbox;
use crate::chain::meter::{CpuMeter, Metered};
use crate::chain::{Content, Flow, Processor, Refusal, Stage, StageContext, StageEnd, StageError, Usage};
use crate::mail::Verdict;
use crate::smtp::Reply;
use crate::smtp::reply::Enhanced;
use crate::telemetry::{LiveInstance, Telemetry};

/// Bytes of strings that a call may hand over beyond what it may write.
const HOSTCALL_BASE: u64 = 64 << 10;
/// Longest text of `failed` that is kept, in bytes.
const FAILED_TEXT_MAX: usize = 1024;

/// Whose stage this is.
pub struct StageIdentity {
    /// The tenant.
    pub tenant: String,
    /// The stage's name in the chain.
    pub label: String,
    /// `owner/name@version`, for the log.
    pub processor: String,
    /// Where its log records and counts go.
    pub telemetry: Telemetry,
}

impl StageIdentity {
    /// For calls that may not log.
    pub(super) fn nobody() -> Self {
        let none = String::new;
        Self { tenant: none(), label: none(), processor: none(), telemetry: Telemetry::default() }
    }
}

/// A component in a chain, with its config: makes an instance for each message.
pub struct SandboxedProcessor {
    loaded: Arc<Loaded>,
    shared: Arc<Shared>,
}

/// What every instance of the stage is started with.
struct Shared {
    identity: Arc<StageIdentity>,
    /// JSON text.
    config: String,
    limits: StageLimits,
}

impl SandboxedProcessor {
    /// Checks `config` (JSON text) by `configure` in an instance of its own.
    pub fn new(
        loaded: Arc<Loaded>,
        identity: StageIdentity,
        config: String,
        limits: StageLimits,
    ) -> Result<Self, String> {
        let shared = Arc::new(Shared { identity: Arc::new(identity), config, limits });
        let meter = Arc::new(CpuMeter::default());
        let check = async {
            let mut instance = Instance::start(&loaded.pre, &shared.identity, &shared.limits, &meter).await?;
            instance.configure(&shared.config).await
        };
        block_on(Metered::new(&meter, Box::pin(check)))?.map_err(|error| match error {
            StageError::Failed(text) => text,
            other => format!("`configure` {}", crate::telemetry::causes(&other)),
        })?;
        Ok(Self { loaded, shared })
    }
}

impl Processor for SandboxedProcessor {
    fn id(&self) -> &str {
        &self.shared.identity.processor
    }

    fn takes(&self) -> Content {
        self.loaded.description.takes
    }

    fn gives(&self) -> Content {
        self.loaded.description.gives
    }

    fn stage(&self) -> Box<dyn Stage> {
        Box::new(SandboxedStage { loaded: self.loaded.clone(), shared: self.shared.clone(), instance: None })
    }
}

/// A store whose guest is held to `limits`.
fn store(
    pre: &MailProcessorPre<Sandbox>,
    identity: &Arc<StageIdentity>,
    limits: &StageLimits,
    meter: &Arc<CpuMeter>,
) -> Store<Sandbox> {
    let sandbox = Sandbox::new(identity.clone(), limits.clone(), meter.clone());
    let mut store = Store::new(pre.engine(), sandbox);
    store.limiter(|sandbox| sandbox);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| {
        if store.data_mut().cpu_is_spent() {
            wasmtime::bail!("CPU budget spent");
        }
        // Not a plain yield: that would go to the front of the queue.
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
    store
}

/// The functions of the exported interface whose types are not those of `processor.wit`, in an instance of its own:
/// wasmtime's own error at the start does not name them.
pub(super) async fn mistyped_exports(
    pre: &MailProcessorPre<Sandbox>,
    identity: &Arc<StageIdentity>,
    limits: &StageLimits,
    meter: &Arc<CpuMeter>,
) -> Result<Vec<&'static str>, StageError> {
    let mut store = store(pre, identity, limits, meter);
    let started = pre.instance_pre().instantiate_async(&mut store).await;
    let instance = started.map_err(|error| failure(&store, error))?;
    let interface = instance.get_export_index(&mut store, None, PROCESSOR);
    let mut mistyped = Vec::new();
    macro_rules! check {
        ($name:literal: $params:ty => $result:ty) => {
            let function = instance.get_export_index(&mut store, interface.as_ref(), $name);
            let typed =
                function.map(|at| instance.get_typed_func::<$params, ($result,)>(&mut store, at).is_ok());
            if typed != Some(true) {
                mistyped.push($name);
            }
        };
    }
    check!("describe": () => wit::Description);
    check!("configure": (&str,) => Result<(), String>);
    check!("open": () => Result<(), wit::Refusal>);
    check!("write": (&[u8],) => Result<wit::Flow, wit::Refusal>);
    check!("close": () => Result<wit::Verdict, wit::Refusal>);
    Ok(mistyped)
}

/// An instance and its store.
pub(super) struct Instance {
    store: Store<Sandbox>,
    guest: MailProcessor,
    /// Counts it among the living.
    _live: LiveInstance,
}

impl Instance {
    /// A fresh instance, with no guest code run but its start function.
    pub(super) async fn start(
        pre: &MailProcessorPre<Sandbox>,
        identity: &Arc<StageIdentity>,
        limits: &StageLimits,
        meter: &Arc<CpuMeter>,
    ) -> Result<Self, StageError> {
        let mut store = store(pre, identity, limits, meter);
        match pre.instantiate_async(&mut store).await {
            Ok(guest) => Ok(Self { store, guest, _live: identity.telemetry.instance() }),
            Err(error) if error.is::<PoolConcurrencyLimitError>() => {
                Err(StageError::NoCapacity(error.into()))
            }
            Err(error) => Err(failure(&store, error)),
        }
    }

    pub(super) async fn describe(&mut self) -> Result<wit::Description, StageError> {
        self.store.set_hostcall_fuel(fuel(0));
        let said = self.guest.gatepost_processor_processor().call_describe(&mut self.store).await;
        said.map_err(|error| failure(&self.store, error))
    }

    /// The guest's own refusal of its config is `StageError::Failed`.
    async fn configure(&mut self, config: &str) -> Result<(), StageError> {
        self.store.set_hostcall_fuel(fuel(0));
        let said = self.guest.gatepost_processor_processor().call_configure(&mut self.store, config).await;
        let answer = said.map_err(|error| failure(&self.store, error))?;
        answer.map_err(|text| StageError::Failed(bounded(text)))
    }
}

/// The stage for one message.
struct SandboxedStage {
    loaded: Arc<Loaded>,
    shared: Arc<Shared>,
    instance: Option<Instance>,
}

/// Makes one call of the guest, between `begin` and `end`.
macro_rules! call {
    ($self:ident, $cx:ident, $input:expr, |$guest:ident, $store:ident| $call:expr) => {{
        let Some(instance) = $self.instance.as_mut() else {
            return Err(StageError::Failed("called before it was opened".into()).into());
        };
        begin(&mut instance.store, $cx, $input)?;
        let said = {
            let $guest = instance.guest.gatepost_processor_processor();
            let $store = &mut instance.store;
            $call.await
        };
        end(&mut instance.store, $cx, said)
    }};
}

#[async_trait]
impl Stage for SandboxedStage {
    async fn open(&mut self, cx: &mut StageContext<'_>) -> Result<(), StageEnd> {
        let shared = &self.shared;
        let mut instance =
            Instance::start(&self.loaded.pre, &shared.identity, &shared.limits, cx.meter).await?;
        instance.configure(&shared.config).await?;
        instance.store.data_mut().pure = false;
        self.instance = Some(instance);
        call!(self, cx, 0, |guest, store| guest.call_open(store))
    }

    async fn write(&mut self, chunk: &Bytes, cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        let flow = call!(self, cx, chunk.len(), |guest, store| guest.call_write(store, chunk))?;
        Ok(match flow {
            wit::Flow::Pass => Flow::Pass,
            wit::Flow::Replaced => Flow::Replaced,
            wit::Flow::Splice => Flow::Splice,
            wit::Flow::Drain => Flow::Drain,
        })
    }

    async fn close(&mut self, cx: &mut StageContext<'_>) -> Result<Verdict, StageEnd> {
        let verdict = call!(self, cx, 0, |guest, store| guest.call_close(store))?;
        Ok(match verdict {
            wit::Verdict::Accept => Verdict::Accept,
            wit::Verdict::Quarantine(reason) => Verdict::Quarantine(bounded(reason)),
            wit::Verdict::Discard => Verdict::Discard,
        })
    }

    fn usage(&self) -> Usage {
        let memory_peak = self.instance.as_ref().map_or(0, |instance| instance.store.data().memory_peak);
        Usage { memory_peak }
    }
}

/// Before a call: the envelope goes in, the limits are set.
fn begin(store: &mut Store<Sandbox>, cx: &mut StageContext<'_>, input: usize) -> Result<(), StageError> {
    let call_limit = store.data_mut().begin_call(std::mem::take(cx.envelope), input);
    store.set_hostcall_fuel(fuel(call_limit));
    store.set_epoch_deadline(1);
    if store.data_mut().cpu_is_spent() {
        (*cx.envelope, _) = store.data_mut().end_call();
        return Err(overrun(store).unwrap_or(StageError::OutOfCpu { budget_ms: 0 }));
    }
    Ok(())
}

/// After a call: the envelope and the output come out; a decision or a failure is told apart.
fn end<T>(
    store: &mut Store<Sandbox>,
    cx: &mut StageContext<'_>,
    said: wasmtime::Result<Result<T, wit::Refusal>>,
) -> Result<T, StageEnd> {
    let written;
    (*cx.envelope, written) = store.data_mut().end_call();
    let answer = said.map_err(|error| failure(store, error))?;
    // A stage that wrote past its limit has failed, whatever it says.
    if let Some(error) = overrun(store).filter(|error| matches!(error, StageError::OutputLimit { .. })) {
        return Err(error.into());
    }
    cx.output.push(written);
    answer.map_err(refusal)
}

/// Tells a budget that ran out from a trap.
fn failure(store: &Store<Sandbox>, error: wasmtime::Error) -> StageError {
    overrun(store).unwrap_or_else(|| {
        // A list far past the call's limit does not even reach `next.write`: wasmtime refuses to lift it, with no error
        // type of its own.
        if error.root_cause().to_string().contains("fuel allocated for hostcalls") {
            return StageError::OutputLimit { limit: store.hostcall_fuel() as u64 };
        }
        StageError::Trapped(error.into())
    })
}

fn overrun(store: &Store<Sandbox>) -> Option<StageError> {
    store.data().overrun.map(super::sandbox::Overrun::into_error)
}

fn fuel(call_limit: u64) -> usize {
    usize::try_from(call_limit + HOSTCALL_BASE).unwrap_or(usize::MAX)
}

/// A refusal of the guest, held to the rules of `processor.wit`.
fn refusal(refusal: wit::Refusal) -> StageEnd {
    let (reply, class, default) = match refusal {
        wit::Refusal::Failed(text) => return StageError::Failed(bounded(text)).into(),
        wit::Refusal::Reject(reply) => (reply, 5, "5.7.1"),
        wit::Refusal::Defer(reply) => (reply, 4, "4.7.1"),
    };
    let misfit = |what: String| StageEnd::Failed(StageError::BadReply(what));
    if reply.code / 100 != class || reply.code > 599 {
        return misfit(format!("code {} in a {class}xx refusal", reply.code));
    }
    let enhanced = reply.enhanced.as_deref().unwrap_or(default);
    if Enhanced::parse(enhanced).is_none_or(|code| u16::from(code.class) != class) {
        return misfit(format!("enhanced code {:?} in a {class}xx refusal", bounded(enhanced.to_owned())));
    }
    let reply = Reply::new(reply.code, enhanced, &reply.text);
    if class == 5 { Refusal::Reject(reply).into() } else { Refusal::Defer(reply).into() }
}

fn bounded(mut text: String) -> String {
    if text.len() > FAILED_TEXT_MAX {
        let end = (0..=FAILED_TEXT_MAX).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

impl StageLimits {
    /// For `describe`, which knows no tenant yet.
    pub(super) fn for_describe() -> Self {
        Self {
            memory: 64 << 20,
            cpu_per_message: Duration::from_secs(1),
            cpu_per_mib: Duration::ZERO,
            output_ratio: 0,
            log_bytes: 0,
        }
    }
}
