//! `MAIL` and `RCPT` at the next server, while our client waits at its own.
//!
//! ```text
//! first RCPT    connect or reuse, MAIL and RCPT        each next one    RCPT
//! content       the envelope is as it was said: go on;  it is not: RSET, MAIL, every RCPT
//! a long pause  the connection is for others: all is said anew when the client goes on
//! ```
//!
//! A connection that is lost here costs nothing: nothing was accepted yet, so all is said once more to the next server.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::timeout;

use super::Relay;
use super::commands;
use super::delivery::RelayDelivery;
use super::error::{HopError, NoHop};
use super::offers::Offers;
use super::pool::{Lease, Standing};
use super::reply::{HopReply, ReplyError};
use super::route::Route;
use super::wire::WireError;
use crate::mail::{Envelope, Mailbox};
use crate::sink::{Ahead, Delivery, Fault, SinkError, Unfit};
use crate::telemetry::causes;

/// Most commands in one segment: answers to more might fill both buffers, with either side waiting for the other (RFC 2920
/// §3.1).
const PIPELINED_MAX: usize = 50;

/// A transaction at the next server whose content has not come yet.
pub(super) struct RelayAhead {
    relay: Arc<Relay>,
    begun: Option<Begun>,
    /// What was tried for the question that is at work.
    route: Route,
    /// Nothing can be begun: what was said of the first recipient is said of all.
    failed: Option<(String, Fault)>,
}

/// What the next server has been told.
struct Begun {
    lease: Lease,
    /// The `MAIL` command.
    mail: String,
    /// Recipients that it took.
    recipients: Vec<Mailbox>,
}

/// Why a transaction did not begin.
enum Trouble {
    /// The connection is lost, or the server leaves.
    Gone(HopError),
    /// The message is not taken.
    Refused(HopReply),
    Unfit(Unfit),
}

impl RelayAhead {
    pub(super) fn new(relay: Arc<Relay>) -> Self {
        Self { relay, begun: None, route: Route::default(), failed: None }
    }

    async fn ask(&mut self, envelope: &Envelope, mailbox: &Mailbox) -> Result<(), SinkError> {
        let limit = self.relay.settings.command_timeout;
        commands::rcpt(envelope, mailbox, &Offers::default()).map_err(unfit)?;
        self.route = Route::default();
        let mut recipients = Vec::new();
        if let Some(mut begun) = self.begun.take() {
            begun.lease.wake();
            if let Ok(hop) = begun.lease.work() {
                let command = commands::rcpt(envelope, mailbox, &hop.offers).map_err(unfit)?;
                let (peer, step) = (hop.peer, "RCPT");
                self.route.trying = Some(peer);
                match hop.wire.ask(&command, limit).await {
                    Ok(reply) if !reply.is_goodbye() => {
                        begun.lease.stands(Standing::Begun);
                        let answer = self.relay.judge(&begun.lease, step, &reply);
                        if answer.is_ok() {
                            begun.recipients.push(mailbox.clone());
                        }
                        self.begun = Some(begun);
                        return answer;
                    }
                    Ok(reply) => self.route.note(HopError::Left { peer, step, reply }),
                    Err(source) => self.route.note(HopError::Wire { peer, step, source }),
                }
            }
            recipients = begun.recipients;
        }
        recipients.push(mailbox.clone());
        let (lease, mail, replies) = begin(&self.relay, &mut self.route, envelope, &recipients).await?;
        let last = replies.last().ok_or_else(|| lost(&lease, WireError::Closed))?;
        let answer = self.relay.judge(&lease, "RCPT", last);
        let taken = recipients.into_iter().zip(&replies).filter(|(_, reply)| reply.is_ok());
        let recipients = taken.map(|(mailbox, _)| mailbox).collect();
        self.begun = Some(Begun { lease, mail, recipients });
        answer
    }

    /// A connection on which exactly this envelope was taken.
    async fn settle(&mut self, envelope: &Envelope) -> Result<Lease, SinkError> {
        self.route = Route::default();
        if let Some(Begun { mut lease, mail, recipients }) = self.begun.take()
            && lease.is_quiet().await
            && let Some(hop) = lease.hop()
        {
            let peer = hop.peer;
            let needed = commands::mail(envelope, &hop.offers).map_err(unfit)?;
            if needed == mail && recipients == envelope.recipients() {
                return Ok(lease);
            }
            self.route.trying = Some(peer);
            match say(&self.relay, &mut lease, peer, envelope, envelope.recipients(), true).await {
                Ok((_, replies)) => return self.relay.all_taken(lease, &replies),
                Err(Trouble::Refused(reply)) => return Err(self.relay.refusal(&lease, "MAIL", &reply)),
                Err(Trouble::Unfit(why)) => return Err(unfit(why)),
                Err(Trouble::Gone(error)) => self.route.note(error),
            }
        }
        let (lease, _, replies) =
            begin(&self.relay, &mut self.route, envelope, envelope.recipients()).await?;
        self.relay.all_taken(lease, &replies)
    }
}

#[async_trait]
impl Ahead for RelayAhead {
    async fn recipient(&mut self, envelope: &Envelope, mailbox: &Mailbox) -> Result<(), SinkError> {
        if let Some((told, fault)) = &self.failed {
            return Err(SinkError::bare(told.clone()).with_fault(fault.clone()).repeated());
        }
        let limit = self.relay.settings.command_timeout;
        let answer = match timeout(limit, self.ask(envelope, mailbox)).await {
            Ok(answer) => answer,
            Err(_) => Err(late(limit, self.route.errors())),
        };
        if let Some(begun) = &mut self.begun {
            begun.lease.rest();
        }
        if let Err(error) = &answer
            && self.begun.is_none()
            && error.fault != Fault::Unfit(Unfit::Address)
        {
            self.failed = Some((causes(error), error.fault.clone()));
        }
        answer
    }

    async fn open(mut self: Box<Self>, envelope: &Envelope) -> Result<Box<dyn Delivery>, SinkError> {
        let (relay, limit) = (self.relay.clone(), self.relay.settings.command_timeout);
        let settled = timeout(limit, self.settle(envelope)).await;
        let lease = settled.unwrap_or_else(|_| Err(late(limit, self.route.errors())))?;
        Ok(Box::new(RelayDelivery::new(relay, lease, envelope)))
    }
}

/// Begins a transaction at the first server that does not fail. Gives its reply to each recipient, none of them 421.
async fn begin(
    relay: &Arc<Relay>,
    route: &mut Route,
    envelope: &Envelope,
    recipients: &[Mailbox],
) -> Result<(Lease, String, Vec<HopReply>), SinkError> {
    let settings = &relay.settings;
    let place = relay.pool.place(settings.connect_timeout).await;
    let mut lease = place.map_err(|full| unreached(full.into()))?;
    let mut kept = relay.pool.take().await;
    loop {
        let is_new = kept.is_none();
        let hop = match kept.take() {
            Some(hop) => hop,
            None => match route.next(settings, &relay.dead).await {
                Some(hop) => hop,
                None => return Err(unreached(route.errors())),
            },
        };
        let peer = hop.peer;
        route.trying = Some(peer);
        lease.fill(hop);
        let error = match say(relay, &mut lease, peer, envelope, recipients, false).await {
            Ok((mail, replies)) => return Ok((lease, mail, replies)),
            Err(Trouble::Refused(reply)) => return Err(relay.refusal(&lease, "MAIL", &reply)),
            Err(Trouble::Unfit(why)) => return Err(unfit(why)),
            Err(Trouble::Gone(error)) => error,
        };
        // One that was kept may have been given up there meanwhile: that says nothing of the server.
        if is_new {
            route.failed(&relay.dead, peer, error);
        } else {
            route.trying = None;
        }
    }
}

/// `MAIL` and every `RCPT`, in one segment where that is offered; `reset`: after an RSET. Gives the `MAIL` command, and the
/// reply to each recipient.
async fn say(
    relay: &Relay,
    lease: &mut Lease,
    peer: SocketAddr,
    envelope: &Envelope,
    recipients: &[Mailbox],
    reset: bool,
) -> Result<(String, Vec<HopReply>), Trouble> {
    let limit = relay.settings.command_timeout;
    let offers = lease.hop().map(|hop| hop.offers.clone()).unwrap_or_default();
    let mail = commands::mail(envelope, &offers).map_err(Trouble::Unfit)?;
    let mut lines = if reset { vec!["RSET".to_owned()] } else { Vec::new() };
    lines.push(mail.clone());
    for recipient in recipients {
        lines.push(commands::rcpt(envelope, recipient, &offers).map_err(Trouble::Unfit)?);
    }
    let lost = |step, source| Trouble::Gone(HopError::Wire { peer, step, source });
    let hop = lease.work().map_err(|error| lost("MAIL", error))?;
    hop.messages += 1;
    let mut replies: Vec<HopReply> = Vec::with_capacity(lines.len());
    let before = usize::from(reset);
    for group in lines.chunks(if offers.pipelining { PIPELINED_MAX } else { 1 }) {
        group.iter().for_each(|line| hop.wire.say(line));
        hop.wire.flush(limit).await.map_err(|error| lost("MAIL", error))?;
        for line in group {
            let step = commands::verb(line);
            let reply = hop.wire.reply(limit).await.map_err(|error| lost(step, error))?;
            match reply.code / 100 {
                _ if reply.is_goodbye() => return Err(Trouble::Gone(HopError::Left { peer, step, reply })),
                // It has nothing against the message: another connection needs no RSET, another server takes our session.
                4 | 5 if step == "RSET" || (step == "MAIL" && reply.is_about_session()) => {
                    return Err(Trouble::Gone(HopError::Answer { peer, step, reply: reply.shown() }));
                }
                2 | 4 | 5 => replies.push(reply.short()),
                _ => return Err(lost(step, ReplyError::Malformed.into())),
            }
        }
        if replies.iter().take(before + 1).any(|reply| !reply.is_ok()) {
            break;
        }
    }
    lease.stands(Standing::Begun);
    let mut replies = replies.into_iter();
    if let Some(refused) = replies.by_ref().take(before + 1).find(|reply| !reply.is_ok()) {
        return Err(Trouble::Refused(refused));
    }
    Ok((mail, replies.collect()))
}

fn unfit(why: Unfit) -> SinkError {
    SinkError::new("hand the message on", why).with_fault(Fault::Unfit(why))
}

fn unreached(errors: NoHop) -> SinkError {
    let fault = errors.fault();
    SinkError::new("reach the next server", errors).with_fault(fault)
}

fn lost(lease: &Lease, error: WireError) -> SinkError {
    let shown = lease.hop().map(|hop| hop.shown.clone()).unwrap_or_default();
    let fault = error.fault();
    SinkError::new(format!("hand the message on to {shown}"), error).with_fault(fault)
}

fn late(limit: std::time::Duration, errors: NoHop) -> SinkError {
    let fault = errors.fault();
    SinkError::new(format!("have a next server take the envelope within {limit:?}"), errors).with_fault(fault)
}
