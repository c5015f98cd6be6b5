//! Tenants, processors and chains as immutable generations, built from the folder on disk and swapped whole.
//!
//! ```text
//! tenants/*.toml --read--> TenantFile --resolve--> LineUp --build--> Generation --swap--> current()
//! ```
//!
//! Natives come by way of the [`Registry`], components by way of a [`ComponentLoader`].

mod build;
mod checks;
pub mod generation;
pub mod loader;
pub mod registry;
pub mod report;
pub mod resolve;
#[cfg(feature = "wasm")]
mod sandbox_loader;
pub mod store;
pub mod tenant_file;

pub use crate::sink::SinkFactory;
pub use generation::{Generation, Resolution, Tenant};
pub use loader::{ComponentLoader, ComponentStage, NoComponents};
pub use registry::Registry;
pub use report::{Changed, Refused, ReloadReport};
pub use resolve::{Resolved, Resolver};
#[cfg(feature = "wasm")]
pub use sandbox_loader::SandboxLoader;
pub use store::Store;
pub use tenant_file::TenantFile;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::config::Config;
use crate::telemetry::{Event, Telemetry};

/// The live catalog.
pub struct Catalog {
    current: ArcSwap<Generation>,
    config: ArcSwap<Config>,
    store: Store,
    registry: Registry,
    loader: Arc<dyn ComponentLoader>,
    telemetry: Telemetry,
    /// One reload at a time.
    reloading: Mutex<()>,
    refused: Mutex<BTreeMap<String, Vec<String>>>,
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
            refused: Mutex::default(),
        }
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
            for tenant in generation.tenants.values() {
                tenant.quota.set_limit(tenant.limits.concurrent_messages);
            }
            self.current.store(Arc::new(generation));
        }
        let texts = |refused: &Refused| refused.problems.iter().map(ToString::to_string).collect();
        let refused = report.refused.iter().map(|refused| (refused.tenant.clone(), texts(refused))).collect();
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
        self.announce(&report);
        report
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
        })
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
