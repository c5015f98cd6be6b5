//! One command line, parsed (RFC 5321 §4.1.1, RFC 2033, RFC 3030, RFC 3207, RFC 4954).
//!
//! ```text
//! "MAIL FROM:<jo@x.example> SIZE=99"  ->  Command::Mail(Mail { sender, parameters: SIZE 99 })
//! ```
//!
//! Syntax only: knows nothing of what came before, or of limits that are configured; of what is offered, only which
//! parameters are.

use super::address::{self, PathError};
use super::parameters::{self, MailParameters, Offered};
use super::xclient::{self, Claims};
use super::{Reply, Speaks};
use crate::mail::Mailbox;
use crate::mail::envelope::RecipientWishes;

/// Longest command line in octets, CRLF included: RFC 5321 §4.5.3.1.4.
pub const LINE_MAX: usize = 512;
/// What the extensions that are always offered add to a `MAIL` line: `SIZE` 26 (RFC 1870 §3), `BODY` 17 (RFC 6152 §2),
/// `SMTPUTF8` 10 (RFC 6531 §3.1).
const MAIL_ADDED: usize = 26 + 17 + 10;
/// What AUTH adds to it: RFC 4954 §3.
const MAIL_AUTH_ADDED: usize = 500;
/// What DSN adds to it: `RET` and `ENVID` with their values (RFC 3461 §4.3, §4.4).
const MAIL_DSN_ADDED: usize = 117;
/// What DSN adds to a `RCPT` line: `NOTIFY` 30, `ORCPT` with its 500 octets 507 (RFC 3461 §4.1, §4.2).
const RCPT_DSN_ADDED: usize = 30 + 507;
/// Longest `XCLIENT` line: its six attributes with their longest values, in xtext.
pub const XCLIENT_LINE_MAX: usize = 2048;
/// Longest line of an AUTH exchange, the command's own included: RFC 4954 §4.
pub const AUTH_LINE_MAX: usize = 12_288;
/// Longest line of any command: what the line decoder must be able to hold.
pub const ANY_LINE_MAX: usize = AUTH_LINE_MAX;
/// Longest argument of HELO and EHLO in octets: RFC 5321 §4.5.3.1.2.
pub const HELO_MAX: usize = 255;

const BDAT_USAGE: &str = "BDAT size [LAST]";

/// A command with its arguments checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The client's name for itself, as it was sent.
    Helo(String),
    /// As `Helo`, and asks for the extensions.
    Ehlo(String),
    /// As `Ehlo`, of LMTP (RFC 2033).
    Lhlo(String),
    /// Begins a transaction.
    Mail(Mail),
    /// Names a recipient.
    Rcpt(Mailbox, RecipientWishes),
    /// Wants to send the content.
    Data,
    /// `BDAT`: a chunk of the content follows the line (RFC 3030).
    Chunk {
        /// Its size.
        octets: u64,
        /// `LAST`: the content is complete after it.
        last: bool,
    },
    /// `RSET`: ends the transaction.
    Reset,
    /// Does nothing.
    Noop,
    /// `VRFY`; its argument is of no use.
    Verify,
    /// Wants to read something.
    Help,
    /// Goes.
    Quit,
    /// Wants TLS (RFC 3207).
    StartTls,
    /// Wants to say who it is (RFC 4954).
    Auth {
        /// The mechanism, in upper case.
        mechanism: String,
        /// The initial response, in base64 or `=`.
        initial: Option<String>,
    },
    /// A proxy says whom it speaks for.
    Xclient(Claims),
}

/// `MAIL` with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The reverse-path; `None` is `<>`.
    pub sender: Option<Mailbox>,
    /// What it says of the message.
    pub parameters: MailParameters,
}

/// Why a line is no command we take. `Display` is what the client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// Over the limit of its command.
    #[error("Line too long")]
    Overlong,
    /// A control character, or bytes that are no UTF-8.
    #[error("Only printable characters may stand in a command")]
    Unprintable,
    /// Not a verb we know.
    #[error("Command not recognized; HELP lists the commands")]
    Unknown,
    /// A verb that exists elsewhere.
    #[error("Command not implemented; HELP lists the commands")]
    NotImplemented,
    /// An argument to a command that has none.
    #[error("This command takes no argument")]
    UnwantedArgument,
    /// The argument is missing or is not what the command takes; holds what to write.
    #[error("Write: {0}")]
    Usage(&'static str),
    /// What MAIL names is no reverse-path.
    #[error("Bad sender address: {0}")]
    Sender(PathError),
    /// What RCPT names is no forward-path.
    #[error("Bad recipient address: {0}")]
    Recipient(PathError),
    /// A parameter of an extension that we do not offer.
    #[error("Parameter not offered; EHLO lists the extensions")]
    UnknownParameter,
    /// The reverse-path is not in ASCII and `SMTPUTF8` was not given.
    #[error("An address in UTF-8 needs the parameter SMTPUTF8")]
    NeedsSmtpUtf8,
    /// What follows the size of a chunk is not `LAST`. The octets that follow the line are content all the same.
    #[error("Write: {BDAT_USAGE}")]
    BadChunk {
        /// The chunk's size.
        octets: u64,
    },
    /// A known parameter with a value that it cannot have, or twice.
    #[error("Bad parameter: {0}")]
    BadParameter(&'static str),
    /// What XCLIENT says cannot be.
    #[error("{0}")]
    BadClaim(&'static str),
}

impl SyntaxError {
    /// What the client is answered.
    pub fn reply(self) -> Reply {
        let (code, enhanced) = match self {
            Self::Overlong | Self::Unprintable | Self::Unknown => (500, "5.5.2"),
            Self::NotImplemented => (502, "5.5.1"),
            Self::UnwantedArgument
            | Self::Usage(_)
            | Self::BadChunk { .. }
            | Self::BadParameter(_)
            | Self::BadClaim(_) => (501, "5.5.4"),
            // RFC 6531 §3.5.
            Self::NeedsSmtpUtf8 => (553, "5.6.7"),
            Self::Sender(_) => (501, "5.1.7"),
            Self::Recipient(_) => (501, "5.1.3"),
            Self::UnknownParameter => (555, "5.5.4"),
        };
        Reply::new(code, enhanced, &self.to_string())
    }
}

impl Command {
    /// Whether content follows a line that begins so, whatever else is wrong with the line: where its chunk ends is known
    /// only from an `Ok` or from [`SyntaxError::BadChunk`].
    pub fn announces_content(line: &[u8]) -> bool {
        line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT"))
    }

    /// Parses one line, given without its CRLF. Spaces at its end mean nothing (RFC 5321 §4.1.1). `LHLO` is a command only where
    /// LMTP is spoken, and `HELO` and `EHLO` are none there.
    pub fn parse(line: &[u8], speaks: Speaks, offered: Offered) -> Result<Self, SyntaxError> {
        let text = std::str::from_utf8(line).map_err(|_| SyntaxError::Unprintable)?;
        if text.bytes().any(|b| b.is_ascii_control()) {
            return Err(SyntaxError::Unprintable);
        }
        let (verb, argument) = text.split_once(' ').unwrap_or((text, ""));
        let argument = argument.trim_matches(' ');
        let verb = verb.to_ascii_uppercase();
        if line.len() + b"\r\n".len() > line_max(&verb, offered) {
            return Err(SyntaxError::Overlong);
        }
        match verb.as_str() {
            "HELO" | "EHLO" if speaks == Speaks::Lmtp => Err(SyntaxError::NotImplemented),
            "LHLO" if speaks == Speaks::Smtp => Err(SyntaxError::NotImplemented),
            "HELO" => client_name(argument, "HELO host.name").map(Self::Helo),
            "EHLO" => client_name(argument, "EHLO host.name").map(Self::Ehlo),
            "LHLO" => client_name(argument, "LHLO host.name").map(Self::Lhlo),
            "MAIL" => mail(argument, offered).map(Self::Mail),
            "RCPT" => rcpt(argument, offered).map(|(recipient, about)| Self::Rcpt(recipient, about)),
            "DATA" => bare(argument, Self::Data),
            "BDAT" => chunk(argument),
            "RSET" => bare(argument, Self::Reset),
            "QUIT" => bare(argument, Self::Quit),
            "STARTTLS" => bare(argument, Self::StartTls),
            "NOOP" => Ok(Self::Noop),
            "HELP" => Ok(Self::Help),
            "VRFY" if argument.is_empty() => Err(SyntaxError::Usage("VRFY user")),
            "VRFY" => Ok(Self::Verify),
            "AUTH" => auth(argument),
            "XCLIENT" => xclient::parse(argument).map(Self::Xclient).map_err(SyntaxError::BadClaim),
            "BURL" | "ETRN" | "EXPN" | "SAML" | "SEND" | "SOML" | "TURN" | "XFORWARD" => {
                Err(SyntaxError::NotImplemented)
            }
            _ => Err(SyntaxError::Unknown),
        }
    }
}

/// Longest line of a command, CRLF included.
fn line_max(verb: &str, offered: Offered) -> usize {
    let if_offered = |is_offered, octets| if is_offered { octets } else { 0 };
    match verb {
        "MAIL" => {
            let (auth, dsn) =
                (if_offered(offered.auth, MAIL_AUTH_ADDED), if_offered(offered.dsn, MAIL_DSN_ADDED));
            LINE_MAX + MAIL_ADDED + auth + dsn
        }
        "RCPT" => LINE_MAX + if_offered(offered.dsn, RCPT_DSN_ADDED),
        "AUTH" if offered.auth => AUTH_LINE_MAX,
        "XCLIENT" => XCLIENT_LINE_MAX,
        _ => LINE_MAX,
    }
}

fn bare(argument: &str, command: Command) -> Result<Command, SyntaxError> {
    if argument.is_empty() { Ok(command) } else { Err(SyntaxError::UnwantedArgument) }
}

/// The argument of HELO or EHLO: one word. Not held to be a domain or address literal, since much honest software sends
/// neither, but without what would change the structure of a header field that it is written into.
fn client_name(argument: &str, usage: &'static str) -> Result<String, SyntaxError> {
    if is_client_name(argument) { Ok(argument.to_owned()) } else { Err(SyntaxError::Usage(usage)) }
}

pub(super) fn is_client_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && !b"()<>,;\"\\".contains(&b);
    (1..=HELO_MAX).contains(&name.len()) && name.bytes().all(plain)
}

/// RFC 4954 §4: `AUTH mechanism [initial-response]`.
fn auth(argument: &str) -> Result<Command, SyntaxError> {
    let (mechanism, initial) = argument.split_once(' ').unwrap_or((argument, ""));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let initial = initial.trim_start_matches(' ');
    // RFC 4422 §3.1 has up to 20 characters.
    if !(1..=20).contains(&mechanism.len()) || !mechanism.bytes().all(plain) || initial.contains(' ') {
        return Err(SyntaxError::Usage("AUTH mechanism [initial-response]"));
    }
    let initial = (!initial.is_empty()).then(|| initial.to_owned());
    Ok(Command::Auth { mechanism: mechanism.to_ascii_uppercase(), initial })
}

/// RFC 3030 §2: `BDAT 1*DIGIT [LAST]`. More than a `u64` holds is no size: nobody sends that much.
fn chunk(argument: &str) -> Result<Command, SyntaxError> {
    let (size, mark) = argument.split_once(' ').unwrap_or((argument, ""));
    let digits = !size.is_empty() && size.bytes().all(|b| b.is_ascii_digit());
    let octets = size.parse().ok().filter(|_| digits).ok_or(SyntaxError::Usage(BDAT_USAGE))?;
    match mark.trim_start_matches(' ') {
        "" => Ok(Command::Chunk { octets, last: false }),
        mark if mark.eq_ignore_ascii_case("LAST") => Ok(Command::Chunk { octets, last: true }),
        _ => Err(SyntaxError::BadChunk { octets }),
    }
}

fn mail(argument: &str, offered: Offered) -> Result<Mail, SyntaxError> {
    let path = after_keyword(argument, "FROM:").ok_or(SyntaxError::Usage("MAIL FROM:<address>"))?;
    let (sender, rest) = address::reverse_path(path).map_err(SyntaxError::Sender)?;
    let parameters = parameters::of_mail(rest, offered)?;
    if !parameters.smtputf8 && sender.as_ref().is_some_and(|sender| !sender.is_ascii()) {
        return Err(SyntaxError::NeedsSmtpUtf8);
    }
    Ok(Mail { sender, parameters })
}

fn rcpt(argument: &str, offered: Offered) -> Result<(Mailbox, RecipientWishes), SyntaxError> {
    let path = after_keyword(argument, "TO:").ok_or(SyntaxError::Usage("RCPT TO:<address>"))?;
    let (recipient, rest) = address::forward_path(path).map_err(SyntaxError::Recipient)?;
    Ok((recipient, parameters::of_rcpt(rest, offered)?))
}

/// What follows `keyword`, in any case. Spaces before the path are no RFC, but common, and cannot be misread.
fn after_keyword<'a>(argument: &'a str, keyword: &str) -> Option<&'a str> {
    let (head, rest) = argument.split_at_checked(keyword.len())?;
    head.eq_ignore_ascii_case(keyword).then(|| rest.trim_start_matches(' '))
}

#[cfg(test)]
mod tests;
