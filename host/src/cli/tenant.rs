//! `gatepost tenant`: tenants, by way of the running server.

use serde_json::{Map, Value};

use super::arguments::tenant::{AddOptions, SetOptions, TenantVerb};
use super::chain::show_chain;
use super::client::Client;
use super::exit::{Exit, Refused, Usage};
use super::paths::of_tenant;
use super::reach::Reach;
use crate::admin::Tenants;
use crate::catalog::{ChainView, TenantSettings, TenantView};
use crate::cli::output::line;

pub(super) fn run(reach: &Reach, verb: &TenantVerb, json: bool) -> anyhow::Result<Exit> {
    match verb {
        TenantVerb::List => list(reach, json),
        TenantVerb::Show { tenant } => show(reach, tenant, json),
        TenantVerb::Add(options) => add(reach, options, json),
        TenantVerb::Set(options) => set(reach, options, json),
        TenantVerb::Remove { tenant, if_revision } => {
            let path = of_tenant(tenant, "")?;
            let expected = if_revision.map(|revision| format!("\"{revision}\""));
            let fields: Vec<(&str, &str)> = expected.iter().map(|tag| ("If-Match", tag.as_str())).collect();
            Client::connect(reach)?.delete_if(&path, &fields)?.expect_nothing(204)?;
            if !json {
                outln!("{tenant}: removed");
            }
            Ok(Exit::Ok)
        }
    }
}

fn list(reach: &Reach, json: bool) -> anyhow::Result<Exit> {
    let list: Tenants = Client::connect(reach)?.get("/v1/tenants")?.expect(&[200])?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&list)?);
        return Ok(Exit::Ok);
    }
    for tenant in &list.tenants {
        let revision = tenant.revision.map_or_else(|| "none".to_owned(), |revision| revision.to_string());
        outln!("{}: revision {revision}: {}", line(&tenant.name), line(&tenant.chain));
        outln!("  {}", line(&tenant.domains.join(" ")));
        for problem in &tenant.problems {
            outln!("  refused: {}", line(problem));
        }
    }
    Ok(Exit::Ok)
}

fn show(reach: &Reach, tenant: &str, json: bool) -> anyhow::Result<Exit> {
    let view: TenantView = Client::connect(reach)?.get(&of_tenant(tenant, "")?)?.expect(&[200])?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&view)?);
        return Ok(Exit::Ok);
    }
    let TenantView { name, revision, settings, problems } = view;
    let revision = revision.map_or_else(|| "none is live".to_owned(), |revision| revision.to_string());
    outln!("{}: revision {revision}", line(&name));
    outln!("  domains     {}", line(&settings.domains.join(" ")));
    outln!("  chain       {}", line(&settings.chain));
    for (key, text) in [("recipients", &settings.recipients), ("on_failure", &settings.on_failure)] {
        if let Some(text) = text {
            outln!("  {key:<11} {}", line(text));
        }
    }
    for (label, table) in settings.stage {
        outln!("  stage       {} {}", line(&label), line(&Value::Object(table).to_string()));
    }
    for (key, table) in [("limits", settings.limits), ("host", settings.host)] {
        if !table.is_empty() {
            outln!("  {key:<11} {}", line(&Value::Object(table).to_string()));
        }
    }
    for problem in &problems {
        outln!("  refused: {}", line(problem));
    }
    Ok(Exit::Ok)
}

fn add(reach: &Reach, options: &AddOptions, json: bool) -> anyhow::Result<Exit> {
    let path = of_tenant(&options.tenant, "")?;
    let mut host = Map::new();
    if !options.grants.is_empty() {
        host.insert("grants_allowed".to_owned(), options.grants.clone().into());
    }
    if let Some(weight) = options.weight {
        host.insert("weight".to_owned(), weight.into());
    }
    let settings = TenantSettings {
        domains: options.domains.clone(),
        chain: options.chain.clone(),
        limits: options.limits.iter().map(|limit| key_value(limit)).collect::<Result<_, _>>()?,
        host,
        ..TenantSettings::default()
    };
    let client = Client::connect(reach)?;
    // A tenant that is there is changed by `chain set`, or by its file.
    if client.get(&path)?.status == 200 {
        let detail = format!("there is a tenant `{}` already", options.tenant);
        return Err(Refused { status: 409, detail, problems: Vec::new() }.into());
    }
    put(&client, &path, &[], &settings, json)
}

/// Changes what is given and keeps the rest, if nobody else changes it meanwhile.
fn set(reach: &Reach, options: &SetOptions, json: bool) -> anyhow::Result<Exit> {
    let (client, path) = (Client::connect(reach)?, of_tenant(&options.tenant, "")?);
    let answer = client.get(&path)?;
    let TenantView { mut settings, .. } = answer.expect(&[200])?;
    if !options.domains.is_empty() {
        settings.domains.clone_from(&options.domains);
    }
    if let Some(grants) = &options.grants {
        let grants: Vec<&String> = grants.iter().filter(|grant| !grant.is_empty()).collect();
        settings.host.insert("grants_allowed".to_owned(), serde_json::to_value(grants)?);
    }
    if let Some(weight) = options.weight {
        settings.host.insert("weight".to_owned(), weight.into());
    }
    for limit in &options.limits {
        let (key, value) = key_value(limit)?;
        if value == "" {
            settings.limits.remove(&key);
        } else {
            settings.limits.insert(key, value);
        }
    }
    let fields: Vec<(&str, &str)> = answer.etag.iter().map(|tag| ("If-Match", tag.as_str())).collect();
    put(&client, &path, &fields, &settings, json)
}

fn put(
    client: &Client,
    path: &str,
    fields: &[(&str, &str)],
    settings: &TenantSettings,
    json: bool,
) -> anyhow::Result<Exit> {
    let body = serde_json::to_vec(settings)?;
    let answer = client.put("checking the tenant", path, "application/json", fields, &body)?;
    let view: ChainView = answer.expect(&[200, 201])?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&view)?);
        return Ok(Exit::Ok);
    }
    outln!("{}: revision {} is live: {}", view.name, view.revision, view.chain);
    show_chain(&view);
    Ok(Exit::Ok)
}

/// `KEY=VALUE`: a number, or else text.
fn key_value(text: &str) -> Result<(String, Value), Usage> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| Usage(format!("--limit `{text}` is not KEY=VALUE")))?;
    let value = value.trim();
    let value = value.parse::<u64>().map_or_else(|_| Value::from(value), Value::from);
    Ok((key.trim().to_owned(), value))
}
