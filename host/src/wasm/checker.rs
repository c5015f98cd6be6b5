//! A component that checks recipients: a fresh instance for each address, `configure`, then `check`.

use std::sync::Arc;

use async_trait::async_trait;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre, TypedFunc};

use super::bindings::gatepost::processor::types as wit;
use super::component::Loaded;
use super::instance::{block_on, failure, fuel, overrun, store};
use super::limits::{StageLimits, bounded};
use super::sandbox::{Sandbox, StageIdentity};
use super::stage::refusal;
use crate::chain::meter::{CpuMeter, Metered};
use crate::chain::{RecipientCheck, StageEnd, StageError};
use crate::mail::{Envelope, Mailbox};

/// The interface that a checker exports.
pub(super) const RECIPIENTS: &str = "gatepost:processor/recipients@0.1.0";

type Configure = TypedFunc<(String,), (Result<(), String>,)>;
type Check = TypedFunc<(String,), (Result<(), wit::Refusal>,)>;

/// A component in `recipients`, with its config: makes an instance for each address.
pub struct SandboxedChecker {
    pre: InstancePre<Sandbox>,
    identity: Arc<StageIdentity>,
    /// JSON text.
    config: String,
    limits: StageLimits,
}

impl SandboxedChecker {
    /// Checks `config` (JSON text) by `configure` in an instance of its own.
    pub fn new(
        loaded: &Loaded,
        identity: StageIdentity,
        config: String,
        limits: StageLimits,
    ) -> Result<Self, String> {
        if !loaded.checks_recipients() {
            return Err(format!(
                "lacks the export `{RECIPIENTS}`: it stands in `chain`, not in `recipients`"
            ));
        }
        let missing = identity.capabilities.missing(&loaded.imports, &identity.label);
        if !missing.is_empty() {
            return Err(missing.join("; "));
        }
        let checker = Self { pre: loaded.instance_pre.clone(), identity: Arc::new(identity), config, limits };
        let meter = Arc::new(CpuMeter::default());
        let ready = Metered::new(&meter, Box::pin(checker.ready(&meter)));
        block_on(ready)?.map(drop).map_err(|error| match error {
            StageError::Failed(text) => text,
            other => format!("`configure` {}", crate::telemetry::causes(&other)),
        })?;
        Ok(checker)
    }

    /// A configured instance, and its `check`.
    async fn ready(&self, meter: &Arc<CpuMeter>) -> Result<(Store<Sandbox>, Check), StageError> {
        let mut store = store(self.pre.engine(), &self.identity, &self.limits, meter);
        store.set_hostcall_fuel(fuel(0));
        let started = self.pre.instantiate_async(&mut store).await;
        let instance = started.map_err(|error| failure(&store, error))?;
        store.data_mut().count_living();
        let (configure, check) = functions(&mut store, &instance).map_err(|error| failure(&store, error))?;
        let said = configure.call_async(&mut store, (self.config.clone(),)).await;
        let (answer,) = said.map_err(|error| failure(&store, error))?;
        answer.map_err(|text| StageError::Failed(bounded(text)))?;
        store.data_mut().pure = false;
        Ok((store, check))
    }
}

fn functions(store: &mut Store<Sandbox>, instance: &Instance) -> wasmtime::Result<(Configure, Check)> {
    let interface = instance.get_export_index(&mut *store, None, RECIPIENTS);
    let mut index = |name| {
        let index = instance.get_export_index(&mut *store, interface.as_ref(), name);
        index.ok_or_else(|| wasmtime::format_err!("lacks the export `{RECIPIENTS}` function `{name}`"))
    };
    let (configure, check) = (index("configure")?, index("check")?);
    Ok((instance.get_typed_func(&mut *store, configure)?, instance.get_typed_func(&mut *store, check)?))
}

#[async_trait]
impl RecipientCheck for SandboxedChecker {
    fn id(&self) -> &str {
        &self.identity.processor
    }

    async fn check(
        &self,
        address: &Mailbox,
        envelope: &mut Envelope,
        meter: &Arc<CpuMeter>,
    ) -> Result<(), StageEnd> {
        let (mut store, check) = self.ready(meter).await.map_err(|error| match error {
            // The host's lack, not the checker's fault.
            StageError::NoCapacity(_) => error,
            error => StageError::Unready(Box::new(error)),
        })?;
        let call_limit = store.data_mut().begin_call(std::mem::take(envelope), 0);
        store.set_hostcall_fuel(fuel(call_limit));
        let said = check.call_async(&mut store, (address.to_string(),)).await;
        (*envelope, _) = store.data_mut().end_call();
        let (answer,) = said.map_err(|error| failure(&store, error))?;
        if let Some(error) = overrun(&store).filter(|error| matches!(error, StageError::OutputLimit { .. })) {
            return Err(error.into());
        }
        answer.map_err(refusal)
    }
}
