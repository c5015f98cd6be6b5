//! Builds sandboxed processors: `gatepost processor build`.
//!
//! ```text
//! crate dir --rustc: a compiler that has the target--> cargo --build--> core module --componentize--> component
//! ```
//!
//! | file | what it knows |
//! | --- | --- |
//! | `rustc` | where a Rust compiler for `wasm32-unknown-unknown` may be found, and how to get one |
//! | `build` | what cargo is told, whatever the crate's own profile says |
//! | `componentize` | how a core module of any language becomes a component |
//!
//! Knows nothing of catalogs or of running guests.

mod build;
mod componentize;
mod rustc;

use std::path::PathBuf;
use std::process::ExitStatus;

pub use build::{BuildOptions, Built, build};
pub use componentize::{Interfaces, componentize, interfaces};
pub use rustc::{Compiler, Search};

/// What guests are compiled for. It has no system interface, so a component imports only what its author asks for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Why no component was made. `Display` names this level only; causes are in `source()`.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// There is no crate in the folder.
    #[error("`{}` holds no crate with a library: {reason}", dir.display())]
    NotACrate {
        /// The folder asked for.
        dir: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No compiler has the target's standard library, and none could be given it.
    #[error("no Rust compiler here builds for {TARGET} (tried: {tried}); to get one, run:\n    {command}")]
    NoCompiler {
        /// The compilers that were looked at.
        tried: String,
        /// What to run, for this system.
        command: String,
    },
    /// A program of the toolchain cannot be started.
    #[error("cannot run `{}`", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// cargo has said why on stderr.
    #[error("cargo failed ({status}); its messages are above")]
    Cargo {
        /// How it ended.
        status: ExitStatus,
    },
    /// cargo ended well and named no module.
    #[error("cargo made no wasm module of `{name}`")]
    NoModule {
        /// The crate.
        name: String,
    },
    /// The module cannot be made a component.
    #[error("the module is no mail processor: {hint}")]
    Module {
        /// What is missing or too much.
        hint: String,
        /// The encoder's own words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file cannot be read or written.
    #[error("`{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

#[cfg(test)]
mod tests;
