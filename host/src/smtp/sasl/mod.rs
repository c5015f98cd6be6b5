//! Server side of SASL for AUTH (RFC 4954): PLAIN (RFC 4616), LOGIN, SCRAM-SHA-256 (RFC 5802, RFC 7677), sans-io.
//!
//! ```text
//! begin, step(line) -> Challenge(text)   send `334 text`, then step
//!                   -> LookUp(name)      find the account, or one of nobody, then found
//!                   -> Check(password)   run it where CPU time may be burnt, then checked
//!                   -> Done(name)        235
//!                   -> Failed(why)       why.reply()
//! ```
//!
//! Nobody learns who has an account: a name that is nobody's takes the same steps as one with a wrong password, with a salt that
//! stays the same, the same replies and the same work. Knows nothing of files, clocks and randomness: nonces and accounts come in.

mod plain;
pub mod prep;
mod scram;
pub mod verifier;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Reply;
pub use scram::NONCE_MAX;
use scram::{Challenged, ClientFirst};
pub use verifier::Verifier;

/// Longest line of an exchange, in octets without its CRLF: RFC 4954 §4.
pub const LINE_MAX: usize = super::command::AUTH_LINE_MAX;

/// How a client shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 7677. The password does not travel.
    ScramSha256,
    /// RFC 4616.
    Plain,
    /// What PLAIN was before there was PLAIN; no RFC.
    Login,
}

impl Mechanism {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::ScramSha256, Self::Plain, Self::Login];

    /// As EHLO lists it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }

    /// By its name, in any case.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }
}

/// Why an exchange failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The client took it back with `*`.
    Cancelled,
    /// A line is not base64.
    NotBase64,
    /// A message is not of its mechanism.
    Malformed,
    /// A line is longer than [`LINE_MAX`].
    TooLong,
    /// Nobody is there by this name and password.
    Denied,
}

impl Failure {
    /// What the client is told (RFC 4954 §4, §6): how to write it where that is wrong, and never what of name and password was.
    pub fn reply(self) -> Reply {
        match self {
            Self::Cancelled => Reply::new(501, "5.7.0", "Authentication cancelled"),
            Self::NotBase64 => Reply::new(501, "5.5.2", "That is not base64"),
            Self::Malformed => Reply::new(501, "5.5.2", "That is no message of this mechanism"),
            Self::TooLong => Reply::new(500, "5.5.6", "The line of the authentication is too long"),
            Self::Denied => Reply::new(535, "5.7.8", "Name or password are wrong"),
        }
    }

    /// A word for logs and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::NotBase64 => "base64",
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::Denied => "denied",
        }
    }
}

/// Who a name is, or somebody who is not there.
#[derive(Debug, Clone)]
pub struct Account {
    /// The name as it is stored.
    pub name: String,
    /// What its password is held against.
    pub verifier: Arc<Verifier>,
    /// Whether there is such an account. None can be entered that is not.
    pub is_real: bool,
}

/// A name and a password to be held against each other.
pub struct PasswordCheck {
    account: Account,
    password: String,
}

impl PasswordCheck {
    /// Whether they belong together. Burns as much CPU time as the verifier says: to be called where blocking is allowed.
    pub fn holds(&self) -> bool {
        self.account.verifier.holds(&self.password) && self.account.is_real
    }
}

/// A password is in no log.
impl fmt::Debug for PasswordCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordCheck({})", self.account.name)
    }
}

/// What is to be done next.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// Send `334` with this text, which may be empty, and give the client's line to [`Exchange::step`].
    Challenge(String),
    /// Find the account of this prepared name and call [`Exchange::found`].
    LookUp(String),
    /// Run [`PasswordCheck::holds`] and call [`Exchange::checked`].
    Check(PasswordCheck),
    /// The client is who this name is. The exchange is over.
    Done(String),
    /// The exchange is over.
    Failed(Failure),
}

/// One exchange.
#[derive(Debug)]
pub struct Exchange {
    mechanism: Mechanism,
    /// Ours.
    nonce: String,
    state: State,
}

enum State {
    /// The client's first message has not come.
    First,
    /// LOGIN: the name is there.
    Password {
        user: String,
    },
    /// An account was asked for, with the prepared password.
    Looking {
        password: String,
    },
    /// SCRAM: an account was asked for.
    LookingScram(ClientFirst),
    /// A password is being checked.
    Checking {
        name: String,
    },
    /// SCRAM: the proof is due.
    Proof(Box<Challenged>),
    /// SCRAM: the client has our signature, and is to say that it took it.
    Signed {
        name: String,
    },
    Over,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "First",
            Self::Password { .. } => "Password",
            Self::Looking { .. } | Self::LookingScram(_) => "Looking",
            Self::Checking { .. } => "Checking",
            Self::Proof(_) => "Proof",
            Self::Signed { .. } => "Signed",
            Self::Over => "Over",
        })
    }
}

impl Exchange {
    /// Begins with what stood behind the mechanism in AUTH, if anything did: `=` is an empty message. `nonce`: printable ASCII
    /// without commas, never used before, some 18 random octets in base64.
    pub fn begin(mechanism: Mechanism, initial: Option<&[u8]>, nonce: &str) -> (Self, Step) {
        let mut exchange = Self { mechanism, nonce: nonce.to_owned(), state: State::First };
        let step = match initial {
            None if mechanism == Mechanism::Login => challenge("Username:"),
            None => challenge(""),
            Some(b"=") => exchange.message(""),
            Some(line) => exchange.step(line),
        };
        (exchange, step)
    }

    /// The client's answer to a challenge: a line without its CRLF.
    pub fn step(&mut self, line: &[u8]) -> Step {
        if line == b"*" {
            return self.fail(Failure::Cancelled);
        }
        if line.len() > LINE_MAX {
            return self.fail(Failure::TooLong);
        }
        let Ok(message) = STANDARD.decode(line) else { return self.fail(Failure::NotBase64) };
        match String::from_utf8(message) {
            Ok(message) => self.message(&message),
            Err(_) => self.fail(Failure::Malformed),
        }
    }

    /// The account that was looked for, or one of nobody.
    pub fn found(&mut self, account: Account) -> Step {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Looking { password } => {
                self.state = State::Checking { name: account.name.clone() };
                Step::Check(PasswordCheck { account, password })
            }
            State::LookingScram(first) => {
                let (text, challenged) = first.challenge(account, &self.nonce);
                self.state = State::Proof(Box::new(challenged));
                challenge(&text)
            }
            _ => Step::Failed(Failure::Malformed),
        }
    }

    /// Whether the password held.
    pub fn checked(&mut self, holds: bool) -> Step {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Checking { name } if holds => Step::Done(name),
            State::Checking { .. } => Step::Failed(Failure::Denied),
            _ => Step::Failed(Failure::Malformed),
        }
    }

    fn message(&mut self, message: &str) -> Step {
        match self.take(message) {
            Ok(step) => step,
            Err(failure) => self.fail(failure),
        }
    }

    fn take(&mut self, message: &str) -> Result<Step, Failure> {
        match (std::mem::replace(&mut self.state, State::Over), self.mechanism) {
            (State::First, Mechanism::Plain) => {
                let plain = plain::parse(message)?;
                self.look_up(plain.user, plain.authzid, plain.password)
            }
            (State::First, Mechanism::Login) => {
                self.state = State::Password { user: message.to_owned() };
                Ok(challenge("Password:"))
            }
            (State::Password { user }, _) => self.look_up(&user, None, message),
            (State::First, Mechanism::ScramSha256) => {
                let first = ClientFirst::parse(message)?;
                let name = own_name(&first.user, first.authzid.as_deref())?;
                self.state = State::LookingScram(first);
                Ok(Step::LookUp(name))
            }
            (State::Proof(challenged), _) => {
                let (text, name) = challenged.check(message)?;
                self.state = State::Signed { name };
                Ok(challenge(&text))
            }
            (State::Signed { name }, _) if message.is_empty() => Ok(Step::Done(name)),
            _ => Err(Failure::Malformed),
        }
    }

    fn look_up(&mut self, user: &str, authzid: Option<&str>, password: &str) -> Result<Step, Failure> {
        let name = own_name(user, authzid)?;
        // What can be nobody's password needs no work: that is so for every name.
        let password = prep::password(password).map_err(|_| Failure::Denied)?;
        self.state = State::Looking { password };
        Ok(Step::LookUp(name))
    }

    fn fail(&mut self, failure: Failure) -> Step {
        self.state = State::Over;
        Step::Failed(failure)
    }
}

/// The prepared name of who wants to act for itself. Nobody may act for another.
fn own_name(user: &str, authzid: Option<&str>) -> Result<String, Failure> {
    let name = prep::name(user).map_err(|_| Failure::Denied)?;
    match authzid {
        Some(other) if prep::name(other).ok().as_ref() != Some(&name) => Err(Failure::Denied),
        _ => Ok(name),
    }
}

fn challenge(text: &str) -> Step {
    Step::Challenge(STANDARD.encode(text))
}

#[cfg(test)]
mod tests;
