//! From an admitted component to one that can be instantiated: out of the cache, or compiled anew by who was chosen.

use std::time::{Duration, Instant};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::cache::{Cache, Found};
use super::compile::{CompileError, CompileLimits, Compiler};
use super::compiled::Compiled;
use super::component::causes;
use super::jail::{self, Places};
use crate::telemetry::{Event, Level, Telemetry};

/// What components are compiled with.
pub(super) struct Compiling {
    pub(super) compiler: Compiler,
    pub(super) places: Places,
    pub(super) cache: Option<Cache>,
    pub(super) telemetry: Telemetry,
}

impl Compiling {
    /// The component, compiled where the cache has nothing. Blocks.
    pub(super) fn component(
        &self,
        engine: &Engine,
        id: blake3::Hash,
        bytes: &[u8],
        limits: &CompileLimits,
        owner: &str,
    ) -> Result<Component, CompileError> {
        if let Some(component) = self.cached(engine, id) {
            return Ok(component);
        }
        match &self.compiler {
            Compiler::Nobody => Err(CompileError::Nobody),
            Compiler::InProcess => {
                Component::from_binary(engine, bytes).map_err(|error| CompileError::Refused(causes(&error)))
            }
            Compiler::Jail(program) => {
                let _place = self.places.enter(owner).map_err(CompileError::Busy)?;
                // Another of this owner may have compiled the same while this one waited.
                if let Some(component) = self.cached(engine, id) {
                    return Ok(component);
                }
                let began = Instant::now();
                let jail::Report { verdict, cpu } = jail::compile(program, bytes, limits);
                self.tell(id, bytes.len(), owner, (cpu, began.elapsed()), &verdict);
                let compiled = Compiled::by_the_jail(verdict?);
                let component = compiled.component(engine).map_err(|error| {
                    CompileError::Crashed(format!("its code does not fit this host: {}", causes(&error)))
                })?;
                self.keep(id, engine, &compiled);
                Ok(component)
            }
        }
    }

    fn cached(&self, engine: &Engine, id: blake3::Hash) -> Option<Component> {
        let why = match self.cache.as_ref()?.find(id, engine) {
            Found::Nothing => return None,
            Found::Unusable(why) => why,
            Found::Code(code) => match code.component(engine) {
                Ok(component) => return Some(component),
                Err(error) => causes(&error),
            },
        };
        self.warn(format!("compiled cache: {why}: the component is compiled again"));
        None
    }

    fn keep(&self, id: blake3::Hash, engine: &Engine, compiled: &Compiled) {
        let Some(cache) = &self.cache else { return };
        if let Err(error) = cache.keep(id, engine, compiled.code()) {
            self.warn(format!("compiled cache: a component could not be kept: {error}"));
        }
    }

    fn warn(&self, text: String) {
        self.telemetry.emit(Event::Notice { level: Level::Warn, text });
    }

    fn tell(
        &self,
        id: blake3::Hash,
        size: usize,
        owner: &str,
        (cpu, wall): (Duration, Duration),
        verdict: &Result<Vec<u8>, CompileError>,
    ) {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (outcome, error) = match verdict {
            Ok(_) => ("ok", None),
            Err(error) => (error.outcome(), Some(error.to_string())),
        };
        self.telemetry.emit(Event::ComponentCompiled {
            tenant: owner.to_owned(),
            component: id.to_hex().to_string(),
            size: size as u64,
            outcome,
            error,
            cpu_ms: ms(cpu),
            ms: ms(wall),
        });
    }
}
