//! What is known of a client and its message before anything is done with it, as facts of the envelope.

use super::Connection;
use crate::mail::Envelope;
use crate::mail::envelope::RecipientWishes;
use crate::smtp::action::Incoming;
use crate::transaction::new_id;

impl Connection {
    /// The envelope of a message that begins.
    pub(super) fn envelope(&self, incoming: &Incoming) -> Envelope {
        let id = self.id.clone().unwrap_or_else(new_id);
        let mut envelope = Envelope::new(id, incoming.sender.clone(), incoming.recipients.clone());
        self.set_client_facts(&mut envelope);
        envelope.set_host_fact("smtp.helo", incoming.helo.as_str());
        envelope.set_host_fact("smtp.protocol", incoming.protocol.name());
        envelope.set_host_fact("body", incoming.body.name());
        if incoming.smtputf8 {
            envelope.set_host_fact("smtp.smtputf8", "yes");
        }
        let told = [
            ("size.declared", incoming.size_declared.map(|size| size.to_string())),
            ("dsn.ret", incoming.ret.map(str::to_owned)),
            ("dsn.envid", incoming.envid.clone()),
        ];
        for (key, value) in told {
            if let Some(value) = value {
                envelope.set_host_fact(key, value);
            }
        }
        for (recipient, wishes) in incoming.recipients.iter().zip(&incoming.wishes) {
            let wishes = RecipientWishes { notify: wishes.notify.clone(), orcpt: wishes.orcpt.clone() };
            envelope.set_wishes(recipient, wishes);
        }
        envelope
    }

    /// What is known before there is a message.
    pub(super) fn so_far(&mut self) -> Envelope {
        let id = self.id.get_or_insert_with(new_id).clone();
        let (sender, recipients) = self.session.envelope().unwrap_or_default();
        let mut envelope = Envelope::new(id, sender.cloned(), recipients.to_vec());
        envelope.set_host_fact("smtp.helo", self.session.helo().unwrap_or_default());
        self.set_client_facts(&mut envelope);
        envelope
    }

    fn set_client_facts(&self, envelope: &mut Envelope) {
        envelope.set_host_fact("client.ip", self.client.to_string());
        if let Some(name) = &self.client_name {
            envelope.set_host_fact("client.name", name.as_str());
        }
        if let Some(user) = self.session.user() {
            envelope.set_host_fact("auth.user", user);
        }
        if let Some(tls) = self.wire.tls() {
            envelope.set_host_fact("tls.version", tls.version.clone());
            envelope.set_host_fact("tls.cipher", tls.cipher.clone());
        }
    }
}
