//! `gatepost processor push`: gives a component to the running server.

use anyhow::Context;

use super::inspect::load;
use crate::catalog::Uploaded;
use crate::chain::spec::is_name;
use crate::cli::arguments::processor::PushOptions;
use crate::cli::client::Client;
use crate::cli::exit::{Exit, Usage};
use crate::cli::reach::Reach;
use crate::telemetry::causes::one_line;

pub(super) fn run(reach: &Reach, options: &PushOptions, json: bool) -> anyhow::Result<Exit> {
    let file = &options.file;
    let bytes = std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let (name, version) = identity(options, &bytes)?;
    let owner = match &options.tenant {
        Some(tenant) if !is_name(&tenant.to_ascii_lowercase()) => {
            return Err(Usage(format!("`{tenant}` cannot name a tenant")).into());
        }
        Some(tenant) => format!("/tenants/{tenant}"),
        None => String::new(),
    };
    let path = format!("/v1{owner}/processors/{name}/{version}");
    let answer = Client::connect(reach)?.put("uploading", &path, "application/wasm", &[], &bytes)?;
    let is_new = answer.status == 201;
    let stored: Uploaded = answer.expect(&[200, 201])?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&stored)?);
    } else {
        show(&stored, is_new, options.tenant.as_deref());
    }
    Ok(Exit::Ok)
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

fn show(stored: &Uploaded, is_new: bool, tenant: Option<&str>) {
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
        outln!("  warning: {}", one_line(warning));
    }
    let tenant = tenant.unwrap_or("TENANT");
    outln!("to use it: gatepost chain set {tenant} '{}@{} | maildir'", stored.name, major(&stored.version));
}

/// What a chain pins to get fixes but no breaks.
fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}
