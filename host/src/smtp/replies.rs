//! What the client is told, each text once, each saying what to do next where something is wrong.
//!
//! Repeats nothing that a client sent. Codes: RFC 5321 §4.2.3; enhanced codes: RFC 3463 §3 (greetings have none, RFC 2034
//! §3).

use super::{Reply, Speaks};

pub(super) fn greeting(hostname: &str, speaks: Speaks) -> Reply {
    let protocol = if speaks == Speaks::Lmtp { "LMTP" } else { "ESMTP" };
    Reply::new(220, "", &format!("{hostname} {protocol} Gatepost"))
}

pub(super) fn helo(hostname: &str) -> Reply {
    Reply::new(250, "", hostname)
}

/// What is listed beside what is always there.
pub(super) struct Extensions<'a> {
    pub(super) message_size_max: u64,
    pub(super) starttls: bool,
    pub(super) auth: Option<&'a [&'a str]>,
    pub(super) dsn: bool,
    pub(super) binarymime: bool,
    pub(super) xclient: bool,
}

/// Lists the extensions: RFC 2920, RFC 1870, RFC 6152, RFC 6531, RFC 3030, RFC 2034, RFC 3461, RFC 3207, RFC 4954, RFC 5321
/// §4.1.1.8.
pub(super) fn ehlo(hostname: &str, offered: &Extensions<'_>) -> Reply {
    let size = format!("SIZE {}", offered.message_size_max);
    let mut lines =
        vec![hostname, "PIPELINING", &size, "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES"];
    let auth = offered.auth.map(|mechanisms| format!("AUTH {}", mechanisms.join(" ")));
    let sometimes = [
        (offered.binarymime, "BINARYMIME"),
        (offered.dsn, "DSN"),
        (offered.starttls, "STARTTLS"),
        (auth.is_some(), auth.as_deref().unwrap_or_default()),
        (offered.xclient, "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"),
    ];
    lines.extend(sometimes.into_iter().filter(|(is_offered, _)| *is_offered).map(|(_, line)| line));
    lines.push("HELP");
    Reply::multiline(250, &lines.into_iter().map(str::to_owned).collect::<Vec<_>>())
}

pub(super) fn ok() -> Reply {
    Reply::new(250, "2.0.0", "Ok")
}

pub(super) fn sender_ok() -> Reply {
    Reply::new(250, "2.1.0", "Sender ok")
}

pub(super) fn recipient_ok() -> Reply {
    Reply::new(250, "2.1.5", "Recipient ok")
}

pub(super) fn go_ahead() -> Reply {
    Reply::new(354, "", "End the message with <CRLF>.<CRLF>")
}

pub(super) fn chunk_ok(octets: u64) -> Reply {
    Reply::new(250, "2.0.0", &format!("{octets} octets received"))
}

pub(super) fn goodbye(hostname: &str) -> Reply {
    Reply::new(221, "2.0.0", &format!("{hostname} closing connection"))
}

pub(super) fn help(speaks: Speaks) -> Reply {
    let hello = if speaks == Speaks::Lmtp { "LHLO" } else { "HELO EHLO" };
    let others = "MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT STARTTLS AUTH XCLIENT; see RFC 5321";
    Reply::new(214, "2.0.0", &format!("Commands: {hello} {others}"))
}

pub(super) fn cannot_verify() -> Reply {
    Reply::new(252, "2.0.0", "Cannot verify a user; send mail and see")
}

pub(super) fn start_tls() -> Reply {
    Reply::new(220, "2.0.0", "Ready to start TLS")
}

pub(super) fn tls_active() -> Reply {
    Reply::new(503, "5.5.1", "TLS is already active")
}

pub(super) fn tls_not_offered() -> Reply {
    Reply::new(502, "5.5.1", "STARTTLS is not offered here")
}

pub(super) fn need_hello(speaks: Speaks) -> Reply {
    Reply::new(
        503,
        "5.5.1",
        if speaks == Speaks::Lmtp { "Send LHLO first" } else { "Send EHLO or HELO first" },
    )
}

pub(super) fn need_ehlo(speaks: Speaks) -> Reply {
    Reply::new(503, "5.5.1", if speaks == Speaks::Lmtp { "Send LHLO first" } else { "Send EHLO first" })
}

pub(super) fn need_mail() -> Reply {
    Reply::new(503, "5.5.1", "Send MAIL first")
}

pub(super) fn need_rcpt() -> Reply {
    Reply::new(503, "5.5.1", "Send RCPT first")
}

pub(super) fn nested_mail() -> Reply {
    Reply::new(503, "5.5.1", "A transaction is open; send RSET to begin another")
}

pub(super) fn chunks_have_begun() -> Reply {
    Reply::new(503, "5.5.1", "The message has begun with BDAT; end it with BDAT LAST or send RSET")
}

pub(super) fn data_after_chunks() -> Reply {
    Reply::new(503, "5.5.1", "The message came with BDAT and DATA ends it; send RSET to begin another")
}

pub(super) fn chunk_missing() -> Reply {
    Reply::new(503, "5.5.1", "This message was refused; send RSET to begin another")
}

pub(super) fn recipient_needs_smtputf8() -> Reply {
    Reply::new(550, "5.6.7", "An address in UTF-8 needs the parameter SMTPUTF8 of MAIL")
}

pub(super) fn no_valid_recipients() -> Reply {
    Reply::new(554, "5.5.1", "No valid recipients; no message to take")
}

pub(super) fn too_big(message_size_max: u64) -> Reply {
    Reply::new(552, "5.3.4", &format!("Message too big; at most {message_size_max} octets are taken"))
}

pub(super) fn too_many_recipients() -> Reply {
    Reply::new(452, "4.5.3", "Too many recipients; send to the others in another transaction")
}

pub(super) fn too_many_errors() -> Reply {
    Reply::new(421, "4.7.0", "Too many errors; closing connection")
}

pub(super) fn too_many_messages() -> Reply {
    Reply::new(421, "4.7.0", "Too many messages in one session; connect again for more")
}

pub(super) fn too_many_session_recipients() -> Reply {
    Reply::new(421, "4.7.0", "Too many recipients in one session; connect again for more")
}

pub(super) fn too_many_unknown() -> Reply {
    Reply::new(421, "4.7.0", "Too many recipients were refused; closing connection")
}

pub(super) fn binary_needs_chunks() -> Reply {
    Reply::new(503, "5.5.1", "A message with BODY=BINARYMIME comes with BDAT, not DATA")
}

pub(super) fn need_auth(tls: bool) -> Reply {
    Reply::new(530, "5.7.0", if tls { "Send AUTH first" } else { "Send STARTTLS, then AUTH, first" })
}

pub(super) fn auth_not_offered() -> Reply {
    Reply::new(502, "5.5.1", "AUTH is not offered here")
}

/// RFC 4954 §6.
pub(super) fn auth_needs_tls() -> Reply {
    Reply::new(538, "5.7.11", "AUTH is taken under TLS only; send STARTTLS first")
}

pub(super) fn authenticated() -> Reply {
    Reply::new(235, "2.7.0", "Authentication succeeded")
}

pub(super) fn authenticated_already() -> Reply {
    Reply::new(503, "5.5.1", "You have said who you are")
}

pub(super) fn unknown_mechanism() -> Reply {
    Reply::new(504, "5.5.4", "Mechanism not offered; EHLO lists those that are")
}

pub(super) fn too_many_auths() -> Reply {
    Reply::new(421, "4.7.0", "Too many failed authentications; closing connection")
}

pub(super) fn not_in_transaction() -> Reply {
    Reply::new(503, "5.5.1", "A transaction is open; send RSET first")
}

pub(super) fn xclient_refused() -> Reply {
    Reply::new(550, "5.7.0", "XCLIENT is not for this client")
}
