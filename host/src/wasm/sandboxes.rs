//! The sandbox as the rest of the host sees it: one engine, and every component that is loaded into it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::Engine;
use wasmtime::component::Linker;

use super::capabilities;
use super::component::{LoadError, Loaded};
use super::engine::{self, Made, PoolSettings, Ticker};
use super::freshness::{self, NotFresh};
use super::host;
use super::sandbox::Sandbox;
use super::swap::Swaps;
use super::wasi;
use crate::telemetry::{PoolFigure, causes};

/// Most refusals that are remembered.
const REFUSED_MAX: usize = 256;

/// The engine, and every component that is loaded into it.
pub struct Sandboxes {
    engine: Engine,
    linker: Linker<Sandbox>,
    loaded: Mutex<HashMap<blake3::Hash, Arc<Loaded>>>,
    /// Why components were refused: what one says of itself is pure, so it is not asked again for each of its stages.
    refused: Mutex<HashMap<blake3::Hash, String>>,
    page_scan: bool,
    notices: Vec<String>,
    /// The instances that the pool has room for.
    instances: u32,
    _ticker: Ticker,
}

impl Sandboxes {
    /// Makes the engine and starts its ticker. Fails where the kernel does not give the address space.
    pub fn new(settings: PoolSettings) -> Result<Self, LoadError> {
        Self::with_swaps(settings, &Swaps::default())
    }

    /// The same, where swap areas are listed elsewhere.
    pub fn with_swaps(settings: PoolSettings, swaps: &Swaps) -> Result<Self, LoadError> {
        let Made { engine, instances, page_scan, notices } =
            engine::new(settings, swaps).map_err(LoadError::Engine)?;
        let mut linker = Linker::new(&engine);
        host::add_to_linker(&mut linker).map_err(LoadError::Engine)?;
        capabilities::add_to_linker(&mut linker).map_err(LoadError::Engine)?;
        wasi::add_to_linker(&mut linker).map_err(LoadError::Engine)?;
        let ticker = Ticker::start(engine.clone()).map_err(LoadError::Ticker)?;
        Ok(Self {
            engine,
            linker,
            loaded: Mutex::default(),
            refused: Mutex::default(),
            page_scan,
            notices,
            instances,
            _ticker: ticker,
        })
    }

    /// Loads a component, or finds it by the hash of its bytes among those that are in use.
    pub fn load(&self, bytes: &[u8]) -> Result<Arc<Loaded>, LoadError> {
        let id = blake3::hash(bytes);
        if let Some(loaded) = lock(&self.loaded).get(&id) {
            return Ok(loaded.clone());
        }
        if let Some(text) = lock(&self.refused).get(&id) {
            return Err(LoadError::Again(text.clone()));
        }
        let loaded = Loaded::new(&self.engine, &self.linker, id, bytes);
        let loaded = Arc::new(loaded.inspect_err(|error| self.remember(id, error))?);
        let mut cache = lock(&self.loaded);
        // What only the cache still holds is of no generation any more.
        cache.retain(|_, loaded| Arc::strong_count(loaded) > 1);
        cache.insert(id, loaded.clone());
        Ok(loaded)
    }

    /// Whether memory is cleared by way of the page scan, which must not be once swap is on.
    pub fn page_scan(&self) -> bool {
        self.page_scan
    }

    /// Looks for what one instance may see of another. To be called before anything else is done with them; blocks, some
    /// milliseconds.
    ///
    /// # Errors
    /// What was seen. Nobody's mail should go through such a sandbox.
    pub fn self_test(&self) -> Result<(), NotFresh> {
        freshness::test(&self.engine, self.page_scan)
    }

    /// What the operator should know about how the pool was made.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// How much of the pool is in use.
    pub fn pool_use(&self) -> Vec<PoolFigure> {
        let Some(metrics) = self.engine.pooling_allocator_metrics() else { return Vec::new() };
        let used = [
            metrics.component_instances(),
            metrics.core_instances(),
            metrics.memories() as u64,
            metrics.tables() as u64,
            metrics.stacks() as u64,
        ];
        let places = engine::places(self.instances).into_iter().zip(used);
        places.map(|((kind, size), used)| PoolFigure { kind, used, size: size.into() }).collect()
    }

    /// Remembers a refusal, but for those that come of the moment: no free place in the pool.
    fn remember(&self, id: blake3::Hash, error: &LoadError) {
        if matches!(error, LoadError::NoCapacity(_)) {
            return;
        }
        let mut refused = lock(&self.refused);
        if refused.len() >= REFUSED_MAX {
            refused.clear();
        }
        refused.insert(id, causes(error));
    }
}

/// A map is whole at every unlock, so a panic elsewhere cannot have broken it.
fn lock<T>(map: &Mutex<T>) -> MutexGuard<'_, T> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}
