//! MAIL and RCPT: who may begin a message, and for whom.

use super::{AuthPolicy, Open, Session, Transaction};
use crate::mail::Mailbox;
use crate::mail::envelope::RecipientWishes;
use crate::smtp::action::Action;
use crate::smtp::command::Mail;
use crate::smtp::{Reply, replies};

impl Session {
    pub(super) fn mail(&mut self, mail: Mail) -> Action {
        let config = &self.config;
        let refusal = if self.client.is_none() {
            replies::need_hello(config.speaks)
        } else if self.in_transaction() {
            replies::nested_mail()
        } else if config.auth == AuthPolicy::Required && self.user.is_none() {
            replies::need_auth(self.tls)
        } else if self.counts.messages >= config.messages_max {
            return self.end("session_messages_max", replies::too_many_messages());
        } else if mail.parameters.size.is_some_and(|size| size > config.message_size_max) {
            replies::too_big(config.message_size_max)
        } else {
            self.transaction = Transaction::Open(Box::new(Open {
                mail,
                recipients: Vec::new(),
                wishes: Vec::new(),
                named: Vec::new(),
                asked: RecipientWishes::default(),
                refused: false,
            }));
            return Action::CheckSender;
        };
        self.answer(refusal)
    }

    /// Takes the answer to [`Action::CheckSender`], or the reply that refuses the message.
    pub fn sender_checked(&mut self, answer: Result<(), Reply>) -> Action {
        match answer {
            Ok(()) => {
                self.counts.messages += 1;
                self.answer(replies::sender_ok())
            }
            Err(refusal) => {
                self.transaction = Transaction::None;
                self.answer(refusal)
            }
        }
    }

    /// A mailbox named again is a courtesy to answer, not a second recipient: it is not checked again and does not count.
    pub(super) fn rcpt(&mut self, recipient: Mailbox, wishes: RecipientWishes) -> Action {
        let config = &self.config;
        self.counts.recipients += 1;
        if self.counts.recipients > config.session_recipients_max {
            return self.end("session_recipients_max", replies::too_many_session_recipients());
        }
        let reply = match &mut self.transaction {
            Transaction::Open(open) if !recipient.is_ascii() && !open.mail.parameters.smtputf8 => {
                open.refused = true;
                replies::recipient_needs_smtputf8()
            }
            Transaction::Open(open) => {
                if let Some(at) = open.recipients.iter().position(|named| named.is_same(&recipient)) {
                    open.named.push(at);
                    replies::recipient_ok()
                } else if open.recipients.len() >= config.recipients_max {
                    replies::too_many_recipients()
                } else {
                    open.asked = wishes;
                    return Action::CheckRecipient(recipient);
                }
            }
            Transaction::Chunks { .. } => replies::chunks_have_begun(),
            Transaction::Failed => replies::chunk_missing(),
            Transaction::None | Transaction::Receiving => replies::need_mail(),
        };
        self.answer(reply)
    }

    /// Takes the answer to [`Action::CheckRecipient`]: the mailbox to remember, which may be another one, or the reply
    /// that refuses it.
    pub fn recipient_checked(&mut self, answer: Result<Mailbox, Reply>) -> Action {
        let Transaction::Open(open) = &mut self.transaction else {
            return self.answer(replies::need_mail());
        };
        match answer {
            Ok(mailbox) => {
                let at =
                    open.recipients.iter().position(|named| named.is_same(&mailbox)).unwrap_or_else(|| {
                        open.recipients.push(mailbox);
                        open.wishes.push(std::mem::take(&mut open.asked));
                        open.recipients.len() - 1
                    });
                open.named.push(at);
                self.answer(replies::recipient_ok())
            }
            Err(refusal) => {
                open.refused = true;
                self.refuse_recipient(refusal)
            }
        }
    }

    /// Refused recipients have a limit of their own: who sends to a list meets more of them than who makes errors.
    fn refuse_recipient(&mut self, refusal: Reply) -> Action {
        if refusal.code() < 500 {
            return self.answer(refusal);
        }
        self.counts.unknown_recipients += 1;
        if self.counts.unknown_recipients >= self.config.unknown_recipients_max {
            return self.end("unknown_recipients_max", replies::too_many_unknown());
        }
        Action::Reply(refusal)
    }

    /// Whether so many recipients were refused that the next refusal is to come late.
    pub fn is_slowed(&self) -> bool {
        self.counts.unknown_recipients * 2 >= self.config.unknown_recipients_max
    }
}
