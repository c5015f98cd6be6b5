//! What is known of a client and its message before anything is done with it, as facts of the envelope.

use super::Connection;
use crate::mail::{Envelope, Mailbox};
use crate::smtp::action::Incoming;
use crate::smtp::parameters::MailParameters;
use crate::transaction::new_id;

impl Connection {
    /// The envelope of a message that begins.
    pub(super) fn envelope(&self, incoming: &Incoming) -> Envelope {
        let id = self.id.clone().unwrap_or_else(new_id);
        let mut envelope = Envelope::new(id, incoming.sender.clone(), incoming.recipients.clone());
        self.set_client_facts(&mut envelope);
        envelope.set_host_fact("smtp.helo", incoming.helo.as_str());
        envelope.set_host_fact("smtp.protocol", incoming.protocol.name());
        set_told(&mut envelope, &incoming.parameters);
        for (recipient, wishes) in incoming.recipients.iter().zip(&incoming.wishes) {
            envelope.set_wishes(recipient, wishes);
        }
        envelope
    }

    /// What is known before there is a message, `asked` being the recipient that is looked at.
    pub(super) fn so_far(&mut self, asked: &Mailbox) -> Envelope {
        let id = self.id.get_or_insert_with(new_id).clone();
        let (sender, recipients) = self.session.envelope().unwrap_or_default();
        let mut envelope = Envelope::new(id, sender.cloned(), recipients.to_vec());
        envelope.set_host_fact("smtp.helo", self.session.helo().unwrap_or_default());
        self.set_client_facts(&mut envelope);
        if let Some((mail, taken, wishes)) = self.session.parameters() {
            set_told(&mut envelope, mail);
            for (recipient, wishes) in recipients.iter().zip(taken).chain([(asked, wishes)]) {
                envelope.set_wishes(recipient, wishes);
            }
        }
        envelope
    }

    fn set_client_facts(&self, envelope: &mut Envelope) {
        envelope.set_host_fact("listener", self.port.listener.name.as_str());
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
            if let Some(name) = &tls.sni {
                envelope.set_host_fact("tls.sni", name.as_str());
            }
            if let Some(client) = &tls.client {
                envelope.set_host_fact("tls.client_subject", client.subject.as_str());
                envelope.set_host_fact("tls.client_fingerprint", client.fingerprint.as_str());
            }
        }
    }
}

/// The parameters of MAIL.
fn set_told(envelope: &mut Envelope, mail: &MailParameters) {
    envelope.set_host_fact("body", mail.body.name());
    if mail.smtputf8 {
        envelope.set_host_fact("smtp.smtputf8", "yes");
    }
    let told = [
        ("size.declared", mail.size.map(|size| size.to_string())),
        ("dsn.ret", mail.ret.map(str::to_owned)),
        ("dsn.envid", mail.envid.clone()),
    ];
    for (key, value) in told {
        if let Some(value) = value {
            envelope.set_host_fact(key, value);
        }
    }
}
