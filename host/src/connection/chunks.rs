//! A message that comes in chunks (RFC 3030): from its first `BDAT` to the reply to its last.
//!
//! ```text
//! input --ChunkDecoder--> Intake --> Fork --> reply, for each chunk
//! ```
//!
//! The octets of a chunk are taken in to their end whatever becomes of them, so that none of them is ever read as
//! commands. A chunk is answered when the chain has worked on it: a refusal is the reply to the chunk that it is about.
//! Between chunks the message keeps its place and its instances, for at most `command_timeout` in all.

use std::time::Duration;

use bytes::Buf;

use super::intake::Intake;
use super::{Connection, Drain, Ended, reached};
use crate::smtp::Reply;
use crate::smtp::action::Chunk;
use crate::smtp::chunk::ChunkDecoder;
use crate::transaction::{Fork, replies};

/// A message of which some chunks have come.
pub(super) struct Chunked {
    fork: Fork,
    intake: Intake,
    decoder: ChunkDecoder,
    /// How long we still wait for commands before the last chunk, in all: a client that sends an empty chunk now and then
    /// would otherwise hold the message's place for ever.
    pub(super) patience: Duration,
}

/// What became of the octets of a chunk.
enum Taken {
    /// They are with the transaction.
    Kept(Box<Chunked>),
    /// The message is over: its replies.
    Refused(Vec<Reply>),
}

impl Connection {
    /// Takes one chunk in and answers it.
    pub(super) async fn chunk(&mut self, chunk: Chunk) -> Result<(), Ended> {
        if let Some(incoming) = chunk.opening {
            let patience = self.port.listener.command_timeout;
            self.chunked = self.begin(&incoming).map(|fork| {
                let (intake, decoder) = (self.intake(incoming.parameters.body), ChunkDecoder::new());
                Box::new(Chunked { fork, intake, decoder, patience })
            });
        }
        // Out of `self` while its octets come: a connection that breaks drops it.
        let Some(message) = self.chunked.take() else {
            self.skip(chunk.octets).await?;
            self.answer_chunk(&[replies::failed_without_trace()], chunk.last);
            return Ok(());
        };
        let replies = match (self.octets(message, chunk.octets).await?, chunk.last) {
            (Taken::Refused(replies), _) => replies,
            (Taken::Kept(message), true) => return self.complete(*message).await,
            (Taken::Kept(message), false) => match self.settle(message).await? {
                Ok(message) => {
                    self.chunked = Some(message);
                    vec![self.session.chunk_ok(chunk.octets)]
                }
                Err(refusals) => refusals,
            },
        };
        self.answer_chunk(&replies, chunk.last);
        Ok(())
    }

    /// Refuses a chunk that the session does not want, and with it the message it belongs to.
    pub(super) async fn refuse_chunk(&mut self, reply: Reply, octets: u64) -> Result<(), Ended> {
        reply.encode(&mut self.output);
        if let Some(message) = self.chunked.take() {
            message.fork.refuse(reply, message.intake.size()).await;
        }
        self.skip(octets).await
    }

    /// The last chunk is answered as a message is, any other with one reply: for a message that all its tenants refuse, with the
    /// first.
    fn answer_chunk(&mut self, replies: &[Reply], last: bool) {
        if last {
            self.answer_message(replies);
        } else if let Some(reply) = replies.first() {
            reply.encode(&mut self.output);
            if reply.code() >= 400 {
                self.session.chunk_refused();
            }
        }
    }

    /// Takes the octets of a chunk in, to their end.
    async fn octets(&mut self, mut message: Box<Chunked>, octets: u64) -> Result<Taken, Ended> {
        message.decoder.begin(octets);
        while message.decoder.left() > 0 {
            if self.input.is_empty() {
                self.read_content().await?;
            }
            let used = message.decoder.feed(&self.input).len();
            let mut content = self.input.split_to(used).to_vec();
            message.intake.take(&mut content, false);
            let left = message.decoder.left();
            if let Some(objection) = message.intake.objection(message.decoder.bare_newlines()) {
                let replies = message.fork.refuse(objection, message.intake.size()).await;
                self.skip(left).await?;
                return Ok(Taken::Refused(replies));
            }
            let is_whole = |rest: &[u8]| rest.len() as u64 >= left;
            if self.while_there(message.fork.write(&content), is_whole).await? {
                continue;
            }
            let replies = match message.fork.settle().await {
                Ok(fork) => fork.refuse(replies::failed_without_trace(), message.intake.size()).await,
                Err(replies) => replies,
            };
            self.skip(left).await?;
            return Ok(Taken::Refused(replies));
        }
        Ok(Taken::Kept(message))
    }

    /// The last chunk is there: what the listener has against the whole, then the chains' answers.
    async fn complete(&mut self, mut message: Chunked) -> Result<(), Ended> {
        message.decoder.end();
        if let Some(objection) = message.intake.objection(message.decoder.bare_newlines()) {
            let replies = message.fork.refuse(objection, message.intake.size()).await;
            self.answer_message(&replies);
            return Ok(());
        }
        let mut rest = Vec::new();
        message.intake.take(&mut rest, true);
        message.fork.write(&rest).await;
        self.finish(message.fork).await
    }

    /// Waits for the chains; a shutdown waits as long as it may.
    async fn settle(&mut self, message: Box<Chunked>) -> Result<Result<Box<Chunked>, Vec<Reply>>, Ended> {
        let Chunked { fork, intake, decoder, patience } = *message;
        let mut drain = self.drain.clone();
        // Whoever has hung up without another command cannot end the message.
        let settled = tokio::select! {
            settled = self.while_there(fork.settle(), |rest| !rest.is_empty()) => settled?,
            () = reached(&mut drain, Drain::Over) => return Err(Ended::Draining),
        };
        Ok(settled.map(|fork| Box::new(Chunked { fork, intake, decoder, patience })))
    }

    /// Reads so many octets and drops them.
    async fn skip(&mut self, octets: u64) -> Result<(), Ended> {
        let mut decoder = ChunkDecoder::new();
        decoder.begin(octets);
        while decoder.left() > 0 {
            if self.input.is_empty() {
                self.read_content().await?;
            }
            let used = decoder.feed(&self.input).len();
            self.input.advance(used);
        }
        Ok(())
    }
}
