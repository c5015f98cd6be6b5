//! One message's content on its way to the next server, and the answer.
//!
//! ```text
//! write --Canonical--> block --when the next one comes--> DATA: bytes | BDAT n: bytes
//! prepare   all that can be known before the end: 354, answers to chunks      commit   the last block with the end, the answer
//! ```
//!
//! The last block is always held back, so a message that is not committed has no end there, and a small one has not even
//! begun. What is taken for the answer to the end is that: before the end every other answer has come, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::Relay;
use super::canonical::{Canonical, END, Rules};
use super::commands;
use super::pool::{Lease, Standing};
use super::reply::{HopReply, ReplyError};
use super::settings::{BareNewlines, Protocol};
use super::wire::WireError;
use crate::mail::{Envelope, Mailbox, MessageId};
use crate::sink::{Delivery, Fault, Placement, SinkError};
use crate::telemetry::Event;

/// The question after the last chunk.
const NOOP: &[u8] = b"NOOP\r\n";
/// Content that is collected before it is sent, in bytes.
const BLOCK: usize = 64 << 10;
/// Chunks on their way without an answer, where PIPELINING is offered (RFC 3030 §4.2).
const CHUNKS_AHEAD: usize = 8;
/// How long after a 354 nothing may come: a server that answers before it has the content does so along with it.
const SETTLE: Duration = Duration::from_millis(3);
/// For the answer to the question after the last chunk's.
pub(super) const CONFIRM_MAX: Duration = Duration::from_secs(30);

/// One message on its way.
pub(super) struct RelayDelivery {
    relay: Arc<Relay>,
    lease: Lease,
    content: Canonical,
    /// What is ready to be sent.
    block: Vec<u8>,
    way: Way,
    /// `DATA` was answered 354, or a chunk is on its way.
    is_begun: bool,
    /// Chunks without an answer yet.
    unanswered: usize,
    chunks_ahead: usize,
    recipients: Vec<Mailbox>,
    id: MessageId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Data,
    Chunks,
}

impl RelayDelivery {
    /// For a connection on which the envelope was taken.
    pub(super) fn new(relay: Arc<Relay>, lease: Lease, envelope: &Envelope) -> Self {
        let offers = lease.hop().map(|hop| hop.offers.clone()).unwrap_or_default();
        let way = if offers.chunking { Way::Chunks } else { Way::Data };
        let rules = Rules {
            convert: relay.settings.bare_newlines == BareNewlines::Convert,
            eight_bit: offers.eight_bit,
            dots: way == Way::Data,
            binary: commands::is_binary(envelope),
        };
        Self {
            relay,
            lease,
            content: Canonical::new(rules),
            block: Vec::new(),
            way,
            is_begun: false,
            unanswered: 0,
            chunks_ahead: if offers.pipelining { CHUNKS_AHEAD } else { 0 },
            recipients: envelope.recipients().to_vec(),
            id: envelope.id().clone(),
        }
    }

    /// Sends what is collected; no end.
    async fn send_block(&mut self) -> Result<(), SinkError> {
        match self.way {
            Way::Data => {
                self.begin_data().await?;
                let block = std::mem::take(&mut self.block);
                self.send(&block).await
            }
            Way::Chunks => {
                let block = self.chunk("");
                self.is_begun = true;
                self.send(&block).await?;
                self.unanswered += 1;
                self.answers_to_chunks(self.chunks_ahead).await
            }
        }
    }

    /// A chunk of what is collected (RFC 3030 §2).
    fn chunk(&mut self, last: &str) -> Vec<u8> {
        let mut chunk = format!("BDAT {}{last}\r\n", self.block.len()).into_bytes();
        chunk.append(&mut self.block);
        chunk
    }

    async fn begin_data(&mut self) -> Result<(), SinkError> {
        if self.is_begun {
            return Ok(());
        }
        let limit = self.relay.settings.command_timeout;
        let answer = match self.lease.work() {
            Ok(hop) => hop.wire.ask("DATA", limit).await,
            Err(error) => Err(error),
        };
        let reply = answer.map_err(|error| self.lost(error))?;
        if reply.code == 354 {
            self.is_begun = true;
            return self.nothing_said_yet(SETTLE).await;
        }
        if reply.is_refusal() && !reply.is_goodbye() {
            self.lease.stands(Standing::Begun);
        }
        Err(self.refused("DATA", &reply))
    }

    /// Waits until at most `most` chunks are without an answer.
    async fn answers_to_chunks(&mut self, most: usize) -> Result<(), SinkError> {
        while self.unanswered > most {
            let reply = self.answer(self.relay.settings.data_timeout).await?;
            self.unanswered -= 1;
            if !reply.is_ok() {
                return Err(self.refused("content", &reply));
            }
        }
        Ok(())
    }

    async fn answer(&mut self, limit: Duration) -> Result<HopReply, SinkError> {
        let answer = match self.lease.work() {
            Ok(hop) => hop.wire.reply(limit).await,
            Err(error) => Err(error),
        };
        answer.map_err(|error| self.lost(error))
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        let limit = self.relay.settings.data_timeout;
        let sent = match self.lease.work() {
            Ok(hop) => hop.wire.send(bytes, limit).await,
            Err(error) => Err(error),
        };
        let Err(error) = sent else { return Ok(()) };
        // A server that gives up in the middle often says why.
        let said = match self.lease.work() {
            Ok(hop) if !matches!(error, WireError::Late(_)) => hop.wire.last_words().await,
            _ => None,
        };
        Err(said.map_or_else(|| self.lost(error), |reply| self.refused("content", &reply)))
    }

    /// A server that answers before the end has come answers something else: that is not to be taken for the answer.
    async fn nothing_said_yet(&mut self, within: Duration) -> Result<(), SinkError> {
        let quiet = match self.lease.work() {
            Ok(hop) if within.is_zero() => hop.wire.look().await,
            Ok(hop) => hop.wire.stays_quiet(within).await,
            Err(error) => Err(error),
        };
        let Err(error) = quiet else { return Ok(()) };
        // After a 354 a refusal is the content's; among the answers to chunks it may be another command's.
        let said = match self.lease.work() {
            Ok(hop) if self.way == Way::Data && matches!(error, WireError::OutOfTurn) => {
                hop.wire.last_words().await
            }
            _ => None,
        };
        Err(said.map_or_else(|| self.lost(error), |reply| self.refused("content", &reply)))
    }

    /// Answers to MAIL, RCPT and chunks look alike, so with one too many among them what was taken for the last one is the
    /// one before it. One question more: were it so, its answer would be the one to the end. With PIPELINING it has been asked
    /// along with the end. DATA has its 354, which nothing else is answered.
    async fn confirm(&mut self) -> Result<(), SinkError> {
        if !self.pipelines() {
            self.send(NOOP).await?;
        }
        let reply = self.answer(CONFIRM_MAX).await?;
        if reply.is_ok() { Ok(()) } else { Err(self.lost(WireError::OutOfTurn)) }
    }

    fn pipelines(&self) -> bool {
        self.chunks_ahead > 0
    }

    /// Sends the end, and what it answers: one reply, or one for each recipient.
    async fn end(&mut self) -> Result<Vec<HopReply>, SinkError> {
        self.nothing_said_yet(Duration::ZERO).await?;
        let last = match self.way {
            Way::Data => {
                self.block.extend_from_slice(END);
                std::mem::take(&mut self.block)
            }
            Way::Chunks => {
                let mut last = self.chunk(" LAST");
                if self.pipelines() {
                    last.extend_from_slice(NOOP);
                }
                last
            }
        };
        self.send(&last).await?;
        let count = match self.relay.settings.protocol {
            Protocol::Smtp => 1,
            Protocol::Lmtp => self.recipients.len(),
        };
        let mut replies = Vec::with_capacity(count);
        for _ in 0..count {
            replies.push(self.answer(self.relay.settings.reply_timeout).await?.short());
        }
        let is_taken = replies.iter().any(HopReply::is_ok);
        if self.way == Way::Chunks && (is_taken || self.pipelines()) {
            match self.confirm().await {
                Err(error) if is_taken => return Err(error),
                // What they refused is refused; only the connection is of no more use.
                Err(_) => return Ok(replies),
                Ok(()) => {}
            }
        }
        // What is no answer leaves open whether it waits for a command or for more content.
        if replies.iter().all(|reply| reply.is_ok() || (reply.is_refusal() && !reply.is_goodbye())) {
            self.lease.stands(Standing::Free);
        }
        Ok(replies)
    }

    /// What becomes of the message: taken for all, refused for all, or 451.
    fn verdict(&self, replies: &[HopReply]) -> Result<(), SinkError> {
        let not_taken = replies.iter().find(|reply| !reply.is_ok());
        let Some(first) = not_taken else { return Ok(()) };
        if replies.len() == 1 || replies.iter().all(HopReply::is_permanent) {
            return Err(self.refused("the end of the content", first));
        }
        let each = self.recipients.iter().zip(replies);
        let each: Vec<String> =
            each.map(|(mailbox, reply)| format!("{mailbox}: {}", reply.shown())).collect();
        let doing = format!("{} did not take it for all: {}", self.shown(), each.join("; "));
        Err(SinkError::bare(doing).with_fault(Fault::Partly))
    }

    fn shown(&self) -> String {
        self.lease.hop().map(|hop| hop.shown.clone()).unwrap_or_default()
    }

    fn lost(&self, error: WireError) -> SinkError {
        let fault = error.fault();
        SinkError::new(format!("send the content to {}", self.shown()), error).with_fault(fault)
    }

    fn refused(&self, step: &str, reply: &HopReply) -> SinkError {
        if reply.is_refusal() {
            self.relay.refusal(&self.lease, step, reply)
        } else {
            self.lost(ReplyError::Malformed.into())
        }
    }
}

#[async_trait]
impl Delivery for RelayDelivery {
    async fn write(&mut self, chunk: Bytes) -> Result<(), SinkError> {
        if self.block.len() >= BLOCK {
            self.send_block().await?;
        }
        let fed = self.content.feed(&chunk, &mut self.block);
        fed.map_err(|why| SinkError::new("hand the message on", why).with_fault(Fault::Unfit(why)))
    }

    async fn prepare(&mut self, _placement: Placement) -> Result<(), SinkError> {
        let closed = self.content.close(&mut self.block);
        closed.map_err(|why| SinkError::new("hand the message on", why).with_fault(Fault::Unfit(why)))?;
        match self.way {
            Way::Data => self.begin_data().await,
            Way::Chunks => self.answers_to_chunks(0).await,
        }
    }

    async fn commit(mut self: Box<Self>) -> Result<(), SinkError> {
        let replies = self.end().await?;
        self.verdict(&replies)?;
        let scope = &self.relay.scope;
        let reply = replies.first().map(HopReply::shown).unwrap_or_default();
        scope.telemetry.emit(Event::Relayed {
            id: self.id.to_string(),
            tenant: scope.tenant.clone(),
            sink: scope.label.clone(),
            hop: self.shown(),
            tls: self.lease.hop().is_some_and(|hop| hop.wire.is_tls()),
            converted: self.content.converted(),
            reply,
        });
        Ok(())
    }
}
