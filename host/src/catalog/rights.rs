//! What a tenant may change of its own file: the chain, and of sandboxed stages `config`, `on_failure`, `grants` within what the
//! host allows, and limits below its own. What names a path, an address or a secret is the host's to set.
//!
//! Compares two texts: what the host has set already may stay.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::tenant_file::{self, StageTable, TenantFile};
use super::{Catalog, ChangeError};
use crate::chain::StageRef;
use crate::config::tree;

/// Keys at the top of the file that are the tenant's own.
const OWN: [&str; 4] = ["chain", "stage", "on_failure", "recipients"];

/// Settings of native stages that name a path, an address or a secret. Of a sink all do.
const HOST_ONLY: [&str; 8] = ["path", "address", "addresses", "url", "auth", "password", "secret", "token"];

impl Catalog {
    /// Whether a tenant may make `live` say `new`.
    ///
    /// # Errors
    /// [`ChangeError::HostOnly`]; [`ChangeError::Refused`] where the new text does not hold; [`ChangeError::Conflict`] where the live
    /// one does not hold any more under what the host has set since: then nobody can say what is new.
    pub(super) fn permit(&self, live: &str, new: &str) -> Result<(), ChangeError> {
        let config = self.config.load_full();
        let read = |text| tenant_file::read("", text, &config.limits, &config.limits_max);
        let file = read(new).map_err(ChangeError::Refused)?;
        let old = read(live).map_err(|problems| {
            let why: Vec<String> = problems.iter().map(ToString::to_string).collect();
            ChangeError::Conflict(format!(
                "what is live does not hold any more under the host's settings ({}): only the host may change it now",
                why.join("; ")
            ))
        })?;
        let mut keys = top_level(&root(live), &root(new));
        let staged = file.chain.all().map(|stage| (stage, false));
        for (stage, checks) in staged.chain(file.recipients.iter().map(|stage| (stage, true))) {
            let label = stage.label();
            let none = StageTable::default();
            let table = file.stages.get(&label).unwrap_or(&none);
            let is_native = stage.owner.is_none() && self.registry.is_reserved(&stage.name);
            // A native's settings mean one thing in `chain` and another in `recipients`.
            let before = standing(&old, stage, !is_native || !checks, !is_native || checks);
            let found = if is_native {
                native(!checks && self.registry.has_sink(&stage.name), table, before)
            } else {
                limits(&file, table, before)
            };
            let written = if label.contains('/') { format!("\"{label}\"") } else { label };
            keys.extend(found.into_iter().map(|key| format!("stage.{written}.{key}")));
        }
        if keys.is_empty() { Ok(()) } else { Err(ChangeError::HostOnly(keys)) }
    }
}

fn root(text: &str) -> Map<String, Value> {
    match tree::parse("", text, &mut Vec::new()).value.into_json() {
        Value::Object(root) => root,
        _ => Map::new(),
    }
}

/// Keys that differ and are not the tenant's.
fn top_level(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<String> {
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.retain(|key| !OWN.contains(&key.as_str()) && old.get(*key) != new.get(*key));
    keys.into_iter().cloned().collect()
}

/// The settings that stand for this stage, if its label names the same processor there.
fn standing<'a>(
    old: &'a TenantFile,
    stage: &StageRef,
    in_chain: bool,
    in_recipients: bool,
) -> Option<&'a StageTable> {
    let label = stage.label();
    let same =
        |other: &&StageRef| other.label() == label && other.name == stage.name && other.owner == stage.owner;
    let chain = old.chain.all().filter(|_| in_chain);
    chain.chain(old.recipients.iter().filter(|_| in_recipients)).find(same)?;
    old.stages.get(&label)
}

/// What the host alone may set, and may take away, that differs.
fn native(is_sink: bool, table: &StageTable, before: Option<&StageTable>) -> Vec<String> {
    let none = StageTable::default();
    let before = before.unwrap_or(&none);
    let keys: BTreeSet<&String> = table.settings.keys().chain(before.settings.keys()).collect();
    let changed = keys.into_iter().filter(|key| table.settings.get(*key) != before.settings.get(*key));
    changed.filter(|key| is_sink || HOST_ONLY.contains(&key.as_str())).cloned().collect()
}

/// Limits of a stage that are above those of its tenant.
fn limits(file: &TenantFile, table: &StageTable, before: Option<&StageTable>) -> Vec<String> {
    let mut keys = Vec::new();
    let cpu = table.cpu_per_message;
    if cpu.is_some_and(|cpu| cpu > file.limits.cpu_per_message)
        && before.and_then(|before| before.cpu_per_message) != cpu
    {
        keys.push("cpu_per_message".to_owned());
    }
    let memory = table.memory_per_instance;
    if memory.is_some_and(|memory| memory > file.limits.memory_per_instance)
        && before.and_then(|before| before.memory_per_instance) != memory
    {
        keys.push("memory_per_instance".to_owned());
    }
    keys
}
