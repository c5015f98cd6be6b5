//! One message through one fresh instance of a component.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use wasmtime::Store;

use super::bindings::gatepost::processor::types as wit;
use super::component::Loaded;
use super::instance::{Instance, PROCESSOR, block_on, failure, fuel, overrun};
use super::limits::{StageLimits, bounded};
use super::sandbox::{Sandbox, StageIdentity};
use crate::chain::meter::{CpuMeter, Metered};
use crate::chain::{Content, Flow, Processor, Refusal, Stage, StageContext, StageEnd, StageError, Usage};
use crate::mail::Verdict;
use crate::smtp::Reply;
use crate::smtp::reply::Enhanced;

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
        if loaded.pre.is_none() {
            return Err(format!("lacks the export `{PROCESSOR}`: it stands in `recipients`, not in `chain`"));
        }
        let missing = identity.capabilities.missing(&loaded.imports, &identity.label);
        if !missing.is_empty() {
            return Err(missing.join("; "));
        }
        let shared = Arc::new(Shared { identity: Arc::new(identity), config, limits });
        let meter = Arc::new(CpuMeter::default());
        let check = async {
            let mut instance =
                Instance::start(loaded.pre()?, &shared.identity, &shared.limits, &meter).await?;
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

    fn instances(&self) -> usize {
        1
    }

    fn stage(&self) -> Box<dyn Stage> {
        Box::new(SandboxedStage { loaded: self.loaded.clone(), shared: self.shared.clone(), instance: None })
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
        let instance =
            Instance::start(self.loaded.pre()?, &shared.identity, &shared.limits, cx.meter).await?;
        // Kept whatever comes: what it used is asked for afterwards.
        let instance = self.instance.insert(instance);
        instance.configure(&shared.config).await?;
        instance.store.data_mut().pure = false;
        call!(self, cx, 0, |guest, store| guest.call_open(store))
    }

    async fn write(&mut self, chunk: &Bytes, cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        let flow = call!(self, cx, chunk.len(), |guest, store| guest.call_write(store, chunk))?;
        if let (wit::Flow::Pass | wit::Flow::Splice, Some(instance)) = (flow, self.instance.as_mut()) {
            instance.store.data_mut().let_out = true;
        }
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
        self.instance.as_ref().map(|instance| instance.store.data().usage).unwrap_or_default()
    }
}

/// Before a call: the envelope goes in, the limits are set.
fn begin(store: &mut Store<Sandbox>, cx: &mut StageContext<'_>, input: usize) -> Result<(), StageError> {
    let call_limit = store.data_mut().begin_call(std::mem::take(cx.envelope), input);
    store.set_hostcall_fuel(fuel(call_limit));
    store.set_epoch_deadline(1);
    // The poll at hand has just begun, and reading the clock is a system call.
    let used = store.data().meter.used();
    if store.data_mut().is_spent(used) {
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

/// A refusal of the guest, held to the rules of `processor.wit`.
pub(super) fn refusal(refusal: wit::Refusal) -> StageEnd {
    let (reply, class, default) = match refusal {
        wit::Refusal::Failed(text) => return StageError::Failed(bounded(text)).into(),
        wit::Refusal::Reject(reply) => (reply, 5, "5.7.1"),
        wit::Refusal::Defer(reply) => (reply, 4, "4.7.1"),
    };
    let misfit = |what: String| StageEnd::Failed(StageError::BadReply(what));
    // 421 ends a session (RFC 5321 §3.8), and that is not a guest's to end.
    if reply.code / 100 != class || reply.code == 421 {
        return misfit(format!("code {} in a {class}xx refusal", reply.code));
    }
    let enhanced = reply.enhanced.as_deref().unwrap_or(default);
    if Enhanced::parse(enhanced).is_none_or(|code| u16::from(code.class) != class) {
        return misfit(format!("enhanced code {:?} in a {class}xx refusal", bounded(enhanced.to_owned())));
    }
    let reply = Reply::new(reply.code, enhanced, &reply.text);
    if class == 5 { Refusal::Reject(reply).into() } else { Refusal::Defer(reply).into() }
}
