//! The sandbox as the rest of the host sees it: one engine, and every component that is loaded into it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::Engine;
use wasmtime::component::Linker;

use super::component::{LoadError, Loaded};
use super::engine::{self, PoolSettings, Ticker};
use super::host;
use super::sandbox::Sandbox;

/// The engine, and every component that is loaded into it.
pub struct Sandboxes {
    engine: Engine,
    linker: Linker<Sandbox>,
    loaded: Mutex<HashMap<blake3::Hash, Arc<Loaded>>>,
    notices: Vec<String>,
    _ticker: Ticker,
}

impl Sandboxes {
    /// Makes the engine and starts its ticker. Fails where the kernel does not give the address space.
    pub fn new(settings: PoolSettings) -> Result<Self, LoadError> {
        let (engine, notices) = engine::new(settings).map_err(LoadError::Engine)?;
        let mut linker = Linker::new(&engine);
        host::add_to_linker(&mut linker).map_err(LoadError::Engine)?;
        let ticker = Ticker::start(engine.clone()).map_err(LoadError::Ticker)?;
        Ok(Self { engine, linker, loaded: Mutex::default(), notices, _ticker: ticker })
    }

    /// Loads a component, or finds it by the hash of its bytes among those that are in use.
    pub fn load(&self, bytes: &[u8]) -> Result<Arc<Loaded>, LoadError> {
        let id = blake3::hash(bytes);
        if let Some(loaded) = self.lock().get(&id) {
            return Ok(loaded.clone());
        }
        let loaded = Arc::new(Loaded::new(&self.engine, &self.linker, id, bytes)?);
        let mut cache = self.lock();
        // What only the cache still holds is of no generation any more.
        cache.retain(|_, loaded| Arc::strong_count(loaded) > 1);
        cache.insert(id, loaded.clone());
        Ok(loaded)
    }

    /// What the operator should know about how the pool was made.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<blake3::Hash, Arc<Loaded>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
