//! What the catalog asks of the sandbox: to turn a component into a configured processor.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::chain::{Content, Fixed, Processor, RecipientCheck};
use crate::config::Limits;
use crate::kv::KvStore;
use crate::telemetry::Telemetry;
use crate::tenant::Pattern;

/// One sandboxed stage of a chain that is being built.
#[derive(Clone, Copy)]
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
    /// What stands behind the grant `kv`; none: the tenant's own space.
    pub kv: Option<&'a Arc<dyn KvStore>>,
    /// Where it speaks.
    pub telemetry: &'a Telemetry,
}

/// A component on its way into the catalog.
#[derive(Debug, Clone, Copy)]
pub struct ComponentUpload<'a> {
    /// Whose it is to be: a tenant, or `host`.
    pub owner: &'a str,
    /// The component, within `component_size_max`.
    pub bytes: &'a [u8],
    /// What it is held to.
    pub limits: &'a Limits,
    /// What its owner's stages may be given at all; none: that differs from tenant to tenant.
    pub allowed: Option<&'a Allowed>,
}

/// What the host lets a tenant's stages have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// `[host] grants_allowed`.
    pub grants: BTreeSet<String>,
    /// `[host] wasi = "stub"`.
    pub wasi: bool,
}

/// What a component is, found out without any chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Its name, as it says; empty where it only checks recipients.
    pub name: String,
    /// Its version, as it says.
    pub version: String,
    /// One line of its own.
    pub summary: String,
    /// What it takes.
    pub takes: Content,
    /// What it gives.
    pub gives: Content,
    /// The interfaces it imports.
    pub imports: Vec<String>,
    /// The interfaces of ours that it exports.
    pub exports: Vec<String>,
    /// The grants that its imports need.
    pub grants: Vec<String>,
}

/// Why a component was not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadRefusal {
    /// It is at fault: the offending import or export, the count past a limit, the compiler's verdict.
    #[error("{0}")]
    Refused(String),
    /// The moment is: no place in the pool is free. It may be tried again.
    #[error("{0}")]
    Busy(String),
}

/// Compiles (or finds compiled), instantiates, describes and configures components. Blocks.
pub trait ComponentLoader: Send + Sync {
    /// What a component is: admitted, compiled, instantiated and described as for a chain of its owner, but configured for
    /// none.
    ///
    /// # Errors
    /// What is wrong with the component, for its owner to read.
    fn inspect(&self, upload: ComponentUpload<'_>) -> Result<Inspection, LoadRefusal>;

    /// What a component imports and exports, without asking it.
    fn interfaces(&self, _bytes: &[u8]) -> (Vec<String>, Vec<String>) {
        (Vec::new(), Vec::new())
    }

    /// The grants that a component with these imports needs.
    fn grants(&self, _imports: &[String]) -> Vec<String> {
        Vec::new()
    }

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
    fn inspect(&self, _upload: ComponentUpload<'_>) -> Result<Inspection, LoadRefusal> {
        Err(LoadRefusal::Refused("this host was built without the sandbox".to_owned()))
    }

    fn load(&self, _stage: ComponentStage<'_>) -> Result<Arc<dyn Processor>, String> {
        Err("this host was built without the sandbox".to_owned())
    }

    fn load_checker(&self, _stage: ComponentStage<'_>) -> Result<Arc<dyn RecipientCheck>, String> {
        Err("this host was built without the sandbox".to_owned())
    }
}
