//! A tenant's part of a transaction before there is content: from the first of its recipients to DATA or BDAT.
//!
//! ```text
//! RCPT --Opening::recipient--> the tenant's checkers --> taken, or the reply that refuses it
//! DATA --Opening::begin--> Transaction
//! ```
//!
//! Knows nothing of sessions, and of other tenants of the same transaction.

use std::sync::Arc;

use super::{Chains, Transaction, recipient};
use crate::catalog::Tenant;
use crate::mail::{Envelope, Mailbox};
use crate::smtp::Reply;

/// One tenant's part of a transaction that has no content yet. Dropped, nothing of it stays anywhere.
pub struct Opening {
    chains: Chains,
    tenant: Arc<Tenant>,
    recipients: Vec<Mailbox>,
}

impl Opening {
    /// Before the first recipient.
    pub fn new(chains: &Chains, tenant: Arc<Tenant>) -> Self {
        Self { chains: chains.clone(), tenant, recipients: Vec::new() }
    }

    /// Whose it is.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// The recipients that it has taken.
    pub fn recipients(&self) -> &[Mailbox] {
        &self.recipients
    }

    /// Whether the tenant takes `mailbox`. `envelope`: sender, recipients taken so far, facts of the client.
    ///
    /// # Errors
    /// The reply to this RCPT.
    pub async fn recipient(&mut self, envelope: Envelope, mailbox: &Mailbox) -> Result<(), Reply> {
        recipient::check(&self.chains, &self.tenant, envelope, mailbox.clone()).await?;
        self.recipients.push(mailbox.clone());
        Ok(())
    }

    /// The content comes: begins the message, as the tenant's chain stands. `header_size_max` is the listener's, in bytes.
    pub fn begin(self, envelope: Envelope, header_size_max: usize) -> Transaction {
        Transaction::begin(&self.chains, self.tenant, envelope, header_size_max)
    }
}
