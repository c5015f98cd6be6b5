//! Turns a tenant's chain into a line-up: finds what each name means, configures it, and checks that all of it fits.
//!
//! A bare name means native, then the tenant's own, then the host's. What another tenant owns is never looked at, not
//! even for a hint.

use std::io::Read;
use std::sync::Arc;

use crate::chain::types::{self, StageType};
use crate::chain::{Content, LineUp, OnFailure, PlannedStage, Processor, StageRef, StageScope};
use crate::config::problem::nearest;
use crate::config::{ByteSize, Config, Limits, Problem};
use crate::sink::Sink;
use crate::telemetry::Telemetry;

use super::store::{Found, HOST};
use super::tenant_file::StageTable;
use super::{ComponentLoader, ComponentStage, Registry, Store, TenantFile};

/// What names are looked up in.
#[derive(Clone, Copy)]
pub struct Resolver<'a> {
    /// Chunk size, host name, state folder, message size.
    pub config: &'a Config,
    /// The components on disk.
    pub store: &'a Store,
    /// The natives.
    pub registry: &'a Registry,
    /// The sandbox.
    pub loader: &'a dyn ComponentLoader,
    /// The host's voice, for the stages.
    pub telemetry: &'a Telemetry,
}

/// A chain that stands ready.
#[derive(Clone)]
pub struct Resolved {
    /// Its stages and sinks.
    pub line_up: LineUp,
    /// What flows: first the message, then what each stage gives.
    pub flowing: Vec<Content>,
}

/// What stands at one place of a chain.
enum Part {
    Stage(PlannedStage),
    Sink(String, Arc<dyn Sink>),
}

impl Resolver<'_> {
    /// Resolves the chain of `tenant`. Without `needs_sink` (`gatepost run`) the last name may be a processor, and no sink
    /// stands then. Blocks while components are compiled.
    ///
    /// # Errors
    /// Every problem found; types are checked only if there are none.
    pub fn resolve(
        &self,
        tenant: &str,
        file: &TenantFile,
        needs_sink: bool,
    ) -> Result<Resolved, Vec<Problem>> {
        let mut problems = Vec::new();
        if file.chain.len() > file.limits.stages_max {
            let text = format!("has {} stages, stages_max is {}", file.chain.len(), file.limits.stages_max);
            return Err(vec![file.problem("chain", text)]);
        }
        let may_end_in_stage = !needs_sink && file.chain.last.len() == 1;
        let stages = file.chain.stages.iter().map(|stage| (stage, false, true));
        let last = file.chain.last.iter().map(|stage| (stage, true, may_end_in_stage));
        let mut line_up = LineUp::default();
        for (stage, may_be_sink, may_be_stage) in stages.chain(last) {
            match self.part(tenant, file, stage, may_be_sink, may_be_stage) {
                Ok(Part::Stage(stage)) => line_up.stages.push(stage),
                Ok(Part::Sink(label, sink)) => line_up.sinks.push((label, sink)),
                Err(mut found) => problems.append(&mut found),
            }
        }
        if problems.is_empty() {
            problems = check_sinks(file, &line_up);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let flowing = check_types(file, &line_up).map_err(|misfit| vec![misfit])?;
        Ok(Resolved { line_up, flowing })
    }

    fn part(
        &self,
        tenant: &str,
        file: &TenantFile,
        stage: &StageRef,
        may_be_sink: bool,
        may_be_stage: bool,
    ) -> Result<Part, Vec<Problem>> {
        let label = stage.label();
        let table = file.stages.get(&label).cloned().unwrap_or_default();
        let native = stage.owner.is_none() && self.registry.is_reserved(&stage.name);
        if native {
            let problems = misplaced(file, &label, &table, self.registry.has_sink(&stage.name));
            if !problems.is_empty() {
                return Err(problems);
            }
        }
        let chain = |text: String| vec![file.problem("chain", text)];
        if let Some(pin) = stage.pin.filter(|_| native) {
            return Err(chain(format!(
                "`{}` is built in and has no versions, but `@{pin}` asks for one",
                stage.name
            )));
        }
        let (is_sink, is_stage) = match native {
            true => (self.registry.has_sink(&stage.name), self.registry.has_processor(&stage.name)),
            false => (false, true),
        };
        let scope = self.scope(tenant, &label);
        let wrong = |text: String| vec![file.stage_problem(&label, "", text)];
        let on_failure = table.on_failure.unwrap_or(file.on_failure);
        if is_sink && may_be_sink {
            let sink = self.registry.sink(&stage.name, &scope, table.settings);
            let sink = sink.unwrap_or_else(|| Err("there is no such sink".to_owned())).map_err(wrong)?;
            return Ok(Part::Sink(label, sink));
        }
        if is_stage && !may_be_stage {
            self.component_or_native_exists(tenant, stage, native).map_err(chain)?;
            return Err(chain(format!(
                "`{label}` is a processor, but the chain must end in sinks, for example `maildir`"
            )));
        }
        if !is_stage {
            return Err(chain(format!("`{label}` is a sink: sinks stand last, joined by `+`")));
        }
        let processor = if native {
            let made = self.registry.processor(&stage.name, &scope, table.settings);
            made.unwrap_or_else(|| Err("there is no such processor".to_owned())).map_err(wrong)?
        } else {
            let found = self.find(tenant, stage).map_err(chain)?;
            self.component(tenant, file, &label, &table, &found)?
        };
        Ok(Part::Stage(PlannedStage { label, on_failure, processor }))
    }

    /// So that a name that means nothing is called unknown before it is called misplaced.
    fn component_or_native_exists(&self, tenant: &str, stage: &StageRef, native: bool) -> Result<(), String> {
        if native { Ok(()) } else { self.find(tenant, stage).map(drop) }
    }

    fn scope(&self, tenant: &str, label: &str) -> StageScope {
        let message_size_max = self.config.listeners.iter().map(|l| l.message_size_max.0).max();
        StageScope {
            hostname: self.config.server.hostname.clone(),
            state_dir: self.config.server.state_dir.clone(),
            tenant: tenant.to_owned(),
            label: label.to_owned(),
            chunk_size: self.config.server.chunk_size.as_usize(),
            message_size_max: message_size_max.unwrap_or(25 << 20),
            telemetry: self.telemetry.clone(),
        }
    }

    /// The component that `stage` means to `tenant`.
    pub(super) fn find(&self, tenant: &str, stage: &StageRef) -> Result<Found, String> {
        let owners: Vec<&str> = match stage.owner.as_deref() {
            None => vec![tenant, HOST],
            Some(owner) if owner == tenant || owner == HOST => vec![owner],
            Some(_) => Vec::new(),
        };
        let mut versions = Vec::new();
        for owner in owners {
            let failed = |error| format!("cannot look for `{owner}/{}`: {error}", stage.name);
            let found = self.store.find(owner, &stage.name, stage.pin.as_ref()).map_err(failed)?;
            if let Some(found) = found {
                return Ok(found);
            }
            versions.extend(self.store.versions(owner, &stage.name).map_err(failed)?);
        }
        if let Some(pin) = stage.pin.filter(|_| !versions.is_empty()) {
            let there: Vec<String> = versions.iter().map(ToString::to_string).collect();
            return Err(format!("`{}` has no version @{pin}; there are {}", stage.name, there.join(", ")));
        }
        let visible = self.visible(tenant);
        let written = StageRef { alias: None, pin: None, ..stage.clone() }.label();
        let near = nearest(&written, visible.iter().map(String::as_str));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Err(format!("unknown processor `{written}` in the chain of `{tenant}`{hint}"))
    }

    /// All names that `tenant` may use.
    fn visible(&self, tenant: &str) -> Vec<String> {
        let natives = self.registry.processors().chain(self.registry.sinks()).map(str::to_owned);
        let mut names: Vec<String> = natives.collect();
        for owner in [tenant, HOST] {
            for name in self.store.processors(owner).unwrap_or_default() {
                names.push(format!("{owner}/{name}"));
                names.push(name);
            }
        }
        names
    }

    fn component(
        &self,
        tenant: &str,
        file: &TenantFile,
        label: &str,
        table: &StageTable,
        found: &Found,
    ) -> Result<Arc<dyn Processor>, Vec<Problem>> {
        let unknown = table.settings.keys().map(|key| {
            file.stage_problem(label, key, "unknown key; the settings of a component stand in `config`")
        });
        let unknown: Vec<Problem> = unknown.collect();
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let bytes = read_component(found, file.limits.component_size_max)
            .map_err(|text| vec![file.stage_problem(label, "", text)])?;
        let hash = blake3::hash(&bytes);
        let limits = Limits {
            cpu_per_message: table.cpu_per_message.unwrap_or(file.limits.cpu_per_message),
            memory_per_instance: table.memory_per_instance.unwrap_or(file.limits.memory_per_instance),
            ..file.limits.clone()
        };
        let hex = hash.to_hex();
        let empty = serde_json::json!({});
        let stage = ComponentStage {
            id: &format!("{}/{}@{}#{}", found.owner, found.name, found.version, &hex.as_str()[..16]),
            hash,
            bytes: &bytes,
            tenant,
            label,
            config: table.config.as_ref().unwrap_or(&empty),
            grants: &table.grants,
            limits: &limits,
            chunk_size: self.config.server.chunk_size.as_usize(),
            telemetry: self.telemetry,
        };
        self.loader.load(stage).map_err(|text| vec![file.stage_problem(label, "", text)])
    }
}

/// The bytes of a component, within `size_max`.
pub(super) fn read_component(found: &Found, size_max: ByteSize) -> Result<Vec<u8>, String> {
    let name = format!("{}/{}@{}", found.owner, found.name, found.version);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&found.path);
    let read = file.and_then(|file| file.take(size_max.0.saturating_add(1)).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(format!("cannot read `{name}`: {error}")),
        Ok(_) if bytes.len() as u64 > size_max.0 => {
            Err(format!("`{name}` is larger than component_size_max, {size_max}"))
        }
        Ok(_) => Ok(bytes),
    }
}

/// Keys that only a sandboxed stage has, or only a stage.
fn misplaced(file: &TenantFile, label: &str, table: &StageTable, is_sink: bool) -> Vec<Problem> {
    let kind = if is_sink { "a sink" } else { "built in" };
    let given = [
        ("config", table.config.is_some()),
        ("grants", !table.grants.is_empty()),
        ("cpu_per_message", table.cpu_per_message.is_some()),
        ("memory_per_instance", table.memory_per_instance.is_some()),
        ("on_failure", is_sink && table.on_failure.is_some()),
    ];
    let problem = |key| file.stage_problem(label, key, format!("does not apply: `{label}` is {kind}"));
    given.into_iter().filter(|(_, given)| *given).map(|(key, _)| problem(key)).collect()
}

fn check_sinks(file: &TenantFile, line_up: &LineUp) -> Vec<Problem> {
    let mut problems = Vec::new();
    let last: Vec<String> = line_up
        .sinks
        .iter()
        .filter(|(_, sink)| sink.is_final())
        .map(|(label, _)| format!("`{label}`"))
        .collect();
    if last.len() > 1 {
        let text =
            format!("{} cannot be undone once done; a chain may have one such sink", last.join(" and "));
        problems.push(file.problem("chain", text));
    }
    let apart = line_up.sinks.is_empty() || line_up.sinks.iter().any(|(_, sink)| sink.can_quarantine());
    for stage in line_up.stages.iter().filter(|stage| !apart && stage.on_failure == OnFailure::Quarantine) {
        let own = file.stages.get(&stage.label).is_some_and(|table| table.on_failure.is_some());
        let text =
            format!("`{}` may quarantine, but no sink of the chain can keep a message apart", stage.label);
        problems.push(match own {
            true => file.stage_problem(&stage.label, "on_failure", text),
            false => file.problem("on_failure", text),
        });
    }
    problems
}

fn check_types(file: &TenantFile, line_up: &LineUp) -> Result<Vec<Content>, Problem> {
    let stages = line_up.stages.iter().map(|planned| {
        let (takes, gives) = (planned.processor.takes(), planned.processor.gives());
        StageType { label: &planned.label, processor: planned.processor.id(), takes, gives }
    });
    let stages: Vec<StageType<'_>> = stages.collect();
    let sinks: Vec<(&str, Content)> =
        line_up.sinks.iter().map(|(label, sink)| (label.as_str(), sink.takes())).collect();
    types::check(&stages, &sinks).map_err(|misfit| file.problem("chain", misfit.text))
}
