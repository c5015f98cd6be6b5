//! `relay`: hands the message on by SMTP or LMTP while the client waits. Our 250 comes after theirs, and what they refuse is
//! refused with their words.
//!
//! ```text
//! RCPT     --ahead--> greet (connect, EHLO, STARTTLS, AUTH) | pool --> MAIL, RCPT --> their reply
//! content  --delivery--> canonical --> DATA | BDAT ... the end only at commit --> their reply
//! ```
//!
//! Nothing is kept here: what the next server did not take, our client still has. `docs/relay.md` says why it does what.
//! Knows nothing of chains, and makes no bounce.

mod ahead;
mod canonical;
mod commands;
mod delivery;
mod door;
mod error;
mod greet;
mod offers;
mod pool;
mod reply;
mod route;
mod sasl;
mod scram;
mod secret;
mod settings;
mod target;
mod trust;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;

use super::{Ahead, Delivery, Fault, Sink, SinkError};
use crate::chain::{Content, Settings, StageScope};
use crate::mail::Envelope;
use ahead::RelayAhead;
use pool::{Lease, Pool};
use reply::{HopReply, ReplyError};
use route::Dead;
use settings::RelaySettings;

/// A configured `relay`.
pub struct RelaySink(Arc<Relay>);

/// What its transactions share.
struct Relay {
    settings: RelaySettings,
    scope: StageScope,
    pool: Arc<Pool>,
    dead: Dead,
}

/// Settings: `address`, `protocol`, `tls`, `ca`, `auth`, `hosts_allowed`, `helo`, `bare_newlines` and limits: `docs/relay.md`.
pub fn configure(scope: &StageScope, settings: Settings) -> Result<RelaySink, String> {
    let settings = RelaySettings::read(scope, settings)?;
    let pool = Pool::new(&settings);
    Ok(RelaySink(Arc::new(Relay { settings, scope: scope.clone(), pool, dead: Dead::default() })))
}

#[async_trait]
impl Sink for RelaySink {
    fn name(&self) -> &str {
        &self.0.scope.label
    }

    fn takes(&self) -> Content {
        Content::Message
    }

    fn is_final(&self) -> bool {
        true
    }

    /// The last block has to be sent, answered, and the answer confirmed.
    fn commit_max(&self) -> Duration {
        self.0.settings.data_timeout + self.0.settings.reply_timeout + delivery::CONFIRM_MAX
    }

    fn ahead(&self) -> Option<Box<dyn Ahead>> {
        Some(Box::new(RelayAhead::new(self.0.clone())))
    }

    async fn open(&self, envelope: &Envelope) -> Result<Box<dyn Delivery>, SinkError> {
        Box::new(RelayAhead::new(self.0.clone())).open(envelope).await
    }

    async fn shutdown(&self) {
        self.0.pool.close(&Handle::current());
    }
}

impl Relay {
    /// What a reply to a command means for the message.
    fn judge(&self, lease: &Lease, step: &str, reply: &HopReply) -> Result<(), SinkError> {
        if reply.is_ok() { Ok(()) } else { Err(self.refusal(lease, step, reply)) }
    }

    /// The connection, where every recipient was taken: the client has heard 250 for each, so all are or the message is not.
    fn all_taken(&self, lease: Lease, replies: &[HopReply]) -> Result<Lease, SinkError> {
        let first = replies.iter().find(|reply| !reply.is_ok());
        match first {
            Some(reply) => Err(self.refusal(&lease, "RCPT", reply)),
            None => Ok(lease),
        }
    }

    /// The next server's refusal.
    fn refusal(&self, lease: &Lease, step: &str, reply: &HopReply) -> SinkError {
        let shown = lease.hop().map(|hop| hop.shown.as_str()).unwrap_or_default();
        if !reply.is_refusal() {
            let doing = format!("understand what {shown} answers to {step}");
            return SinkError::new(doing, ReplyError::Malformed).with_fault(Fault::Garbled);
        }
        let heard = Box::new(reply.for_client());
        // What it has against our session is for an operator to mend.
        let fault = if reply.is_about_session() { Fault::Left(heard) } else { Fault::Refused(heard) };
        SinkError::bare(format!("{shown} refused at {step}: {}", reply.shown())).with_fault(fault)
    }
}

#[cfg(test)]
mod tests;
