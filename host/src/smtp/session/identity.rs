//! STARTTLS, AUTH and XCLIENT: what is known of the client, and what is forgotten when that changes.

use super::{Client, Session, Transaction};
use crate::smtp::action::Action;
use crate::smtp::xclient::Claims;
use crate::smtp::{Reply, Speaks, replies};

/// The mechanisms of AUTH that are offered, best first.
pub const MECHANISMS: [&str; 3] = ["SCRAM-SHA-256", "PLAIN", "LOGIN"];

/// What a listener asks of clients about who they are (RFC 4954).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuthPolicy {
    /// AUTH is not offered.
    #[default]
    None,
    /// AUTH is offered under TLS.
    Offered,
    /// As `Offered`, and MAIL without it is 530 5.7.0.
    Required,
}

impl Session {
    pub(super) fn start_tls(&mut self) -> Action {
        if self.tls {
            return self.answer(replies::tls_active());
        }
        if !self.config.starttls_offered {
            return self.answer(replies::tls_not_offered());
        }
        Action::StartTls(replies::start_tls())
    }

    /// The handshake is complete: what was said before is forgotten (RFC 3207 §4.2). What was counted still counts.
    pub fn tls_started(&mut self) {
        self.tls = true;
        self.forget();
    }

    fn forget(&mut self) {
        self.client = None;
        self.user = None;
        self.transaction = Transaction::None;
    }

    /// Who the client is, where it has said so.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    pub(super) fn may_authenticate(&self) -> bool {
        self.tls && self.config.auth != AuthPolicy::None && self.user.is_none()
    }

    /// RFC 4954 §4.
    pub(super) fn auth(&mut self, mechanism: String, initial: Option<String>) -> Action {
        let refusal = if self.config.auth == AuthPolicy::None {
            replies::auth_not_offered()
        } else if !self.tls {
            replies::auth_needs_tls()
        } else if !self.client.as_ref().is_some_and(|client| client.extended) {
            replies::need_ehlo(self.config.speaks)
        } else if self.user.is_some() {
            replies::authenticated_already()
        } else if self.in_transaction() {
            replies::not_in_transaction()
        } else if !MECHANISMS.contains(&mechanism.as_str()) {
            replies::unknown_mechanism()
        } else {
            return Action::Authenticate { mechanism, initial };
        };
        self.answer(refusal)
    }

    /// Takes the outcome of [`Action::Authenticate`]: who the client is, or the reply that says why not.
    pub fn authenticated(&mut self, outcome: Result<String, Reply>) -> Action {
        match outcome {
            Ok(user) => {
                self.user = Some(user);
                self.answer(replies::authenticated())
            }
            Err(refusal) => {
                self.counts.auth_failures += 1;
                if self.counts.auth_failures >= self.config.auth_tries_max {
                    return self.end("auth_tries_max", replies::too_many_auths());
                }
                self.answer(refusal)
            }
        }
    }

    pub(super) fn xclient(&mut self, claims: Claims) -> Action {
        if !self.xclient {
            return self.answer(replies::xclient_refused());
        }
        if self.in_transaction() {
            return self.answer(replies::not_in_transaction());
        }
        Action::Believe(claims)
    }

    /// A proxy was believed: the session begins anew with what it said, and a greeting. What was counted still counts.
    pub fn reintroduced(&mut self, claims: &Claims) -> Action {
        self.forget();
        if let Some(Some(name)) = &claims.helo {
            let extended = claims.extended.unwrap_or(true) || self.config.speaks == Speaks::Lmtp;
            self.client = Some(Client { name: name.clone(), extended });
        }
        self.user = claims.login.clone().flatten();
        let greeting = self.greeting();
        self.answer(greeting)
    }
}
