//! A message that comes in chunks (RFC 3030): from its first `BDAT` to the reply to its last.
//!
//! ```text
//! input --ChunkDecoder--> ContentCheck --> Transaction --> reply, for each chunk
//! ```
//!
//! The octets of a chunk are taken in to their end whatever becomes of them, so that none of them is ever read as
//! commands. A chunk is answered when the chain has worked on it: a refusal is the reply to the chunk that it is about.
//! Between chunks the message keeps its place and its instances, for at most `command_timeout` in all.

use std::time::Duration;

use bytes::Buf;

use super::{Connection, Drain, Ended, reached};
use crate::mail::ContentCheck;
use crate::smtp::Reply;
use crate::smtp::action::Chunk;
use crate::smtp::chunk::ChunkDecoder;
use crate::transaction::{Transaction, replies};

/// A message of which some chunks have come.
pub(super) struct Chunked {
    transaction: Transaction,
    check: ContentCheck,
    decoder: ChunkDecoder,
    /// How long we still wait for commands before the last chunk, in all: a client that sends an empty chunk now and then
    /// would otherwise hold the message's place for ever.
    pub(super) patience: Duration,
}

/// What became of the octets of a chunk.
enum Taken {
    /// They are with the transaction.
    Kept(Box<Chunked>),
    /// The message is over.
    Refused(Reply),
}

impl Connection {
    /// Takes one chunk in and answers it.
    pub(super) async fn chunk(&mut self, chunk: Chunk) -> Result<(), Ended> {
        if let Some(incoming) = chunk.opening {
            let patience = self.port.listener.command_timeout;
            self.chunked = self.begin(*incoming).map(|transaction| {
                let (check, decoder) = (ContentCheck::default(), ChunkDecoder::new());
                Box::new(Chunked { transaction, check, decoder, patience })
            });
        }
        // Out of `self` while its octets come: a connection that breaks drops it.
        let Some(message) = self.chunked.take() else {
            self.skip(chunk.octets).await?;
            self.answer_chunk(&replies::failed_without_trace(), chunk.last);
            return Ok(());
        };
        let reply = match (self.octets(message, chunk.octets).await?, chunk.last) {
            (Taken::Refused(reply), _) => reply,
            (Taken::Kept(message), true) => self.complete(*message).await?,
            (Taken::Kept(message), false) => match self.settle(message).await? {
                Ok(message) => {
                    self.chunked = Some(message);
                    self.session.chunk_ok(chunk.octets)
                }
                Err(refusal) => refusal,
            },
        };
        self.answer_chunk(&reply, chunk.last);
        Ok(())
    }

    /// Refuses a chunk that the session does not want, and with it the message it belongs to.
    pub(super) async fn refuse_chunk(&mut self, reply: Reply, octets: u64) -> Result<(), Ended> {
        reply.encode(&mut self.output);
        if let Some(message) = self.chunked.take() {
            message.transaction.refuse(reply).await;
        }
        self.skip(octets).await
    }

    fn answer_chunk(&mut self, reply: &Reply, last: bool) {
        reply.encode(&mut self.output);
        if last {
            self.session.content_done();
        } else if reply.code() >= 400 {
            self.session.chunk_refused();
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
            let content = self.input.split_to(used);
            message.check.feed(&content);
            let objection = self.objection(&message.check, message.decoder.bare_newlines());
            let left = message.decoder.left();
            if objection.is_none() {
                let is_whole = |rest: &[u8]| rest.len() as u64 >= left;
                if self.while_there(message.transaction.write(&content), is_whole).await? {
                    continue;
                }
            }
            let reply = match objection {
                None => {
                    let decided = message.transaction.settle().await.err();
                    decided.unwrap_or_else(replies::failed_without_trace)
                }
                Some(objection) => {
                    message.transaction.refuse(objection.clone()).await;
                    objection
                }
            };
            self.skip(left).await?;
            return Ok(Taken::Refused(reply));
        }
        Ok(Taken::Kept(message))
    }

    /// The last chunk is there: what the listener has against the whole, then the chain's answer.
    async fn complete(&mut self, mut message: Chunked) -> Result<Reply, Ended> {
        message.decoder.end();
        match self.objection(&message.check, message.decoder.bare_newlines()) {
            Some(objection) => {
                message.transaction.refuse(objection.clone()).await;
                Ok(objection)
            }
            None => self.finish(message.transaction).await,
        }
    }

    /// Waits for the chain; a shutdown waits as long as it may.
    async fn settle(&mut self, message: Box<Chunked>) -> Result<Result<Box<Chunked>, Reply>, Ended> {
        let Chunked { transaction, check, decoder, patience } = *message;
        let mut drain = self.drain.clone();
        // Whoever has hung up without another command cannot end the message.
        let settled = tokio::select! {
            settled = self.while_there(transaction.settle(), |rest| !rest.is_empty()) => settled?,
            () = reached(&mut drain, Drain::Over) => return Err(Ended::Draining),
        };
        Ok(settled.map(|transaction| Box::new(Chunked { transaction, check, decoder, patience })))
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
