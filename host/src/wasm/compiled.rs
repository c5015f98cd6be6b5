//! Compiled code becomes a component: the one place of the host where bytes are trusted to be machine code that we made.
//!
//! Who hands bytes over here vouches for them: `jail` for what a child of ours has just compiled, `cache` for what it wrote
//! itself and found under its MAC, over the very bytes in memory. Nothing that came from outside gets here.
#![expect(unsafe_code, reason = "wasmtime cannot tell its own machine code from any other")]

use wasmtime::Engine;
use wasmtime::component::Component;

/// Machine code of a component.
pub(super) struct Compiled(Vec<u8>);

impl Compiled {
    /// What a child of ours has just compiled.
    pub(super) fn by_the_jail(code: Vec<u8>) -> Self {
        Self(code)
    }

    /// What the cache has verified.
    pub(super) fn by_the_cache(code: Vec<u8>) -> Self {
        Self(code)
    }

    /// The bytes.
    pub(super) fn code(&self) -> &[u8] {
        &self.0
    }

    /// Maps the code.
    ///
    /// # Errors
    /// It was compiled for another machine or with other settings.
    pub(super) fn component(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes are those that `Engine::precompile_component` gave in a process of ours: see above who vouches.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}
