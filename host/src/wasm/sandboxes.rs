//! The sandbox as the rest of the host sees it: one engine, and every component that is loaded into it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::Engine;
use wasmtime::component::Linker;

use super::admission;
use super::cache::Cache;
use super::capabilities;
use super::compile::{CompileError, Compiler, LoadLimits};
use super::compiling::Compiling;
use super::component::{LoadError, Loaded};
use super::engine::{self, Made, PoolSettings, Ticker};
use super::freshness::{self, NotFresh};
use super::host;
use super::jail::Places;
use super::sandbox::Sandbox;
use super::swap::Swaps;
use super::wasi;
use crate::telemetry::{PoolFigure, Telemetry, causes};

/// Most refusals that are remembered.
const REFUSED_MAX: usize = 256;
/// How long a refusal is remembered in which the machine's state had a part.
const MOMENT: Duration = Duration::from_secs(60);
/// Jails at once: `[server] jails_max`.
const JAILS_MAX: usize = 2;

/// The engine, and every component that is loaded into it.
pub struct Sandboxes {
    engine: Engine,
    linker: Linker<Sandbox>,
    compiling: Compiling,
    loaded: Mutex<HashMap<blake3::Hash, Arc<Loaded>>>,
    refused: Mutex<HashMap<(blake3::Hash, LoadLimits), Refused>>,
    page_scan: bool,
    notices: Vec<String>,
    /// The instances that the pool has room for.
    instances: u32,
    _ticker: Ticker,
}

/// Why a component was refused: what one says of itself is pure, so it is not asked again for each of its stages.
struct Refused {
    text: String,
    /// When it may be asked again; none: never.
    until: Option<Instant>,
}

impl Sandboxes {
    /// Makes the engine and starts its ticker. Fails where the kernel does not give the address space.
    pub fn new(settings: PoolSettings, compiler: Compiler) -> Result<Self, LoadError> {
        Self::with_swaps(settings, compiler, &Swaps::default())
    }

    /// The same, where swap areas are listed elsewhere.
    pub fn with_swaps(settings: PoolSettings, compiler: Compiler, swaps: &Swaps) -> Result<Self, LoadError> {
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
            compiling: Compiling {
                compiler,
                places: Places::new(JAILS_MAX),
                cache: None,
                telemetry: Telemetry::silent(),
            },
            loaded: Mutex::default(),
            refused: Mutex::default(),
            page_scan,
            notices,
            instances,
            _ticker: ticker,
        })
    }

    /// Compiles so many components at once; each may take all of `compile_memory`. Default 2.
    #[must_use]
    pub fn with_jails_max(mut self, jails_max: usize) -> Self {
        self.compiling.places = Places::new(jails_max);
        self
    }

    /// Keeps compiled code there, and looks there first.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<Cache>) -> Self {
        self.compiling.cache = cache;
        self
    }

    /// Tells here what was compiled.
    #[must_use]
    pub fn with_telemetry(mut self, telemetry: Telemetry) -> Self {
        self.compiling.telemetry = telemetry;
        self
    }

    /// Loads a component, or finds it by the hash of its bytes among those that are in use: admission, compilation,
    /// instantiation, `describe`. Blocks, for long where it is compiled. `owner` is whose turn in the jail it is: a tenant, or
    /// `host`.
    ///
    /// # Errors
    /// Why it is refused, for its owner to read.
    pub fn load(&self, bytes: &[u8], limits: &LoadLimits, owner: &str) -> Result<Arc<Loaded>, LoadError> {
        let id = blake3::hash(bytes);
        if let Some(loaded) = self.in_use(id) {
            loaded.census.within(&limits.component).map_err(admission::Refusal::from)?;
            return Ok(loaded);
        }
        self.refused_before(id, limits)?;
        let loaded = self.load_anew(id, bytes, limits, owner);
        loaded.inspect_err(|error| self.remember(id, limits, error))
    }

    fn load_anew(
        &self,
        id: blake3::Hash,
        bytes: &[u8],
        limits: &LoadLimits,
        owner: &str,
    ) -> Result<Arc<Loaded>, LoadError> {
        let census = admission::admit(bytes, &limits.component)?;
        let component = self.compiling.component(&self.engine, id, bytes, &limits.compile, owner)?;
        let loaded = Arc::new(Loaded::new(&self.engine, &self.linker, id, &component, census)?);
        let mut cache = lock(&self.loaded);
        // What only this map still holds is of no generation any more.
        cache.retain(|_, loaded| Arc::strong_count(loaded) > 1);
        cache.insert(loaded.id, loaded.clone());
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

    fn in_use(&self, id: blake3::Hash) -> Option<Arc<Loaded>> {
        lock(&self.loaded).get(&id).cloned()
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

    fn refused_before(&self, id: blake3::Hash, limits: &LoadLimits) -> Result<(), LoadError> {
        match lock(&self.refused).get(&(id, limits.clone())) {
            Some(refused) if refused.until.is_none_or(|until| Instant::now() < until) => {
                Err(LoadError::Again(refused.text.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Remembers a refusal, but for those that come of the moment: no free place in the pool or before the jail.
    fn remember(&self, id: blake3::Hash, limits: &LoadLimits, error: &LoadError) {
        let until = match error {
            LoadError::NoCapacity(_)
            | LoadError::Compile(CompileError::Busy(_) | CompileError::Unavailable(_)) => return,
            LoadError::Compile(error) if error.is_of_the_moment() => Some(Instant::now() + MOMENT),
            _ => None,
        };
        let mut refused = lock(&self.refused);
        if refused.len() >= REFUSED_MAX {
            refused.clear();
        }
        refused.insert((id, limits.clone()), Refused { text: causes(error), until });
    }
}

/// A map is whole at every unlock, so a panic elsewhere cannot have broken it.
fn lock<T>(map: &Mutex<T>) -> MutexGuard<'_, T> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}
