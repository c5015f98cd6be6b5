//! `gatepost check`: the config, the certificates, the catalog, every chain, without touching a running server.

use std::path::Path;
use std::sync::Arc;

use super::arguments::CheckOptions;
use super::chain::show_chain;
use super::client::load_config;
use super::exit::{Exit, Problems};
use crate::catalog::{ChainView, Registry, Tenant};
use crate::config::{self, Problem};
use crate::kv::MemoryKv;
use crate::server::{Grants, absent, certificate_problems, open_catalog};
use crate::telemetry::Telemetry;

/// Domains that one note names.
const NOTED_MAX: usize = 8;

pub(super) fn run(config: Option<&Path>, options: &CheckOptions, json: bool) -> anyhow::Result<Exit> {
    let (path, config) = load_config(config)?;
    if options.dump {
        outln!("{}", config::dump(&config));
    }
    if !config.server.state_dir.is_dir() {
        eprintln!(
            "note: the state folder `{}` is not there yet, so there are no tenants",
            config.server.state_dir.display()
        );
    }
    let kv = Arc::new(MemoryKv::default());
    let catalog = open_catalog(
        &config,
        Registry::builtin(),
        &Telemetry::silent(),
        Grants::AsGiven(kv),
        #[cfg(feature = "wasm")]
        crate::server::Code::of_command(&config.server)?,
    )?;
    let (generation, mut report) = catalog.check();
    report.problems.extend(certificate_problems(&config.listeners));
    let absent = absent(&config, &generation);
    report.problems.extend(absent.into_iter().map(|it| config::problem_at(&path, &it.key, it.text)));
    let problems: Vec<_> =
        report.refused.iter().flat_map(|refused| refused.problems.iter()).chain(&report.problems).collect();
    let notes: Vec<String> = generation.tenants.values().flat_map(|tenant| foreign(tenant)).collect();
    if options.dump {
        // What is printed can be read back: it is the config and nothing else.
        notes.iter().for_each(|note| eprintln!("note: {note}"));
        return if report.is_ok() { Ok(Exit::Ok) } else { Err(refused(&problems)) };
    }
    if json {
        let tenants = generation.tenants.values().map(|tenant| ChainView::of(tenant)).collect::<Vec<_>>();
        let shown = serde_json::json!({ "ok": report.is_ok(), "problems": problems, "notes": notes, "tenants": tenants });
        outln!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(if report.is_ok() { Exit::Ok } else { Exit::Config });
    }
    for tenant in generation.tenants.values() {
        show(&ChainView::of(tenant), report.refused.iter().any(|refused| refused.tenant == tenant.name));
    }
    notes.iter().for_each(|note| eprintln!("note: {note}"));
    if !report.is_ok() {
        return Err(refused(&problems));
    }
    let count = generation.tenants.len();
    outln!("{}: ok, {count} tenant{}", path.display(), if count == 1 { "" } else { "s" });
    Ok(Exit::Ok)
}

fn refused(problems: &[&Problem]) -> anyhow::Error {
    Problems(problems.iter().copied().cloned().collect()).into()
}

/// Checkers whose mailboxes lie in domains that are not their tenant's: nobody asks about those here.
fn foreign(tenant: &Tenant) -> Vec<String> {
    let named = tenant.checks.iter().map(|check| (&check.label, tenant.others_domains(&*check.check)));
    let some = named.filter(|(_, others)| !others.is_empty());
    some.map(|(label, mut others)| {
        let count = others.len();
        others.truncate(NOTED_MAX);
        let more = if count > NOTED_MAX { format!(" and {} more", count - NOTED_MAX) } else { String::new() };
        let others = others.join(", ");
        format!(
            "tenant {}: `{label}` has mailboxes of {others}{more}, which is none of its domains",
            tenant.name
        )
    })
    .collect()
}

fn show(view: &ChainView, refused: bool) {
    let what = if refused { " (the last good revision: the file is refused)" } else { "" };
    outln!("tenant {}: {}{what}", view.name, view.chain);
    show_chain(view);
}
