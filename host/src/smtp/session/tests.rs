//! Tests of `smtp::session`.

use proptest::prelude::*;

use super::*;
use crate::smtp::action::{Chunk, Incoming};
use crate::smtp::{Body, Protocol};

mod chunks;
mod identity;
mod limits;

const SIZE_MAX: u64 = 1000;
const RECIPIENTS_MAX: usize = 3;
const ERRORS_MAX: usize = 5;
const UNKNOWN_MAX: usize = 4;

fn session() -> Session {
    Session::new(Arc::new(config()), false)
}

fn config() -> SessionConfig {
    SessionConfig {
        hostname: "mx.example".into(),
        speaks: Speaks::Smtp,
        message_size_max: SIZE_MAX,
        recipients_max: RECIPIENTS_MAX,
        messages_max: 1000,
        session_recipients_max: 1000,
        errors_max: ERRORS_MAX,
        unknown_recipients_max: UNKNOWN_MAX,
        auth_tries_max: 2,
        starttls_offered: true,
        auth: AuthPolicy::None,
        dsn: false,
        binarymime: false,
    }
}

/// Gives `line` to the session; a recipient is taken unless its local part begins with `no`.
fn say(session: &mut Session, line: &str) -> Action {
    match session.command(line.as_bytes()) {
        Action::CheckSender => session.sender_checked(Ok(())),
        Action::CheckRecipient(mailbox) if mailbox.local().starts_with("no") => {
            session.recipient_checked(Err(Reply::new(550, "5.1.1", "Unknown")))
        }
        Action::CheckRecipient(mailbox) => session.recipient_checked(Ok(mailbox)),
        action => action,
    }
}

/// The code and enhanced code of the reply in `action`, with a mark for what else is to be done.
fn shown(action: &Action) -> String {
    let (mark, reply) = match action {
        Action::Reply(reply) => (String::new(), reply),
        Action::Close(reply) => (" close".to_owned(), reply),
        Action::StartTls(reply) => (" tls".to_owned(), reply),
        Action::Receive(incoming) => return format!("receive {}", incoming.recipients.len()),
        Action::Chunk(Chunk { opening, octets, last }) => {
            let recipients = opening.as_ref().map(|incoming| format!(" to {}", incoming.recipients.len()));
            let last = if *last { " last" } else { "" };
            return format!("chunk {octets}{last}{}", recipients.unwrap_or_default());
        }
        Action::Skip { reply, octets } => (format!(" skip {octets}"), reply),
        Action::CheckSender => return "sender".into(),
        Action::CheckRecipient(_) => return "check".into(),
        Action::Authenticate { mechanism, initial } => {
            return format!("auth {mechanism} {}", initial.as_deref().unwrap_or("-"));
        }
        Action::Believe(_) => return "believe".into(),
    };
    let enhanced = reply.enhanced().map(|e| format!(" {e}")).unwrap_or_default();
    format!("{}{enhanced}{mark}", reply.code())
}

/// One conversation: each line and what is to be answered.
#[track_caller]
fn check(session: &mut Session, lines: &[(&str, &str)]) {
    for (line, expect) in lines {
        assert_eq!(shown(&say(session, line)), *expect, "{line:?}");
    }
}

#[test]
fn a_message_and_another() {
    let mut session = session();
    assert_eq!(session.greeting().to_string(), "220 mx.example ESMTP Gatepost");
    check(
        &mut session,
        &[("EHLO c.example", "250"), ("MAIL FROM:<s@x.example> SIZE=9 BODY=8BITMIME", "250 2.1.0")],
    );
    assert!(session.in_transaction());
    check(&mut session, &[("RCPT TO:<A@X.example>", "250 2.1.5"), ("RCPT TO:<b@x.example>", "250 2.1.5")]);
    let expect = Incoming {
        sender: Some(Mailbox::from_parts("s", "x.example")),
        recipients: vec![Mailbox::from_parts("A", "x.example"), Mailbox::from_parts("b", "x.example")],
        wishes: vec![RecipientWishes::default(); 2],
        named: vec![0, 1],
        parameters: MailParameters { size: Some(9), body: Body::EightBitMime, ..MailParameters::default() },
        helo: "c.example".into(),
        user: None,
        protocol: Protocol { extended: true, ..Protocol::default() },
    };
    assert_eq!(say(&mut session, "DATA"), Action::Receive(Box::new(expect)));
    assert_eq!(session.go_ahead().code(), 354);
    assert!(session.in_transaction(), "until its content was answered");
    session.content_done();
    assert!(!session.in_transaction());
    check(
        &mut session,
        &[("MAIL FROM:<>", "250 2.1.0"), ("RCPT TO:<postmaster>", "250 2.1.5"), ("DATA", "receive 1")],
    );
    session.content_done();
    check(&mut session, &[("QUIT", "221 2.0.0 close")]);
}

#[test]
fn ehlo_lists_what_is_offered() {
    let ehlo = |session: &mut Session| {
        let Action::Reply(reply) = say(session, "EHLO c.example") else { panic!("a reply") };
        reply.text()
    };
    let mut session = session();
    let offered =
        "mx.example PIPELINING SIZE 1000 8BITMIME SMTPUTF8 CHUNKING ENHANCEDSTATUSCODES STARTTLS HELP";
    assert_eq!(ehlo(&mut session), offered);
    session.tls_started();
    assert_eq!(ehlo(&mut session), offered.replace("STARTTLS ", ""));
    assert_eq!(say(&mut session, "HELO c.example"), Action::Reply(Reply::new(250, "", "mx.example")));
}

#[test]
fn what_answers_at_any_time() {
    for hello in ["NOOP", "HELO c", "EHLO c"] {
        let mut session = session();
        let _ = say(&mut session, hello);
        check(
            &mut session,
            &[("NOOP", "250 2.0.0"), ("RSET", "250 2.0.0"), ("VRFY jo", "252 2.0.0"), ("HELP", "214 2.0.0")],
        );
    }
}

#[test]
fn commands_out_of_order() {
    check(
        &mut session(),
        &[("MAIL FROM:<>", "503 5.5.1"), ("RCPT TO:<a@x>", "503 5.5.1"), ("DATA", "503 5.5.1")],
    );
    check(&mut session(), &[("HELO c", "250"), ("RCPT TO:<a@x>", "503 5.5.1"), ("DATA", "503 5.5.1")]);
    let opened = [("HELO c", "250"), ("MAIL FROM:<>", "250 2.1.0")];
    for after in [
        &[("MAIL FROM:<a@x>", "503 5.5.1"), ("DATA", "503 5.5.1")][..],
        &[
            ("RCPT TO:<no@x>", "550 5.1.1"),
            ("DATA", "554 5.5.1"),
            ("RCPT TO:<a@x>", "250 2.1.5"),
            ("DATA", "receive 1"),
        ],
        &[
            ("RCPT TO:<a@x>", "250 2.1.5"),
            ("MAIL FROM:<a@x>", "503 5.5.1"),
            ("DATA", "receive 1"),
            ("DATA", "503 5.5.1"),
        ],
    ] {
        let mut session = session();
        check(&mut session, &opened);
        check(&mut session, after);
    }
}

#[test]
fn a_transaction_ends_with_rset_and_with_a_new_hello() {
    for reset in ["RSET", "HELO d", "EHLO d"] {
        let mut session = session();
        check(
            &mut session,
            &[("EHLO c", "250"), ("MAIL FROM:<>", "250 2.1.0"), ("RCPT TO:<a@x>", "250 2.1.5")],
        );
        let _ = say(&mut session, reset);
        assert!(!session.in_transaction(), "{reset}");
        check(&mut session, &[("DATA", "503 5.5.1"), ("MAIL FROM:<>", "250 2.1.0"), ("DATA", "503 5.5.1")]);
    }
    // One that is refused changes nothing.
    let mut session = session();
    check(&mut session, &[("EHLO c", "250"), ("MAIL FROM:<>", "250 2.1.0"), ("RCPT TO:<a@x>", "250 2.1.5")]);
    check(&mut session, &[("EHLO", "501 5.5.4"), ("RSET x", "501 5.5.4"), ("DATA", "receive 1")]);
}

/// CVE-2011-0411, RFC 3207 §4.2: nothing said in the clear has an effect after the handshake.
#[test]
fn starttls_forgets_what_was_said() {
    let mut session = session();
    check(&mut session, &[("EHLO c", "250"), ("MAIL FROM:<>", "250 2.1.0"), ("RCPT TO:<a@x>", "250 2.1.5")]);
    check(&mut session, &[("STARTTLS", "220 2.0.0 tls")]);
    session.tls_started();
    assert!(session.client.is_none() && !session.in_transaction());
    check(&mut session, &[("DATA", "503 5.5.1"), ("MAIL FROM:<>", "503 5.5.1"), ("STARTTLS", "503 5.5.1")]);
    check(&mut session, &[("EHLO c", "250"), ("MAIL FROM:<>", "250 2.1.0"), ("RCPT TO:<a@x>", "250 2.1.5")]);
    let Action::Receive(incoming) = say(&mut session, "DATA") else { panic!("content") };
    assert_eq!(incoming.protocol.name(), "ESMTPS");
}

#[test]
fn starttls_where_it_is_not_offered() {
    let mut session = session();
    Arc::make_mut(&mut session.config).starttls_offered = false;
    check(&mut session, &[("EHLO c", "250"), ("STARTTLS", "502 5.5.1")]);
}

#[test]
fn a_declared_size_at_the_limit_and_past_it() {
    let mut session = session();
    check(
        &mut session,
        &[
            ("EHLO c", "250"),
            ("MAIL FROM:<> SIZE=1001", "552 5.3.4"),
            ("MAIL FROM:<> SIZE=1180591620717411303424", "552 5.3.4"),
            ("MAIL FROM:<> SIZE=1000", "250 2.1.0"),
        ],
    );
}

#[test]
fn recipients_at_the_limit_and_past_it() {
    let mut session = session();
    check(&mut session, &[("EHLO c", "250"), ("MAIL FROM:<>", "250 2.1.0")]);
    for n in 0..RECIPIENTS_MAX {
        assert_eq!(shown(&say(&mut session, &format!("RCPT TO:<{n}@x>"))), "250 2.1.5");
    }
    for _ in 0..2 * ERRORS_MAX {
        // Not an error: RFC 5321 §4.5.3.1.10 has the client send the rest later.
        check(&mut session, &[("RCPT TO:<more@x>", "452 4.5.3")]);
    }
    check(&mut session, &[("RCPT TO:<0@X>", "250 2.1.5"), ("DATA", "receive 3")]);
}

#[test]
fn a_mailbox_stands_once_also_where_the_check_changed_it() {
    let mut session = session();
    check(&mut session, &[("EHLO c", "250"), ("MAIL FROM:<>", "250 2.1.0"), ("RCPT TO:<a@x>", "250 2.1.5")]);
    assert_eq!(session.command(b"RCPT TO:<a@X>"), Action::Reply(replies::recipient_ok()), "without a check");
    assert_eq!(shown(&session.command(b"RCPT TO:<alias@x>")), "check");
    assert_eq!(shown(&session.recipient_checked(Ok(Mailbox::from_parts("a", "x")))), "250 2.1.5");
    check(&mut session, &[("DATA", "receive 1")]);
}

#[test]
fn a_mailbox_stands_once_in_either_form_of_its_domain() {
    let mut session = session();
    check(&mut session, &[("EHLO c", "250"), ("MAIL FROM:<> SMTPUTF8", "250 2.1.0")]);
    check(&mut session, &[("RCPT TO:<a@bücher.example>", "250 2.1.5")]);
    let again = session.command(b"RCPT TO:<a@xn--bcher-kva.example>");
    assert_eq!(again, Action::Reply(replies::recipient_ok()), "without a check");
    check(&mut session, &[("RCPT TO:<a@bucher.example>", "250 2.1.5"), ("DATA", "receive 2")]);
}

#[test]
fn a_recipient_check_that_ends_the_session() {
    let mut session = session();
    check(&mut session, &[("EHLO c", "250"), ("MAIL FROM:<>", "250 2.1.0")]);
    assert_eq!(shown(&session.command(b"RCPT TO:<a@x>")), "check");
    assert_eq!(shown(&session.recipient_checked(Err(Reply::new(451, "4.3.0", "Later")))), "451 4.3.0");
    assert_eq!(
        shown(&session.recipient_checked(Err(Reply::new(421, "4.3.2", "Going down")))),
        "421 4.3.2 close"
    );
    assert_eq!(
        shown(&Session::new(session.config, false).recipient_checked(Ok(Mailbox::postmaster()))),
        "503 5.5.1"
    );
}

/// What a client may do next, in the model test.
const LINES: &[&str] = &[
    "EHLO c",
    "HELO c",
    "EHLO",
    "MAIL FROM:<s@x>",
    "MAIL FROM:<>",
    "MAIL FROM:<s@x> SIZE=1001",
    "MAIL FROM:<bad",
    "RCPT TO:<a@x>",
    "RCPT TO:<b@x>",
    "RCPT TO:<c@x>",
    "RCPT TO:<d@x>",
    "RCPT TO:<no@x>",
    "RCPT TO:<>",
    "DATA",
    "DATA",
    "RSET",
    "NOOP",
    "STARTTLS",
    "bogus",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Goal: content is asked for only after MAIL and RCPT were accepted in this very transaction, and with those
    /// recipients exactly. Method: random commands; the model believes nothing but the replies.
    #[test]
    fn content_comes_only_after_mail_and_rcpt(choice in proptest::collection::vec(0..LINES.len(), 0..40)) {
        let mut session = session();
        Arc::make_mut(&mut session.config).errors_max = usize::MAX;
        Arc::make_mut(&mut session.config).unknown_recipients_max = usize::MAX;
        let (mut mail, mut recipients): (Option<String>, Vec<String>) = (None, Vec::new());
        for line in choice.into_iter().map(|n| LINES[n]) {
            let action = say(&mut session, line);
            let accepted = matches!(&action, Action::Reply(reply) if reply.code() == 250);
            let path = || line[line.find('<').unwrap() + 1..line.find('>').unwrap()].to_owned();
            match &line[..4] {
                "EHLO" | "HELO" | "RSET" if accepted => mail = None,
                "MAIL" if accepted => {
                    prop_assert_eq!(mail.replace(path()), None, "no MAIL within a transaction");
                    recipients.clear();
                }
                "RCPT" if accepted => {
                    prop_assert!(mail.is_some());
                    if !recipients.contains(&path()) {
                        recipients.push(path());
                    }
                }
                _ => {}
            }
            match action {
                Action::Receive(incoming) => {
                    let sender = incoming.sender.as_ref().map(ToString::to_string).unwrap_or_default();
                    prop_assert_eq!(mail.take(), Some(sender));
                    let named: Vec<_> = incoming.recipients.iter().map(ToString::to_string).collect();
                    prop_assert!(!named.is_empty() && named.len() <= RECIPIENTS_MAX);
                    prop_assert_eq!(&named, &recipients);
                    session.content_done();
                }
                Action::StartTls(_) => {
                    session.tls_started();
                    mail = None;
                }
                Action::Reply(_) => {}
                other => prop_assert!(false, "{line}: {other:?}"),
            }
            prop_assert_eq!(session.in_transaction(), mail.is_some(), "{}", line);
        }
    }

    /// Goal: no line panics, and no reply can be read as two. Method: any bytes, before and within a transaction.
    #[test]
    fn any_line_gets_a_well_formed_reply(line in proptest::collection::vec(any::<u8>(), 0..60), opened: bool) {
        let mut session = session();
        if opened {
            check(&mut session, &[("EHLO c", "250"), ("MAIL FROM:<>", "250 2.1.0")]);
        }
        if let Action::Reply(reply) | Action::Close(reply) | Action::StartTls(reply) = session.command(&line) {
            let mut wire = Vec::new();
            reply.encode(&mut wire);
            let text = String::from_utf8(wire).unwrap();
            for line in text.strip_suffix("\r\n").unwrap().split("\r\n") {
                prop_assert!(line.starts_with(&reply.code().to_string()));
                prop_assert!(line.bytes().all(|b| (b' '..=b'~').contains(&b)), "{:?}", line);
                prop_assert!(line.len() <= 510, "RFC 5321 §4.5.3.1.5");
            }
        }
    }
}
