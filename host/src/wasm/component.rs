//! Loads a component: what it is made of, what it imports and exports, what it says of itself.
//!
//! Refusals name the import or export that does not fit. What comes here has been admitted and compiled.

use std::fmt;
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, InstancePre, Linker};

use super::admission::{Census, Refusal};
use super::bindings::MailProcessorPre;
use super::bindings::gatepost::processor::types as wit;
use super::capabilities::{GRANTED, needs_wasi};
use super::checker::RECIPIENTS;
use super::compile::CompileError;
use super::instance::{self, Instance, PROCESSOR, block_on};
use super::limits::StageLimits;
use super::sandbox::{Sandbox, StageIdentity};
use super::wasi;
use crate::chain::meter::{CpuMeter, Metered};
use crate::chain::{Content, StageError};
use crate::telemetry::causes::one_line;

/// The functions of the interface that a processor exports.
const PROCESSOR_FUNCTIONS: [&str; 5] = ["describe", "configure", "open", "write", "close"];
/// Every interface that a component may import without a grant, and its functions.
const OFFERED: [(&str, &[&str]); 4] = [
    ("gatepost:processor/types@0.1.0", &[]),
    ("gatepost:processor/envelope@0.1.0", &["id", "sender", "recipients", "fact", "set-fact"]),
    ("gatepost:processor/next@0.1.0", &["write"]),
    ("gatepost:processor/log@0.1.0", &["emit", "count"]),
];

/// Why a component was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// wasmtime could not be set up.
    #[error("the sandbox engine could not be made")]
    Engine(#[source] wasmtime::Error),
    /// The epoch thread could not be started.
    #[error("the epoch thread could not be started")]
    Ticker(#[source] std::io::Error),
    /// It is refused before anything is compiled.
    #[error(transparent)]
    Admission(#[from] Refusal),
    /// It was not compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// Imports or exports do not fit.
    #[error("{}", .0.join("; "))]
    Interface(Vec<String>),
    /// No place in the pool is free now.
    #[error("{0}")]
    NoCapacity(String),
    /// It was refused before, for this reason.
    #[error("{0}")]
    Again(String),
    /// It could not be instantiated, or failed in `describe`.
    #[error("{0}")]
    Describe(String),
}

/// What a component says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its name, as it says.
    pub name: String,
    /// Its version, as it says.
    pub version: String,
    /// One line.
    pub summary: String,
    /// What it takes.
    pub takes: Content,
    /// What it gives.
    pub gives: Content,
}

/// A component, compiled and checked. Shared by every chain that uses the same bytes.
pub struct Loaded {
    /// BLAKE3 of its bytes.
    pub id: blake3::Hash,
    /// What it is made of.
    pub census: Census,
    /// The interfaces it imports, in its own order.
    pub imports: Vec<String>,
    /// What `describe` said; without name and version where the component only checks recipients, which says nothing.
    pub description: Description,
    /// The interfaces of ours that it exports: what may stand in `chain`, in `recipients`, or in both.
    pub exports: Vec<String>,
    pub(super) instance_pre: InstancePre<Sandbox>,
    /// None: it checks recipients only.
    pub(super) pre: Option<MailProcessorPre<Sandbox>>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("id", &self.id.to_hex())
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    pub(super) fn new(
        engine: &Engine,
        linker: &Linker<Sandbox>,
        id: blake3::Hash,
        component: &Component,
        census: Census,
    ) -> Result<Self, LoadError> {
        let (imports, exports) = check_interface(component, engine)?;
        let mistyped = |error: wasmtime::Error| LoadError::Interface(vec![causes(&error)]);
        let instance_pre = linker.instantiate_pre(component).map_err(mistyped)?;
        let pre = match exports.iter().any(|name| name == PROCESSOR) {
            true => Some(MailProcessorPre::new(instance_pre.clone()).map_err(mistyped)?),
            false => None,
        };
        let description = match &pre {
            Some(pre) => describe(pre)?,
            None => Description {
                name: String::new(),
                version: String::new(),
                summary: "checks recipients".to_owned(),
                takes: Content::Any,
                gives: Content::Any,
            },
        };
        Ok(Self { id, census, imports, description, exports, instance_pre, pre })
    }

    /// Whether it may stand in `recipients`.
    pub fn checks_recipients(&self) -> bool {
        self.exports.iter().any(|name| name == RECIPIENTS)
    }

    /// Whether it asks for any of WASI: it runs for tenants with the stub only.
    pub fn imports_wasi(&self) -> bool {
        self.imports.iter().any(|import| wasi::is_wasi(import))
    }

    /// The processor; a checker alone has none, and is kept out of chains.
    pub(super) fn pre(&self) -> Result<&MailProcessorPre<Sandbox>, StageError> {
        self.pre.as_ref().ok_or_else(|| StageError::Failed("it is no processor".to_owned()))
    }
}

/// Runs `describe` in a fresh instance under default limits, on a thread of its own: this may be called from anywhere.
fn describe(pre: &MailProcessorPre<Sandbox>) -> Result<Description, LoadError> {
    let meter = Arc::new(CpuMeter::default());
    let identity = Arc::new(StageIdentity::nobody());
    let limits = StageLimits::for_describe();
    let ask = async {
        let mistyped = instance::mistyped_exports(pre, &identity, &limits, &meter).await?;
        if !mistyped.is_empty() {
            return Ok(Err(mistyped));
        }
        Instance::start(pre, &identity, &limits, &meter).await?.describe().await.map(Ok)
    };
    let said = block_on(Metered::new(&meter, Box::pin(ask))).map_err(LoadError::Describe)?;
    let said = said.map_err(|error| {
        let text = format!("`describe` {}", crate::telemetry::causes(&error));
        if matches!(error, StageError::NoCapacity(_)) {
            LoadError::NoCapacity(text)
        } else {
            LoadError::Describe(text)
        }
    })?;
    let said = said.map_err(|mistyped| {
        let name = |function| format!("the export `{PROCESSOR}` function `{function}` has another type");
        LoadError::Interface(mistyped.into_iter().map(name).collect())
    })?;
    Ok(Description {
        name: said.name,
        version: said.version,
        summary: said.summary,
        takes: content(said.takes),
        gives: content(said.gives),
    })
}

fn content(content: wit::Content) -> Content {
    match content {
        wit::Content::Message => Content::Message,
        wit::Content::Bytes => Content::Bytes,
        wit::Content::Any => Content::Any,
    }
}

/// The functions of the interface that a checker of recipients exports.
const RECIPIENTS_FUNCTIONS: [&str; 2] = ["configure", "check"];

/// Names everything that is missing from the exports or not on offer among the imports. Gives the names of the imports, and
/// of the exports that are ours.
fn check_interface(component: &Component, engine: &Engine) -> Result<(Vec<String>, Vec<String>), LoadError> {
    let ty = component.component_type();
    let mut problems = Vec::new();
    let mut imports = Vec::new();
    for (name, item) in ty.imports(engine) {
        imports.push(name.to_owned());
        let granted = GRANTED.iter().map(|(interface, _, functions)| (*interface, *functions));
        let offered = OFFERED.into_iter().chain(granted).find(|(interface, _)| *interface == name);
        match (offered, item.ty) {
            (Some((_, functions)), ComponentItem::ComponentInstance(instance)) => {
                problems.extend(
                    function_names(&instance, engine)
                        .filter(|function| !functions.contains(&function.as_str()))
                        .map(|function| {
                            format!("imports `{name}` function `{function}`, which does not exist")
                        }),
                );
            }
            _ if wasi::is_wasi(name) => problems.extend(wasi::problem(name)),
            _ => problems.push(format!("imports `{name}`, which is not on offer")),
        }
    }
    let mut exports = Vec::new();
    for (interface, functions) in [(PROCESSOR, &PROCESSOR_FUNCTIONS[..]), (RECIPIENTS, &RECIPIENTS_FUNCTIONS)]
    {
        let exported = ty.exports(engine).find(|(name, _)| *name == interface).map(|(_, item)| item.ty);
        let Some(ComponentItem::ComponentInstance(instance)) = exported else { continue };
        let have: Vec<String> = function_names(&instance, engine).collect();
        let lacking = functions.iter().filter(|function| !have.iter().any(|name| name == *function));
        problems
            .extend(lacking.map(|function| format!("lacks the export `{interface}` function `{function}`")));
        exports.push(interface.to_owned());
    }
    if exports.is_empty() {
        problems.push(format!("lacks the export `{PROCESSOR}`"));
    }
    if problems.is_empty() {
        return Ok((imports, exports));
    }
    // Who is refused anyway is told all that most tenants would be refused for.
    let linked = imports.iter().filter(|name| wasi::is_wasi(name) && wasi::problem(name).is_none());
    problems.extend(linked.map(|name| needs_wasi(name)));
    Err(LoadError::Interface(problems))
}

fn function_names(instance: &ComponentInstance, engine: &Engine) -> impl Iterator<Item = String> {
    let functions =
        instance.exports(engine).filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)));
    functions.map(|(name, _)| name.to_owned()).collect::<Vec<_>>().into_iter()
}

/// An error with all its causes on one line.
pub(super) fn causes(error: &wasmtime::Error) -> String {
    one_line(&error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": "))
}
