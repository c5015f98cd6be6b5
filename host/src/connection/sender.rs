//! Who the client is, beyond its address: what a proxy says of it, what it proves, and whether it may send now.

use super::{Connection, Ended};
use crate::smtp::Reply;
use crate::smtp::action::Action;
use crate::smtp::xclient::Claims;
use crate::transaction::replies;

impl Connection {
    /// Whether this client may begin a message now.
    pub(super) fn check_sender(&self) -> Result<(), Reply> {
        let may = self.port.rates.messages.take(self.client);
        if may { Ok(()) } else { Err(replies::too_many_messages()) }
    }

    /// Takes the exchange of AUTH.
    pub(super) async fn authenticate(
        &mut self,
        _mechanism: &str,
        _initial: Option<&str>,
    ) -> Result<Result<String, Reply>, Ended> {
        Ok(Err(Reply::new(454, "4.7.0", "Cannot authenticate now, try again later")))
    }

    /// Takes what a proxy says of its client.
    pub(super) fn believe(&mut self, claims: &Claims) -> Action {
        if let Some(address) = claims.address {
            self.client = address;
        }
        if let Some(name) = &claims.name {
            self.client_name.clone_from(name);
        }
        self.session.reintroduced(claims)
    }
}
