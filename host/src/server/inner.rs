//! What the running server is to the admin API and to SIGHUP: its figures, and how it reads everything again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use tokio::sync::watch;

use super::absent::{Absent, absent};
use super::listeners::Listeners;
use crate::admin::{AdminHandle, BreakerStatus, Guard, Status, TenantStatus};
use crate::catalog::{Catalog, ListenerChange, ReloadReport, Tenant};
use crate::chain::breaker::Standing;
use crate::config::{self, Config, Problem};
use crate::connection::Drain;
use crate::telemetry::{BreakerFigure, Event, Level, Telemetry};
use crate::token;
use crate::transaction::Chains;

/// What the admin API and reloads work on.
pub(super) struct Inner {
    pub(super) catalog: Arc<Catalog>,
    pub(super) telemetry: Telemetry,
    pub(super) chains: Chains,
    pub(super) guard: Arc<Guard>,
    pub(super) listeners: Arc<Listeners>,
    pub(super) config: Mutex<Config>,
    pub(super) path: Option<PathBuf>,
    pub(super) drain: watch::Receiver<Drain>,
    /// Swap was on, and should not have been.
    pub(super) swap_found: Arc<AtomicBool>,
    pub(super) began: Instant,
}

impl Inner {
    /// Says that the server is up.
    pub(super) fn announce(&self, admin: SocketAddr) {
        let listeners =
            self.listeners.addresses().iter().map(|(name, address)| format!("{name} {address}")).collect();
        self.telemetry.emit(Event::Started {
            version: env!("CARGO_PKG_VERSION"),
            listeners,
            admin: admin.to_string(),
        });
        self.warn_of_absent();
    }

    /// Says which tenants the config names that are not there.
    fn warn_of_absent(&self) {
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for Absent { key, text } in absent(&config, &self.catalog.current()) {
            let text = format!("{}: {text}; until there is one, its mail gets 451", key.join("."));
            self.telemetry.emit(Event::Notice { level: Level::Warn, text });
        }
    }

    /// Reads the config file again, and certificates with it. All of it takes effect, or nothing.
    ///
    /// # Errors
    /// What could not be taken over.
    fn reload_config(&self) -> Result<Vec<ListenerChange>, Vec<Problem>> {
        if *self.drain.borrow() >= Drain::Draining {
            return Err(vec![Problem::of_file("", "the server is shutting down")]);
        }
        let fresh = self.path.as_deref().map(config::load).transpose()?;
        // Held to the end, so that no two reloads bind the same.
        let mut current = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fresh = fresh.unwrap_or_else(|| current.clone());
        let plan = self.listeners.prepare(&fresh.listeners)?;
        current.admin.tokens = std::mem::take(&mut fresh.admin.tokens);
        fresh.admin.tokens.clone_from(&current.admin.tokens);
        if fresh.server != current.server
            || fresh.admin != current.admin
            || fresh.telemetry != current.telemetry
        {
            let text =
                "changes of [server], [admin] and [telemetry] need a restart; the old ones go on".to_owned();
            self.telemetry.emit(Event::Notice { level: Level::Warn, text });
        }
        current.limits = fresh.limits;
        current.limits_max = fresh.limits_max;
        current.listeners = fresh.listeners;
        self.catalog.set_config(Arc::new(current.clone()));
        let changes = self.listeners.commit(plan);
        for change in &changes {
            self.telemetry.emit(Event::Notice { level: Level::Info, text: change.to_string() });
        }
        Ok(changes)
    }
}

impl Inner {
    /// Takes up the host's tokens, reads tenants' tokens again, and forgets those of tenants that are gone.
    fn reload_tokens(&self, removed: &[String]) -> Vec<Problem> {
        let mut problems = Vec::new();
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match token::read_tokens(&config) {
            Ok(tokens) => self.guard.set_host_tokens(&tokens),
            Err(error) => {
                problems.push(Problem::of_file("admin.token", format!("{error:#}; the old ones hold")));
            }
        }
        for tenant in removed {
            if let Err(error) = self.guard.tokens().forget(tenant) {
                problems.push(Problem::of_file("tokens", format!("those of `{tenant}` stay: {error}")));
            }
        }
        let texts = self.guard.reload_tokens();
        problems.extend(texts.into_iter().map(|text| Problem::of_file("tokens", text)));
        problems
    }
}

fn open_breakers(tenant: &Tenant) -> Vec<BreakerStatus> {
    let now = Instant::now();
    let open = tenant.breakers().filter_map(|(place, stage, breaker)| {
        let retry_in_ms = match breaker.standing(now) {
            Standing::Closed => return None,
            Standing::Open { retry_in } => Some(u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX)),
            Standing::Probing => None,
        };
        Some(BreakerStatus { stage: stage.to_owned(), place: place.to_owned(), retry_in_ms })
    });
    open.collect()
}

/// For the metrics.
pub(super) fn breaker_figures(catalog: &Catalog) -> Vec<BreakerFigure> {
    let now = Instant::now();
    let mut figures = Vec::new();
    for tenant in catalog.current().tenants.values() {
        figures.extend(tenant.breakers().map(|(_, stage, breaker)| BreakerFigure {
            tenant: tenant.name.clone(),
            stage: stage.to_owned(),
            open: breaker.standing(now) != Standing::Closed,
        }));
    }
    figures
}

#[async_trait]
impl AdminHandle for Inner {
    async fn reload(&self) -> ReloadReport {
        let (listeners, mut problems) = match self.reload_config() {
            Ok(changes) => (changes, Vec::new()),
            Err(problems) => (Vec::new(), problems),
        };
        let config_refused = !problems.is_empty();
        let catalog = self.catalog.clone();
        let mut report = tokio::task::spawn_blocking(move || catalog.take_up()).await.unwrap_or_else(|_| {
            let problem = Problem::of_file("catalog", "the reload panicked; nothing has changed");
            ReloadReport { problems: vec![problem], ..ReloadReport::default() }
        });
        problems.append(&mut self.reload_tokens(&report.removed));
        for problem in &problems {
            self.telemetry.emit(Event::Notice { level: Level::Error, text: format!("reload: {problem}") });
        }
        report.problems.append(&mut problems);
        report.config_refused = config_refused;
        report.listeners = listeners;
        self.warn_of_absent();
        self.telemetry.emit(report.record());
        report
    }

    fn status(&self) -> Status {
        let generation = self.catalog.current();
        let refused = self.catalog.refused();
        let live = generation.tenants.values().map(|tenant| TenantStatus {
            name: tenant.name.clone(),
            revision: Some(tenant.revision),
            chain: tenant.spec.to_string(),
            messages: tenant.quota.in_use(),
            breakers: open_breakers(tenant),
            problems: refused.get(&tenant.name).cloned().unwrap_or_default(),
        });
        let nothing = |name: &String| TenantStatus {
            name: name.clone(),
            revision: None,
            chain: String::new(),
            messages: 0,
            breakers: Vec::new(),
            problems: refused.get(name).cloned().unwrap_or_default(),
        };
        let mut tenants: Vec<TenantStatus> = live.chain(generation.broken.keys().map(nothing)).collect();
        tenants.sort_by(|a, b| a.name.cmp(&b.name));
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_s: self.began.elapsed().as_secs(),
            draining: *self.drain.borrow() >= Drain::Draining,
            not_ready: self.not_ready(),
            listeners: self
                .listeners
                .addresses()
                .iter()
                .map(|(name, address)| (name.clone(), address.to_string()))
                .collect(),
            tenants,
        }
    }

    fn metrics(&self) -> String {
        self.telemetry.metrics_text()
    }

    fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    fn catalog(&self) -> Arc<Catalog> {
        self.catalog.clone()
    }

    fn chains(&self) -> Chains {
        self.chains.clone()
    }

    fn not_ready(&self) -> Option<String> {
        let draining = *self.drain.borrow() >= Drain::Draining;
        let why = if draining {
            "draining"
        } else if self.swap_found.load(Ordering::Relaxed) {
            "swap was turned on: start the server anew (see the log)"
        } else {
            return None;
        };
        Some(why.to_owned())
    }
}
