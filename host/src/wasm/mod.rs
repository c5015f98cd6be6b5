//! The sandbox: components of tenants, run under wasmtime. The only folder that names it.
//!
//! In reading order: `limits` (what an instance may use), `engine` (one for the process), `component` (load and check),
//! `sandbox` (what one instance may touch), `host` (the imports), `stage` (one message through one instance).
//!
//! Knows nothing of tenants' files or SMTP sessions. Every message gets a fresh instance; nothing carries over.

pub mod component;
pub mod engine;
mod host;
pub mod limits;
mod sandbox;
pub mod stage;

pub use component::{LoadError, Loaded};
pub use engine::{PoolSettings, Sandboxes};
pub use limits::StageLimits;
pub use stage::{SandboxedProcessor, StageIdentity};

/// The interface of `wit/processor.wit`, as the host sees it.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "mail-processor",
        imports: { default: trappable },
        exports: { default: async },
    });
}
