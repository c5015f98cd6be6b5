//! Which events are news for people beside the messages: what changed about the host or a tenant.

use serde::Serialize;

use crate::telemetry::Event;

/// Who may hear of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hearers<'a> {
    /// Those who see everything.
    Host,
    /// This tenant too.
    Tenant(&'a str),
}

/// Who hears of it; none: it is no change, or told otherwise.
pub(super) fn hearers(event: &Event) -> Option<Hearers<'_>> {
    let name = match event {
        Event::BreakerOpened { tenant, .. }
        | Event::BreakerProbing { tenant, .. }
        | Event::BreakerClosed { tenant, .. }
        | Event::TenantLoaded { tenant, .. }
        | Event::TenantRefused { tenant, .. }
        | Event::SmokeFailed { tenant, .. }
        | Event::ComponentCompiled { tenant, .. } => tenant,
        Event::ProcessorStored { owner, .. }
        | Event::ProcessorRefused { owner, .. }
        | Event::ProcessorRemoved { owner, .. } => owner,
        Event::Reloaded { .. }
        | Event::TenantRemoved { .. }
        | Event::Notice { .. }
        | Event::SwapFound { .. }
        | Event::SwapGone
        | Event::Started { .. }
        | Event::Stopped { .. } => return Some(Hearers::Host),
        _ => return None,
    };
    // A tenant cannot have that name.
    Some(if name == "host" { Hearers::Host } else { Hearers::Tenant(name) })
}

#[derive(Serialize)]
struct Change<'a> {
    at: u64,
    #[serde(flatten)]
    event: &'a Event,
}

/// As the log has it, with `at` in Unix milliseconds.
pub(super) fn text(at: u64, event: &Event) -> String {
    // An event is made of texts, numbers and lists of them.
    serde_json::to_string(&Change { at, event }).unwrap_or_default()
}
