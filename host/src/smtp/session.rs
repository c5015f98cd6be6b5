//! One client's SMTP or LMTP session: the order of commands, and what is remembered between them (RFC 5321 §4.1.4).
//!
//! ```text
//! session.command(b"MAIL FROM:<jo@x.example>") ->  Action::CheckSender
//! session.sender_checked(Ok(()))               ->  Action::Reply(250 2.1.0)
//! session.command(b"RCPT TO:<jo@x.example>")   ->  Action::CheckRecipient(jo@x.example)
//! session.recipient_checked(Ok(jo))            ->  Action::Reply(250 2.1.5)
//! session.command(b"DATA")                     ->  Action::Receive(what was agreed)
//! session.content_done()                           the next MAIL may come
//! session.command(b"BDAT 5")                   ->  Action::Chunk(5 octets; with the first, what was agreed)
//! ```
//!
//! No I/O, no clock; knows nothing of tenants, of TLS or users beyond that they are there, or of where content goes.
//! Whoever drives it does what an [`Action`] says before it gives the next line. After [`Action::StartTls`] it must drop
//! every byte that came before the handshake (CVE-2011-0411) and call [`Session::tls_started`].

mod content;
mod identity;
mod mail;

use std::sync::Arc;

use super::action::Action;
use super::command::{Command, Mail, SyntaxError};
use super::parameters::{MailParameters, Offered};
use super::{Reply, Speaks, replies};
use crate::mail::Mailbox;
use crate::mail::envelope::RecipientWishes;
pub use identity::{AuthPolicy, MECHANISMS};

/// What a listener lays down for its sessions.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// Our name in the greeting and in the answer to EHLO.
    pub hostname: String,
    /// What is spoken.
    pub speaks: Speaks,
    /// Largest content in octets, told as `SIZE` (RFC 1870).
    pub message_size_max: u64,
    /// Most recipients of one transaction; RFC 5321 §4.5.3.1.8 asks for at least 100.
    pub recipients_max: usize,
    /// Most messages of the session; the MAIL after them is answered 421.
    pub messages_max: usize,
    /// Most recipients named in the session; the RCPT after them is answered 421.
    pub session_recipients_max: usize,
    /// The error that reaches this number is answered 421, and the session ends. Every 5xx of the session counts, but for refused
    /// recipients.
    pub errors_max: usize,
    /// The refused recipient that reaches this number is answered 421, and the session ends.
    pub unknown_recipients_max: usize,
    /// The failed AUTH that reaches this number is answered 421, and the session ends.
    pub auth_tries_max: usize,
    /// Whether STARTTLS is offered (RFC 3207) while TLS is not active.
    pub starttls_offered: bool,
    /// Whether AUTH is offered (RFC 4954) while TLS is active, or asked for.
    pub auth: AuthPolicy,
    /// Whether DSN is offered (RFC 3461).
    pub dsn: bool,
    /// Whether BINARYMIME is offered (RFC 3030).
    pub binarymime: bool,
}

/// State of one client.
#[derive(Debug)]
pub struct Session {
    config: Arc<SessionConfig>,
    client: Option<Client>,
    transaction: Transaction,
    tls: bool,
    /// Whether the client may speak for others.
    xclient: bool,
    user: Option<String>,
    counts: Counts,
    /// The limit that ended it.
    ended_by: Option<&'static str>,
}

/// What the client has had so far.
#[derive(Debug, Default)]
struct Counts {
    errors: usize,
    messages: usize,
    recipients: usize,
    unknown_recipients: usize,
    auth_failures: usize,
}

/// What HELO, EHLO or LHLO told.
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
    Open(Box<Open>),
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
    /// What was said of each of them.
    wishes: Vec<RecipientWishes>,
    /// Each RCPT that was answered 250: which recipient it named.
    named: Vec<usize>,
    /// The recipient that is being looked at.
    asked: RecipientWishes,
    /// Whether a recipient was named, and not taken.
    refused: bool,
}

impl Session {
    /// A session at its very beginning. Under implicit TLS call [`tls_started`](Self::tls_started) next. `xclient`: whether the
    /// client may speak for others.
    pub fn new(config: Arc<SessionConfig>, xclient: bool) -> Self {
        Self {
            config,
            client: None,
            transaction: Transaction::None,
            tls: false,
            xclient,
            user: None,
            counts: Counts::default(),
            ended_by: None,
        }
    }

    /// The 220 that opens the session.
    pub fn greeting(&self) -> Reply {
        replies::greeting(&self.config.hostname, self.config.speaks)
    }

    /// Takes one command line, without its CRLF.
    pub fn command(&mut self, line: &[u8]) -> Action {
        match Command::parse(line, self.config.speaks, self.offered()) {
            Ok(command) => self.apply(command),
            Err(error @ SyntaxError::BadChunk { octets }) => self.refuse_chunk(error.reply(), octets, false),
            Err(error) => self.misread(line, error),
        }
    }

    /// Takes note of a line that was too long to be held; `start` is how it begins.
    pub fn overlong(&mut self, start: &[u8]) -> Action {
        self.misread(start, SyntaxError::Overlong)
    }

    /// The limit that has ended the session, by its name in the config.
    pub fn ended_by(&self) -> Option<&'static str> {
        self.ended_by
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

    /// What was said with MAIL in the open transaction, with each RCPT that was taken, and with the one that is being looked at.
    pub fn parameters(&self) -> Option<(&MailParameters, &[RecipientWishes], &RecipientWishes)> {
        match &self.transaction {
            Transaction::Open(open) => Some((&open.mail.parameters, &open.wishes, &open.asked)),
            _ => None,
        }
    }

    fn offered(&self) -> Offered {
        let SessionConfig { dsn, binarymime, .. } = *self.config;
        Offered { dsn, binarymime, auth: self.config.auth != AuthPolicy::None }
    }

    fn apply(&mut self, command: Command) -> Action {
        match command {
            Command::Helo(name) => self.hello(Client { name, extended: false }),
            Command::Ehlo(name) | Command::Lhlo(name) => self.hello(Client { name, extended: true }),
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(recipient, wishes) => self.rcpt(recipient, wishes),
            Command::Data => self.data(),
            Command::Chunk { octets, last } => self.chunk(octets, last),
            Command::Reset => {
                self.transaction = Transaction::None;
                self.answer(replies::ok())
            }
            Command::Noop => self.answer(replies::ok()),
            Command::Verify => self.answer(replies::cannot_verify()),
            Command::Help => self.answer(replies::help(self.config.speaks)),
            Command::Quit => Action::Close(replies::goodbye(&self.config.hostname)),
            Command::StartTls => self.start_tls(),
            Command::Auth { mechanism, initial } => self.auth(mechanism, initial),
            Command::Xclient(claims) => self.xclient(claims),
        }
    }

    /// RFC 5321 §4.1.4: it may come again, and ends a transaction as RSET does.
    fn hello(&mut self, client: Client) -> Action {
        let config = &self.config;
        let reply = if client.extended {
            let extensions = replies::Extensions {
                message_size_max: config.message_size_max,
                starttls: config.starttls_offered && !self.tls,
                auth: self.may_authenticate().then_some(&MECHANISMS[..]),
                dsn: config.dsn,
                binarymime: config.binarymime,
                xclient: self.xclient,
            };
            replies::ehlo(&config.hostname, &extensions)
        } else {
            replies::helo(&config.hostname)
        };
        self.client = Some(client);
        self.transaction = Transaction::None;
        self.answer(reply)
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

    /// The one way a reply leaves: counts errors, and ends the session at the last one allowed.
    fn answer(&mut self, reply: Reply) -> Action {
        if reply.code() >= 500 {
            self.counts.errors += 1;
            if self.counts.errors >= self.config.errors_max {
                return self.end("errors_max", replies::too_many_errors());
            }
        }
        // A recipient check, too, may say that the session must end (RFC 5321 §3.8).
        if reply.code() == 421 { Action::Close(reply) } else { Action::Reply(reply) }
    }

    /// Ends the session at a limit.
    fn end(&mut self, limit: &'static str, reply: Reply) -> Action {
        self.transaction = Transaction::None;
        self.ended_by = Some(limit);
        Action::Close(reply)
    }
}

#[cfg(test)]
mod tests;
