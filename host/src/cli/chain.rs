//! `gatepost chain`: a tenant's chain, by way of the running server.

mod past;

use std::collections::BTreeMap;

use serde_json::Value;

use super::arguments::chain::{ChainVerb, SetOptions};
use super::client::{Answer, Client};
use super::exit::{Exit, Usage};
use super::paths::of_tenant;
use super::reach::Reach;
use crate::catalog::{ChainChange, ChainSettings, ChainView, StageView};
use crate::cli::output::line;

pub(super) fn run(reach: &Reach, verb: &ChainVerb, json: bool) -> anyhow::Result<Exit> {
    match verb {
        ChainVerb::Show { tenant } => show(reach, tenant, json),
        ChainVerb::Set(options) => set(reach, options, json),
        ChainVerb::Check(options) => check(reach, options, json),
        ChainVerb::History { tenant, revision: None } => past::list(reach, tenant, json),
        ChainVerb::History { tenant, revision: Some(revision) } => past::show(reach, tenant, *revision, json),
        ChainVerb::Rollback { tenant, to, if_revision } => {
            past::roll_back(reach, tenant, *to, *if_revision, json)
        }
    }
}

fn show(reach: &Reach, tenant: &str, json: bool) -> anyhow::Result<Exit> {
    let client = Client::connect(reach)?;
    let answer = client.get(&of_tenant(tenant, "/chain")?)?;
    let revision = revision(&answer);
    let settings: ChainSettings = answer.expect(&[200])?;
    let live: ChainView = client.get(&of_tenant(tenant, "/chain/live")?)?.expect(&[200])?;
    let runs = live.stages.iter().map(|stage| &stage.processor);
    let runs: Vec<&String> = runs.chain(live.recipients.iter().map(|check| &check.processor)).collect();
    if json {
        let mut shown = serde_json::to_value(&settings)?;
        shown["tenant"] = tenant.into();
        shown["revision"] = revision.into();
        shown["runs"] = serde_json::to_value(&runs)?;
        outln!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(Exit::Ok);
    }
    let number = revision.map_or_else(|| "?".to_owned(), |revision| revision.to_string());
    outln!("{}: revision {number}", line(tenant));
    outln!("  chain       {}", line(&settings.chain));
    for processor in runs.iter().filter(|processor| processor.contains('@')) {
        outln!("  runs        {}", line(processor));
    }
    for (key, text) in [("recipients", &settings.recipients), ("on_failure", &settings.on_failure)] {
        if let Some(text) = text {
            outln!("  {key:<11} {}", line(text));
        }
    }
    for (label, table) in &settings.stage {
        outln!("  stage       {} {}", line(label), line(&Value::Object(table.clone()).to_string()));
    }
    Ok(Exit::Ok)
}

fn set(reach: &Reach, options: &SetOptions, json: bool) -> anyhow::Result<Exit> {
    let change = change(options)?;
    let path = of_tenant(&options.tenant, "/chain")?;
    let expected = options.if_revision.map(|revision| format!("\"{revision}\""));
    let fields: Vec<(&str, &str)> = expected.iter().map(|tag| ("If-Match", tag.as_str())).collect();
    let body = serde_json::to_vec(&change)?;
    let answer =
        Client::connect(reach)?.put("checking the chain", &path, "application/json", &fields, &body)?;
    live(&answer, json)
}

/// What went live.
fn live(answer: &Answer, json: bool) -> anyhow::Result<Exit> {
    let view: ChainView = answer.expect(&[200])?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&view)?);
        return Ok(Exit::Ok);
    }
    outln!("{}: revision {} is live: {}", view.name, view.revision, view.chain);
    show_chain(&view);
    Ok(Exit::Ok)
}

fn check(reach: &Reach, options: &SetOptions, json: bool) -> anyhow::Result<Exit> {
    let path = of_tenant(&options.tenant, "/chain/check")?;
    let view: ChainView = Client::connect(reach)?.post_json(&path, &change(options)?)?.expect(&[200])?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&view)?);
        return Ok(Exit::Ok);
    }
    outln!("{}: it would be revision {}: {}", view.name, view.revision, view.chain);
    show_chain(&view);
    Ok(Exit::Ok)
}

/// What is asked of the server.
fn change(options: &SetOptions) -> Result<ChainChange, Usage> {
    let mut stage = BTreeMap::new();
    for given in &options.stage {
        let wrong = |what: &str| Usage(format!("--stage `{given}` is not LABEL=JSON: {what}"));
        let (label, json) = given.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
        let table = serde_json::from_str(json).map_err(|error| wrong(&error.to_string()))?;
        let table = match table {
            Value::Object(table) => Some(table),
            Value::Null => None,
            _ => return Err(wrong("expected an object, or null to take its settings away")),
        };
        stage.insert(label.trim().to_ascii_lowercase(), table);
    }
    let cleared = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    Ok(ChainChange {
        chain: options.chain.clone(),
        stage,
        on_failure: options.on_failure.map(|policy| Some(policy.name().to_owned())),
        recipients: options.recipients.as_ref().map(cleared),
    })
}

/// From the ETag.
fn revision(answer: &Answer) -> Option<u64> {
    answer.etag.as_deref()?.trim_matches('"').parse().ok()
}

/// The stages and sinks of a chain, for people.
pub(super) fn show_chain(view: &ChainView) {
    for check in &view.recipients {
        outln!("  {:<24} recipients           {}", check.name, check.processor);
    }
    for stage in &view.stages {
        outln!("  {:<24} {:>8} -> {:<8} {}", stage.name, stage.takes, stage.gives, stage.processor);
        if let Some(figures) = figures(stage) {
            outln!("  {:<24} {figures}", "");
        }
    }
    for sink in &view.sinks {
        outln!("  {sink:<24}     sink");
    }
    for warning in &view.warnings {
        outln!("  warning: {}", line(&warning.to_string()));
    }
}

fn figures(stage: &StageView) -> Option<String> {
    let smoke = stage.smoke.as_ref().filter(|smoke| smoke.runs > 0)?;
    Some(format!(
        "smoke: {} messages, {} runs, cpu {} us (most {}), memory {} KiB",
        smoke.messages,
        smoke.runs,
        smoke.cpu_us_median,
        smoke.cpu_us_max,
        smoke.memory_peak >> 10
    ))
}
