//! Builds a generation from the files on disk and the generation before it. Each tenant swaps alone: one that is broken
//! goes on as it was, and no other is touched.
//!
//! Two steps: every file is read and built for itself; then domains are given out, where one that is new loses against one
//! that stands.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use crate::config::Problem;

use super::fresh::{self, Draft, Made};
use super::report::{Changed, Refused, ReloadReport, Warned};
use super::revision::{About, Origin};
use super::store::HOST;
use super::store::history::Stored;
use super::tenant_file::domains_of_broken;
use super::{Generation, Resolver, SmokeWarning, Tenant};
use crate::chain::spec::is_name;

/// A tenant's file on its way into the generation.
struct Candidate {
    /// What the file says, if it holds.
    fresh: Option<Fresh>,
    /// What serves if it does not.
    old: Option<Arc<Tenant>>,
    text: String,
    /// The revision that the file is, or else the newest.
    last: Option<Stored>,
    problems: Vec<Problem>,
}

struct Fresh {
    tenant: Tenant,
    /// Nothing it is built of has changed: `old` stays as it is.
    unchanged: bool,
    /// The file went live before, and meant the same, so it wins a domain against one that did not.
    recorded: bool,
}

/// What is to be built.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// Tenants whose files are looked at; none: all. Those that serve nothing always are.
    pub(super) only: Option<&'a BTreeSet<String>>,
    /// What goes live becomes a revision; else nothing is written, for `gatepost check`.
    pub(super) record: bool,
}

/// Builds the next generation. Blocks.
pub(super) fn build(
    cx: Resolver<'_>,
    old: &Generation,
    scope: Scope<'_>,
) -> (Option<Generation>, ReloadReport) {
    let names = match cx.store.tenants() {
        Ok(names) => names,
        Err(error) => {
            let problems = vec![Problem::of_file("tenants", format!("cannot be read: {error}"))];
            return (None, ReloadReport { problems, ..ReloadReport::default() });
        }
    };
    let mut candidates = BTreeMap::new();
    for name in names {
        let old = old.tenants.get(&name);
        let passed_over = old.filter(|_| scope.only.is_some_and(|only| !only.contains(&name)));
        let candidate = match passed_over {
            Some(old) => Candidate::standing(old),
            None => candidate(cx, old, &name),
        };
        candidates.insert(name, candidate);
    }
    let mut generation = loop {
        match assemble(&candidates, old)
            .and_then(|made| write_history(cx, &mut candidates, scope.record).map(|()| made))
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
    /// Makes the tenant of its file, which is the last revision, or was edited since.
    fn make(&mut self, cx: Resolver<'_>, name: &str, is_revision: bool) {
        let file = file_name(name);
        let last = self.last.as_ref().filter(|_| is_revision);
        if let Some(About { smoke, fingerprint, .. }) = last.and_then(|last| last.about.as_ref()) {
            cx.tried.remember(fingerprint, &Arc::new(smoke.clone()));
        }
        let next = self.last.as_ref().map_or(1, |last| last.number + 1);
        let edited = Draft { name, file: &file, text: &self.text, revision: next, meant: None };
        match fresh::make(cx, self.old.as_ref(), last.map_or(edited, |last| draft(name, &file, last))) {
            Ok(Made { mut tenant, unchanged, kept }) => {
                let recorded = last.is_some_and(|last| kept || last.about.is_none());
                if last.is_some() && !recorded {
                    tenant.revision = next;
                }
                self.fresh = Some(Fresh { tenant, unchanged, recorded });
            }
            Err(problems) => self.problems = problems,
        }
    }

    /// One that is not looked at.
    fn standing(old: &Arc<Tenant>) -> Self {
        let fresh = Fresh { tenant: Tenant::clone(old), unchanged: true, recorded: true };
        let (text, problems) = (String::new(), Vec::new());
        Self { fresh: Some(fresh), old: Some(old.clone()), text, last: None, problems }
    }

    /// At start nothing serves yet; where the file does not hold, the revision that went live last does.
    fn fall_back(&mut self, cx: Resolver<'_>, name: &str) {
        let Some(last) = self.last.as_ref().filter(|_| self.old.is_none()) else { return };
        if last.text != self.text {
            let file = file_name(name);
            let made = fresh::make(cx, None, Draft { text: &last.text, ..draft(name, &file, last) });
            self.old = made.ok().map(|made| Arc::new(made.tenant));
        }
    }
}

/// A revision that was live, as it was then.
fn draft<'a>(name: &'a str, file: &'a str, stored: &'a Stored) -> Draft<'a> {
    Draft {
        name,
        file,
        text: &stored.text,
        revision: stored.number,
        meant: stored.about.as_ref().map(|about| &about.components),
    }
}

pub(super) fn file_name(name: &str) -> String {
    format!("tenants/{name}.toml")
}

fn candidate(cx: Resolver<'_>, old: Option<&Arc<Tenant>>, name: &str) -> Candidate {
    let file = file_name(name);
    let mut candidate =
        Candidate { fresh: None, old: old.cloned(), text: String::new(), last: None, problems: Vec::new() };
    if !is_name(name) || name == HOST {
        let text = format!("\"{}\" cannot name a tenant", name.escape_debug());
        candidate.problems.push(Problem::of_file(file, text));
        return candidate;
    }
    match cx.store.read_tenant(name) {
        Ok(text) => candidate.text = text,
        Err(error) => candidate.problems.push(Problem::of_file(&file, format!("cannot be read: {error}"))),
    }
    let found = cx.store.revision_of(name, &candidate.text);
    let is_revision = matches!(found, Ok(Some(_)));
    match found
        .and_then(|found| found.map_or_else(|| cx.store.newest_revision(name), |found| Ok(Some(found))))
    {
        Ok(last) => candidate.last = last,
        Err(error) => {
            let text = format!("its history cannot be read: {error}");
            candidate.problems.push(Problem::of_file(&file, text));
        }
    }
    if candidate.problems.is_empty() {
        candidate.make(cx, name, is_revision);
    }
    if candidate.fresh.is_none() {
        candidate.fall_back(cx, name);
    }
    candidate
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
    let mut generation = Generation::default();
    for (rank, name, tenant) in order {
        // What serves already has no conflicts.
        if let Err(taken) = generation.give_domains(tenant)
            && rank > 0
        {
            return Err((name.clone(), taken_domain(name, &taken)));
        }
    }
    Ok(generation)
}

/// The problem of a file that asks for what another tenant has.
pub(super) fn taken_domain(name: &str, pattern: &str) -> Problem {
    let text = format!("`{pattern}` belongs to another tenant");
    Problem { file: file_name(name), line: 0, key: "domains".to_owned(), text }
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
        let failed = |error: io::Error| {
            let text = format!("its revision cannot be stored: {error}");
            (name.clone(), Problem::of_file(file_name(name), text))
        };
        if !fresh.recorded {
            let about = Origin::file().about(&fresh.tenant);
            fresh.tenant.revision = cx.store.append(name, &candidate.text, &about).map_err(failed)?;
            fresh.recorded = true;
        } else if candidate.last.as_ref().is_some_and(|last| last.about.is_none()) {
            let about = Origin::file().about(&fresh.tenant);
            cx.store.describe(name, fresh.tenant.revision, &about).map_err(failed)?;
        }
        settle(cx, name, fresh.tenant.revision).map_err(failed)?;
    }
    Ok(())
}

/// What the live file says is what is live: no revision stays that was on its way when somebody killed us.
fn settle(cx: Resolver<'_>, name: &str, live: u64) -> io::Result<()> {
    for stranded in cx.store.revisions(name)?.into_iter().filter(|number| *number > live) {
        cx.store.forget(name, stranded)?;
    }
    cx.store.confirm(name, live)
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
    report.removed = old.tenants.keys().chain(old.broken.keys()).filter(gone).cloned().collect();
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
        generation.add_broken(name, patterns);
    }
    (Some(generation), report)
}
