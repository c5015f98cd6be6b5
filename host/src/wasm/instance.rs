//! One instance of a component: its store, its start, the calls outside a message, and how its failures are told apart.
//!
//! Knows nothing of chains or messages.

use std::sync::Arc;

use wasmtime::{Engine, PoolConcurrencyLimitError, Store, Trap, UpdateDeadline};

use super::bindings::gatepost::processor::types as wit;
use super::bindings::{MailProcessor, MailProcessorPre};
use super::limits::{StageLimits, bounded};
use super::sandbox::{Overrun, Sandbox, StageIdentity};
use crate::chain::meter::CpuMeter;
use crate::chain::{StageError, Tick};
use crate::kv::{KEY_MAX, VALUE_MAX};

/// The interface that a processor exports.
pub(super) const PROCESSOR: &str = "gatepost:processor/processor@0.1.0";
/// Bytes that one host call may hand over beyond what the guest may write: the largest value of `kv.set` with its key, which
/// may be UTF-16, and 1 KiB, so that a guest a little past a limit is told so instead of trapping. wasmtime counts afresh
/// for each call, and has one figure for all imports, so less would take from what `processor.wit` allows.
const HOSTCALL_BASE: u64 = (VALUE_MAX + 2 * KEY_MAX + 1024) as u64;

/// A store whose guest is held to `limits`.
pub(super) fn store(
    engine: &Engine,
    identity: &Arc<StageIdentity>,
    limits: &StageLimits,
    meter: &Arc<CpuMeter>,
) -> Store<Sandbox> {
    let sandbox = Sandbox::new(identity.clone(), limits.clone(), meter.clone());
    let mut store = Store::new(engine, sandbox);
    store.limiter(|sandbox| sandbox);
    store.set_max_component_handles(limits.handles);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| {
        let used = store.data().meter.used_now();
        if store.data_mut().is_spent(used) {
            wasmtime::bail!("CPU budget spent");
        }
        // Not a plain yield: that would go to the front of the queue.
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(Tick::default())))
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
    let mut store = store(pre.engine(), identity, limits, meter);
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
    pub(super) store: Store<Sandbox>,
    pub(super) guest: MailProcessor,
}

impl Instance {
    /// A fresh instance, with no guest code run but its start function.
    pub(super) async fn start(
        pre: &MailProcessorPre<Sandbox>,
        identity: &Arc<StageIdentity>,
        limits: &StageLimits,
        meter: &Arc<CpuMeter>,
    ) -> Result<Self, StageError> {
        let mut store = store(pre.engine(), identity, limits, meter);
        match pre.instantiate_async(&mut store).await {
            Ok(guest) => {
                store.data_mut().count_living();
                Ok(Self { store, guest })
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
    pub(super) async fn configure(&mut self, config: &str) -> Result<(), StageError> {
        self.store.set_hostcall_fuel(fuel(0));
        let said = self.guest.gatepost_processor_processor().call_configure(&mut self.store, config).await;
        let answer = said.map_err(|error| failure(&self.store, error))?;
        answer.map_err(|text| StageError::Failed(bounded(text)))
    }
}

/// Tells a full pool and a budget that ran out from a trap. A call may find the pool full too: it needs a stack.
pub(super) fn failure(store: &Store<Sandbox>, error: wasmtime::Error) -> StageError {
    if error.is::<PoolConcurrencyLimitError>() {
        return StageError::NoCapacity(error.into());
    }
    let overrun = store.data().overrun;
    if let Some(overrun) = overrun.filter(|overrun| !overrun.may_be_survived()) {
        return overrun.into_error();
    }
    held_by_wasmtime(store, &error).or_else(|| overrun.map(Overrun::into_error)).unwrap_or_else(|| {
        let error = match store.data().unsaid() {
            Some(text) => error.context(format!("it said: {text}")),
            None => error,
        };
        StageError::Trapped(error.into())
    })
}

/// The limits that wasmtime keeps for us.
fn held_by_wasmtime(store: &Store<Sandbox>, error: &wasmtime::Error) -> Option<StageError> {
    if error.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        return Some(StageError::OutOfStack { limit: store.engine().get_max_wasm_stack() as u64 });
    }
    // These two have no error type of their own.
    let cause = error.root_cause().to_string();
    if cause.contains("fuel allocated for hostcalls") {
        // A list far past the call's limit does not even reach `next.write`: wasmtime refuses to lift it.
        return Some(StageError::OutputLimit { limit: store.hostcall_fuel() as u64 });
    }
    if cause.contains("store handle limit exceeded") {
        return Some(StageError::OutOfHandles { limit: store.max_component_handles() as u64 });
    }
    None
}

pub(super) fn overrun(store: &Store<Sandbox>) -> Option<StageError> {
    store.data().overrun.map(Overrun::into_error)
}

pub(super) fn fuel(call_limit: u64) -> usize {
    usize::try_from(call_limit + HOSTCALL_BASE).unwrap_or(usize::MAX)
}

/// Runs a future of the sandbox to its end on a thread and runtime of its own, charged to a meter of its own.
pub(super) fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|e| e.to_string())?;
            Ok(runtime.block_on(future))
        });
        thread.join().map_err(|_| "the sandbox's thread panicked".to_owned())?
    })
}
