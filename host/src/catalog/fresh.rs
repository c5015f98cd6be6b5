//! Makes a tenant of its file: reads it, finds what its names mean, resolves and configures its chain, runs the smoke corpus
//! through it.
//!
//! ```text
//! text --read--> TenantFile --identify--> Components --> fingerprint   the same as before: nothing to be done
//!                    \------resolve------> LineUp, checks --smoke--> Tenant
//! ```
//!
//! What a name like `hello@1` means is found out when a revision goes live, and kept with it: the same revision means the same
//! bytes at every reload and every start.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::resolve::read_component;
use super::revision::{Component, Components};
use super::tenant_file::{self, TenantFile};
use super::{Resolver, Smoke, Tenant, WireLimits, smoke};
use crate::chain::PlannedCheck;
use crate::config::{Config, Problem};
use crate::tenant::Quota;

/// Chains whose smoke figures are remembered.
const TRIED_MAX: usize = 1024;

/// What the smoke corpus showed of chains that it has seen, by fingerprint. A chain that comes again is not tried again.
#[derive(Debug, Default)]
pub struct Tried(Mutex<HashMap<String, Arc<Smoke>>>);

impl Tried {
    /// Remembers a chain. Where too many are, all are forgotten: they are only tried once more.
    pub(super) fn remember(&self, fingerprint: &str, smoke: &Arc<Smoke>) {
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tried.len() >= TRIED_MAX {
            tried.clear();
        }
        tried.insert(fingerprint.to_owned(), smoke.clone());
    }

    fn of(&self, fingerprint: &blake3::Hash) -> Option<Arc<Smoke>> {
        let tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tried.get(fingerprint.to_hex().as_str()).cloned()
    }
}

/// A tenant's file, on its way to be served.
#[derive(Clone, Copy)]
pub(super) struct Draft<'a> {
    /// The tenant.
    pub(super) name: &'a str,
    /// How the file is called in problems.
    pub(super) file: &'a str,
    /// What it says.
    pub(super) text: &'a str,
    /// The number that it has, or would have.
    pub(super) revision: u64,
    /// What its names meant when it went live; none: they mean what is newest now.
    pub(super) meant: Option<&'a Components>,
}

/// What was made of it.
pub(super) struct Made {
    pub(super) tenant: Tenant,
    /// It is the tenant that serves already.
    pub(super) unchanged: bool,
    /// Its names mean what they meant.
    pub(super) kept: bool,
}

/// Makes a tenant. Where it is what `old` was made of, that is given back, whose checkers have read their files again, and nothing is
/// run. Blocks.
///
/// # Errors
/// All that is wrong with the file.
pub(super) fn make(
    cx: Resolver<'_>,
    old: Option<&Arc<Tenant>>,
    draft: Draft<'_>,
) -> Result<Made, Vec<Problem>> {
    let Draft { name, file, text, revision, meant } = draft;
    let parsed = tenant_file::read(file, text, &cx.config.limits, &cx.config.limits_max)?;
    let (cx, components, faults, kept) = pinned(cx, name, &parsed, meant);
    let fingerprint = fingerprint(cx, text, &components, &faults);
    if let Some(old) = old.filter(|old| old.fingerprint == fingerprint) {
        reread(old, &parsed)?;
        return Ok(Made { tenant: Tenant::clone(old), unchanged: true, kept });
    }
    let tried = cx.tried.of(&fingerprint);
    // What was found is what is built: what comes or goes meanwhile is not looked at.
    let cx = Resolver { meant: Some(&components), ..cx };
    let resolved = Resolver { rehearse: tried.is_none(), ..cx }.resolve(name, &parsed, true)?;
    if !faults.is_empty() {
        let text = format!("changed while it was checked ({}); try again", faults.join("; "));
        return Err(vec![parsed.problem("chain", text)]);
    }
    let smoke = match tried {
        Some(smoke) => smoke,
        None => {
            let chunk_size = cx.config.server.chunk_size.as_usize();
            let fault = |fault: smoke::Fault| parsed.stage_problem(&fault.stage, "", fault.text);
            let smoke = smoke::run(&resolved.rehearsals, &parsed.domains, chunk_size)
                .map_err(|faults| faults.into_iter().map(fault).collect::<Vec<_>>())?;
            Arc::new(smoke)
        }
    };
    cx.tried.remember(fingerprint.to_hex().as_str(), &smoke);
    let quota = old.map_or_else(|| Quota::new(Tenant::caps(&parsed.limits)), |old| old.quota.clone());
    let tenant = Tenant {
        name: name.to_owned(),
        revision,
        spec: parsed.chain,
        line_up: Arc::new(resolved.line_up),
        checks: resolved.checks.into(),
        flowing: resolved.flowing,
        components: Arc::new(components),
        smoke,
        limits: parsed.limits,
        weight: parsed.weight,
        domains: parsed.domains,
        quota,
        fingerprint,
        life: Arc::default(),
    };
    Ok(Made { tenant, unchanged: false, kept })
}

/// Has the checkers of a tenant that stays as it is read their files again.
fn reread(tenant: &Tenant, file: &TenantFile) -> Result<(), Vec<Problem>> {
    let wrong = |check: &PlannedCheck| {
        let text = check.check.reread().err()?;
        Some(file.stage_problem(&check.label, "", text))
    };
    let problems: Vec<Problem> = tenant.checks.iter().filter_map(wrong).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// A hash of all that a tenant with this file would be made of now, where its names mean `meant`; none: the file does not hold.
pub(super) fn fingerprint_of(
    cx: Resolver<'_>,
    name: &str,
    text: &str,
    meant: &Components,
) -> Option<blake3::Hash> {
    let parsed = tenant_file::read("", text, &cx.config.limits, &cx.config.limits_max).ok()?;
    let (cx, components, faults, _) = pinned(cx, name, &parsed, Some(meant));
    Some(fingerprint(cx, text, &components, &faults))
}

/// Finds what the names of a file mean: what they meant, where all of that is still there, or else what is newest.
fn pinned<'a>(
    cx: Resolver<'a>,
    name: &str,
    file: &TenantFile,
    meant: Option<&'a Components>,
) -> (Resolver<'a>, Components, Vec<String>, bool) {
    if let Some(meant) = meant {
        let cx = Resolver { meant: Some(meant), ..cx };
        let (components, faults) = identify(cx, name, file);
        if components == *meant {
            return (cx, components, faults, true);
        }
    }
    let (components, faults) = identify(cx, name, file);
    (cx, components, faults, false)
}

/// Every component that a file names, and why some cannot be found; building reports that.
fn identify(cx: Resolver<'_>, name: &str, file: &TenantFile) -> (Components, Vec<String>) {
    let (mut components, mut faults) = (Components::new(), Vec::new());
    let named = file.chain.all().chain(&file.recipients);
    for stage in named.filter(|stage| !cx.is_native(stage)) {
        let found = cx.find(name, stage);
        let read = found.and_then(|found| {
            let bytes = read_component(&found, file.limits.component_size_max)?;
            Ok((found, blake3::hash(&bytes).to_hex().to_string()))
        });
        match read {
            Ok((found, hash)) => {
                let version = found.version.to_string();
                let component = Component { owner: found.owner, name: found.name, version, hash };
                components.insert(stage.reference(), component);
            }
            Err(text) => faults.push(text),
        }
    }
    (components, faults)
}

/// A hash of all that a tenant is made of.
fn fingerprint(cx: Resolver<'_>, text: &str, components: &Components, faults: &[String]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    // Of listeners only what stages are told: one that comes or goes does not make chains anew.
    let Config { server, listeners: _, limits, limits_max, admin: _, telemetry: _ } = cx.config;
    let WireLimits { message_size, recipients, header_size: _ } = WireLimits::of(cx.config);
    add(env!("CARGO_PKG_VERSION").as_bytes());
    add(format!("{server:?} {limits:?} {limits_max:?} {message_size} {recipients}").as_bytes());
    add(text.as_bytes());
    for (reference, component) in components {
        add(reference.as_bytes());
        add(format!("{component:?}").as_bytes());
    }
    faults.iter().for_each(|fault| add(fault.as_bytes()));
    hasher.finalize()
}
