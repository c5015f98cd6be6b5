//! Reads `catalog/tenants/NAME.toml`, with all its problems at once.
//!
//! Knows the grammar of chains, not what their names mean: which stage is native, and what its settings mean, is found
//! out when the chain is resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::chain::{ChainSpec, OnFailure, Settings, StageRef};
use crate::config::limits::{above, read as read_limits};
use crate::config::reader::{Notes, Reader};
use crate::config::{ByteSize, Limits, Problem, tree};
use crate::tenant::Pattern;

/// Capabilities that the interface knows (`processor.wit`).
pub const GRANTS: [&str; 5] = ["kv", "clock", "random", "envelope", "redirect"];

/// Longest `cache` of a checker: who has left is not written to for ever.
const CACHE_MAX: Duration = Duration::from_secs(86_400);

const ON_FAILURE: [(&str, OnFailure); 4] = [
    ("defer", OnFailure::Defer),
    ("reject", OnFailure::Reject),
    ("bypass", OnFailure::Bypass),
    ("quarantine", OnFailure::Quarantine),
];

/// A tenant's file, read but not resolved.
#[derive(Debug, Clone)]
pub struct TenantFile {
    /// The file as it was named.
    pub file: String,
    /// Domains the tenant takes.
    pub domains: Vec<Pattern>,
    /// Its chain.
    pub chain: ChainSpec,
    /// The checkers that are asked at RCPT time, in this order.
    pub recipients: Vec<StageRef>,
    /// What stages do that say nothing of their own.
    pub on_failure: OnFailure,
    /// `[stage.LABEL]`, for labels of the chain only.
    pub stages: BTreeMap<String, StageTable>,
    /// The host's limits with the tenant's own laid over.
    pub limits: Limits,
    /// `[host] grants_allowed`.
    pub grants_allowed: BTreeSet<String>,
    /// `[host] weight`: the share of the CPU, beside tenants of weight 1.
    pub weight: u32,
    /// `[host] wasi = "stub"`.
    pub wasi: bool,
    /// Lines of the top-level keys.
    lines: BTreeMap<String, usize>,
}

/// `[stage.LABEL]`
#[derive(Debug, Clone, Default)]
pub struct StageTable {
    /// What happens where the stage fails; none: as the tenant says.
    pub on_failure: Option<OnFailure>,
    /// Handed to a component; none: `{}`.
    pub config: Option<Value>,
    /// Capabilities it is granted.
    pub grants: Vec<String>,
    /// Its own CPU budget.
    pub cpu_per_message: Option<Duration>,
    /// Its own memory limit.
    pub memory_per_instance: Option<ByteSize>,
    /// How long a checker's answers are remembered; none: it is asked each time.
    pub cache: Option<Duration>,
    /// All other keys: settings of a native stage or sink.
    pub settings: Settings,
    /// Lines of the keys; that of the table under "".
    lines: BTreeMap<String, usize>,
}

impl TenantFile {
    /// A problem of a top-level key.
    pub fn problem(&self, key: &str, text: impl Into<String>) -> Problem {
        let line = self.lines.get(key).copied().unwrap_or(0);
        Problem { file: self.file.clone(), line, key: key.to_owned(), text: text.into() }
    }

    /// A problem of `[stage.LABEL]`, or of one of its keys; where there is no such table, of what names the stage.
    pub fn stage_problem(&self, label: &str, key: &str, text: impl Into<String>) -> Problem {
        let Some(table) = self.stages.get(label) else {
            let is_staged = self.chain.all().any(|stage| stage.label() == label);
            return self.problem(if is_staged { "chain" } else { "recipients" }, text);
        };
        let line = table.lines.get(key).or_else(|| table.lines.get("")).copied().unwrap_or(0);
        let label = if label.contains('/') { format!("\"{label}\"") } else { label.to_owned() };
        let key = if key.is_empty() { format!("stage.{label}") } else { format!("stage.{label}.{key}") };
        Problem { file: self.file.clone(), line, key, text: text.into() }
    }
}

/// Reads a tenant's file, known as `file`. `defaults` are `[limits]`, `max` is `[limits.max]`.
///
/// # Errors
/// Every problem, in the order of lines.
pub fn read(file: &str, text: &str, defaults: &Limits, max: &Limits) -> Result<TenantFile, Vec<Problem>> {
    let notes = Notes::default();
    let read = read_all(file, text, defaults, max, &notes);
    let problems = notes.into_problems();
    read.filter(|_| problems.is_empty()).ok_or(problems)
}

/// Every dotted key that [`read`] looks for in a tenant's file with this text: as [`crate::config::keys`].
pub fn keys(text: &str) -> BTreeSet<String> {
    let (notes, limits) = (Notes::default(), Limits::default());
    read_all("", text, &limits, &limits, &notes);
    notes.into_keys()
}

fn read_all(file: &str, text: &str, defaults: &Limits, max: &Limits, notes: &Notes) -> Option<TenantFile> {
    let mut problems = Vec::new();
    let root = tree::parse(file, text, &mut problems);
    problems.into_iter().for_each(|problem| notes.add(problem));
    let mut reader = Reader::new(root, "", notes);

    let domains = read_domains(&mut reader);
    reader.required("domains", reader.has("domains").then_some(()));
    let chain = read_chain(&mut reader);
    let on_failure = reader.choice("on_failure", &ON_FAILURE).unwrap_or_default();
    let recipients = read_recipients(&mut reader);
    if reader.string("after").is_some_and(|chain| !chain.trim().is_empty()) {
        reader.problem("after", "comes in a later version; it must be empty in this one");
    }
    let HostTable { grants_allowed, wasi, weight } = reader.table("host").map(read_host).unwrap_or_default();
    let stages = read_stages(&mut reader, max, &grants_allowed);
    let limits = match reader.table("limits") {
        Some(mut table) => {
            let limits = read_limits(&mut table, defaults);
            for (key, value) in above(&limits, max) {
                table.problem(key, format!("is above the host's [limits.max]: {value}"));
            }
            table.finish();
            limits
        }
        None => defaults.clone(),
    };
    let lines = reader.lines();
    reader.finish();

    let (chain, file) = (chain?, file.to_owned());
    Some(TenantFile {
        file,
        domains,
        chain,
        recipients,
        on_failure,
        stages,
        limits,
        grants_allowed,
        weight,
        wasi,
        lines,
    })
}

/// The domains of a file that may be broken elsewhere: what should get 451 rather than 550.
pub fn domains_of_broken(text: &str) -> Vec<Pattern> {
    let notes = Notes::default();
    let root = tree::parse("", text, &mut Vec::new());
    read_domains(&mut Reader::new(root, "", &notes))
}

fn read_domains(reader: &mut Reader<'_>) -> Vec<Pattern> {
    let texts = reader.strings("domains");
    let parse = |text: String| match text.parse() {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            reader.problem("domains", error);
            None
        }
    };
    texts.into_iter().filter_map(parse).collect()
}

fn read_chain(reader: &mut Reader<'_>) -> Option<ChainSpec> {
    let text = reader.string("chain");
    match reader.required("chain", text)?.parse() {
        Ok(chain) => Some(chain),
        Err(error) => {
            reader.problem("chain", format!("{error}"));
            None
        }
    }
}

fn read_recipients(reader: &mut Reader<'_>) -> Vec<StageRef> {
    let Some(text) = reader.string("recipients").filter(|text| !text.trim().is_empty()) else {
        return Vec::new();
    };
    match text.parse::<ChainSpec>() {
        Ok(chain) if chain.last.len() == 1 => chain.all().cloned().collect(),
        Ok(_) => {
            reader.problem("recipients", "checkers are asked one after the other: join them by `|`, not `+`");
            Vec::new()
        }
        Err(error) => {
            reader.problem("recipients", error.to_string());
            Vec::new()
        }
    }
}

fn read_stages(
    reader: &mut Reader<'_>,
    max: &Limits,
    allowed: &BTreeSet<String>,
) -> BTreeMap<String, StageTable> {
    let tables = reader.named_tables("stage").into_iter();
    tables.map(|(label, mut table)| (label, read_stage(&mut table, max, allowed))).collect()
}

fn read_stage(reader: &mut Reader<'_>, max: &Limits, allowed: &BTreeSet<String>) -> StageTable {
    let config = reader.take("config").map(|node| node.value.into_json());
    if config.as_ref().is_some_and(|config| !config.is_object()) {
        reader.problem("config", "expected a table");
    }
    let grants = reader.strings("grants");
    for grant in grants.iter().filter(|grant| !allowed.contains(*grant)) {
        reader.problem("grants", refuse_grant(grant));
    }
    let on_failure = reader.choice("on_failure", &ON_FAILURE);
    let (cpu, memory) = (reader.has("cpu_per_message"), reader.has("memory_per_instance"));
    // What is absent stays at the maximum, and so is not above it.
    let ms = Duration::from_millis(1);
    let own = Limits {
        cpu_per_message: reader.duration("cpu_per_message", ms..=Duration::MAX, max.cpu_per_message),
        memory_per_instance: reader.size("memory_per_instance", 64 << 10..=u64::MAX, max.memory_per_instance),
        ..max.clone()
    };
    let cache = reader.has("cache");
    let hold = reader.duration("cache", Duration::from_secs(1)..=CACHE_MAX, CACHE_MAX);
    for (key, value) in above(&own, max) {
        reader.problem(key, format!("is above the host's [limits.max]: {value}"));
    }
    StageTable {
        on_failure,
        config,
        grants,
        cpu_per_message: cpu.then_some(own.cpu_per_message),
        memory_per_instance: memory.then_some(own.memory_per_instance),
        cache: cache.then_some(hold),
        lines: reader.lines(),
        settings: tree::into_json_map(reader.take_rest()),
    }
}

fn refuse_grant(grant: &str) -> String {
    if GRANTS.contains(&grant) {
        return format!("\"{grant}\" is not allowed here: `[host] grants_allowed` does not name it");
    }
    format!("unknown grant \"{}\": there are {}", grant.escape_debug(), GRANTS.join(", "))
}

/// `[host]`
struct HostTable {
    grants_allowed: BTreeSet<String>,
    wasi: bool,
    weight: u32,
}

impl Default for HostTable {
    fn default() -> Self {
        Self { grants_allowed: BTreeSet::new(), wasi: false, weight: 1 }
    }
}

fn read_host(mut reader: Reader<'_>) -> HostTable {
    let (allowed, unknown): (BTreeSet<_>, BTreeSet<_>) =
        reader.strings("grants_allowed").into_iter().partition(|grant| GRANTS.contains(&grant.as_str()));
    for grant in unknown {
        reader.problem("grants_allowed", refuse_grant(&grant));
    }
    let wasi = reader.choice("wasi", &[("none", false), ("stub", true)]).unwrap_or_default();
    let weight = u32::try_from(reader.count("weight", 1..=1000, 1)).unwrap_or(1);
    reader.finish();
    HostTable { grants_allowed: allowed, wasi, weight }
}

#[cfg(test)]
#[path = "tenant_file/tests.rs"]
mod tests;
