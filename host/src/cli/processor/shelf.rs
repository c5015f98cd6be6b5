//! `gatepost processor list|remove`: the components that the running server has.

use crate::admin::Processors;
use crate::cli::client::Client;
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::line;
use crate::cli::paths::{of_processor, of_tenant};
use crate::cli::reach::Reach;

pub(super) fn list(reach: &Reach, tenant: Option<String>, host: bool, json: bool) -> anyhow::Result<Exit> {
    let client = Client::connect(reach)?;
    let tenant = if tenant.is_some() || host { tenant } else { client.own_tenant()? };
    let path = match tenant {
        Some(tenant) => of_tenant(&tenant, "/processors")?,
        None => "/v1/processors".to_owned(),
    };
    let list: Processors = client.get(&path)?.expect(&[200])?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&list)?);
        return Ok(Exit::Ok);
    }
    for processor in &list.processors {
        let name = format!("{}/{}@{}", processor.owner, processor.name, processor.version);
        let hash = processor.hash.get(..16).unwrap_or_default();
        let used =
            if processor.used_by.is_empty() { "unused".to_owned() } else { processor.used_by.join(" ") };
        outln!("{:<32} {hash}  {:>9} bytes  {}", line(&name), processor.size, line(&used));
        if let Some(summary) = processor.summary.as_ref().filter(|summary| !summary.is_empty()) {
            outln!("  {}", line(summary));
        }
        if !processor.grants.is_empty() {
            outln!("  needs the grants {}", processor.grants.join(", "));
        }
    }
    Ok(Exit::Ok)
}

pub(super) fn remove(
    reach: &Reach,
    processor: &str,
    tenant: Option<&str>,
    json: bool,
) -> anyhow::Result<Exit> {
    let wrong = || Usage(format!("`{}` is not NAME@VERSION", processor.escape_debug()));
    let (name, version) = processor.split_once('@').ok_or_else(wrong)?;
    let path = of_processor(tenant, &name.to_ascii_lowercase(), version)?;
    Client::connect(reach)?.delete(&path)?.expect_nothing(204)?;
    if !json {
        outln!("{processor}: removed");
    }
    Ok(Exit::Ok)
}
