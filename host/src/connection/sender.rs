//! Who the client is, beyond its address: what a proxy says of it, and whether it may send now.

use std::time::Instant;

use super::Connection;
use crate::smtp::Reply;
use crate::smtp::action::Action;
use crate::smtp::xclient::Claims;
use crate::transaction::replies;

impl Connection {
    /// Whether this client may begin a message now.
    pub(super) fn check_sender(&self) -> Result<(), Reply> {
        if self.port.rates.messages.take(self.client) {
            return Ok(());
        }
        self.port.limit_reached(self.client, "message_rate");
        Err(replies::too_many_messages())
    }

    /// Takes what a proxy says of its client.
    pub(super) fn believe(&mut self, claims: &Claims) -> Action {
        if let Some(address) = claims.address {
            if let Err(reason) = self.seat.move_to(address, Instant::now()) {
                return Action::Close(reason.reply());
            }
            self.client = address;
        }
        self.client_name = claims.name.clone().flatten();
        self.session.reintroduced(claims)
    }
}
