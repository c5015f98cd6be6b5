//! `gatepost status`: what the running server does.

use std::path::Path;

use super::client::{Client, load_config};
use super::exit::Exit;
use crate::admin::Status;
use crate::telemetry::causes::one_line;

pub(super) fn run(config: Option<&Path>, json: bool) -> anyhow::Result<Exit> {
    let (_, config) = load_config(config)?;
    let status: Status = Client::new(&config)?.get("/v1/status")?.expect(&[200])?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&status)?);
        return Ok(Exit::Ok);
    }
    let state = if status.draining { "draining" } else { "serving" };
    outln!("gatepost {}, {state}, up {} s", status.version, status.uptime_s);
    for (name, address) in &status.listeners {
        outln!("  listener {name:<12} {address}");
    }
    for tenant in &status.tenants {
        match tenant.revision {
            Some(revision) => {
                outln!(
                    "  tenant   {:<12} revision {revision}, {} at work: {}",
                    tenant.name,
                    tenant.messages,
                    tenant.chain
                );
            }
            None => outln!(
                "  tenant   {:<12} NOT LOADED: its mail gets 451 (see the log, or `gatepost check`)",
                tenant.name
            ),
        }
        for problem in &tenant.problems {
            outln!("           refused: {}", one_line(problem));
        }
    }
    Ok(Exit::Ok)
}
