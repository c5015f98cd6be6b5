//! The one door from what went wrong to what the client hears. The client learns what to do, the log learns why.

use crate::chain::{Refusal, RunEnd};
use crate::mail::MessageId;
use crate::sink::{Fault, Unfit};
use crate::smtp::Reply;

/// The message is safe, or was discarded as the chain wants.
pub fn accepted(id: &MessageId) -> Reply {
    Reply::new(250, "2.0.0", &format!("Ok: queued as {id}"))
}

/// The run ended before the message did.
pub fn run_ended(end: &RunEnd, id: &MessageId) -> Reply {
    match end {
        RunEnd::Refused { refusal: Refusal::Reject(reply) | Refusal::Defer(reply), .. } => reply.clone(),
        RunEnd::Failed { reject: true, .. } => {
            Reply::new(554, "5.6.0", &format!("This message cannot be processed here ({id})"))
        }
        RunEnd::Failed { budget: true, .. } => Reply::new(
            451,
            "4.3.2",
            &format!("Message processing ran out of resources, try again later ({id})"),
        ),
        RunEnd::Failed { .. } => Reply::new(451, "4.3.0", &format!("Message processing failed ({id})")),
        RunEnd::HeaderTooLarge => header_too_large(),
        RunEnd::Outlet(failed) => not_taken(&failed.error.fault, id),
    }
}

/// A sink did not take the message, or one of its recipients.
pub fn not_taken(fault: &Fault, id: &MessageId) -> Reply {
    let later = |enhanced, text: &str| Reply::new(451, enhanced, &format!("{text}, try again later ({id})"));
    match fault {
        Fault::Refused(reply) | Fault::Left(reply) => Reply::clone(reply),
        Fault::Unfit(why) => unfit(*why),
        Fault::Storage => later("4.3.0", "Message could not be stored"),
        Fault::Unwilling => later("4.3.2", "The next mail server takes nothing from this one now"),
        Fault::Unreachable => later("4.4.1", "The next mail server does not answer"),
        Fault::Lost => later("4.4.2", "The connection to the next mail server was lost"),
        Fault::Garbled => later("4.5.0", "The next mail server gives answers that are no SMTP"),
        Fault::Insecure => later("4.7.5", "There is no secure connection to the next mail server"),
        Fault::NotAllowed => later("4.3.5", "The next mail server is not to be connected to"),
        Fault::Partly => later("4.3.0", "The next mail server did not take the message for all recipients"),
        Fault::Full => later("4.3.2", "Too many messages are on their way to the next mail server"),
        Fault::Loop => {
            Reply::new(554, "5.4.6", &format!("Mail for this address loops back to this server ({id})"))
        }
    }
}

/// The next server cannot be given the message as it is.
fn unfit(why: Unfit) -> Reply {
    match why {
        Unfit::BareNewline => bare_newline(),
        Unfit::EightBit => {
            Reply::new(554, "5.6.3", "The next mail server takes 7-bit content only, encode the message so")
        }
        Unfit::Binary => {
            Reply::new(554, "5.6.3", "The next mail server takes no binary content, encode the message")
        }
        Unfit::Utf8 => {
            Reply::new(553, "5.6.7", "The next mail server takes no addresses or header fields in UTF-8")
        }
        Unfit::Address => Reply::new(553, "5.1.3", "This address cannot be passed on"),
    }
}

/// The tenant has as many messages at work as it may, and this one waited as long as it may.
pub fn busy(id: &MessageId) -> Reply {
    Reply::new(451, "4.3.2", &format!("Too many messages at once, try again later ({id})"))
}

/// The chain kept the chains of other recipients waiting.
pub fn too_slow(id: &MessageId) -> Reply {
    Reply::new(451, "4.3.2", &format!("Message processing takes too long, try again later ({id})"))
}

/// A stage of the chain has failed so often that it is not asked any more.
pub fn paused(id: &MessageId) -> Reply {
    Reply::new(451, "4.3.2", &format!("Message processing is paused, try again later ({id})"))
}

/// A checker of recipients failed.
pub fn recipient_unchecked() -> Reply {
    Reply::new(451, "4.3.0", "This recipient cannot be checked now, try again later")
}

/// A checker of recipients failed, and its tenant would rather have no mail than such.
pub fn recipient_rejected() -> Reply {
    Reply::new(550, "5.3.0", "Mail for this recipient cannot be taken here")
}

/// A checker of recipients had no place, or ran out of a budget.
pub fn recipient_busy() -> Reply {
    Reply::new(451, "4.3.2", "This recipient could not be checked in time, try again later")
}

/// The job has vanished.
pub fn failed_without_trace() -> Reply {
    Reply::new(451, "4.3.0", "Message processing failed")
}

/// The client's content is over `message_size_max`.
pub fn too_large(limit: u64) -> Reply {
    Reply::new(552, "5.3.4", &format!("Message is larger than the {limit} octets that are taken here"))
}

/// The client's header section is over `header_size_max`.
pub fn header_too_large() -> Reply {
    Reply::new(552, "5.3.4", "Header section is too large, shorten it")
}

/// Bare CR, bare LF or NUL in the content.
pub fn bare_newline() -> Reply {
    Reply::new(550, "5.6.11", "Lines must end in CRLF; bare CR, bare LF and NUL are not taken")
}

/// A line of the content is over `text_line_max`.
pub fn line_too_long(limit: u64) -> Reply {
    Reply::new(554, "5.6.0", &format!("A line is longer than the {limit} octets that are taken here"))
}

/// Too many `Received` fields.
pub fn loops() -> Reply {
    Reply::new(554, "5.4.6", "Too many hops, this message loops")
}

/// The domain belongs to a tenant whose chain could not be loaded.
pub fn tenant_broken() -> Reply {
    Reply::new(451, "4.3.5", "Mail for this domain cannot be taken now, try again later")
}

/// The domain belongs to nobody here.
pub fn relay_denied() -> Reply {
    Reply::new(550, "5.7.1", "Relay access denied")
}

/// The domain belongs to another tenant than the first recipient's.
pub fn second_tenant() -> Reply {
    Reply::new(452, "4.5.3", "Send to this domain in a separate transaction")
}

/// The client begins more messages than `message_rate` allows.
pub fn too_many_messages() -> Reply {
    Reply::new(450, "4.7.1", "Too many messages from you, try again later")
}

/// The client names more recipients than `recipient_rate` allows.
pub fn too_many_recipients() -> Reply {
    Reply::new(450, "4.7.1", "Too many recipients from you, try again later")
}
