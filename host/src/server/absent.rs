//! Tenants that the config names and that are not there.
//!
//! ```text
//! listener `mx`: submission = "outbund", tenants: acme, outbound   ->   listener.mx.submission: there is no tenant `outbund`; ...
//! ```
//!
//! A problem for `gatepost check`, a warning for a server: it serves, and what would be theirs is deferred, so nothing is lost.

use crate::catalog::Generation;
use crate::config::Config;
use crate::config::problem::nearest;

/// A key that names a tenant which is not there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Absent<'a> {
    /// Its parts: `server`, `postmaster`; or `listener`, the listener's name, `submission`.
    pub(crate) key: Vec<&'a str>,
    /// What is wrong.
    pub(crate) text: String,
}

/// All of them. Where there are no tenants at all, nobody has come so far, and none is missed.
pub(crate) fn absent<'a>(config: &'a Config, generation: &Generation) -> Vec<Absent<'a>> {
    let names = || generation.tenants.keys().chain(generation.broken.keys());
    if names().next().is_none() {
        return Vec::new();
    }
    let postmaster = config.server.postmaster.as_deref();
    let postmaster = postmaster.map(|tenant| (vec!["server", "postmaster"], tenant));
    let submission = config.listeners.iter().filter_map(|listener| {
        let tenant = listener.submission.as_deref()?;
        Some((vec!["listener", listener.name.as_str(), "submission"], tenant))
    });
    let named = postmaster.into_iter().chain(submission);
    let gone = named.filter(|(_, tenant)| !names().any(|name| name == tenant));
    gone.map(|(key, tenant)| {
        let near = nearest(tenant, names().map(String::as_str));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Absent { key, text: format!("there is no tenant `{tenant}`{hint}") }
    })
    .collect()
}
