//! What the catalog asks of the sandbox: to turn a component into a configured processor.

use std::sync::Arc;

use crate::chain::{Fixed, Processor, RecipientCheck};
use crate::config::Limits;
use crate::telemetry::Telemetry;
use crate::tenant::Pattern;

/// One sandboxed stage of a chain that is being built.
pub struct ComponentStage<'a> {
    /// What stands in logs: `owner/name@version#` and the first 16 hex digits of the hash.
    pub id: &'a str,
    /// BLAKE3 of the bytes.
    pub hash: blake3::Hash,
    /// The component, within `component_size_max`.
    pub bytes: &'a [u8],
    /// Whose chain.
    pub tenant: &'a str,
    /// The stage's label.
    pub label: &'a str,
    /// Handed to `configure` as JSON text; an object.
    pub config: &'a serde_json::Value,
    /// Capabilities it was granted.
    pub grants: &'a [String],
    /// Its imports of WASI are given: the stub.
    pub wasi: bool,
    /// Domains that are the tenant's own.
    pub domains: &'a [Pattern],
    /// Most recipients of a message: the largest of the listeners' `recipients_max`.
    pub recipients_max: usize,
    /// The stage's own limits, over its tenant's, over the host's.
    pub limits: &'a Limits,
    /// Size of the chunks it will see, in bytes.
    pub chunk_size: usize,
    /// Time and randomness of a test's own; none: the world's.
    pub fixed: Option<Fixed>,
    /// Where it speaks.
    pub telemetry: &'a Telemetry,
}

/// Compiles (or finds compiled), instantiates, describes and configures components. Blocks.
pub trait ComponentLoader: Send + Sync {
    /// A processor that stands ready.
    ///
    /// # Errors
    /// What is wrong with the component or its config, for the tenant to read.
    fn load(&self, stage: ComponentStage<'_>) -> Result<Arc<dyn Processor>, String>;

    /// A recipient checker that stands ready.
    ///
    /// # Errors
    /// As [`ComponentLoader::load`].
    fn load_checker(&self, stage: ComponentStage<'_>) -> Result<Arc<dyn RecipientCheck>, String>;
}

/// For a host without the sandbox: refuses every component.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoComponents;

impl ComponentLoader for NoComponents {
    fn load(&self, _stage: ComponentStage<'_>) -> Result<Arc<dyn Processor>, String> {
        Err("this host was built without the sandbox".to_owned())
    }

    fn load_checker(&self, _stage: ComponentStage<'_>) -> Result<Arc<dyn RecipientCheck>, String> {
        Err("this host was built without the sandbox".to_owned())
    }
}
