//! AUTH over the wire (RFC 4954): what `smtp::sasl` asks for, done with this client and the host's users.
//!
//! ```text
//! C: AUTH PLAIN AGpvAHNlY3JldA==          C: AUTH SCRAM-SHA-256 biws...
//! S: 235 2.7.0                            S: 334 cj1yT3By...
//! ```
//!
//! Whether AUTH may be said at all, and how often in a session, is the session's to know. A password is in no log.

use tokio::time::Instant;

use super::{Connection, Drain, Ended, reached};
use crate::smtp::Reply;
use crate::smtp::framing::LineProgress;
use crate::smtp::sasl::{Exchange, Failure, Mechanism, Step};
use crate::telemetry::Event;
use crate::users;

/// What became of an exchange.
enum Outcome {
    User(String),
    /// With the name that was tried, as far as it came to one.
    Failed(Option<String>, Failure),
    Unavailable(Option<String>, &'static str),
}

impl Connection {
    /// Takes the exchange of AUTH: who the client is, or the reply that says why not.
    pub(super) async fn authenticate(
        &mut self,
        mechanism: &str,
        initial: Option<&str>,
    ) -> Result<Result<String, Reply>, Ended> {
        // Taken before anything is looked at, and given back where it was no failure: exchanges that are held open at once are
        // no way around it, nor is one that is cancelled once it has told something.
        let failures = &self.port.rates.auth_failures;
        if !failures.take(self.client) {
            self.tell_failed(mechanism, None, "rate");
            self.port.limit_reached(self.client, "auth_failure_rate");
            let text = "Too many failed log-ins from your address, try again later";
            return Ok(Err(Reply::new(454, "4.7.0", text)));
        }
        let outcome = self.exchange(mechanism, initial).await?;
        if !matches!(outcome, Outcome::Failed(..)) {
            self.port.rates.auth_failures.give_back(self.client);
        }
        match outcome {
            Outcome::User(user) => {
                self.port.chains.telemetry.emit(Event::AuthSucceeded {
                    listener: self.port.listener.name.clone(),
                    client: self.client,
                    user: user.clone(),
                    mechanism: mechanism.to_owned(),
                });
                Ok(Ok(user))
            }
            Outcome::Failed(user, failure) => {
                self.tell_failed(mechanism, user, failure.reason());
                Ok(Err(failure.reply()))
            }
            Outcome::Unavailable(user, reason) => {
                self.tell_failed(mechanism, user, reason);
                Ok(Err(Reply::new(454, "4.7.0", "Cannot authenticate now, try again later")))
            }
        }
    }

    async fn exchange(&mut self, mechanism: &str, initial: Option<&str>) -> Result<Outcome, Ended> {
        let (Some(mechanism), Ok(nonce)) = (Mechanism::by_name(mechanism), users::nonce()) else {
            return Ok(Outcome::Unavailable(None, "unavailable"));
        };
        let (mut exchange, mut step) = Exchange::begin(mechanism, initial.map(str::as_bytes), &nonce);
        let users = self.port.users.clone();
        let mut user = None;
        loop {
            step = match step {
                Step::Challenge(text) => match self.challenge(&text).await? {
                    Some(line) => exchange.step(&line),
                    None => Step::Failed(Failure::TooLong),
                },
                Step::LookUp(name) => {
                    let found = users.account(&name).await;
                    user = Some(name);
                    let Ok(account) = found else { return Ok(Outcome::Unavailable(user, "unavailable")) };
                    exchange.found(account)
                }
                Step::Check(check) => {
                    let held = tokio::select! {
                        held = users.holds(check) => held,
                        () = reached(&mut self.drain, Drain::Over) => return Err(Ended::Draining),
                    };
                    let Ok(held) = held else { return Ok(Outcome::Unavailable(user, "busy")) };
                    exchange.checked(held)
                }
                Step::Done(user) => return Ok(Outcome::User(user)),
                Step::Failed(failure) => return Ok(Outcome::Failed(user, failure)),
            };
        }
    }

    /// Sends a challenge and reads the client's line, without its CRLF; none: it is too long. As patient as for a command.
    async fn challenge(&mut self, challenge: &str) -> Result<Option<Vec<u8>>, Ended> {
        // No reply: its text would be cut. Base64 cannot forge another one.
        self.output.extend_from_slice(format!("334 {challenge}\r\n").as_bytes());
        let deadline = Instant::now() + self.port.listener.command_timeout;
        loop {
            match self.lines.feed(&self.input) {
                LineProgress::Line { consumed, line } => {
                    let line = line.to_vec();
                    bytes::Buf::advance(&mut self.input, consumed);
                    return Ok(Some(line));
                }
                LineProgress::Overlong { consumed, .. } => {
                    bytes::Buf::advance(&mut self.input, consumed);
                    return Ok(None);
                }
                LineProgress::NeedMore => {
                    self.input.clear();
                    self.read_command(deadline, Drain::Draining).await?;
                }
            }
        }
    }

    fn tell_failed(&self, mechanism: &str, user: Option<String>, reason: &'static str) {
        self.port.chains.telemetry.emit(Event::AuthFailed {
            listener: self.port.listener.name.clone(),
            client: self.client,
            user,
            mechanism: mechanism.to_owned(),
            reason,
        });
    }
}
