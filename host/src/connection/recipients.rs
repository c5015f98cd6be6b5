//! The answer to one RCPT: whose the address is, and what that tenant's checkers say of it.
//!
//! One at a time, so that replies of a pipelined group keep their order.

use std::sync::Arc;

use super::{Connection, Drain, Ended, reached};
use crate::catalog::{Resolution, Tenant};
use crate::mail::{Envelope, Mailbox};
use crate::smtp::Reply;
use crate::telemetry::Event;
use crate::transaction::{check_recipient, new_id, replies};

impl Connection {
    /// Finds out whether `mailbox` is taken. A shutdown waits for the checkers as long as for content.
    pub(super) async fn check_recipient(
        &mut self,
        mailbox: Mailbox,
    ) -> Result<Result<Mailbox, Reply>, Ended> {
        let recipient = mailbox.to_string();
        let (tenant, answer) = match self.tenant_of(&mailbox) {
            Ok(tenant) => (Some(tenant.name.clone()), self.ask(tenant, mailbox).await?),
            Err(reply) => (None, Err(reply)),
        };
        if let Err(reply) = &answer {
            let sender = self.session.envelope().and_then(|(sender, _)| sender).map(ToString::to_string);
            self.port.chains.telemetry.emit(Event::RecipientRefused {
                listener: self.port.listener.name.clone(),
                client: self.client,
                id: self.id.as_ref().map(ToString::to_string),
                tenant,
                sender,
                recipient,
                reply: reply.to_string(),
                code: reply.code(),
            });
        }
        Ok(answer)
    }

    fn tenant_of(&mut self, mailbox: &Mailbox) -> Result<Arc<Tenant>, Reply> {
        let generation = self.generation.get_or_insert_with(|| self.port.catalog.current());
        match generation.resolve(mailbox) {
            Resolution::Tenant(tenant) => match &self.tenant {
                Some(first) if first.name != tenant.name => Err(replies::second_tenant()),
                _ => Ok(tenant),
            },
            Resolution::Broken(_) => Err(replies::tenant_broken()),
            Resolution::Unknown => Err(replies::relay_denied()),
        }
    }

    /// Asks the tenant's checkers. An address that is taken makes the transaction the tenant's.
    async fn ask(&mut self, tenant: Arc<Tenant>, mailbox: Mailbox) -> Result<Result<Mailbox, Reply>, Ended> {
        if !tenant.checks.is_empty() {
            let envelope = self.so_far();
            let answer = tokio::select! {
                answer = check_recipient(&self.port.chains, &tenant, envelope, mailbox.clone()) => answer,
                () = reached(&mut self.drain, Drain::Over) => return Err(Ended::Draining),
            };
            if let Err(reply) = answer {
                return Ok(Err(reply));
            }
        }
        self.tenant.get_or_insert(tenant);
        Ok(Ok(mailbox))
    }

    /// What is known before there is a message.
    fn so_far(&mut self) -> Envelope {
        let id = self.id.get_or_insert_with(new_id).clone();
        let (sender, recipients) = self.session.envelope().unwrap_or_default();
        let mut envelope = Envelope::new(id, sender.cloned(), recipients.to_vec());
        envelope.set_host_fact("smtp.helo", self.session.helo().unwrap_or_default());
        envelope.set_host_fact("client.ip", self.client.to_string());
        self.set_tls_facts(&mut envelope);
        envelope
    }
}
