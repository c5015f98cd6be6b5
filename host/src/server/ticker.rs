//! Ends each second of the live figures.

use std::sync::Weak;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::catalog::Catalog;
use crate::telemetry::Telemetry;

/// Ticks as long as the catalog is there.
pub(super) async fn run(catalog: Weak<Catalog>, telemetry: Telemetry) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        seconds.tick().await;
        let Some(catalog) = catalog.upgrade() else { return };
        let generation = catalog.current();
        let live = generation.tenants.values().map(|tenant| (tenant.name.clone(), tenant.quota.in_use()));
        let broken = generation.broken.keys().map(|name| (name.clone(), 0));
        telemetry.tick(&live.chain(broken).collect::<Vec<_>>());
    }
}
