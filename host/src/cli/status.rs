//! `gatepost status`: what the running server does.

use super::client::Client;
use super::exit::Exit;
use super::reach::Reach;
use crate::admin::Status;
use crate::telemetry::causes::one_line;

pub(super) fn run(reach: &Reach, json: bool) -> anyhow::Result<Exit> {
    let status: Status = Client::connect(reach)?.get("/v1/status")?.expect(&[200])?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&status)?);
        return Ok(Exit::Ok);
    }
    let state = if status.draining { "draining" } else { "serving" };
    outln!("gatepost {}, {state}, up {} s", status.version, status.uptime_s);
    if let Some(why) = status.not_ready.as_ref().filter(|_| !status.draining) {
        outln!("  NOT READY: {}", one_line(why));
    }
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
        for breaker in &tenant.breakers {
            let when = match breaker.retry_in_ms {
                Some(ms) => format!("one is tried in {} s", ms.div_ceil(1000)),
                None => "one is being tried".to_owned(),
            };
            let place = if breaker.place == "chain" { "messages" } else { "recipients" };
            outln!("           breaker of `{}` is open: {place} get 451; {when}", breaker.stage);
        }
        for problem in &tenant.problems {
            outln!("           refused: {}", one_line(problem));
        }
    }
    Ok(Exit::Ok)
}
