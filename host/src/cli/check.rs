//! `gatepost check`: the config, the catalog, every chain, without touching a running server.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::arguments::CheckOptions;
use super::client::load_config;
use super::exit::{Exit, Problems};
use crate::catalog::{Registry, Tenant};
use crate::config;
use crate::kv::MemoryKv;
use crate::server::{Grants, open_catalog};
use crate::telemetry::Telemetry;

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
    let (generation, report) = catalog.check();
    let problems: Vec<_> =
        report.refused.iter().flat_map(|refused| refused.problems.iter()).chain(&report.problems).collect();
    if json {
        let tenants = generation.tenants.values().map(|tenant| Shown::of(tenant)).collect::<Vec<_>>();
        let shown = serde_json::json!({ "ok": report.is_ok(), "problems": problems, "tenants": tenants });
        outln!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(if report.is_ok() { Exit::Ok } else { Exit::Config });
    }
    for tenant in generation.tenants.values() {
        show(tenant, report.refused.iter().any(|refused| refused.tenant == tenant.name));
    }
    if !report.is_ok() {
        return Err(Problems(problems.into_iter().cloned().collect()).into());
    }
    if !options.dump {
        let count = generation.tenants.len();
        outln!("{}: ok, {count} tenant{}", path.display(), if count == 1 { "" } else { "s" });
    }
    Ok(Exit::Ok)
}

/// A tenant's chain as it is shown.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    chain: String,
    stages: Vec<ShownStage<'a>>,
    /// Who is asked about recipients.
    recipients: Vec<ShownCheck<'a>>,
    sinks: Vec<&'a str>,
}

#[derive(Serialize)]
struct ShownCheck<'a> {
    name: &'a str,
    processor: &'a str,
}

#[derive(Serialize)]
struct ShownStage<'a> {
    name: &'a str,
    processor: &'a str,
    takes: String,
    gives: String,
}

impl<'a> Shown<'a> {
    fn of(tenant: &'a Tenant) -> Self {
        let stages = tenant.line_up.stages.iter().map(|stage| ShownStage {
            name: &stage.label,
            processor: stage.processor.id(),
            takes: stage.processor.takes().to_string(),
            gives: stage.processor.gives().to_string(),
        });
        let checks = tenant.checks.iter();
        Self {
            name: &tenant.name,
            recipients: checks
                .map(|check| ShownCheck { name: &check.label, processor: check.check.id() })
                .collect(),
            chain: tenant.spec.to_string(),
            stages: stages.collect(),
            sinks: tenant.line_up.sinks.iter().map(|(label, _)| label.as_str()).collect(),
        }
    }
}

fn show(tenant: &Tenant, refused: bool) {
    let shown = Shown::of(tenant);
    let what = if refused { " (the last good revision: the file is refused)" } else { "" };
    outln!("tenant {}: {}{what}", shown.name, shown.chain);
    for check in &shown.recipients {
        outln!("  {:<24} recipients           {}", check.name, check.processor);
    }
    for stage in &shown.stages {
        outln!("  {:<24} {:>8} -> {:<8} {}", stage.name, stage.takes, stage.gives, stage.processor);
    }
    for sink in &shown.sinks {
        outln!("  {sink:<24}     sink");
    }
}
