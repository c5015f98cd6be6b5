//! Builds a generation from the files on disk and the generation before it. Each tenant swaps alone: one that is broken
//! goes on as it was, and no other is touched.
//!
//! Two steps: every file is read and built for itself; then domains are given out, where one that is new loses against one
//! that stands.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crate::config::{Config, Problem};
use crate::tenant::{DomainTable, Quota};

use super::report::{Changed, Refused, ReloadReport, Warned};
use super::smoke;
use super::store::HOST;
use super::tenant_file::{self, TenantFile, domains_of_broken};
use super::{Generation, Resolver, SmokeWarning, Tenant};
use crate::chain::spec::is_name;

/// A tenant's file on its way into the generation.
struct Candidate {
    /// What the file says, if it holds.
    fresh: Option<Fresh>,
    /// What serves if it does not.
    old: Option<Arc<Tenant>>,
    text: String,
    /// The newest stored revision.
    newest: Option<(u64, String)>,
    problems: Vec<Problem>,
}

struct Fresh {
    tenant: Tenant,
    /// Nothing it is built of has changed: `old` stays as it is.
    unchanged: bool,
    /// The file went live before, so it wins a domain against one that did not.
    recorded: bool,
}

/// Builds the next generation. With `record` false nothing is written, for `gatepost check`. Blocks.
pub(super) fn build(cx: Resolver<'_>, old: &Generation, record: bool) -> (Option<Generation>, ReloadReport) {
    let names = match cx.store.tenants() {
        Ok(names) => names,
        Err(error) => {
            let problems = vec![Problem::of_file("tenants", format!("cannot be read: {error}"))];
            return (None, ReloadReport { problems, ..ReloadReport::default() });
        }
    };
    let mut candidates = BTreeMap::new();
    for name in names {
        let candidate = candidate(cx, old.tenants.get(&name), &name);
        candidates.insert(name, candidate);
    }
    let mut generation = loop {
        match assemble(&candidates, old)
            .and_then(|made| write_history(cx, &mut candidates, record).map(|()| made))
        {
            Ok(generation) => break generation,
            Err((name, problem)) => step_back(cx, &mut candidates, &name, problem),
        }
    };
    generation.postmaster.clone_from(&cx.config.server.postmaster);
    fill(generation, candidates, old)
}

/// Lets a candidate lose its file, or else its last good revision: one of two each time, so this comes to an end.
fn step_back(cx: Resolver<'_>, candidates: &mut BTreeMap<String, Candidate>, name: &str, problem: Problem) {
    let Some(candidate) = candidates.get_mut(name) else { return };
    candidate.problems.push(problem);
    if candidate.fresh.take().is_some() {
        candidate.fall_back(cx, name);
    } else {
        candidate.old = None;
    }
}

impl Candidate {
    /// At start nothing serves yet; where the file does not hold, the revision that went live last does.
    fn fall_back(&mut self, cx: Resolver<'_>, name: &str) {
        let Some((revision, text)) = self.newest.as_ref().filter(|_| self.old.is_none()) else { return };
        if *text != self.text {
            let made = fresh(cx, None, name, &file_name(name), text, *revision);
            self.old = made.ok().map(|(tenant, _)| Arc::new(tenant));
        }
    }
}

pub(super) fn file_name(name: &str) -> String {
    format!("tenants/{name}.toml")
}

fn candidate(cx: Resolver<'_>, old: Option<&Arc<Tenant>>, name: &str) -> Candidate {
    let file = file_name(name);
    let mut candidate =
        Candidate { fresh: None, old: old.cloned(), text: String::new(), newest: None, problems: Vec::new() };
    if !is_name(name) || name == HOST {
        let text = format!("\"{}\" cannot name a tenant", name.escape_debug());
        candidate.problems.push(Problem::of_file(file, text));
        return candidate;
    }
    match cx.store.read_tenant(name) {
        Ok(text) => candidate.text = text,
        Err(error) => candidate.problems.push(Problem::of_file(&file, format!("cannot be read: {error}"))),
    }
    match cx.store.newest_revision(name) {
        Ok(newest) => candidate.newest = newest,
        Err(error) => {
            let text = format!("its history cannot be read: {error}");
            candidate.problems.push(Problem::of_file(&file, text));
        }
    }
    if candidate.problems.is_empty() {
        let revision = candidate.newest.as_ref().map_or(0, |(revision, _)| *revision);
        let recorded = candidate.newest.as_ref().is_some_and(|(_, text)| *text == candidate.text);
        match fresh(cx, old, name, &file, &candidate.text, revision + u64::from(!recorded)) {
            Ok((tenant, unchanged)) => candidate.fresh = Some(Fresh { tenant, unchanged, recorded }),
            Err(problems) => candidate.problems = problems,
        }
    }
    if candidate.fresh.is_none() {
        candidate.fall_back(cx, name);
    }
    candidate
}

/// Builds a tenant from its file, runs the smoke corpus through it, and says whether it is what `old` was built of: then
/// nothing is run.
pub(super) fn fresh(
    cx: Resolver<'_>,
    old: Option<&Arc<Tenant>>,
    name: &str,
    file: &str,
    text: &str,
    revision: u64,
) -> Result<(Tenant, bool), Vec<Problem>> {
    let parsed = tenant_file::read(file, text, &cx.config.limits, &cx.config.limits_max)?;
    let fingerprint = fingerprint(cx, name, &parsed, text);
    if let Some(old) = old.filter(|old| old.fingerprint == fingerprint) {
        return Ok((Tenant::clone(old), true));
    }
    let resolved = Resolver { rehearse: true, ..cx }.resolve(name, &parsed, true)?;
    let chunk_size = cx.config.server.chunk_size.as_usize();
    let fault = |fault: smoke::Fault| parsed.stage_problem(&fault.stage, "", fault.text);
    let smoke = smoke::run(&resolved.rehearsals, &parsed.domains, chunk_size)
        .map_err(|faults| faults.into_iter().map(fault).collect::<Vec<_>>())?;
    let quota = old.map_or_else(|| Quota::new(Tenant::caps(&parsed.limits)), |old| old.quota.clone());
    let tenant = Tenant {
        name: name.to_owned(),
        revision,
        spec: parsed.chain,
        line_up: Arc::new(resolved.line_up),
        checks: resolved.checks.into(),
        flowing: resolved.flowing,
        smoke: Arc::new(smoke),
        limits: parsed.limits,
        weight: parsed.weight,
        domains: parsed.domains,
        quota,
        fingerprint,
        life: Arc::default(),
    };
    Ok((tenant, false))
}

/// A hash of all that a tenant with this file would be built of now; none: the file does not hold.
pub(super) fn fingerprint_of(cx: Resolver<'_>, name: &str, text: &str) -> Option<blake3::Hash> {
    let parsed = tenant_file::read("", text, &cx.config.limits, &cx.config.limits_max).ok()?;
    Some(fingerprint(cx, name, &parsed, text))
}

/// A hash of all that a tenant is built of. What cannot be read hashes as itself; building reports it.
fn fingerprint(cx: Resolver<'_>, name: &str, file: &TenantFile, text: &str) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    let Config { server, listeners, limits, limits_max, admin: _, telemetry: _ } = cx.config;
    let sizes: Vec<_> = listeners.iter().map(|listener| listener.message_size_max).collect();
    add(format!("{server:?} {limits:?} {limits_max:?} {sizes:?}").as_bytes());
    add(text.as_bytes());
    let named = file.chain.all().chain(&file.recipients);
    for stage in named.filter(|stage| !cx.is_native(stage)) {
        match cx.find(name, stage) {
            Ok(found) => {
                add(found.path.as_os_str().as_encoded_bytes());
                let read = super::resolve::read_component(&found, file.limits.component_size_max);
                add(blake3::hash(&read.unwrap_or_default()).as_bytes());
            }
            Err(text) => add(text.as_bytes()),
        }
    }
    hasher.finalize()
}

type Fault = (String, Problem);

/// Gives the domains out: first to what stands, then to what went live before, then to what is new.
///
/// # Errors
/// A tenant whose file asks for another's domain.
fn assemble(candidates: &BTreeMap<String, Candidate>, old: &Generation) -> Result<Generation, Fault> {
    let mut order: Vec<(u8, &String, &Tenant)> = Vec::new();
    for (name, candidate) in candidates {
        match (&candidate.fresh, &candidate.old) {
            (Some(fresh), _) if fresh.unchanged => order.push((0, name, &fresh.tenant)),
            (Some(fresh), _) => order.push((if fresh.recorded { 2 } else { 3 }, name, &fresh.tenant)),
            (None, Some(old_tenant)) if old.tenants.contains_key(name) => order.push((0, name, old_tenant)),
            (None, Some(last_good)) => order.push((1, name, last_good)),
            (None, None) => {}
        }
    }
    order.sort_by_key(|(rank, name, _)| (*rank, *name));
    let mut domains = DomainTable::default();
    for (rank, name, tenant) in order {
        let owner: Arc<str> = name.as_str().into();
        for pattern in &tenant.domains {
            let Err(_) = domains.insert(pattern, owner.clone()) else { continue };
            // What serves already has no conflicts.
            if rank > 0 {
                let problem = Problem {
                    file: file_name(name),
                    line: 0,
                    key: "domains".to_owned(),
                    text: format!("`{pattern}` belongs to another tenant"),
                };
                return Err((name.clone(), problem));
            }
        }
    }
    Ok(Generation { domains, ..Generation::default() })
}

/// Makes each file that goes live a revision.
///
/// # Errors
/// A tenant whose file cannot be made one.
fn write_history(
    cx: Resolver<'_>,
    candidates: &mut BTreeMap<String, Candidate>,
    record: bool,
) -> Result<(), Fault> {
    for (name, candidate) in candidates.iter_mut().filter(|_| record) {
        let Some(fresh) = candidate.fresh.as_mut().filter(|fresh| !fresh.unchanged) else { continue };
        let recorded = cx.store.record(name, &candidate.text);
        let failed = |error: io::Error| {
            let text = format!("its revision cannot be stored: {error}");
            (name.clone(), Problem::of_file(file_name(name), text))
        };
        fresh.tenant.revision = recorded.map_err(failed)?;
        fresh.recorded = true;
    }
    Ok(())
}

/// Puts the tenants in, and says what became of each.
fn fill(
    mut generation: Generation,
    candidates: BTreeMap<String, Candidate>,
    old: &Generation,
) -> (Option<Generation>, ReloadReport) {
    let mut report = ReloadReport::default();
    let mut broken = Vec::new();
    let gone = |name: &&String| !candidates.contains_key(*name);
    report.removed = old.tenants.keys().chain(&old.broken).filter(gone).cloned().collect();
    for (name, candidate) in candidates {
        match (candidate.fresh, candidate.old) {
            (Some(Fresh { unchanged: true, .. }), Some(old)) => {
                report.unchanged.push(name.clone());
                generation.tenants.insert(name, old);
            }
            (Some(fresh), _) => {
                report.changed.push(Changed { tenant: name.clone(), revision: fresh.tenant.revision });
                let warned =
                    |warning: &SmokeWarning| Warned { tenant: name.clone(), warning: warning.clone() };
                report.warnings.extend(fresh.tenant.smoke.warnings.iter().map(warned));
                generation.tenants.insert(name, Arc::new(fresh.tenant));
            }
            (None, old) => {
                let serving = old.as_ref().map(|old| old.revision);
                report.refused.push(Refused { tenant: name.clone(), serving, problems: candidate.problems });
                if let Some(old) = old {
                    generation.tenants.insert(name, old);
                    continue;
                }
                broken.push((name, domains_of_broken(&candidate.text)));
            }
        }
    }
    for (name, patterns) in broken {
        for pattern in patterns {
            // Mail that a tenant in service takes stays with it, also where the broken one is more exact.
            let probe = pattern.to_string().replace('*', "any");
            if generation.domains.get(&probe).is_none() {
                let _ = generation.domains.insert(&pattern, name.as_str().into());
            }
        }
        generation.broken.insert(name);
    }
    (Some(generation), report)
}
