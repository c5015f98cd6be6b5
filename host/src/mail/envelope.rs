//! The envelope of one message: who sends, who receives, and what is known of both.
//!
//! Every stage sees it as the stages before left it; the sinks get the final one. A journal lets a stage that is
//! bypassed be undone (`docs/semantics.md`, Failure).

use std::collections::BTreeMap;

use super::{ContentCopy, Mailbox, MessageId};

/// Longest key of an `x.` fact, in bytes, the prefix included.
pub const FACT_KEY_MAX: usize = 64;
/// Longest value of an `x.` fact, in bytes.
pub const FACT_VALUE_MAX: usize = 1024;
/// Most `x.` facts of one message.
pub const FACTS_MAX: usize = 64;

/// Why a stage's fact was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactRefused {
    /// Key or value are not what they may be.
    Malformed,
    /// As many stand as may.
    Full,
}

/// Sender, recipients and facts of one message.
///
/// Facts of the host: `smtp.helo`, `smtp.protocol` (`ESMTPS`, `LMTP` and the like, RFC 3848), `smtp.smtputf8` (`yes`, where the client
/// asked for it), `listener` (its name), `client.ip`, `client.name` (what a proxy told), `auth.user`, `tls.version`, `tls.cipher` and other `tls.*`,
/// `size.declared`, `body` (`7BIT`, `8BITMIME` or `BINARYMIME`), `dsn.ret`, `dsn.envid`. Facts of stages begin with `x.`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    id: MessageId,
    sender: Option<Mailbox>,
    recipients: Vec<Mailbox>,
    facts: BTreeMap<String, String>,
    copies: BTreeMap<String, ContentCopy>,
    wishes: BTreeMap<Mailbox, RecipientWishes>,
    journal: Option<Vec<Change>>,
}

/// What the client asked for about a recipient (RFC 3461 §4.1, §4.2): the parameters of RCPT.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipientWishes {
    /// `NOTIFY=`: `NEVER`, or some of `SUCCESS`, `FAILURE`, `DELAY`, joined by commas, in upper case.
    pub notify: Option<String>,
    /// `ORCPT=`, as it was written: type, `;`, xtext.
    pub orcpt: Option<String>,
}

/// One undoable change, holding what stood there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A fact's key and its former value.
    Fact(String, Option<String>),
    /// The former sender.
    Sender(Option<Mailbox>),
    /// The former recipients.
    Recipients(Vec<Mailbox>),
    /// The name of a copy that was attached.
    Copy(String),
}

impl Change {
    /// Whether it is a change of sender or recipients.
    pub fn is_of_paths(&self) -> bool {
        matches!(self, Self::Sender(_) | Self::Recipients(_))
    }

    /// Whether both are changes of the same thing.
    fn is_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fact(a, _), Self::Fact(b, _)) | (Self::Copy(a), Self::Copy(b)) => a == b,
            (Self::Sender(_), Self::Sender(_)) | (Self::Recipients(_), Self::Recipients(_)) => true,
            _ => false,
        }
    }
}

impl Envelope {
    /// An envelope; `sender` `None` is the null reverse-path.
    pub fn new(id: MessageId, sender: Option<Mailbox>, recipients: Vec<Mailbox>) -> Self {
        Self { id, sender, recipients, ..Self::default() }
    }

    /// The message's id.
    pub fn id(&self) -> &MessageId {
        &self.id
    }

    /// The reverse-path; `None` is `<>`.
    pub fn sender(&self) -> Option<&Mailbox> {
        self.sender.as_ref()
    }

    /// The recipients, in the order given.
    pub fn recipients(&self) -> &[Mailbox] {
        &self.recipients
    }

    /// All facts by key.
    pub fn facts(&self) -> &BTreeMap<String, String> {
        &self.facts
    }

    /// One fact.
    pub fn fact(&self, key: &str) -> Option<&str> {
        self.facts.get(key).map(String::as_str)
    }

    /// Sets a fact of the host's own: any key, no limit. Not for values from stages.
    pub fn set_host_fact(&mut self, key: &str, value: impl Into<String>) {
        self.facts.insert(key.to_owned(), value.into());
    }

    /// What the client asked for about a recipient; nothing where it did not, or where a stage has put the recipient there.
    pub fn wishes(&self, recipient: &Mailbox) -> Option<&RecipientWishes> {
        self.wishes.get(recipient)
    }

    /// Notes what the client asked for.
    pub fn set_wishes(&mut self, recipient: &Mailbox, wishes: &RecipientWishes) {
        if *wishes != RecipientWishes::default() {
            self.wishes.insert(recipient.clone(), wishes.clone());
        }
    }

    /// The same message to other recipients, under another id; no changes are noted in it.
    pub fn for_recipients(&self, id: MessageId, recipients: Vec<Mailbox>) -> Self {
        Self { id, recipients, journal: None, ..self.clone() }
    }

    /// Sets a fact for a stage. False where the key is not `x.` and more, of at most [`FACT_KEY_MAX`] printable ASCII
    /// bytes, the value is over [`FACT_VALUE_MAX`], or [`FACTS_MAX`] others stand already.
    pub fn set_stage_fact(&mut self, key: &str, value: &str) -> bool {
        self.set_stage_fact_within(key, value, FACTS_MAX).is_ok()
    }

    /// As [`Envelope::set_stage_fact`], where at most `max` of all stages may stand. Gives whether the fact is new.
    ///
    /// # Errors
    /// Why it was not set.
    pub fn set_stage_fact_within(&mut self, key: &str, value: &str, max: usize) -> Result<bool, FactRefused> {
        let named = key.len() > 2
            && key.len() <= FACT_KEY_MAX
            && key.starts_with("x.")
            && key.bytes().all(|b| b.is_ascii_graphic());
        if !named || value.len() > FACT_VALUE_MAX {
            return Err(FactRefused::Malformed);
        }
        if !self.facts.contains_key(key) {
            let standing = self.facts.keys().filter(|k| k.starts_with("x.")).count();
            if standing >= max.min(FACTS_MAX) {
                return Err(FactRefused::Full);
            }
        }
        let before = self.facts.insert(key.to_owned(), value.to_owned());
        let is_new = before.is_none();
        self.note(Change::Fact(key.to_owned(), before));
        Ok(is_new)
    }

    /// The copy of the content that the stage `label` took, if the chain has such a stage before the one who asks. It is
    /// filled when the content has passed there: read it in `Stage::close` or `Delivery::prepare`.
    pub fn copy(&self, label: &str) -> Option<&ContentCopy> {
        self.copies.get(label)
    }

    /// All copies by the labels of the stages that took them.
    pub fn copies(&self) -> &BTreeMap<String, ContentCopy> {
        &self.copies
    }

    /// Attaches the copy that the stage `label` takes. Labels are unique in a chain, so none is replaced.
    pub fn attach_copy(&mut self, label: &str, copy: ContentCopy) {
        self.copies.insert(label.to_owned(), copy);
        self.note(Change::Copy(label.to_owned()));
    }

    /// Replaces the sender.
    pub fn set_sender(&mut self, sender: Option<Mailbox>) {
        let before = std::mem::replace(&mut self.sender, sender);
        self.note(Change::Sender(before));
    }

    /// Replaces the recipients.
    pub fn set_recipients(&mut self, recipients: Vec<Mailbox>) {
        let before = std::mem::replace(&mut self.recipients, recipients);
        self.note(Change::Recipients(before));
    }

    /// From here on changes are noted, after those in `so_far`.
    pub fn start_journal(&mut self, so_far: Vec<Change>) {
        self.journal = Some(so_far);
    }

    /// Ends the noting and gives what was noted, oldest first.
    pub fn take_journal(&mut self) -> Vec<Change> {
        self.journal.take().unwrap_or_default()
    }

    /// Takes the changes back, newest first.
    pub fn undo(&mut self, changes: Vec<Change>) {
        for change in changes.into_iter().rev() {
            match change {
                Change::Fact(key, Some(value)) => drop(self.facts.insert(key, value)),
                Change::Fact(key, None) => drop(self.facts.remove(&key)),
                Change::Sender(sender) => self.sender = sender,
                Change::Recipients(recipients) => self.recipients = recipients,
                Change::Copy(label) => drop(self.copies.remove(&label)),
            }
        }
    }

    /// Only what stood before the first change matters, so a journal never outgrows the envelope.
    fn note(&mut self, change: Change) {
        if let Some(journal) = &mut self.journal
            && !journal.iter().any(|noted| noted.is_of(&change))
        {
            journal.push(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_sets_only_x_facts_within_the_limits() {
        let mut envelope = Envelope::default();
        assert!(!envelope.set_stage_fact("client.ip", "1.2.3.4"));
        assert!(!envelope.set_stage_fact("x.", ""));
        assert!(envelope.set_stage_fact(&format!("x.{}", "k".repeat(FACT_KEY_MAX - 2)), ""));
        assert!(!envelope.set_stage_fact(&format!("x.{}", "k".repeat(FACT_KEY_MAX - 1)), ""));
        assert!(envelope.set_stage_fact("x.v", &"v".repeat(FACT_VALUE_MAX)));
        assert!(!envelope.set_stage_fact("x.v", &"v".repeat(FACT_VALUE_MAX + 1)));
        for n in 2..FACTS_MAX {
            assert!(envelope.set_stage_fact(&format!("x.{n}"), ""));
        }
        assert!(!envelope.set_stage_fact("x.one-more", ""));
        assert!(envelope.set_stage_fact("x.v", "a standing one may change"));
    }

    /// A guest that sets a fact again and again must not fill the host's memory with what stood before.
    #[test]
    fn a_journal_does_not_grow_with_the_number_of_changes() {
        let mut envelope = Envelope::default();
        assert!(envelope.set_stage_fact("x.a", "before"));
        envelope.start_journal(Vec::new());
        for n in 0..1000 {
            assert!(envelope.set_stage_fact("x.a", &n.to_string()));
        }
        let journal = envelope.take_journal();
        assert_eq!(journal, [Change::Fact("x.a".into(), Some("before".into()))]);
    }

    #[test]
    fn undo_restores_what_stood_before() {
        let before = Envelope::new(MessageId::default(), None, vec![Mailbox::from_parts("a", "x.example")]);
        let mut envelope = before.clone();
        envelope.start_journal(Vec::new());
        assert!(envelope.set_stage_fact("x.a", "1"));
        assert!(envelope.set_stage_fact("x.a", "2"));
        envelope.set_sender(Some(Mailbox::from_parts("s", "y.example")));
        envelope.set_recipients(Vec::new());
        envelope.attach_copy("buffer", ContentCopy::default());
        let changes = envelope.take_journal();
        envelope.undo(changes);
        assert_eq!(envelope, before);
    }
}
