//! Tenants, processors and chains as immutable generations, built from the folder on disk and swapped whole.
//!
//! ```text
//! tenants/*.toml --read--> TenantFile --resolve--> LineUp --build--> Generation --swap--> current()
//! ```
//!
//! Natives come by way of the [`Registry`], components by way of a [`ComponentLoader`].

mod build;
pub mod change;
mod checks;
pub mod generation;
pub mod loader;
pub mod registry;
pub mod report;
pub mod resolve;
pub mod retirement;
#[cfg(feature = "wasm")]
mod sandbox_loader;
pub mod settings;
pub mod smoke;
pub mod store;
pub mod tenant_file;
pub mod upload;
pub mod view;

pub use crate::sink::SinkFactory;
pub use change::ChangeError;
pub use generation::{Generation, Resolution, Tenant};
pub use loader::{
    Allowed, ComponentLoader, ComponentStage, ComponentUpload, Inspection, LoadRefusal, NoComponents,
};
pub use registry::Registry;
pub use report::{Changed, Refused, ReloadReport, Warned};
pub use resolve::{Resolved, Resolver};
pub use retirement::Retired;
#[cfg(feature = "wasm")]
pub use sandbox_loader::{SandboxLoader, load_limits};
pub use settings::{ChainChange, ChainSettings};
pub use smoke::{Smoke, SmokeFigures, SmokeWarning};
pub use store::Store;
pub use tenant_file::TenantFile;
pub use upload::{Place, UploadError, Uploaded};
pub use view::{ChainView, StageView};

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::config::Config;
use crate::telemetry::{Event, Telemetry};
use retirement::RetiredSender;

/// The live catalog.
pub struct Catalog {
    current: ArcSwap<Generation>,
    config: ArcSwap<Config>,
    store: Store,
    registry: Registry,
    loader: Arc<dyn ComponentLoader>,
    telemetry: Telemetry,
    /// One reload at a time, and one change.
    reloading: Mutex<()>,
    /// One component is stored at a time.
    storing: Mutex<()>,
    refused: Mutex<BTreeMap<String, Vec<String>>>,
    /// Where chains go that have served. None: nobody calls their hooks.
    retired: Mutex<Option<RetiredSender>>,
    /// It is retired.
    over: AtomicBool,
}

impl Catalog {
    /// The catalog in `STATE_DIR/catalog`, which need not be there. Empty until the first [`Catalog::reload`].
    pub fn open(
        config: Arc<Config>,
        registry: Registry,
        loader: Arc<dyn ComponentLoader>,
        telemetry: Telemetry,
    ) -> Self {
        let store = Store::open(config.server.state_dir.join("catalog"));
        Self {
            current: ArcSwap::default(),
            config: ArcSwap::new(config),
            store,
            registry,
            loader,
            telemetry,
            reloading: Mutex::new(()),
            storing: Mutex::new(()),
            refused: Mutex::default(),
            retired: Mutex::default(),
            over: AtomicBool::new(false),
        }
    }

    /// From the next reload on, chains that have served their last message come out here, for [`retirement::run`]. The
    /// receiver ends once the catalog is [retired](Self::retire) and the last of them has come.
    pub fn retiring(&self) -> Retired {
        let (sender, receiver) = retirement::channel();
        *self.retired.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// The end: no tenant takes messages any more, and no reload brings one back.
    pub fn retire(&self) {
        let _no_reload = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        self.retired.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.over.store(true, Ordering::Relaxed);
        self.current.store(Arc::default());
    }

    /// What the last reload refused, by tenant, with the problems.
    pub fn refused(&self) -> BTreeMap<String, Vec<String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The generation that new messages are given. A message keeps the one it began with.
    pub fn current(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// The files below it.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The natives.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Takes a new host config from the next reload on. Its `state_dir` cannot change while the host runs.
    pub fn set_config(&self, config: Arc<Config>) {
        self.config.store(config);
    }

    /// Reads all files anew, builds what changed and swaps it in. Blocks, for long where components are compiled: call it
    /// where blocking is allowed.
    pub fn reload(&self) -> ReloadReport {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.current.load_full();
        let (generation, report) = self.with_resolver(|resolver| build::build(resolver, &old, true));
        if let Some(generation) = generation {
            self.install(generation);
        }
        let texts = |refused: &Refused| refused.problems.iter().map(ToString::to_string).collect();
        let refused = report.refused.iter().map(|refused| (refused.tenant.clone(), texts(refused))).collect();
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
        self.announce(&report);
        report
    }

    /// Makes a generation the one that new messages are given. To be called by whoever holds `reloading`.
    fn install(&self, generation: Generation) {
        if self.over.load(Ordering::Relaxed) {
            return;
        }
        let retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for tenant in generation.tenants.values() {
            retirement::begin(tenant, retired.as_ref());
        }
        for tenant in generation.tenants.values() {
            tenant.quota.set_caps(Tenant::caps(&tenant.limits));
        }
        self.current.store(Arc::new(generation));
    }

    /// What a reload would do, as seen from a host that starts now. Swaps and writes nothing. Blocks as `reload` does.
    pub fn check(&self) -> (Generation, ReloadReport) {
        let (generation, report) =
            self.with_resolver(|resolver| build::build(resolver, &Generation::default(), false));
        (generation.unwrap_or_default(), report)
    }

    /// Lends out what chains are resolved with.
    pub fn with_resolver<T>(&self, then: impl FnOnce(Resolver<'_>) -> T) -> T {
        let config = self.config.load_full();
        then(Resolver {
            config: &config,
            store: &self.store,
            registry: &self.registry,
            loader: &*self.loader,
            telemetry: &self.telemetry,
            fixed: None,
            rehearse: false,
        })
    }

    fn warn(&self, tenant: &str, warning: &SmokeWarning) {
        self.telemetry.emit(Event::SmokeFailed {
            tenant: tenant.to_owned(),
            stage: warning.stage.clone(),
            message: warning.message.clone(),
            reason: warning.reason.clone(),
            error: warning.text.clone(),
        });
    }

    fn announce(&self, report: &ReloadReport) {
        let current = self.current.load();
        for changed in &report.changed {
            let Some(tenant) = current.tenants.get(&changed.tenant) else { continue };
            self.telemetry.emit(Event::TenantLoaded {
                tenant: changed.tenant.clone(),
                revision: changed.revision,
                chain: tenant.spec.to_string(),
            });
        }
        for Warned { tenant, warning } in &report.warnings {
            self.warn(tenant, warning);
        }
        for refused in &report.refused {
            self.telemetry.emit(Event::TenantRefused {
                tenant: refused.tenant.clone(),
                serving: refused.serving,
                problems: refused.problems.iter().map(ToString::to_string).collect(),
            });
        }
        self.telemetry.emit(Event::Reloaded {
            ok: report.is_ok(),
            changed: report.changed.len() + report.removed.len(),
            refused: report.refused.len(),
        });
    }
}

#[cfg(test)]
mod tests;
