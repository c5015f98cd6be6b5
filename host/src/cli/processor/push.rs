//! `gatepost processor push`: gives a component to the running server.

use std::path::Path;

use anyhow::Context;

use super::inspect::load;
use crate::catalog::{ChainSettings, Uploaded};
use crate::chain::ChainSpec;
use crate::chain::spec::is_name;
use crate::cli::arguments::processor::PushOptions;
use crate::cli::client::Client;
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::line;
use crate::cli::paths::{of_processor, of_tenant};
use crate::cli::reach::Reach;
use crate::toolchain::{self, BuildOptions};

pub(super) fn run(reach: &Reach, options: &PushOptions, json: bool) -> anyhow::Result<Exit> {
    let client = Client::connect(reach)?;
    let own = if options.tenant.is_some() || options.host { None } else { client.own_tenant()? };
    let tenant = options.tenant.as_deref().or(own.as_deref());
    if tenant.is_none() && !options.host {
        let text = "the host's token may push for any tenant: say --tenant NAME, or --host for all";
        return Err(Usage(text.to_owned()).into());
    }
    let bytes = component(&options.file)?;
    let (name, version) = identity(options, &bytes)?;
    let path = of_processor(tenant, &name, &version)?;
    let answer = client.put("uploading", &path, "application/wasm", &[], &bytes)?;
    let is_new = answer.status == 201;
    let stored: Uploaded = answer.expect(&[200, 201])?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&stored)?);
        return Ok(Exit::Ok);
    }
    show(&stored, is_new);
    match tenant {
        Some(tenant) => outln!("to use it: {}", next(&client, &stored, tenant)?),
        None => outln!("to use it: gatepost chain set TENANT 'header | {} | maildir'", pinned(&stored)),
    }
    Ok(Exit::Ok)
}

/// The component, or what the crate in this folder builds to.
fn component(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path.is_dir() {
        return Ok(toolchain::build(path, &BuildOptions::default())?.component);
    }
    std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))
}

/// The command that puts it into the chain that is live.
fn next(client: &Client, stored: &Uploaded, tenant: &str) -> anyhow::Result<String> {
    let live = client.get(&of_tenant(tenant, "/chain")?)?.expect::<ChainSettings>(&[200]);
    let spec = live.ok().and_then(|live| live.chain.parse::<ChainSpec>().ok());
    let chain = match spec {
        Some(spec) if spec.all().any(|stage| stage.name == stored.name) => spec.to_string(),
        Some(spec) => {
            let mut names: Vec<String> = spec.stages.iter().map(ToString::to_string).collect();
            names.push(pinned(stored));
            names.push(spec.last.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + "));
            names.join(" | ")
        }
        None => format!("header | {} | maildir", pinned(stored)),
    };
    let mut command = format!("gatepost chain set {tenant} '{chain}'");
    if !stored.grants.is_empty() {
        let grants = serde_json::json!({ "grants": stored.grants });
        command += &format!(" --stage '{}={grants}'", stored.name);
    }
    Ok(command)
}

/// With what a chain pins to get fixes but no breaks.
fn pinned(stored: &Uploaded) -> String {
    format!("{}@{}", stored.name, stored.version.split('.').next().unwrap_or(&stored.version))
}

/// Name and version: as given, else as the component says.
fn identity(options: &PushOptions, bytes: &[u8]) -> anyhow::Result<(String, String)> {
    let (name, version) = match (&options.name, &options.version) {
        (Some(name), Some(version)) => (name.clone(), version.clone()),
        (name, version) => {
            let loaded = load(bytes).with_context(|| format!("`{}`", options.file.display()))?;
            let said = &loaded.description;
            (
                name.clone().unwrap_or_else(|| said.name.clone()),
                version.clone().unwrap_or_else(|| said.version.clone()),
            )
        }
    };
    let name = name.to_ascii_lowercase();
    if !is_name(&name) {
        let text = format!("`{}` is not a name for a processor: give one with --name", name.escape_debug());
        return Err(Usage(text).into());
    }
    if semver::Version::parse(&version).is_err() {
        let text =
            format!("`{}` is not a version such as 1.0.0: give one with --version", version.escape_debug());
        return Err(Usage(text).into());
    }
    Ok((name, version))
}

fn show(stored: &Uploaded, is_new: bool) {
    let what = if is_new { "stored" } else { "is there already, with the same bytes" };
    outln!("{}/{}@{} {what}", stored.owner, stored.name, stored.version);
    outln!("  summary  {}", stored.summary.escape_debug());
    outln!("  takes    {}", stored.takes);
    outln!("  gives    {}", stored.gives);
    outln!("  size     {} bytes", stored.size);
    outln!("  hash     {}", stored.hash);
    for import in &stored.imports {
        outln!("  imports  {import}");
    }
    for export in &stored.exports {
        outln!("  exports  {export}");
    }
    if !stored.grants.is_empty() {
        let list = stored.grants.iter().map(|grant| format!("\"{grant}\"")).collect::<Vec<_>>().join(", ");
        outln!("  grants   it needs: `[stage.{}] grants = [{list}]`", stored.name);
    }
    for warning in &stored.warnings {
        outln!("  warning: {}", line(warning));
    }
}
