//! An immutable snapshot of all tenants: who takes a recipient, and by which chain. Replaced, never edited.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::retirement::Retirement;
use super::revision::Components;
use super::smoke::Smoke;
use crate::chain::{Breaker, ChainSpec, Content, LineUp, PlannedCheck, RecipientCheck};
use crate::config::Limits;
use crate::mail::Mailbox;
use crate::tenant::{Caps, DomainTable, Pattern, Quota};

/// One tenant's revision, ready to take messages.
#[derive(Clone)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// Its revision: `catalog/history/NAME/REVISION.toml`.
    pub revision: u64,
    /// Its chain as written.
    pub spec: ChainSpec,
    /// Its chain, built.
    pub line_up: Arc<LineUp>,
    /// Who is asked about each address at RCPT time, in this order.
    pub checks: Arc<[PlannedCheck]>,
    /// What flows in the chain: first the message, then what each stage gives.
    pub flowing: Vec<Content>,
    /// What the names of components in it meant when it went live.
    pub components: Arc<Components>,
    /// What the smoke corpus showed of its sandboxed stages.
    pub smoke: Arc<Smoke>,
    /// What its messages may use.
    pub limits: Limits,
    /// Its share of the CPU, beside others that want to run.
    pub weight: u32,
    /// Its domains.
    pub domains: Vec<Pattern>,
    /// Its places for messages; the same one in every generation.
    pub quota: Arc<Quota>,
    /// BLAKE3 of all that the tenant was built of: file, host config, components.
    pub(super) fingerprint: blake3::Hash,
    /// Set when it goes live: dropped with the last message, it lets the stages' `shutdown` be called.
    pub(super) life: Arc<OnceLock<Retirement>>,
}

impl Tenant {
    /// The breakers of its stages: where each stands, `chain` or `recipients`, and its label.
    pub fn breakers(&self) -> impl Iterator<Item = (&'static str, &str, &Breaker)> {
        let stages = self.line_up.stages.iter().map(|s| ("chain", &s.label, &s.breaker));
        let checks = self.checks.iter().map(|c| ("recipients", &c.label, &c.breaker));
        let all = stages.chain(checks);
        all.filter_map(|(place, label, breaker)| Some((place, label.as_str(), breaker.as_deref()?)))
    }

    /// Domains that a checker names and that are not the tenant's, by their A-labels.
    pub fn others_domains(&self, check: &dyn RecipientCheck) -> Vec<String> {
        let mut own = DomainTable::default();
        for pattern in &self.domains {
            // One owner is never in another's way.
            let _ = own.insert(pattern, ());
        }
        check.domains().into_iter().filter(|domain| own.get(domain).is_none()).collect()
    }
}

/// All tenants at one time.
#[derive(Debug, Clone, Default)]
pub struct Generation {
    /// Tenants that take messages.
    pub tenants: BTreeMap<String, Arc<Tenant>>,
    /// Tenants that have a file, but none that ever went live, with their domains, which get 451 4.3.5.
    pub broken: BTreeMap<String, Vec<Pattern>>,
    /// Whose each domain is, by name.
    pub(super) domains: DomainTable<Arc<str>>,
    /// Who takes `<postmaster>`; none: the first tenant by name.
    pub(super) postmaster: Option<String>,
}

/// Who takes a recipient.
#[derive(Debug, Clone)]
pub enum Resolution {
    /// This tenant.
    Tenant(Arc<Tenant>),
    /// This tenant, whose file is broken: 451 4.3.5.
    Broken(String),
    /// Nobody: 550 5.7.1.
    Unknown,
}

impl Generation {
    /// Who takes `recipient`. `<postmaster>` without a domain is always taken where there is a tenant at all (RFC 5321
    /// §4.5.1); where the one that should have it is not there, by `Broken`, so that nothing is lost.
    pub fn resolve(&self, recipient: &Mailbox) -> Resolution {
        if recipient.domain().is_empty() {
            return match (&self.postmaster, self.tenants.keys().next()) {
                _ if !recipient.local().eq_ignore_ascii_case("postmaster") => Resolution::Unknown,
                (Some(name), _) => self.by_name(name),
                (None, Some(first)) => self.by_name(first),
                (None, None) => {
                    self.broken.keys().next().map_or(Resolution::Unknown, |name| self.by_name(name))
                }
            };
        }
        self.domains.get(recipient.domain()).map_or(Resolution::Unknown, |name| self.by_name(name))
    }

    fn by_name(&self, name: &str) -> Resolution {
        match self.tenants.get(name) {
            Some(tenant) => Resolution::Tenant(tenant.clone()),
            None => Resolution::Broken(name.to_owned()),
        }
    }
}

impl Generation {
    /// Gives a tenant its domains.
    ///
    /// # Errors
    /// One that another tenant has.
    pub(super) fn give_domains(&mut self, tenant: &Tenant) -> Result<(), String> {
        let owner: Arc<str> = tenant.name.as_str().into();
        let mut taken = Ok(());
        for pattern in &tenant.domains {
            if self.domains.insert(pattern, owner.clone()).is_err() {
                taken = taken.and(Err(pattern.to_string()));
            }
        }
        taken
    }

    /// Adds a tenant that serves nothing. Mail that a tenant in service takes stays with it, also where the broken one is more
    /// exact.
    pub(super) fn add_broken(&mut self, name: String, patterns: Vec<Pattern>) {
        for pattern in &patterns {
            let probe = pattern.to_string().replace('*', "any");
            if self.domains.get(&probe).is_none() {
                let _ = self.domains.insert(pattern, name.as_str().into());
            }
        }
        self.broken.insert(name, patterns);
    }

    /// Whether a tenant may have the domains that it asks for.
    ///
    /// # Errors
    /// One that another tenant has.
    pub(super) fn check_domains(&self, tenant: &Tenant) -> Result<(), String> {
        if self.tenants.get(&tenant.name).is_some_and(|old| old.domains == tenant.domains) {
            return Ok(());
        }
        self.without(&tenant.name).without_broken().give_domains(tenant)
    }

    /// The same with `tenant` in it, or in the place of the one that has its name; its domains were checked.
    pub(super) fn with(&self, tenant: Arc<Tenant>) -> Self {
        if self.tenants.get(&tenant.name).is_some_and(|old| old.domains == tenant.domains) {
            let mut next = self.clone();
            next.tenants.insert(tenant.name.clone(), tenant);
            return next;
        }
        let mut next = self.without(&tenant.name);
        let broken = std::mem::take(&mut next.broken);
        next = next.without_broken();
        let _ = next.give_domains(&tenant);
        for (name, patterns) in broken {
            next.add_broken(name, patterns);
        }
        next.tenants.insert(tenant.name.clone(), tenant);
        next
    }

    /// The same without what serves nothing: its domains are free for whoever serves.
    fn without_broken(self) -> Self {
        let mut next = Self { domains: DomainTable::default(), broken: BTreeMap::new(), ..self };
        for tenant in next.tenants.values().cloned().collect::<Vec<_>>() {
            // They stand beside each other already.
            let _ = next.give_domains(&tenant);
        }
        next
    }

    /// The same without the tenant of this name; its domains are nobody's.
    pub(super) fn without(&self, name: &str) -> Self {
        let mut next = self.clone();
        next.tenants.remove(name);
        let mut broken = std::mem::take(&mut next.broken);
        broken.remove(name);
        let mut next = next.without_broken();
        for (name, patterns) in broken {
            next.add_broken(name, patterns);
        }
        next
    }
}

impl Tenant {
    /// What it may have in the works at once.
    pub(super) fn caps(limits: &Limits) -> Caps {
        Caps {
            messages: limits.concurrent_messages,
            per_network: limits.concurrent_messages_per_network,
            instances: limits.concurrent_instances,
            buffered: limits.buffered_max.0,
        }
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{} ({})", self.name, self.revision, self.spec)
    }
}
