//! Turns a tenant's chain into a line-up: finds what each name means, configures it, and checks that all of it fits.
//!
//! A bare name means native, then the tenant's own, then the host's. What another tenant owns is never looked at, not
//! even for a hint.

use std::io::Read;
use std::sync::Arc;

use crate::chain::breaker;
use crate::chain::{
    Answers, Breaker, Content, Fixed, LineUp, OnFailure, PlannedCheck, PlannedStage, StageRef, StageScope,
};
use crate::config::problem::nearest;
use crate::config::{self, ByteSize, Config, Limits, Problem};
use crate::sink::Sink;
use crate::telemetry::Telemetry;

use super::checks::{
    check_caches, check_instances, check_kept, check_native_checker, check_sinks, check_types, misplaced,
};
use super::fresh::Tried;
use super::revision::{Component, Components};
use super::smoke::Rehearsal;
use super::store::{Found, HOST};
use super::tenant_file::StageTable;
use super::{ComponentLoader, ComponentStage, Registry, Store, TenantFile, WireLimits};
use crate::kv::KvStore;

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
    /// Time and randomness that sandboxed stages are given; none: the world's.
    pub fixed: Option<Fixed>,
    /// Make each sandboxed stage a second time, for the smoke corpus.
    pub rehearse: bool,
    /// What names meant when the revision went live; none: they mean what is newest.
    pub meant: Option<&'a Components>,
    /// What stands behind the grant `kv`; none: the tenant's own space.
    pub kv: Option<&'a Arc<dyn KvStore>>,
    /// What the smoke corpus has shown already.
    pub tried: &'a Tried,
}

/// A chain that stands ready.
#[derive(Clone)]
pub struct Resolved {
    /// Its stages and sinks.
    pub line_up: LineUp,
    /// What flows: first the message, then what each stage gives.
    pub flowing: Vec<Content>,
    /// Who is asked about recipients.
    pub checks: Vec<PlannedCheck>,
    /// Its sandboxed stages as the smoke corpus finds them; empty where the resolver was not asked for them.
    pub rehearsals: Vec<Rehearsal>,
}

/// What stands at one place of a chain.
enum Part {
    Stage(PlannedStage, Option<Rehearsal>),
    Sink(String, Arc<dyn Sink>),
}

/// What may stand at one place of a chain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Stage,
    Sink,
    Either,
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
        for (key, len) in [("chain", file.chain.len()), ("recipients", file.recipients.len())] {
            if len > file.limits.stages_max {
                let text = format!("has {len} stages, stages_max is {}", file.limits.stages_max);
                return Err(vec![file.problem(key, text)]);
            }
        }
        let end = if needs_sink || file.chain.last.len() > 1 { Place::Sink } else { Place::Either };
        let stages = file.chain.stages.iter().map(|stage| (stage, Place::Stage));
        let last = file.chain.last.iter().map(|stage| (stage, end));
        let (mut line_up, mut rehearsals) = (LineUp::default(), Vec::new());
        for (stage, place) in stages.chain(last) {
            match self.part(tenant, file, stage, place) {
                Ok(Part::Stage(stage, rehearsal)) => {
                    line_up.stages.push(stage);
                    rehearsals.extend(rehearsal);
                }
                Ok(Part::Sink(label, sink)) => line_up.sinks.push((label, sink)),
                Err(mut found) => problems.append(&mut found),
            }
        }
        let mut checks = Vec::new();
        for stage in &file.recipients {
            match self.check(tenant, file, stage) {
                Ok(check) => checks.push(check),
                Err(mut found) => problems.append(&mut found),
            }
        }
        problems.extend(unused_tables(file));
        problems.extend(check_caches(file));
        if problems.is_empty() {
            problems = check_sinks(file, &line_up);
            problems.extend(check_instances(file, &line_up));
            problems.extend(check_kept(file, &line_up));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let flowing = check_types(file, &line_up).map_err(|misfit| vec![misfit])?;
        Ok(Resolved { line_up, flowing, checks, rehearsals })
    }

    fn part(
        &self,
        tenant: &str,
        file: &TenantFile,
        stage: &StageRef,
        place: Place,
    ) -> Result<Part, Vec<Problem>> {
        let label = stage.label();
        let table = file.stages.get(&label).cloned().unwrap_or_default();
        if self.is_native(stage) {
            return self.native(tenant, file, stage, place, table);
        }
        let chain = |text: String| vec![file.problem("chain", text)];
        let found = self.find(tenant, stage).map_err(chain)?;
        if place == Place::Sink {
            return Err(chain(no_sink(&label)));
        }
        let load = |stage: ComponentStage<'_>| {
            let processor = self.loader.load(stage)?;
            let rehearse = || Rehearsal::of(&stage, |stage| self.loader.load(stage));
            Ok((processor, self.rehearse.then(rehearse)))
        };
        let (processor, rehearsal) = self.component(tenant, file, &label, &table, &found, load)?;
        let on_failure = table.on_failure.unwrap_or(file.on_failure);
        let breaker = breaker_of(&file.limits);
        Ok(Part::Stage(PlannedStage { label, on_failure, processor, breaker }, rehearsal))
    }

    /// One checker of `recipients`.
    fn check(&self, tenant: &str, file: &TenantFile, stage: &StageRef) -> Result<PlannedCheck, Vec<Problem>> {
        let label = stage.label();
        let table = file.stages.get(&label).cloned().unwrap_or_default();
        let is_native = self.is_native(stage);
        if is_native && !self.registry.has_checker(&stage.name) {
            let text = format!("`{label}` is built in and does not check recipients");
            return Err(vec![file.problem("recipients", text)]);
        }
        if table.on_failure == Some(OnFailure::Quarantine) && !file.chain.all().any(|s| s.label() == label) {
            let text = "\"quarantine\" does not apply at RCPT: there is no message yet";
            return Err(vec![file.stage_problem(&label, "on_failure", text)]);
        }
        let on_failure = table.on_failure.unwrap_or(file.on_failure);
        let answers = table.cache.map(|hold| Arc::new(Answers::new(hold)));
        if is_native {
            let problems = check_native_checker(file, stage, &table);
            if !problems.is_empty() {
                return Err(problems);
            }
            let scope = self.scope(tenant, &label);
            let check = self.registry.checker(&stage.name, &scope, table.settings);
            let check = check.map_err(|text| vec![file.stage_problem(&label, "", text)])?;
            return Ok(PlannedCheck { label, on_failure, check, breaker: None, answers });
        }
        let found = self.find(tenant, stage).map_err(|text| vec![file.problem("recipients", text)])?;
        let check =
            self.component(tenant, file, &label, &table, &found, |stage| self.loader.load_checker(stage))?;
        Ok(PlannedCheck { label, on_failure, check, breaker: breaker_of(&file.limits), answers })
    }

    fn native(
        &self,
        tenant: &str,
        file: &TenantFile,
        stage: &StageRef,
        place: Place,
        table: StageTable,
    ) -> Result<Part, Vec<Problem>> {
        let label = stage.label();
        let chain = |text: String| Err(vec![file.problem("chain", text)]);
        if let Some(pin) = stage.pin {
            let text = format!("`{}` is built in and has no versions, but `@{pin}` asks for one", stage.name);
            return chain(text);
        }
        if !self.registry.has_processor(&stage.name) && !self.registry.has_sink(&stage.name) {
            return chain(format!("`{label}` checks recipients: it stands in `recipients`, not in `chain`"));
        }
        let is_sink = match place {
            Place::Stage if !self.registry.has_processor(&stage.name) => {
                return chain(format!("`{label}` is a sink: sinks stand last, joined by `+`"));
            }
            Place::Sink if !self.registry.has_sink(&stage.name) => return chain(no_sink(&label)),
            Place::Stage => false,
            Place::Sink => true,
            Place::Either => self.registry.has_sink(&stage.name),
        };
        let problems = misplaced(file, &label, &table, is_sink);
        if !problems.is_empty() {
            return Err(problems);
        }
        let scope = self.scope(tenant, &label);
        let wrong = |text: String| vec![file.stage_problem(&label, "", text)];
        if is_sink {
            let sink = self.registry.sink(&stage.name, &scope, table.settings).map_err(wrong)?;
            return Ok(Part::Sink(label, sink));
        }
        let processor = self.registry.processor(&stage.name, &scope, table.settings).map_err(wrong)?;
        let on_failure = table.on_failure.unwrap_or(file.on_failure);
        Ok(Part::Stage(PlannedStage { label, on_failure, processor, breaker: None }, None))
    }

    /// Whether a name means a native: it does wherever it says no owner.
    pub(super) fn is_native(&self, stage: &StageRef) -> bool {
        stage.owner.is_none() && self.registry.is_reserved(&stage.name)
    }

    fn scope(&self, tenant: &str, label: &str) -> StageScope {
        StageScope {
            hostname: self.config.server.hostname.clone(),
            state_dir: self.config.server.state_dir.clone(),
            tenant: tenant.to_owned(),
            label: label.to_owned(),
            chunk_size: self.config.server.chunk_size.as_usize(),
            message_size_max: WireLimits::of(self.config).message_size,
            telemetry: self.telemetry.clone(),
            own: self.registry.own_addresses().clone(),
            files: self.registry.files_read().clone(),
        }
    }

    /// The component that `stage` means to `tenant`.
    pub(super) fn find(&self, tenant: &str, stage: &StageRef) -> Result<Found, String> {
        if let Some(found) = self.meant.and_then(|meant| meant.get(&stage.reference())) {
            return self.store.found(found);
        }
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
        let written = StageRef { alias: None, pin: None, ..stage.clone() }.reference();
        let near = nearest(&written, visible.iter().map(String::as_str));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Err(format!("unknown processor `{written}` in the chain of `{tenant}`{hint}"))
    }

    /// All names that `tenant` may use.
    fn visible(&self, tenant: &str) -> Vec<String> {
        let natives = self.registry.processors().chain(self.registry.sinks()).chain(self.registry.checkers());
        let mut names: Vec<String> = natives.map(str::to_owned).collect();
        for owner in [tenant, HOST] {
            for name in self.store.processors(owner).unwrap_or_default() {
                names.push(format!("{owner}/{name}"));
                names.push(name);
            }
        }
        names
    }

    fn component<T>(
        &self,
        tenant: &str,
        file: &TenantFile,
        label: &str,
        table: &StageTable,
        found: &Found,
        load: impl FnOnce(ComponentStage<'_>) -> Result<T, String>,
    ) -> Result<T, Vec<Problem>> {
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
        if self.meant.is_some_and(|meant| !holds(meant, found, hash)) {
            let text = format!(
                "`{}/{}@{}` changed while it was checked; try again",
                found.owner, found.name, found.version
            );
            return Err(vec![file.stage_problem(label, "", text)]);
        }
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
            wasi: file.wasi,
            domains: &file.domains,
            recipients_max: WireLimits::of(self.config).recipients,
            limits: &limits,
            chunk_size: self.config.server.chunk_size.as_usize(),
            telemetry: self.telemetry,
            fixed: self.fixed,
            kv: self.kv,
        };
        load(stage).map_err(|text| {
            let text = format!("`{}/{}@{}`: {text}", found.owner, found.name, found.version);
            vec![file.stage_problem(label, "", text)]
        })
    }
}

/// Whether these are the bytes that a name is to mean.
fn holds(meant: &Components, found: &Found, hash: blake3::Hash) -> bool {
    let version = found.version.to_string();
    let is_it = |component: &&Component| {
        component.owner == found.owner && component.name == found.name && component.version == version
    };
    meant.values().find(is_it).is_none_or(|component| component.hash == hash.to_hex().as_str())
}

/// Tables without a stage that are told of one by one: each is held against every label of the chain.
const UNUSED_MAX: usize = 16;

/// `[stage.X]` for which the chain has no X.
fn unused_tables(file: &TenantFile) -> Vec<Problem> {
    let labels: Vec<String> = file.chain.all().chain(&file.recipients).map(StageRef::label).collect();
    let unused = file.stages.keys().filter(|label| !labels.contains(label));
    let problem = |label: &String| {
        let near = nearest(label, labels.iter().map(String::as_str));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        file.stage_problem(label, "", format!("the chain has no stage `{}`{hint}", label.escape_debug()))
    };
    unused.take(UNUSED_MAX).map(problem).collect()
}

/// The breaker of a sandboxed stage, closed; none where it was switched off.
fn breaker_of(limits: &Limits) -> Option<Arc<Breaker>> {
    let settings = breaker::Settings {
        failures: limits.breaker_failures,
        networks: usize::try_from(limits.breaker_networks).unwrap_or(usize::MAX),
        pause: limits.breaker_pause,
    };
    (settings.failures > 0).then(|| Arc::new(Breaker::new(settings)))
}

/// The bytes of a component, within `size_max`.
pub(super) fn read_component(found: &Found, size_max: ByteSize) -> Result<Vec<u8>, String> {
    let name = format!("{}/{}@{}", found.owner, found.name, found.version);
    let mut bytes = Vec::new();
    let file = config::open_regular(&found.path);
    let read = file.and_then(|file| file.take(size_max.0.saturating_add(1)).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(format!("cannot read `{name}`: {error}")),
        Ok(_) if bytes.len() as u64 > size_max.0 => {
            Err(format!("`{name}` is larger than component_size_max, {size_max}"))
        }
        Ok(_) => Ok(bytes),
    }
}

fn no_sink(label: &str) -> String {
    format!("`{label}` is a processor: a chain ends in sinks, for example `maildir`")
}
