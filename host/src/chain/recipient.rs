//! What is asked about each address at RCPT time, before there is a message.
//!
//! Knows nothing of sessions or replies of the host's own; `docs/semantics.md`, "Recipients", says what becomes of an answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::meter::CpuMeter;
use super::{Answers, Breaker, OnFailure, StageEnd};
use crate::mail::{Envelope, Mailbox};

/// A configured checker of recipients.
#[async_trait]
pub trait RecipientCheck: Send + Sync {
    /// What stands in logs as `processor`: `owner/name@version#hash` of a component.
    fn id(&self) -> &str;

    /// Whether mail for `address` is taken. `envelope`: sender, recipients taken so far, and facts of the client; what a
    /// checker sets there, those after it see. `meter` is charged by the caller, around each poll.
    ///
    /// # Errors
    /// The refusal, or why there is no answer.
    async fn check(
        &self,
        address: &Mailbox,
        envelope: &mut Envelope,
        meter: &Arc<CpuMeter>,
    ) -> Result<(), StageEnd>;

    /// Reads files of its own again, at once: the host reloads, and nothing else of the checker has changed. Blocks.
    ///
    /// # Errors
    /// What is wrong with one, as when the checker is made; what it said before goes on.
    fn reread(&self) -> Result<(), String> {
        Ok(())
    }

    /// Domains that its settings and files name, by their A-labels, to be held against the tenant's; none: it names none.
    fn domains(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }
}

/// A checker in its place.
#[derive(Clone)]
pub struct PlannedCheck {
    /// Its name in `recipients`.
    pub label: String,
    /// What happens where it fails: `Bypass` takes the address, `Quarantine` defers.
    pub on_failure: OnFailure,
    /// The checker.
    pub check: Arc<dyn RecipientCheck>,
    /// When it is not asked any more. None: it always is.
    pub breaker: Option<Arc<Breaker>>,
    /// What it said a moment ago. None: it is always asked.
    pub answers: Option<Arc<Answers>>,
}
