//! The rules of a chain beyond its grammar: which keys apply, which sinks go together, whether all of it fits.

use crate::chain::types::{self, StageType};
use crate::chain::{Content, LineUp, OnFailure, StageRef};
use crate::config::Problem;

use super::TenantFile;
use super::tenant_file::StageTable;

/// Keys that only a sandboxed stage has, or only a stage.
pub(super) fn misplaced(file: &TenantFile, label: &str, table: &StageTable, is_sink: bool) -> Vec<Problem> {
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

/// What does not apply to a built-in checker of `recipients`; and that it shares its label with nothing in `chain`, whose settings
/// would be read for both.
pub(super) fn check_native_checker(file: &TenantFile, stage: &StageRef, table: &StageTable) -> Vec<Problem> {
    let label = stage.label();
    let mut problems = Vec::new();
    if let Some(pin) = stage.pin {
        let text = format!("`{}` is built in and has no versions, but `@{pin}` asks for one", stage.name);
        problems.push(file.problem("recipients", text));
    }
    if file.chain.all().any(|other| other.label() == label) {
        let text = format!(
            "`{label}` stands in `chain` too, and both would have the settings of one table: give this one a name of its own, \
             for example `directory:{}`",
            stage.name
        );
        problems.push(file.problem("recipients", text));
    }
    let given = [
        ("config", table.config.is_some()),
        ("grants", !table.grants.is_empty()),
        ("cpu_per_message", table.cpu_per_message.is_some()),
        ("memory_per_instance", table.memory_per_instance.is_some()),
    ];
    let misplaced = given.into_iter().filter(|(_, given)| *given);
    let problem = |key| file.stage_problem(&label, key, format!("does not apply: `{label}` is built in"));
    problems.extend(misplaced.map(|(key, _)| problem(key)));
    problems
}

/// `cache` of what is no checker.
pub(super) fn check_caches(file: &TenantFile) -> Vec<Problem> {
    let is_checker = |label: &str| file.recipients.iter().any(|stage| stage.label() == label);
    let others = file.chain.all().map(StageRef::label).filter(|label| !is_checker(label));
    let cached = others.filter(|label| file.stages.get(label).is_some_and(|table| table.cache.is_some()));
    let text = "does not apply: only what checkers in `recipients` say can be remembered";
    cached.map(|label| file.stage_problem(&label, "cache", text)).collect()
}

pub(super) fn check_sinks(file: &TenantFile, line_up: &LineUp) -> Vec<Problem> {
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

/// A chain that makes more instances than its tenant may have at once would never get its turn.
pub(super) fn check_instances(file: &TenantFile, line_up: &LineUp) -> Option<Problem> {
    let (needed, max) = (line_up.instances(), file.limits.concurrent_instances);
    let text = format!("has {needed} sandboxed stages, concurrent_instances is {max}");
    (needed > max).then(|| file.problem("chain", text))
}

/// What the stages of a chain keep of one message together.
pub(super) fn check_kept(file: &TenantFile, line_up: &LineUp) -> Option<Problem> {
    let kept: u64 = line_up.stages.iter().map(|planned| planned.processor.keeps()).sum();
    let max = file.limits.buffered_max;
    let text = format!("its stages may keep {kept} bytes of a message, buffered_max is {max}");
    (kept > max.0).then(|| file.problem("chain", text))
}

pub(super) fn check_types(file: &TenantFile, line_up: &LineUp) -> Result<Vec<Content>, Problem> {
    let stages = line_up.stages.iter().map(|planned| {
        let (takes, gives) = (planned.processor.takes(), planned.processor.gives());
        StageType { label: &planned.label, processor: planned.processor.id(), takes, gives }
    });
    let stages: Vec<StageType<'_>> = stages.collect();
    let sinks: Vec<(&str, Content)> =
        line_up.sinks.iter().map(|(label, sink)| (label.as_str(), sink.takes())).collect();
    types::check(&stages, &sinks).map_err(|misfit| file.problem("chain", misfit.text))
}
