//! The breakers on the way of one message, or of one address: asked before anything runs, told how it ended.
//!
//! What a breaker does is in `chain::breaker`. Here is the clock, who the client is, and the events.

use std::sync::Arc;
use std::time::Instant;

use crate::catalog::Tenant;
use crate::chain::breaker::{Breaker, Change, Gate, Network, Outcome};
use crate::mail::Envelope;
use crate::telemetry::{Event, Telemetry};

/// Leave to go to every stage of a chain, or every checker. Dropped, it says of those not told of that nothing was found out.
pub(super) struct Leave {
    telemetry: Telemetry,
    tenant: String,
    place: &'static str,
    id: String,
    client: Network,
    points: Vec<Point>,
}

/// One breaker on the way.
struct Point {
    /// Its stage's place in the chain.
    at: usize,
    label: String,
    breaker: Arc<Breaker>,
    gate: Gate,
    told: bool,
}

impl Leave {
    /// For a message through the chain of `tenant`.
    ///
    /// # Errors
    /// The stage whose breaker is open.
    pub(super) fn of_chain(
        telemetry: &Telemetry,
        tenant: &Tenant,
        envelope: &Envelope,
    ) -> Result<Self, String> {
        let stages = tenant.line_up.stages.iter().map(|stage| (&stage.label, &stage.breaker));
        Self::ask(telemetry, tenant, envelope, "chain", stages)
    }

    /// For an address through the checkers of `tenant`.
    ///
    /// # Errors
    /// The checker whose breaker is open.
    pub(super) fn of_checks(
        telemetry: &Telemetry,
        tenant: &Tenant,
        envelope: &Envelope,
    ) -> Result<Self, String> {
        let checks = tenant.checks.iter().map(|check| (&check.label, &check.breaker));
        Self::ask(telemetry, tenant, envelope, "recipients", checks)
    }

    fn ask<'a>(
        telemetry: &Telemetry,
        tenant: &Tenant,
        envelope: &Envelope,
        place: &'static str,
        breakers: impl Iterator<Item = (&'a String, &'a Option<Arc<Breaker>>)>,
    ) -> Result<Self, String> {
        let now = Instant::now();
        let client = envelope.fact("client.ip").and_then(|client| client.parse().ok());
        let mut leave = Self {
            telemetry: telemetry.clone(),
            tenant: tenant.name.clone(),
            place,
            id: envelope.id().to_string(),
            client: Network::of(client),
            points: Vec::new(),
        };
        for (at, (label, breaker)) in breakers.enumerate() {
            let Some(breaker) = breaker.clone() else { continue };
            let gate = breaker.ask(now);
            if gate == Gate::Defer {
                return Err(label.clone());
            }
            leave.points.push(Point { at, label: label.clone(), breaker, gate, told: false });
        }
        for point in leave.points.iter().filter(|point| point.gate == Gate::Probe) {
            let (id, tenant, stage) = (leave.id.clone(), leave.tenant.clone(), point.label.clone());
            leave.telemetry.emit(Event::BreakerProbing { id, tenant, stage, place });
        }
        Ok(leave)
    }

    /// How it ended for each stage, in their order.
    pub(super) fn tell_all(mut self, outcomes: impl Iterator<Item = Outcome>) {
        outcomes.enumerate().for_each(|(at, outcome)| self.tell(at, outcome));
    }

    /// How it ended for one.
    pub(super) fn tell(&mut self, at: usize, outcome: Outcome) {
        let Some(point) = self.points.iter_mut().find(|point| point.at == at && !point.told) else { return };
        point.told = true;
        let change = point.breaker.tell(point.gate, outcome, self.client, Instant::now());
        let (tenant, stage, place) = (self.tenant.clone(), point.label.clone(), self.place);
        match change {
            None => {}
            Some(Change::Closed) => {
                self.telemetry.emit(Event::BreakerClosed { id: self.id.clone(), tenant, stage, place });
            }
            Some(Change::Opened { reason, failures, networks, pause }) => {
                let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                self.telemetry.emit(Event::BreakerOpened {
                    tenant,
                    stage,
                    place,
                    reason,
                    failures,
                    networks,
                    pause_ms,
                });
            }
        }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        let places: Vec<usize> = self.points.iter().map(|point| point.at).collect();
        places.into_iter().for_each(|at| self.tell(at, Outcome::Neutral));
    }
}
