//! The content of one message: from 354 to the reply.
//!
//! ```text
//! input --DotDecoder--> body --ContentCheck--> Transaction --> reply
//! ```
//!
//! Content is taken in to its true end whatever becomes of it, so that none of it is ever read as commands.

use bytes::Buf;

use super::{Connection, Drain, Ended, READ_SIZE, reached};
use crate::mail::{ContentCheck, Envelope};
use crate::smtp::Reply;
use crate::smtp::action::Incoming;
use crate::smtp::framing::{DotDecoder, Progress};
use crate::transaction::{Transaction, new_id, replies};

/// Whether content that goes on with `rest` ends in it.
fn has_end(decoder: &DotDecoder, rest: &[u8]) -> bool {
    decoder.clone().feed(rest, &mut Vec::new()) != Progress::NeedMore
}

impl Connection {
    /// Takes one message in and answers it.
    pub(super) async fn receive(&mut self, incoming: Incoming) -> Result<(), Ended> {
        let Some(transaction) = self.begin(incoming) else {
            self.session.content_done();
            replies::failed_without_trace().encode(&mut self.output);
            return Ok(());
        };
        self.session.go_ahead().encode(&mut self.output);
        let reply = self.content(transaction).await?;
        reply.encode(&mut self.output);
        self.session.content_done();
        Ok(())
    }

    /// Begins a message for the tenant of its recipients: every recipient that was taken set it.
    pub(super) fn begin(&self, incoming: Incoming) -> Option<Transaction> {
        let tenant = self.tenant.clone()?;
        let envelope = self.envelope(incoming);
        let header_size_max = usize::try_from(self.port.listener.header_size_max.0).unwrap_or(usize::MAX);
        Some(Transaction::begin(&self.port.chains, tenant, envelope, header_size_max))
    }

    /// Takes the content in, to its true end whatever becomes of it. A connection that breaks drops the transaction.
    async fn content(&mut self, transaction: Transaction) -> Result<Reply, Ended> {
        let mut decoder = DotDecoder::new();
        let mut check = ContentCheck::default();
        let mut transaction = Some(transaction);
        let mut refused = None;
        let mut wanted = true;
        let mut body = Vec::with_capacity(READ_SIZE);
        loop {
            if self.input.is_empty() {
                self.read_content().await?;
            }
            let progress = decoder.feed(&self.input, &mut body);
            check.feed(&body);
            if refused.is_none() {
                refused = self.objection(&check, decoder.bare_newlines());
            }
            match progress {
                Progress::NeedMore => self.input.clear(),
                Progress::Done { consumed } => self.input.advance(consumed),
            }
            let complete = progress != Progress::NeedMore;
            match (&refused, transaction.as_mut()) {
                (None, Some(transaction)) if wanted => {
                    let is_whole = |rest: &[u8]| complete || has_end(&decoder, rest);
                    wanted = self.while_there(transaction.write(&body), is_whole).await?;
                }
                (Some(reply), Some(_)) => {
                    let reply = reply.clone();
                    if let Some(transaction) = transaction.take() {
                        transaction.refuse(reply).await;
                    }
                }
                _ => {}
            }
            body.clear();
            if complete {
                break;
            }
        }
        match (refused, transaction) {
            (Some(reply), _) => Ok(reply),
            (None, Some(transaction)) => self.finish(transaction).await,
            (None, None) => Ok(replies::failed_without_trace()),
        }
    }

    /// Waits for the chain; a shutdown waits as long as it may.
    pub(super) async fn finish(&mut self, transaction: Transaction) -> Result<Reply, Ended> {
        tokio::select! {
            reply = transaction.finish() => Ok(reply),
            () = reached(&mut self.drain, Drain::Over) => Err(Ended::Draining),
        }
    }

    /// What the listener has against the content so far.
    pub(super) fn objection(&self, check: &ContentCheck, bare_newlines: u64) -> Option<Reply> {
        let listener = &self.port.listener;
        if check.size() > listener.message_size_max.0 {
            return Some(replies::too_large(listener.message_size_max.0));
        }
        if check.header_size() > listener.header_size_max.0 {
            return Some(replies::header_too_large());
        }
        if check.received() > listener.received_max {
            return Some(replies::loops());
        }
        let bare = bare_newlines > 0 || check.has_nul();
        (bare && listener.reject_bare_newlines).then(replies::bare_newline)
    }

    fn envelope(&self, incoming: Incoming) -> Envelope {
        let id = self.id.clone().unwrap_or_else(new_id);
        let mut envelope = Envelope::new(id, incoming.sender, incoming.recipients);
        envelope.set_host_fact("smtp.helo", incoming.helo);
        envelope.set_host_fact("smtp.protocol", incoming.protocol.name());
        envelope.set_host_fact("client.ip", self.client.to_string());
        envelope.set_host_fact("body", incoming.body.name());
        if incoming.smtputf8 {
            envelope.set_host_fact("smtp.smtputf8", "yes");
        }
        if let Some(size) = incoming.size_declared {
            envelope.set_host_fact("size.declared", size.to_string());
        }
        self.set_tls_facts(&mut envelope);
        envelope
    }

    pub(super) fn set_tls_facts(&self, envelope: &mut Envelope) {
        if let Some(tls) = self.wire.tls() {
            envelope.set_host_fact("tls.version", tls.version.clone());
            envelope.set_host_fact("tls.cipher", tls.cipher.clone());
        }
    }
}
