//! DATA and BDAT: when content may come, and how far it is.
//!
//! A chunk that is refused is one that the message lacks: no more is taken of it, until RSET or the like.

use std::mem;

use super::{Open, Session, Transaction};
use crate::smtp::action::{Action, Chunk, Incoming};
use crate::smtp::{Body, Protocol, Reply, replies};

impl Session {
    /// The 354 that asks for the content.
    pub fn go_ahead(&self) -> Reply {
        replies::go_ahead()
    }

    /// The 250 to a chunk that was taken in.
    pub fn chunk_ok(&self, octets: u64) -> Reply {
        replies::chunk_ok(octets)
    }

    /// The content was answered, or the transaction was refused at DATA: it is over.
    pub fn content_done(&mut self) {
        self.transaction = Transaction::None;
    }

    /// A chunk that was handed out, not the last, was answered with 4xx or 5xx.
    pub fn chunk_refused(&mut self) {
        self.transaction = Transaction::Failed;
    }

    /// Whether a message has begun to come in chunks, and is neither complete nor refused.
    pub fn in_chunks(&self) -> bool {
        matches!(self.transaction, Transaction::Chunks { .. })
    }

    pub(super) fn data(&mut self) -> Action {
        match mem::replace(&mut self.transaction, Transaction::Receiving) {
            // RFC 3030 §3: only chunks can carry what has no lines.
            Transaction::Open(open) if open.mail.parameters.body == Body::BinaryMime => {
                self.transaction = Transaction::Open(open);
                self.answer(replies::binary_needs_chunks())
            }
            Transaction::Open(open) if !open.recipients.is_empty() => {
                Action::Receive(Box::new(self.incoming(*open)))
            }
            // RFC 3030 §2: never both in one transaction, and the message is over.
            Transaction::Chunks { .. } => self.refuse_chunk(replies::data_after_chunks(), 0, false),
            unready => {
                let refusal = not_ready(&unready);
                self.transaction = unready;
                self.answer(refusal)
            }
        }
    }

    pub(super) fn chunk(&mut self, octets: u64, last: bool) -> Action {
        let (opening, before) = match mem::replace(&mut self.transaction, Transaction::None) {
            Transaction::Open(open) if !open.recipients.is_empty() => {
                (Some(Box::new(self.incoming(*open))), 0)
            }
            Transaction::Chunks { octets } => (None, octets),
            unready => {
                let refusal = not_ready(&unready);
                self.transaction = unready;
                return self.refuse_chunk(refusal, octets, last);
            }
        };
        let so_far = before.saturating_add(octets);
        self.transaction = if last { Transaction::Receiving } else { Transaction::Chunks { octets: so_far } };
        if so_far > self.config.message_size_max {
            return self.refuse_chunk(replies::too_big(self.config.message_size_max), octets, last);
        }
        Action::Chunk(Chunk { opening, octets, last })
    }

    /// Refuses a chunk. The message lacks it from now on, so that its other chunks are refused too; the last ends it.
    pub(super) fn refuse_chunk(&mut self, reply: Reply, octets: u64, last: bool) -> Action {
        let failed_before = matches!(self.transaction, Transaction::Failed);
        if last {
            self.transaction = Transaction::None;
        } else if self.in_transaction() {
            self.transaction = Transaction::Failed;
        }
        if failed_before {
            // Sent before the client could know: the refusal it follows from has been counted.
            return Action::Skip { reply, octets };
        }
        match self.answer(reply) {
            Action::Reply(reply) => Action::Skip { reply, octets },
            ended => ended,
        }
    }

    fn incoming(&self, open: Open) -> Incoming {
        let utf8 = open.mail.parameters.smtputf8;
        Incoming {
            sender: open.mail.sender,
            recipients: open.recipients,
            wishes: open.wishes,
            named: open.named,
            parameters: open.mail.parameters,
            helo: self.helo().unwrap_or_default().to_owned(),
            user: self.user.clone(),
            protocol: Protocol {
                speaks: self.config.speaks,
                extended: self.client.as_ref().is_some_and(|client| client.extended),
                tls: self.tls,
                authenticated: self.user.is_some(),
                utf8,
            },
        }
    }
}

/// Why no content can come now.
fn not_ready(transaction: &Transaction) -> Reply {
    match transaction {
        Transaction::Open(open) if open.refused => replies::no_valid_recipients(),
        Transaction::Open(_) => replies::need_rcpt(),
        Transaction::Chunks { .. } => replies::chunks_have_begun(),
        Transaction::Failed => replies::chunk_missing(),
        Transaction::None | Transaction::Receiving => replies::need_mail(),
    }
}
