//! One client's SMTP session: the order of commands, and what is remembered between them (RFC 5321 §4.1.4).
//!
//! ```text
//! session.command(b"RCPT TO:<jo@x.example>")   ->  Action::CheckRecipient(jo@x.example)
//! session.recipient_checked(Ok(jo))            ->  Action::Reply(250 2.1.5)
//! session.command(b"DATA")                     ->  Action::Receive(what was agreed)
//! session.content_done()                           the next MAIL may come
//! session.command(b"BDAT 5")                   ->  Action::Chunk(5 octets; with the first, what was agreed)
//! ```
//!
//! No I/O, no clock; knows nothing of tenants, TLS or where content goes. Whoever drives it does what an [`Action`] says
//! before it gives the next line. A chunk that is refused is one that the message lacks: no more is taken of it, until RSET
//! or the like. After [`Action::StartTls`] it must drop every byte that came before the handshake
//! (CVE-2011-0411) and call [`Session::tls_started`].

use std::mem;
use std::sync::Arc;

use super::action::{Action, Chunk, Incoming, Protocol};
use super::command::{Command, Mail, SyntaxError};
use super::{Reply, replies};
use crate::mail::Mailbox;

/// What a listener lays down for its sessions.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// Our name in the greeting and in the answer to EHLO.
    pub hostname: String,
    /// Largest content in octets, told as `SIZE` (RFC 1870).
    pub message_size_max: u64,
    /// Most recipients of one transaction; RFC 5321 §4.5.3.1.8 asks for at least 100.
    pub recipients_max: usize,
    /// The error that reaches this number is answered 421, and the session ends. Every 5xx of the session counts.
    pub errors_max: usize,
    /// Whether STARTTLS is offered (RFC 3207) while TLS is not active.
    pub starttls_offered: bool,
}

/// State of one client.
#[derive(Debug)]
pub struct Session {
    config: Arc<SessionConfig>,
    client: Option<Client>,
    transaction: Transaction,
    tls: bool,
    errors: usize,
}

/// What HELO or EHLO told.
#[derive(Debug)]
struct Client {
    name: String,
    extended: bool,
}

/// How far the transaction is.
#[derive(Debug)]
enum Transaction {
    /// No MAIL was accepted.
    None,
    /// MAIL was; RCPT and DATA may come.
    Open(Open),
    /// Handed out with [`Action::Receive`], or with the last chunk.
    Receiving,
    /// Chunks of the content were handed out, of so many octets in all; more may come.
    Chunks {
        /// Their octets.
        octets: u64,
    },
    /// A chunk was refused before the last one.
    Failed,
}

#[derive(Debug)]
struct Open {
    mail: Mail,
    recipients: Vec<Mailbox>,
    /// Whether a recipient was named, and not taken.
    refused: bool,
}

impl Session {
    /// A session at its very beginning. Under implicit TLS call [`tls_started`](Self::tls_started) next.
    pub fn new(config: Arc<SessionConfig>) -> Self {
        Self { config, client: None, transaction: Transaction::None, tls: false, errors: 0 }
    }

    /// The 220 that opens the session.
    pub fn greeting(&self) -> Reply {
        replies::greeting(&self.config.hostname)
    }

    /// The 354 that asks for the content.
    pub fn go_ahead(&self) -> Reply {
        replies::go_ahead()
    }

    /// The 250 to a chunk that was taken in.
    pub fn chunk_ok(&self, octets: u64) -> Reply {
        replies::chunk_ok(octets)
    }

    /// Takes one command line, without its CRLF.
    pub fn command(&mut self, line: &[u8]) -> Action {
        match Command::parse(line) {
            Ok(command) => self.apply(command),
            Err(error @ SyntaxError::BadChunk { octets }) => self.refuse_chunk(error.reply(), octets, false),
            Err(error) => self.misread(line, error),
        }
    }

    /// Takes note of a line that was too long to be held; `start` is how it begins.
    pub fn overlong(&mut self, start: &[u8]) -> Action {
        self.misread(start, SyntaxError::Overlong)
    }

    /// Takes the answer to [`Action::CheckRecipient`]: the mailbox to remember, which may be another one, or the reply
    /// that refuses it.
    pub fn recipient_checked(&mut self, answer: Result<Mailbox, Reply>) -> Action {
        let Transaction::Open(open) = &mut self.transaction else {
            return self.answer(replies::need_mail());
        };
        match answer {
            Ok(mailbox) => {
                if !open.recipients.contains(&mailbox) {
                    open.recipients.push(mailbox);
                }
                self.answer(replies::recipient_ok())
            }
            Err(refusal) => {
                open.refused = true;
                self.answer(refusal)
            }
        }
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

    /// The handshake is complete: what was said before is forgotten (RFC 3207 §4.2). Errors still count.
    pub fn tls_started(&mut self) {
        self.tls = true;
        self.client = None;
        self.transaction = Transaction::None;
    }

    /// Whether a transaction is open or its content is being received: from the 250 to MAIL until `content_done`, RSET,
    /// HELO, EHLO or `tls_started`.
    pub fn in_transaction(&self) -> bool {
        !matches!(self.transaction, Transaction::None)
    }

    /// What the client called itself, where it did so.
    pub fn helo(&self) -> Option<&str> {
        self.client.as_ref().map(|client| client.name.as_str())
    }

    /// The reverse-path of the open transaction, and the recipients taken so far.
    pub fn envelope(&self) -> Option<(Option<&Mailbox>, &[Mailbox])> {
        match &self.transaction {
            Transaction::Open(open) => Some((open.mail.sender.as_ref(), &open.recipients)),
            _ => None,
        }
    }

    fn apply(&mut self, command: Command) -> Action {
        match command {
            Command::Helo(name) => self.hello(Client { name, extended: false }),
            Command::Ehlo(name) => self.hello(Client { name, extended: true }),
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(recipient) => self.rcpt(recipient),
            Command::Data => self.data(),
            Command::Chunk { octets, last } => self.chunk(octets, last),
            Command::Reset => {
                self.transaction = Transaction::None;
                self.answer(replies::ok())
            }
            Command::Noop => self.answer(replies::ok()),
            Command::Verify => self.answer(replies::cannot_verify()),
            Command::Help => self.answer(replies::help()),
            Command::Quit => Action::Close(replies::goodbye(&self.config.hostname)),
            Command::StartTls if self.tls => self.answer(replies::tls_active()),
            Command::StartTls if !self.config.starttls_offered => self.answer(replies::tls_not_offered()),
            Command::StartTls => Action::StartTls(replies::start_tls()),
        }
    }

    /// RFC 5321 §4.1.4: either may come again, and ends a transaction as RSET does.
    fn hello(&mut self, client: Client) -> Action {
        let config = &self.config;
        let starttls = config.starttls_offered && !self.tls;
        let reply = if client.extended {
            replies::ehlo(&config.hostname, config.message_size_max, starttls)
        } else {
            replies::helo(&config.hostname)
        };
        self.client = Some(client);
        self.transaction = Transaction::None;
        self.answer(reply)
    }

    fn mail(&mut self, mail: Mail) -> Action {
        let reply = if self.client.is_none() {
            replies::need_hello()
        } else if self.in_transaction() {
            replies::nested_mail()
        } else if mail.size.is_some_and(|size| size > self.config.message_size_max) {
            replies::too_big(self.config.message_size_max)
        } else {
            self.transaction = Transaction::Open(Open { mail, recipients: Vec::new(), refused: false });
            replies::sender_ok()
        };
        self.answer(reply)
    }

    /// A mailbox named again is a courtesy to answer, not a second recipient: it is not checked again and does not count.
    fn rcpt(&mut self, recipient: Mailbox) -> Action {
        let reply = match &mut self.transaction {
            Transaction::Open(open) if !recipient.is_ascii() && !open.mail.smtputf8 => {
                open.refused = true;
                replies::recipient_needs_smtputf8()
            }
            Transaction::Open(open) if open.recipients.contains(&recipient) => replies::recipient_ok(),
            Transaction::Open(open) if open.recipients.len() >= self.config.recipients_max => {
                replies::too_many_recipients()
            }
            Transaction::Open(_) => return Action::CheckRecipient(recipient),
            Transaction::Chunks { .. } => replies::chunks_have_begun(),
            Transaction::Failed => replies::chunk_missing(),
            Transaction::None | Transaction::Receiving => replies::need_mail(),
        };
        self.answer(reply)
    }

    fn data(&mut self) -> Action {
        match mem::replace(&mut self.transaction, Transaction::Receiving) {
            Transaction::Open(open) if !open.recipients.is_empty() => {
                Action::Receive(Box::new(self.incoming(open)))
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

    fn chunk(&mut self, octets: u64, last: bool) -> Action {
        let (opening, before) = match mem::replace(&mut self.transaction, Transaction::None) {
            Transaction::Open(open) if !open.recipients.is_empty() => {
                (Some(Box::new(self.incoming(open))), 0)
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
    fn refuse_chunk(&mut self, reply: Reply, octets: u64, last: bool) -> Action {
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

    /// A line that is no command. Where content follows it and nobody can tell how much, the session ends: what would
    /// be read next might be content, and none of that is ever run.
    fn misread(&mut self, line: &[u8], error: SyntaxError) -> Action {
        if Command::announces_content(line) {
            self.transaction = Transaction::None;
            return Action::Close(error.reply());
        }
        self.answer(error.reply())
    }

    fn incoming(&self, open: Open) -> Incoming {
        let protocol = self.protocol(open.mail.smtputf8);
        Incoming {
            sender: open.mail.sender,
            recipients: open.recipients,
            size_declared: open.mail.size,
            body: open.mail.body,
            smtputf8: open.mail.smtputf8,
            helo: self.helo().unwrap_or_default().to_owned(),
            protocol,
        }
    }

    fn protocol(&self, smtputf8: bool) -> Protocol {
        let extended = self.client.as_ref().is_some_and(|client| client.extended);
        match (smtputf8, extended, self.tls) {
            (true, _, false) => Protocol::Utf8Smtp,
            (true, _, true) => Protocol::Utf8Smtps,
            (false, false, _) => Protocol::Smtp,
            (false, true, false) => Protocol::Esmtp,
            (false, true, true) => Protocol::Esmtps,
        }
    }

    /// The one way a reply leaves: counts errors, and ends the session at the last one allowed.
    fn answer(&mut self, reply: Reply) -> Action {
        if reply.code() >= 500 {
            self.errors += 1;
            if self.errors >= self.config.errors_max {
                self.transaction = Transaction::None;
                return Action::Close(replies::too_many_errors());
            }
        }
        // A recipient check, too, may say that the session must end (RFC 5321 §3.8).
        if reply.code() == 421 { Action::Close(reply) } else { Action::Reply(reply) }
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

#[cfg(test)]
mod tests;
