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
mod fresh;
pub mod generation;
pub mod inventory;
pub mod loader;
pub mod past;
pub mod registry;
pub mod report;
pub mod resolve;
pub mod retirement;
pub mod revision;
mod rights;
#[cfg(feature = "wasm")]
mod sandbox_loader;
pub mod settings;
pub mod smoke;
pub mod store;
pub mod tenant_file;
pub mod tenants;
pub mod try_out;
pub mod upload;
pub mod view;
mod wire_limits;

pub use crate::sink::SinkFactory;
pub use change::{Ask, ChangeError};
pub use fresh::Tried;
pub use generation::{Generation, Resolution, Tenant};
pub use inventory::{InventoryError, ProcessorView};
pub use loader::{
    Allowed, ComponentLoader, ComponentStage, ComponentUpload, Inspection, LoadRefusal, NoComponents,
};
pub use past::{RevisionText, RevisionView};
pub use registry::Registry;
pub use report::{Changed, ListenerChange, Refused, ReloadReport, Warned};
pub use resolve::{Resolved, Resolver};
pub use retirement::Retired;
pub use revision::{Action, Component, Components, Origin};
#[cfg(feature = "wasm")]
pub use sandbox_loader::{SandboxLoader, load_limits};
pub use settings::{ChainChange, ChainSettings, StageSettings, TenantSettings};
pub use smoke::{Smoke, SmokeFigures, SmokeWarning};
pub use store::Store;
pub use tenant_file::TenantFile;
pub use tenants::TenantView;
pub use try_out::TryOut;
pub use upload::{Place, UploadError, Uploaded};
pub use view::{ChainView, StageView};
pub use wire_limits::WireLimits;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::chain::Stamps;
use crate::config::Config;
use crate::telemetry::{Event, Telemetry};
use build::Scope;
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
    /// What the smoke corpus has shown of chains that it has seen.
    tried: Tried,
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
            tried: Tried::default(),
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

    /// Where the host keeps what is its own.
    pub fn state_dir(&self) -> PathBuf {
        self.config.load().server.state_dir.clone()
    }

    /// The largest message, and header section, that any listener takes.
    pub fn wire_limits(&self) -> WireLimits {
        WireLimits::of(&self.config.load())
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

    /// As [`Self::take_up`], and the log has the record `reloaded` of it. Blocks.
    pub fn reload(&self) -> ReloadReport {
        let report = self.take_up();
        self.telemetry.emit(report.record());
        report
    }

    /// Reads all files anew, builds what changed and swaps it in. A revision that is live goes on meaning what it meant: a newer
    /// version of a component waits until somebody changes the chain, or says it once more. Blocks, for long where components
    /// are compiled: call it where blocking is allowed.
    pub fn take_up(&self) -> ReloadReport {
        let report = self.rebuild(None);
        self.announce(&report);
        report
    }

    /// Reads the files of these tenants anew, and of those that do not serve what their files say; none: all. What is told and
    /// logged is what has changed. Blocks as `reload` does.
    pub fn refresh(&self, only: Option<&BTreeSet<String>>) -> ReloadReport {
        let before = self.refused();
        // A component that has come may be what a file lacked, and so may a file that was mended.
        let only = only.map(|only| only.iter().chain(before.keys()).cloned().collect());
        let mut report = self.rebuild(only.as_ref());
        let now = self.refused();
        report.refused.retain(|refused| before.get(&refused.tenant) != now.get(&refused.tenant));
        self.announce(&report);
        report
    }

    fn rebuild(&self, only: Option<&BTreeSet<String>>) -> ReloadReport {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.current.load_full();
        let scope = Scope { only, record: true };
        let files = self.registry.files_read();
        files.keep(|tenant| only.is_some_and(|only| !only.contains(tenant)));
        let (generation, report) = self.with_resolver(|resolver| build::build(resolver, &old, scope));
        if let Some(generation) = generation {
            self.install(generation);
        }
        let texts = |refused: &Refused| refused.problems.iter().map(ToString::to_string).collect();
        let refused = report.refused.iter().map(|refused| (refused.tenant.clone(), texts(refused)));
        let mut all = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match only {
            // What was not looked at stands as it stood.
            Some(only) => all.retain(|name, _| !only.contains(name) && old.tenants.contains_key(name)),
            None => all.clear(),
        }
        all.extend(refused);
        files.keep(|tenant| all.contains_key(tenant));
        drop(all);
        report
    }

    /// Files that are not what they were when tenants were refused that read them, as they are now: once they rest, a
    /// [`Catalog::refresh`] may find those tenants mended. Blocks.
    pub fn mended(&self) -> Stamps {
        self.registry.files_read().changed()
    }

    /// Makes a generation the one that new messages are given. To be called by whoever holds `reloading`.
    fn install(&self, generation: Generation) {
        if self.over.load(Ordering::Relaxed) {
            return;
        }
        for (name, tenant) in &self.current.load().tenants {
            if !generation.tenants.contains_key(name) && !generation.broken.contains_key(name) {
                tenant.quota.leave();
            }
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
        let (generation, report) = self.with_resolver(|resolver| {
            build::build(resolver, &Generation::default(), Scope { only: None, record: false })
        });
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
            meant: None,
            kv: None,
            tried: &self.tried,
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
        for tenant in &report.removed {
            self.telemetry.emit(Event::TenantRemoved { tenant: tenant.clone() });
        }
    }
}

#[cfg(test)]
mod tests;
