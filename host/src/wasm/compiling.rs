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
        match self.cached(engine, id) {
            Ok(Some(component)) => return Ok(component),
            Ok(None) => {}
            Err(why) => self.warn(format!("compiled cache: {why}: the component is compiled again")),
        }
        match &self.compiler {
            Compiler::Nobody => Err(CompileError::Nobody),
            Compiler::InProcess => {
                Component::from_binary(engine, bytes).map_err(|error| CompileError::Refused(causes(&error)))
            }
            Compiler::Jail(program) => {
                let _place = self.places.enter(owner).map_err(CompileError::Busy)?;
                // Another of this owner may have compiled the same while this one waited.
                if let Ok(Some(component)) = self.cached(engine, id) {
                    return Ok(component);
                }
                let began = Instant::now();
                let jail::Report { verdict, cpu } = jail::compile(program, bytes, limits);
                let unfit = |error: wasmtime::Error| CompileError::Unfit(causes(&error));
                let made = verdict.map(Compiled::by_the_jail).and_then(|compiled| {
                    compiled.component(engine).map(|component| (component, compiled)).map_err(unfit)
                });
                self.tell(id, bytes.len(), owner, (cpu, began.elapsed()), made.as_ref().err());
                let (component, compiled) = made?;
                self.keep(id, engine, &compiled);
                Ok(component)
            }
        }
    }

    /// What the cache has, or why that cannot be used.
    fn cached(&self, engine: &Engine, id: blake3::Hash) -> Result<Option<Component>, String> {
        match self.cache.as_ref().map_or(Found::Nothing, |cache| cache.find(id, engine)) {
            Found::Nothing => Ok(None),
            Found::Unusable(why) => Err(why),
            Found::Code(code) => code.component(engine).map(Some).map_err(|error| causes(&error)),
        }
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
        error: Option<&CompileError>,
    ) {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.telemetry.emit(Event::ComponentCompiled {
            tenant: owner.to_owned(),
            component: id.to_hex().to_string(),
            size: size as u64,
            outcome: error.map_or("ok", CompileError::outcome),
            error: error.map(ToString::to_string),
            cpu_ms: ms(cpu),
            ms: ms(wall),
        });
    }
}
