//! From an address to a server that takes messages: connect, greeting, EHLO, STARTTLS, EHLO again, AUTH.
//!
//! Each step has its deadline. Nothing that was said before the handshake is believed after it (RFC 3207 §4.2). Knows
//! nothing of messages, and of which address comes next.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::error::HopError;
use super::offers::{Offers, server_name};
use super::reply::HopReply;
use super::sasl;
use super::settings::{Login, Protocol, RelaySettings, Tls};
use super::target::Target;
use super::wire::{Wire, WireError};

/// Questions that a login may have: SCRAM has two, so has LOGIN.
const QUESTIONS_MAX: usize = 2;

/// A server that is ready for a transaction.
pub(super) struct Hop {
    /// The connection.
    pub(super) wire: Wire,
    /// What it offers.
    pub(super) offers: Offers,
    /// How it was greeted: EHLO, LHLO or HELO, with our name.
    hello: String,
    /// What it calls itself.
    name: String,
    /// Where it is.
    pub(super) peer: SocketAddr,
    /// As the settings name it, and its address, for logs.
    pub(super) shown: String,
    /// Transactions begun so far.
    pub(super) messages: u32,
}

impl Hop {
    /// Greets it once more, which ends whatever was begun (RFC 5321 §4.1.4). Whether it answers as before: of all answers
    /// this one alone is known beforehand, so none that was left over from earlier can be taken for it.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub(super) async fn answers_as_before(&mut self, within: Duration) -> Result<bool, WireError> {
        let reply = self.wire.ask(&self.hello, within).await?;
        let (offers, name) = offered(&self.hello, &reply);
        // What it offers for a login may depend on whether there was one.
        let offers = Offers { auth: self.offers.auth.clone(), ..offers };
        Ok(reply.code == 250 && name == self.name && offers == self.offers)
    }
}

/// What an answer to `hello` offers, and the name in it. HELO offers nothing.
fn offered(hello: &str, reply: &HopReply) -> (Offers, String) {
    let offers = if hello.starts_with("HELO ") { Offers::default() } else { Offers::read(&reply.lines) };
    (offers, server_name(&reply.lines))
}

/// Connects to `peer`, an address of `target`, up to the point where it takes messages.
///
/// # Errors
/// It does not take ours.
pub(super) async fn connect(
    settings: &RelaySettings,
    target: &Target,
    peer: SocketAddr,
) -> Result<Hop, HopError> {
    let mut greeter = Greeter { settings, target, peer };
    let first = greeter.greet(settings.tls).await;
    match first {
        // Better in plain text than not at all, as without STARTTLS (RFC 7435 §3).
        Err(HopError::Tls { .. }) if settings.tls == Tls::Opportunistic => greeter.greet(Tls::None).await,
        other => other,
    }
}

struct Greeter<'a> {
    settings: &'a RelaySettings,
    target: &'a Target,
    peer: SocketAddr,
}

impl Greeter<'_> {
    async fn greet(&mut self, tls: Tls) -> Result<Hop, HopError> {
        let mut wire = Wire::new(self.open().await?);
        let greeting = wire.reply(self.settings.connect_timeout).await;
        let greeting = greeting.map_err(|source| self.lost("waiting for a greeting", source))?;
        if greeting.code != 220 {
            return Err(self.answer("a connection", &greeting));
        }
        self.keep_out_our_name(&greeting.lines)?;
        let (mut hello, mut reply) = self.hello(&mut wire).await?;
        let (mut offers, mut name) = offered(&hello, &reply);
        if tls != Tls::None {
            if let Some(refused) = self.ask_for_tls(&mut wire, &offers).await? {
                if tls == Tls::Require {
                    return Err(HopError::NoTls { peer: self.peer, why: refused });
                }
            } else {
                let (trust, host) = (&self.settings.trust, self.target.host());
                let secured = wire.start_tls(trust, &host, self.settings.connect_timeout).await;
                wire = secured.map_err(|source| HopError::Tls { peer: self.peer, source })?;
                (hello, reply) = self.hello(&mut wire).await?;
                (offers, name) = offered(&hello, &reply);
            }
        }
        if let Some(login) = &self.settings.login {
            self.log_in(&mut wire, &offers, login).await?;
        }
        let shown = match self.target {
            Target::Literal(_) => self.target.to_string(),
            Target::Name(..) => format!("{} ({})", self.target, self.peer),
        };
        Ok(Hop { wire, offers, hello, name, peer: self.peer, shown, messages: 0 })
    }

    async fn open(&self) -> Result<TcpStream, HopError> {
        let (peer, limit) = (self.peer, self.settings.connect_timeout);
        let failed = |source| HopError::Connect { peer, source };
        self.settings.door.admit(peer, matches!(self.target, Target::Literal(_)))?;
        let connected = timeout(limit, TcpStream::connect(peer)).await;
        let stream = connected.map_err(|late| failed(late.into()))?.map_err(failed)?;
        let local = stream.local_addr().map_err(failed)?;
        self.settings.door.keep_out_ourselves(peer, local.ip())?;
        // Commands are small and complete: waiting to fill a segment would only delay them.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    /// EHLO or LHLO; HELO to a server that knows no EHLO (RFC 5321 §3.2). Gives the one that was taken, and its answer.
    async fn hello(&self, wire: &mut Wire) -> Result<(String, HopReply), HopError> {
        let verb = match self.settings.protocol {
            Protocol::Smtp => "EHLO",
            Protocol::Lmtp => "LHLO",
        };
        let mut hello = format!("{verb} {}", self.settings.helo);
        let mut reply = self.ask(wire, &hello, "saying EHLO").await?;
        if reply.is_permanent() && self.settings.protocol == Protocol::Smtp {
            hello = format!("HELO {}", self.settings.helo);
            reply = self.ask(wire, &hello, "saying HELO").await?;
        }
        if reply.code != 250 {
            return Err(self.answer("EHLO", &reply));
        }
        self.keep_out_our_name(&reply.lines)?;
        Ok((hello, reply))
    }

    fn keep_out_our_name(&self, lines: &[String]) -> Result<(), HopError> {
        let name = server_name(lines);
        let own = self.settings.hostname.trim_end_matches('.');
        if name.eq_ignore_ascii_case(own) { Err(HopError::OurName { peer: self.peer, name }) } else { Ok(()) }
    }

    /// STARTTLS; why not, where it is not to be.
    async fn ask_for_tls(&self, wire: &mut Wire, offers: &Offers) -> Result<Option<String>, HopError> {
        if !offers.starttls {
            return Ok(Some("it does not offer STARTTLS".to_owned()));
        }
        let reply = self.ask(wire, "STARTTLS", "saying STARTTLS").await?;
        Ok((reply.code != 220).then(|| reply.shown()))
    }

    async fn log_in(&self, wire: &mut Wire, offers: &Offers, login: &Login) -> Result<(), HopError> {
        let failed = |why: String| HopError::Login { peer: self.peer, why };
        // Settings ask for `require` beyond this machine; this is the last door before a password goes out.
        if !wire.is_tls() && !self.peer.ip().is_loopback() {
            return Err(failed("a password does not go out in plain text".to_owned()));
        }
        let (login, mechanisms) = (login.clone(), offers.auth.clone());
        let exchange = blocking(move || {
            let nonce = nonce()?;
            let chosen = sasl::choose(&mechanisms, &login.user, &login.secret.read()?, &nonce);
            chosen.ok_or_else(|| "it offers none of SCRAM-SHA-256, PLAIN and LOGIN".to_owned())
        });
        let mut exchange = exchange.await.map_err(failed)?;
        let mut line = exchange.first();
        for _ in 0..=QUESTIONS_MAX {
            let reply = self.ask(wire, &line, "logging in").await?;
            match reply.code {
                235 if exchange.is_complete() => return Ok(()),
                235 => return Err(failed("it did not prove that it knows the password".to_owned())),
                334 => {}
                _ => return Err(failed(without(&line, reply).shown())),
            }
            let challenge = reply.lines.concat();
            (exchange, line) = blocking(move || {
                let answer = exchange.answer(&challenge)?;
                Ok((exchange, answer))
            })
            .await
            .map_err(failed)?;
        }
        Err(failed("it asks without an end".to_owned()))
    }

    async fn ask(&self, wire: &mut Wire, command: &str, step: &'static str) -> Result<HopReply, HopError> {
        wire.ask(command, self.settings.command_timeout).await.map_err(|source| self.lost(step, source))
    }

    fn lost(&self, step: &'static str, source: WireError) -> HopError {
        HopError::Wire { peer: self.peer, step, source }
    }

    fn answer(&self, step: &'static str, reply: &HopReply) -> HopError {
        HopError::Answer { peer: self.peer, step, reply: reply.shown() }
    }
}

/// Does what waits for a disk or takes CPU time.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?
}

/// A reply without what was just said, which may be a password: some servers repeat what they do not like.
fn without(said: &str, mut reply: HopReply) -> HopReply {
    let secret = said.rsplit(' ').next().filter(|word| !word.is_empty() && *word != "LOGIN");
    if let Some(secret) = secret {
        reply.lines.iter_mut().for_each(|line| *line = line.replace(secret, "***"));
    }
    reply
}

/// Random, and without a comma.
fn nonce() -> Result<String, String> {
    let mut bytes = [0; 18];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "the system gives no random bytes".to_owned())?;
    Ok(STANDARD.encode(bytes))
}
