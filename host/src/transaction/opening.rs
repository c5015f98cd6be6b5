//! A tenant's part of a transaction before there is content: from the first of its recipients to DATA or BDAT.
//!
//! ```text
//! RCPT --Opening::recipient--> the tenant's checkers --> its sinks (the relay's next server) --> taken, or the reply
//! DATA --Opening::begin--> Transaction
//! ```
//!
//! Knows nothing of sessions, and of other tenants of the same transaction.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Chains, Transaction, recipient, replies};
use crate::catalog::Tenant;
use crate::mail::{Envelope, Mailbox};
use crate::sink::{Aheads, SinkFailure};
use crate::smtp::Reply;
use crate::telemetry::{Event, causes};

/// One tenant's part of a transaction that has no content yet. Dropped, nothing of it stays anywhere.
pub struct Opening {
    chains: Chains,
    tenant: Arc<Tenant>,
    recipients: Vec<Mailbox>,
    /// What its sinks were asked so far.
    aheads: Aheads,
}

impl Opening {
    /// Before the first recipient.
    pub fn new(chains: &Chains, tenant: Arc<Tenant>) -> Self {
        let aheads = Aheads::of(&tenant.line_up.sinks);
        Self { chains: chains.clone(), tenant, recipients: Vec::new(), aheads }
    }

    /// Whose it is.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// The recipients that it has taken.
    pub fn recipients(&self) -> &[Mailbox] {
        &self.recipients
    }

    /// Whether the tenant takes `mailbox`. `envelope`: sender, facts of the client; its recipients are the tenant's own, whoever else
    /// has taken some.
    ///
    /// # Errors
    /// The reply to this RCPT.
    pub async fn recipient(&mut self, envelope: Envelope, mailbox: &Mailbox) -> Result<(), Reply> {
        let envelope = envelope.for_recipients(envelope.id().clone(), self.recipients.clone());
        recipient::check(&self.chains, &self.tenant, envelope.clone(), mailbox.clone()).await?;
        if !self.aheads.is_empty() {
            self.ask_sinks(envelope, mailbox.clone()).await?;
        }
        self.recipients.push(mailbox.clone());
        Ok(())
    }

    /// On the chain runtime, where the connections of sinks live.
    async fn ask_sinks(&mut self, envelope: Envelope, mailbox: Mailbox) -> Result<(), Reply> {
        let id = envelope.id().clone();
        let mut aheads = std::mem::take(&mut self.aheads);
        // Dropped with the client's session, so that nothing is asked for who has gone. A panic has been printed.
        let mut task = JoinSet::new();
        let ask = async move {
            let answer = aheads.recipient(&envelope, &mailbox).await;
            (aheads, answer)
        };
        task.spawn_on(ask, &self.chains.runtime);
        let Some(Ok((aheads, answer))) = task.join_next().await else {
            return Err(replies::recipient_unchecked());
        };
        self.aheads = aheads;
        answer.map_err(|failed| {
            if !failed.error.fault.is_decision() && !failed.error.is_repeated {
                self.sink_failed(id.to_string(), &failed);
            }
            replies::not_taken(&failed.error.fault, &id)
        })
    }

    fn sink_failed(&self, id: String, failed: &SinkFailure) {
        self.chains.telemetry.emit(Event::SinkFailed {
            id,
            tenant: self.tenant.name.clone(),
            sink: failed.sink.clone(),
            error: causes(&failed.error),
            held_by: failed.held_by.clone(),
        });
    }

    /// The content comes: begins the message, as the tenant's chain stands. `header_size_max` is the listener's, in bytes.
    pub fn begin(self, envelope: Envelope, header_size_max: usize) -> Transaction {
        Transaction::begin(&self.chains, self.tenant, self.aheads, envelope, header_size_max)
    }
}
