//! The sandbox: components of tenants, run under wasmtime. The only folder that names it.
//!
//! In reading order, each using those before it: `limits` (what an instance may use), `sandbox` (what it may touch),
//! `limiter` (its memory), `host` (its imports), `capabilities` (those that need a grant), `wasi` (the stub), `instance` (its
//! start and end), `admission` (what a file is made of), `compile`, `jail` and `cache` (how it becomes machine code),
//! `component` (load and check), `engine` and `sandboxes` (one of each for the process), `freshness` (their self-test), `swap`
//! (when it would not hold), `stage` (one message through one instance), `checker` (one address).
//!
//! Knows nothing of tenants' files or SMTP sessions. Every message gets a fresh instance; nothing carries over.

pub mod admission;
pub mod cache;
pub mod capabilities;
pub mod checker;
pub mod compile;
mod compiled;
mod compiling;
pub mod component;
pub mod engine;
pub mod freshness;
mod host;
mod instance;
pub mod interfaces;
pub mod jail;
mod limiter;
pub mod limits;
mod sandbox;
pub mod sandboxes;
pub mod stage;
pub mod swap;
mod wasi;

pub use admission::Census;
pub use cache::{Cache, KeyError};
pub use capabilities::{Capabilities, KvAccess, Owns};
pub use checker::SandboxedChecker;
pub use compile::{CompileError, CompileLimits, Compiler, LoadLimits};
pub use component::{LoadError, Loaded};
pub use engine::PoolSettings;
pub use freshness::NotFresh;
pub use limits::StageLimits;
pub use sandbox::StageIdentity;
pub use sandboxes::Sandboxes;
pub use stage::SandboxedProcessor;
pub use swap::Swaps;

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
