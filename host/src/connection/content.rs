//! The content of one message: from 354 to the reply.
//!
//! ```text
//! input --DotDecoder--> body --Intake--> Fork --> a reply, or in LMTP one for each recipient
//! ```
//!
//! Content is taken in to its true end whatever becomes of it, so that none of it is ever read as commands.

use bytes::Buf;
use jiff::ZonedDateTime;

use super::intake::Intake;
use super::{Connection, Drain, Ended, READ_SIZE, reached};
use crate::mail::Mailbox;
use crate::mail::originator::Originator;
use crate::smtp::action::Incoming;
use crate::smtp::framing::{DotDecoder, Progress};
use crate::smtp::{Body, Reply, Speaks};
use crate::transaction::{Fork, new_id, replies};

/// Whether content that goes on with `rest` ends in it.
fn has_end(decoder: &DotDecoder, rest: &[u8]) -> bool {
    decoder.clone().feed(rest, &mut Vec::new()) != Progress::NeedMore
}

impl Connection {
    /// Takes one message in and answers it.
    pub(super) async fn receive(&mut self, incoming: Incoming) -> Result<(), Ended> {
        let Some(message) = self.begin(&incoming) else {
            self.session.content_done();
            replies::failed_without_trace().encode(&mut self.output);
            return Ok(());
        };
        self.session.go_ahead().encode(&mut self.output);
        self.content(message, incoming.parameters.body).await
    }

    /// Begins a message for the tenants of its recipients: every recipient that was taken made one of them so.
    pub(super) fn begin(&mut self, incoming: &Incoming) -> Option<Fork> {
        let openings = std::mem::take(&mut self.openings);
        let first = openings.iter().find(|opening| !opening.recipients().is_empty());
        self.payer = first.map(|opening| opening.tenant().clone());
        self.patience.begin_content();
        let named: Vec<&Mailbox> =
            incoming.named.iter().filter_map(|at| incoming.recipients.get(*at)).collect();
        let header_size_max = usize::try_from(self.port.listener.header_size_max.0).unwrap_or(usize::MAX);
        Fork::begin(openings, &self.envelope(incoming), &named, header_size_max)
    }

    /// The message is over: LMTP has a reply for each RCPT that was taken, SMTP one (RFC 2033 §4.2).
    pub(super) fn answer_message(&mut self, replies: &[Reply]) {
        let count = if self.is_lmtp() { replies.len() } else { 1 };
        for reply in replies.iter().take(count) {
            reply.encode(&mut self.output);
        }
        self.session.content_done();
    }

    fn is_lmtp(&self) -> bool {
        self.port.listener.speaks == Speaks::Lmtp
    }

    /// For the content of a message that begins. RFC 6409 §8: what users left out is added, and nothing to mail from elsewhere.
    pub(super) fn intake(&self, body: Body) -> Intake {
        let originates = self.session.user().is_some();
        // A clock beyond all calendars has no date to add.
        let date = originates.then(|| jiff::fmt::rfc2822::to_string(&ZonedDateTime::now()).ok()).flatten();
        let id = || format!("{}@{}", new_id(), self.port.session.hostname);
        let originator = date.map(|date| Originator::new(&date, &id()));
        Intake::new(&self.port.listener, originator, body)
    }

    /// Takes the content in, to its true end whatever becomes of it. A connection that breaks drops the message.
    async fn content(&mut self, mut message: Fork, body: Body) -> Result<(), Ended> {
        let mut decoder = DotDecoder::new();
        let mut content = self.intake(body);
        let mut wanted = true;
        let mut body = Vec::with_capacity(READ_SIZE);
        loop {
            if self.input.is_empty() {
                self.read_content().await?;
            }
            let progress = decoder.feed(&self.input, &mut body);
            match progress {
                Progress::NeedMore => self.input.clear(),
                Progress::Done { consumed } => self.input.advance(consumed),
            }
            let complete = progress != Progress::NeedMore;
            content.take(&mut body, complete);
            if let Some(objection) = content.objection(decoder.bare_newlines()) {
                let replies = message.refuse(objection, content.size()).await;
                if !complete {
                    self.skip_content(decoder).await?;
                }
                self.answer_message(&replies);
                return Ok(());
            }
            if wanted {
                let is_whole = |rest: &[u8]| complete || has_end(&decoder, rest);
                wanted = self.while_there(message.write(&body), is_whole).await?;
            }
            body.clear();
            if complete {
                return self.finish(message).await;
            }
        }
    }

    /// Reads what is left of content that is refused, and drops it.
    async fn skip_content(&mut self, mut decoder: DotDecoder) -> Result<(), Ended> {
        let mut scrap = Vec::new();
        loop {
            match decoder.feed(&self.input, &mut scrap) {
                Progress::Done { consumed } => {
                    self.input.advance(consumed);
                    return Ok(());
                }
                Progress::NeedMore => self.input.clear(),
            }
            scrap.clear();
            self.read_content().await?;
        }
    }

    /// Waits for the chains and answers; a shutdown waits as long as it may.
    pub(super) async fn finish(&mut self, message: Fork) -> Result<(), Ended> {
        let mut finishing = message.finish();
        loop {
            let mut drain = self.drain.clone();
            let replies = tokio::select! {
                replies = finishing.next() => replies,
                () = reached(&mut drain, Drain::Over) => return Err(Ended::Draining),
            };
            let Some(replies) = replies else { break };
            if !self.is_lmtp() {
                self.answer_message(&replies);
                return Ok(());
            }
            // At once: one tenant is not to wait for another's chain to hear that its message is safe.
            replies.iter().for_each(|reply| reply.encode(&mut self.output));
            self.flush(Drain::Over).await?;
        }
        self.session.content_done();
        Ok(())
    }
}
