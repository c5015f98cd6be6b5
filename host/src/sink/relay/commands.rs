//! `MAIL` and `RCPT` as the next server is told them, by what it offers.
//!
//! ```text
//! <a@b>, [SIZE, 8BITMIME]  ->  "MAIL FROM:<a@b> SIZE=1000 BODY=8BITMIME"
//! ```
//!
//! Pure. A parameter is given only where the server offers its extension; what the message cannot go without, and the
//! server has not, is refused.

use super::offers::Offers;
use crate::mail::{Envelope, Mailbox};
use crate::sink::Unfit;

/// Whether the client said `BODY=BINARYMIME`.
pub(super) fn is_binary(envelope: &Envelope) -> bool {
    envelope.fact("body") == Some("BINARYMIME")
}

/// The `MAIL` command, without CRLF.
///
/// `BODY=8BITMIME` stands wherever it is offered: what a chain makes of the content is not known yet.
///
/// # Errors
/// The message needs what is not offered, or the sender cannot stand in a command.
pub(super) fn mail(envelope: &Envelope, offers: &Offers) -> Result<String, Unfit> {
    let sender = envelope.sender().map_or_else(|| Ok("<>".to_owned()), path)?;
    let mut line = format!("MAIL FROM:{sender}");
    let size = envelope.fact("size.declared").filter(|size| size.bytes().all(|b| b.is_ascii_digit()));
    if let Some(size) = size.filter(|size| offers.size && !size.is_empty()) {
        line += &format!(" SIZE={size}");
    }
    if is_binary(envelope) {
        if !offers.binary {
            return Err(Unfit::Binary);
        }
        line += " BODY=BINARYMIME";
    } else if offers.eight_bit {
        line += " BODY=8BITMIME";
    }
    let mut addresses = envelope.sender().into_iter().chain(envelope.recipients());
    if envelope.fact("smtp.smtputf8") == Some("yes") || !addresses.all(Mailbox::is_ascii) {
        if !offers.smtputf8 {
            return Err(Unfit::Utf8);
        }
        line += " SMTPUTF8";
    }
    if offers.dsn {
        line += &notification(envelope);
    }
    Ok(line)
}

/// `RET` and `ENVID` (RFC 3461 §4.3, §4.4), as the client gave them.
fn notification(envelope: &Envelope) -> String {
    parameters([("RET", envelope.fact("dsn.ret")), ("ENVID", envelope.fact("dsn.envid"))])
}

/// ` KEYWORD=VALUE` for each that is there, and is a word.
fn parameters<'a>(given: impl IntoIterator<Item = (&'static str, Option<&'a str>)>) -> String {
    let is_word = |value: &&str| !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic());
    let words = given.into_iter().filter_map(|(keyword, value)| Some((keyword, value.filter(is_word)?)));
    words.map(|(keyword, value)| format!(" {keyword}={value}")).collect()
}

/// The `RCPT` command, without CRLF; with `NOTIFY` and `ORCPT` (RFC 3461 §4.1, §4.2) as the client gave them.
///
/// # Errors
/// The recipient cannot stand in a command.
pub(super) fn rcpt(envelope: &Envelope, recipient: &Mailbox, offers: &Offers) -> Result<String, Unfit> {
    let path = path(recipient)?;
    let wishes = envelope.wishes(recipient).filter(|_| offers.dsn);
    let notify = wishes.and_then(|wishes| wishes.notify.as_deref());
    let orcpt = wishes.and_then(|wishes| wishes.orcpt.as_deref());
    Ok(format!("RCPT TO:{path}{}", parameters([("NOTIFY", notify), ("ORCPT", orcpt)])))
}

/// Which command a line is, for logs.
pub(super) fn verb(line: &str) -> &'static str {
    ["RSET", "MAIL"].into_iter().find(|verb| line.starts_with(verb)).unwrap_or("RCPT")
}

/// A path. What a chain put into an envelope is not taken on trust: no control character may end the command.
fn path(mailbox: &Mailbox) -> Result<String, Unfit> {
    let text = mailbox.to_string();
    let parsed = Mailbox::parse(&text).is_ok_and(|parsed| parsed == *mailbox);
    if parsed { Ok(format!("<{text}>")) } else { Err(Unfit::Address) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::MessageId;
    use crate::mail::envelope::RecipientWishes;

    fn envelope(facts: &[(&str, &str)]) -> Envelope {
        let mailbox = |text: &str| Mailbox::parse(text).unwrap();
        let mut envelope =
            Envelope::new(MessageId::default(), Some(mailbox("a@b.example")), vec![mailbox("c@d.example")]);
        facts.iter().for_each(|(key, value)| envelope.set_host_fact(key, *value));
        envelope
    }

    #[test]
    fn parameters_only_where_they_are_offered() {
        let facts =
            [("size.declared", "1000"), ("dsn.ret", "HDRS"), ("dsn.envid", "x+20y"), ("body", "8BITMIME")];
        let all = Offers { size: true, eight_bit: true, dsn: true, smtputf8: true, ..Offers::default() };
        assert_eq!(mail(&envelope(&facts), &Offers::default()).unwrap(), "MAIL FROM:<a@b.example>");
        let expect = "MAIL FROM:<a@b.example> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=x+20y";
        assert_eq!(mail(&envelope(&facts), &all).unwrap(), expect);
        let mut null = envelope(&[]);
        null.set_sender(None);
        assert_eq!(mail(&null, &Offers::default()).unwrap(), "MAIL FROM:<>");
    }

    #[test]
    fn what_a_message_cannot_go_without() {
        let utf8 = envelope(&[("smtp.smtputf8", "yes")]);
        assert_eq!(mail(&utf8, &Offers::default()), Err(Unfit::Utf8));
        let offers = Offers { smtputf8: true, ..Offers::default() };
        assert_eq!(mail(&utf8, &offers).unwrap(), "MAIL FROM:<a@b.example> SMTPUTF8");
        let mut made = envelope(&[]);
        made.set_recipients(vec![Mailbox::parse("ä@d.example").unwrap()]);
        assert_eq!(mail(&made, &Offers::default()), Err(Unfit::Utf8));
        let binary = envelope(&[("body", "BINARYMIME")]);
        assert_eq!(mail(&binary, &Offers { chunking: true, ..Offers::default() }), Err(Unfit::Binary));
        let offers = Offers { chunking: true, binary: true, ..Offers::default() };
        assert_eq!(mail(&binary, &offers).unwrap(), "MAIL FROM:<a@b.example> BODY=BINARYMIME");
    }

    #[test]
    fn wishes_go_on_where_they_are_offered() {
        let mut wished = envelope(&[]);
        let recipient = Mailbox::parse("c@d.example").unwrap();
        let wishes = RecipientWishes {
            notify: Some("SUCCESS,DELAY".into()),
            orcpt: Some("rfc822;c@d.example".into()),
        };
        wished.set_wishes(&recipient, &wishes);
        let dsn = Offers { dsn: true, ..Offers::default() };
        assert_eq!(rcpt(&wished, &recipient, &Offers::default()).unwrap(), "RCPT TO:<c@d.example>");
        let expect = "RCPT TO:<c@d.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;c@d.example";
        assert_eq!(rcpt(&wished, &recipient, &dsn).unwrap(), expect);
        let other = Mailbox::parse("x@d.example").unwrap();
        assert_eq!(rcpt(&wished, &other, &dsn).unwrap(), "RCPT TO:<x@d.example>");
    }

    #[test]
    fn no_address_ends_the_command() {
        let rcpt = |mailbox: &Mailbox| rcpt(&Envelope::default(), mailbox, &Offers::default());
        for bad in ["a\r\nDATA\r\n", "a>", "a b", "", "a\0"] {
            assert_eq!(rcpt(&Mailbox::from_parts(bad, "d.example")), Err(Unfit::Address), "{bad:?}");
            assert_eq!(rcpt(&Mailbox::from_parts("a", format!("d{bad}\n"))), Err(Unfit::Address), "{bad:?}");
        }
        assert_eq!(
            rcpt(&Mailbox::parse("\"a b>\"@d.example").unwrap()).unwrap(),
            "RCPT TO:<\"a b>\"@d.example>"
        );
        assert_eq!(rcpt(&Mailbox::postmaster()).unwrap(), "RCPT TO:<postmaster>");
        let mut forged =
            envelope(&[("dsn.envid", "x RCPT"), ("dsn.ret", "FULL\r\nRSET"), ("size.declared", "1\r\n2")]);
        forged.set_recipients(Vec::new());
        let offers = Offers { dsn: true, size: true, ..Offers::default() };
        assert_eq!(mail(&forged, &offers).unwrap(), "MAIL FROM:<a@b.example>");
    }
}
