//! Components by way of the sandbox: what the catalog asks for, in the sandbox's own terms.

use std::sync::Arc;

use super::tenant_file::GRANTS;
use super::{ComponentLoader, ComponentStage, ComponentUpload, Inspection, LoadRefusal};
use crate::chain::{Processor, RecipientCheck};
use crate::config::Limits;
use crate::kv::KvStore;
use crate::telemetry::{Event, Level, causes};
use crate::tenant::DomainTable;
use crate::wasm::capabilities::{beyond, grants_of};
use crate::wasm::interfaces::interfaces_of;
use crate::wasm::{
    Capabilities, Census, CompileError, CompileLimits, KvAccess, LoadError, LoadLimits, Loaded,
    SandboxedChecker, SandboxedProcessor, Sandboxes, StageIdentity, StageLimits,
};

/// Loads components into one set of sandboxes.
pub struct SandboxLoader {
    sandboxes: Arc<Sandboxes>,
    kv: Arc<dyn KvStore>,
    /// For `gatepost run`: everything is granted, whatever the stage says.
    all_granted: bool,
}

impl SandboxLoader {
    /// A loader into these sandboxes, with this store behind the grant `kv`.
    pub fn new(sandboxes: Arc<Sandboxes>, kv: Arc<dyn KvStore>) -> Self {
        Self { sandboxes, kv, all_granted: false }
    }

    /// The same, granting everything that a component asks for.
    #[must_use]
    pub fn granting_all(self) -> Self {
        Self { all_granted: true, ..self }
    }

    /// What both kinds of stage are made of.
    fn parts(&self, stage: &ComponentStage<'_>) -> Result<(Arc<Loaded>, StageIdentity, StageLimits), String> {
        let limits = load_limits(stage.limits);
        let loaded =
            self.sandboxes.load(stage.bytes, &limits, stage.tenant).map_err(|error| causes(&error))?;
        if self.all_granted && loaded.imports_wasi() {
            let text = format!(
                "`{}` imports WASI: a server gives it to tenants with `[host] wasi = \"stub\"` only",
                stage.label
            );
            stage.telemetry.emit(Event::Notice { level: Level::Info, text });
        }
        let limits = stage.limits;
        let limits = StageLimits {
            memory: limits.memory_per_instance.as_usize(),
            table_elements: usize::try_from(limits.table_elements_max).unwrap_or(usize::MAX),
            cpu_per_message: limits.cpu_per_message,
            cpu_per_mib: limits.cpu_per_mib,
            output_ratio: limits.output_ratio_max,
            output_base: limits.output_base.0,
            host_calls: limits.host_calls_max,
            handles: limits.handles_max,
            log_bytes: limits.log_per_message.as_usize(),
            facts: limits.facts_max,
        };
        let identity = StageIdentity {
            tenant: stage.tenant.to_owned(),
            label: stage.label.to_owned(),
            processor: stage.id.to_owned(),
            telemetry: stage.telemetry.clone(),
            capabilities: self.capabilities(stage),
        };
        Ok((loaded, identity, limits))
    }

    fn capabilities(&self, stage: &ComponentStage<'_>) -> Capabilities {
        let mut own = DomainTable::default();
        for pattern in stage.domains {
            // All of one owner: there is nothing to conflict with.
            let _ = own.insert(pattern, ());
        }
        let grants = if self.all_granted {
            GRANTS.map(str::to_owned).into()
        } else {
            stage.grants.iter().cloned().collect()
        };
        Capabilities {
            grants,
            kv: Some(KvAccess {
                store: stage.kv.unwrap_or(&self.kv).clone(),
                size_max: stage.limits.kv_size_max.0,
                calls_max: stage.limits.kv_calls_max,
                bytes_max: stage.limits.kv_bytes_max.0,
            }),
            owns: Some(Arc::new(move |mailbox| own.get(mailbox.domain()).is_some())),
            recipients_max: stage.recipients_max,
            fixed: stage.fixed,
            wasi: stage.wasi,
        }
    }
}

/// What loading a component may take under these limits.
pub fn load_limits(limits: &Limits) -> LoadLimits {
    LoadLimits {
        component: Census {
            size: limits.component_size_max.0,
            modules: limits.component_modules_max,
            instances: limits.component_instances_max,
            memories: limits.component_memories_max,
            tables: limits.component_tables_max,
            functions: limits.component_functions_max,
            locals: limits.component_locals_max,
            types: limits.component_types_max,
            type_depth: limits.component_type_depth_max,
            starts: limits.component_starts_max,
            memory: limits.memory_per_instance.0,
            table_elements: limits.table_elements_max,
        },
        compile: CompileLimits {
            cpu: limits.compile_cpu,
            wall: limits.compile_wall,
            memory: limits.compile_memory.0,
            output: limits.compiled_size_max.0,
        },
    }
}

impl ComponentLoader for SandboxLoader {
    fn inspect(&self, upload: ComponentUpload<'_>) -> Result<Inspection, LoadRefusal> {
        let ComponentUpload { owner, bytes, limits, allowed } = upload;
        let loaded =
            self.sandboxes.load(bytes, &load_limits(limits), owner).map_err(|error| match error {
                LoadError::NoCapacity(_)
                | LoadError::Compile(CompileError::Busy(_) | CompileError::Unavailable(_)) => {
                    LoadRefusal::Busy(causes(&error))
                }
                other => LoadRefusal::Refused(causes(&other)),
            })?;
        let lacking = allowed.map(|allowed| beyond(&loaded.imports, &allowed.grants, allowed.wasi));
        if let Some(lacking) = lacking.filter(|lacking| !lacking.is_empty()) {
            return Err(LoadRefusal::Refused(lacking.join("; ")));
        }
        let said = &loaded.description;
        Ok(Inspection {
            name: said.name.clone(),
            version: said.version.clone(),
            summary: said.summary.clone(),
            takes: said.takes,
            gives: said.gives,
            imports: loaded.imports.clone(),
            exports: loaded.exports.clone(),
            grants: grants_of(&loaded.imports),
        })
    }

    fn interfaces(&self, bytes: &[u8]) -> (Vec<String>, Vec<String>) {
        interfaces_of(bytes)
    }

    fn grants(&self, imports: &[String]) -> Vec<String> {
        grants_of(imports)
    }

    fn load(&self, stage: ComponentStage<'_>) -> Result<Arc<dyn Processor>, String> {
        let (loaded, identity, limits) = self.parts(&stage)?;
        Ok(Arc::new(SandboxedProcessor::new(loaded, identity, stage.config.to_string(), limits)?))
    }

    fn load_checker(&self, stage: ComponentStage<'_>) -> Result<Arc<dyn RecipientCheck>, String> {
        let (loaded, identity, limits) = self.parts(&stage)?;
        Ok(Arc::new(SandboxedChecker::new(&loaded, identity, stage.config.to_string(), limits)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the sandbox's own defaults, which embedding programs and tests take, are those of `[limits]`.
    #[test]
    fn defaults_are_the_same() {
        assert_eq!(load_limits(&Limits::default()), LoadLimits::default());
    }
}
