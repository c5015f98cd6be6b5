//! The answer to one RCPT: whose the address is, and what that tenant's checkers say of it.
//!
//! One at a time, so that replies of a pipelined group keep their order.

use std::sync::Arc;

use super::{Connection, Drain, Ended, reached};
use crate::catalog::{Resolution, Tenant};
use crate::mail::Mailbox;
use crate::smtp::{Reply, Speaks};
use crate::telemetry::Event;
use crate::transaction::{Opening, replies};

impl Connection {
    /// Finds out whether `mailbox` is taken. A shutdown waits for the checkers as long as for content.
    pub(super) async fn check_recipient(
        &mut self,
        mailbox: Mailbox,
    ) -> Result<Result<Mailbox, Reply>, Ended> {
        let recipient = mailbox.to_string();
        let (tenant, answer) = match self.within_rate().and_then(|()| self.tenant_of(&mailbox)) {
            Ok(tenant) => (Some(tenant.name.clone()), self.ask(tenant, mailbox).await?),
            Err(reply) => (None, Err(reply)),
        };
        if let Err(reply) = &answer {
            if reply.code() >= 500 && self.session.is_slowed() {
                self.slow_down().await?;
            }
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

    /// Whether this client may name another recipient now.
    fn within_rate(&self) -> Result<(), Reply> {
        if self.port.rates.recipients.take(self.client) {
            return Ok(());
        }
        self.port.limit_reached(self.client, "recipient_rate");
        Err(replies::too_many_recipients())
    }

    /// Who guesses names is answered late; what came before goes out at once.
    async fn slow_down(&mut self) -> Result<(), Ended> {
        self.flush(Drain::Draining).await?;
        let delay = self.port.listener.unknown_recipients_delay;
        tokio::select! {
            () = tokio::time::sleep(delay) => Ok(()),
            () = reached(&mut self.drain, Drain::Draining) => Err(Ended::Draining),
        }
    }

    fn tenant_of(&mut self, mailbox: &Mailbox) -> Result<Arc<Tenant>, Reply> {
        if let Some(name) = self.port.listener.submission.clone().filter(|_| self.session.user().is_some()) {
            return self.outbound(&name);
        }
        let generation = self.generation.get_or_insert_with(|| self.port.catalog.current());
        match generation.resolve(mailbox) {
            Resolution::Tenant(tenant) => self.join(tenant),
            Resolution::Broken(_) => Err(replies::tenant_broken()),
            Resolution::Unknown => Err(replies::relay_denied()),
        }
    }

    /// Lets the tenant take part in the transaction. In SMTP, with its one reply, there can be one.
    fn join(&self, tenant: Arc<Tenant>) -> Result<Arc<Tenant>, Reply> {
        let is_lmtp = self.port.listener.speaks == Speaks::Lmtp;
        let other =
            |opening: &Opening| !opening.recipients().is_empty() && opening.tenant().name != tenant.name;
        if !is_lmtp && self.openings.iter().any(other) {
            return Err(replies::second_tenant());
        }
        Ok(tenant)
    }

    /// Who takes what clients send that have said who they are, wherever it goes: one message to a domain of ours and to one of
    /// others is one message.
    fn outbound(&mut self, name: &str) -> Result<Arc<Tenant>, Reply> {
        let generation = self.generation.get_or_insert_with(|| self.port.catalog.current());
        let tenant = generation.tenants.get(name).cloned();
        tenant.ok_or_else(replies::tenant_broken)
    }

    /// Asks the tenant. An address that is taken makes the transaction the tenant's.
    async fn ask(&mut self, tenant: Arc<Tenant>, mailbox: Mailbox) -> Result<Result<Mailbox, Reply>, Ended> {
        let envelope = self.so_far(&mailbox);
        let at = self.openings.iter().position(|opening| opening.tenant().name == tenant.name);
        let at = at.unwrap_or_else(|| {
            self.openings.push(Opening::new(&self.port.chains, tenant));
            self.openings.len() - 1
        });
        let answer = tokio::select! {
            answer = self.openings[at].recipient(envelope, &mailbox) => answer,
            () = reached(&mut self.drain, Drain::Over) => return Err(Ended::Draining),
        };
        Ok(answer.map(|()| mailbox))
    }
}
