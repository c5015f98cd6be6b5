//! One address, asked of the tenant's checkers while the client waits at RCPT. On the chain runtime, as messages are.
//!
//! Knows nothing of sessions: an address and what is known so far go in, a reply comes out where it is refused.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::breakers::Leave;
use super::{Chains, policy_name, replies};
use crate::catalog::Tenant;
use crate::chain::breaker::Outcome;
use crate::chain::meter::{CpuMeter, Metered};
use crate::chain::{OnFailure, PlannedCheck, Refusal, StageEnd, StageError};
use crate::mail::{Envelope, Mailbox};
use crate::smtp::Reply;
use crate::telemetry::{Event, causes};

/// Asks every checker of `tenant` about `address`, one after the other; the first refusal counts. `envelope`: sender,
/// recipients taken so far, facts of the client.
///
/// # Errors
/// The reply to this RCPT.
pub(super) async fn check(
    chains: &Chains,
    tenant: &Arc<Tenant>,
    envelope: Envelope,
    address: Mailbox,
) -> Result<(), Reply> {
    if tenant.checks.is_empty() {
        return Ok(());
    }
    let asked = Asked { chains: chains.clone(), tenant: tenant.clone(), envelope, address };
    // Dropped with the client's session, so that nothing is asked for who has gone. A panic has been printed.
    let mut task = JoinSet::new();
    task.spawn_on(asked.answer(), &chains.runtime);
    match task.join_next().await {
        Some(Ok(answer)) => answer,
        Some(Err(_)) | None => Err(replies::recipient_unchecked()),
    }
}

struct Asked {
    chains: Chains,
    tenant: Arc<Tenant>,
    envelope: Envelope,
    address: Mailbox,
}

impl Asked {
    async fn answer(mut self) -> Result<(), Reply> {
        let budget = self.tenant.limits.recipient_check_max;
        let began = Instant::now();
        let leave = Leave::of_checks(&self.chains.telemetry, &self.tenant, &self.envelope);
        let Ok(leave) = leave else { return Err(replies::recipient_busy()) };
        // The wait for a place is the client's wait too.
        let turn = self.tenant.quota.turn(None, 1, budget).await;
        let _turn = turn.map_err(|_| replies::recipient_busy())?;
        let tenant = self.tenant.clone();
        let seat = self.chains.share.seat(&tenant.name, tenant.weight);
        // Who has gone takes the whole task along.
        seat.run(pin!(self.ask_all(&tenant, leave, began)), pending::<()>()).await
    }

    /// All that is charged to the tenant.
    async fn ask_all(&mut self, tenant: &Tenant, mut leave: Leave, began: Instant) -> Result<(), Reply> {
        let budget = tenant.limits.recipient_check_max;
        for (at, planned) in tenant.checks.iter().enumerate() {
            if let Some(said) = self.recall(planned) {
                said?;
                continue;
            }
            let meter = Arc::new(CpuMeter::default());
            let before = self.envelope.clone();
            let check = planned.check.check(&self.address, &mut self.envelope, &meter);
            let left = budget.saturating_sub(began.elapsed());
            let end = match tokio::time::timeout(left, Metered::new(&meter, check)).await {
                Ok(Ok(())) => {
                    leave.tell(at, Outcome::Handled);
                    // A fact that it set would not be there when it is not asked.
                    if self.envelope == before {
                        self.remember(planned, &Ok(()));
                    }
                    continue;
                }
                Ok(Err(end)) => end,
                Err(_) => {
                    let budget_ms = u64::try_from(budget.as_millis()).unwrap_or(u64::MAX);
                    StageError::OutOfWall { budget_ms }.into()
                }
            };
            let fate = fate(&end);
            // A checker that failed leaves nothing behind; one that was cut off has even taken the envelope with it.
            self.envelope = before;
            if let StageEnd::Refused(refusal) = &end {
                self.remember(planned, &Err(refusal.clone()));
            }
            let settled = self.settle(planned, end);
            leave.tell(at, fate);
            settled?;
        }
        Ok(())
    }

    /// What a checker said of the address a moment ago.
    fn recall(&self, planned: &PlannedCheck) -> Option<Result<(), Reply>> {
        let said = planned.answers.as_ref()?.get(&self.address, Instant::now())?;
        self.chains.telemetry.count_remembered(&self.tenant.name, &planned.label);
        Some(said.map_err(|refusal| match refusal {
            Refusal::Reject(reply) | Refusal::Defer(reply) => reply,
        }))
    }

    fn remember(&self, planned: &PlannedCheck, said: &Result<(), Refusal>) {
        if let Some(answers) = &planned.answers {
            answers.put(&self.address, said, Instant::now());
        }
    }

    /// A checker refused or failed. `Ok`: the next one is asked.
    fn settle(&self, planned: &PlannedCheck, end: StageEnd) -> Result<(), Reply> {
        let error = match end {
            StageEnd::Refused(Refusal::Reject(reply) | Refusal::Defer(reply)) => return Err(reply),
            StageEnd::Failed(error) => error,
        };
        self.chains.telemetry.emit(Event::StageFailed {
            id: self.envelope.id().to_string(),
            tenant: self.tenant.name.clone(),
            stage: planned.label.clone(),
            policy: policy_name(planned.on_failure).to_owned(),
            reason: error.reason(),
            error: causes(&error),
        });
        match planned.on_failure {
            OnFailure::Bypass => Ok(()),
            OnFailure::Reject => Err(replies::recipient_rejected()),
            OnFailure::Defer | OnFailure::Quarantine if error.is_budget() => Err(replies::recipient_busy()),
            OnFailure::Defer | OnFailure::Quarantine => Err(replies::recipient_unchecked()),
        }
    }
}

/// How it went for the checker, as its breaker sees it.
fn fate(end: &StageEnd) -> Outcome {
    match end {
        StageEnd::Refused(_) => Outcome::Handled,
        StageEnd::Failed(error) => Outcome::failed(error, !matches!(error, StageError::Unready(_))),
    }
}
