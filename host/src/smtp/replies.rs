//! What the client is told, each text once, each saying what to do next where something is wrong.
//!
//! Repeats nothing that a client sent. Codes: RFC 5321 §4.2.3; enhanced codes: RFC 3463 §3 (greetings have none, RFC 2034
//! §3).

use super::Reply;

pub(super) fn greeting(hostname: &str) -> Reply {
    Reply::new(220, "", &format!("{hostname} ESMTP Gatepost"))
}

pub(super) fn helo(hostname: &str) -> Reply {
    Reply::new(250, "", hostname)
}

/// Lists the extensions: RFC 2920, RFC 1870, RFC 6152, RFC 6531, RFC 3030, RFC 2034, RFC 3207, RFC 5321 §4.1.1.8.
pub(super) fn ehlo(hostname: &str, message_size_max: u64, starttls: bool) -> Reply {
    let mut lines = vec![
        hostname.to_owned(),
        "PIPELINING".to_owned(),
        format!("SIZE {message_size_max}"),
        "8BITMIME".to_owned(),
        "SMTPUTF8".to_owned(),
        "CHUNKING".to_owned(),
        "ENHANCEDSTATUSCODES".to_owned(),
    ];
    if starttls {
        lines.push("STARTTLS".to_owned());
    }
    lines.push("HELP".to_owned());
    Reply::multiline(250, &lines)
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

pub(super) fn help() -> Reply {
    let commands = "Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT STARTTLS; see RFC 5321";
    Reply::new(214, "2.0.0", commands)
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

pub(super) fn need_hello() -> Reply {
    Reply::new(503, "5.5.1", "Send EHLO or HELO first")
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
