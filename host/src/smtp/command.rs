//! One command line, parsed (RFC 5321 §4.1.1, RFC 1870, RFC 3030, RFC 3207, RFC 6152, RFC 6531).
//!
//! ```text
//! "MAIL FROM:<jo@x.example> SIZE=99"  ->  Command::Mail(Mail { sender, size: Some(99), body })
//! ```
//!
//! Syntax only: knows nothing of what came before, of what is offered, or of limits that are configured.

use super::Reply;
use super::address::{self, PathError};
use crate::mail::Mailbox;

/// Longest command line in octets, CRLF included: RFC 5321 §4.5.3.1.4.
pub const LINE_MAX: usize = 512;
/// Longest `MAIL` line: what the extensions offered add to it. `SIZE` 26 (RFC 1870 §3), `BODY` 17 (RFC 6152 §2),
/// `SMTPUTF8` 10 (RFC 6531 §3.1).
pub const MAIL_LINE_MAX: usize = LINE_MAX + 26 + 17 + 10;
/// Longest line of any command: what the line decoder must be able to hold.
pub const ANY_LINE_MAX: usize = MAIL_LINE_MAX;
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
    /// Begins a transaction.
    Mail(Mail),
    /// Names a recipient.
    Rcpt(Mailbox),
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
}

/// `MAIL` with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The reverse-path; `None` is `<>`.
    pub sender: Option<Mailbox>,
    /// `SIZE=` in octets (RFC 1870); more than a `u64` holds is `u64::MAX`.
    pub size: Option<u64>,
    /// `BODY=` (RFC 6152).
    pub body: Body,
    /// `SMTPUTF8` (RFC 6531).
    pub smtputf8: bool,
}

/// What the client says of the content's octets. It is a promise, not a limit: nothing is converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Body {
    /// Octets below 128 only; also when nothing was said.
    #[default]
    SevenBit,
    /// Any octets, in lines.
    EightBitMime,
}

impl Body {
    /// The name on the wire: `7BIT` or `8BITMIME`.
    pub fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
        }
    }
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
}

impl SyntaxError {
    /// What the client is answered.
    pub fn reply(self) -> Reply {
        let (code, enhanced) = match self {
            Self::Overlong | Self::Unprintable | Self::Unknown => (500, "5.5.2"),
            Self::NotImplemented => (502, "5.5.1"),
            Self::UnwantedArgument | Self::Usage(_) | Self::BadChunk { .. } | Self::BadParameter(_) => {
                (501, "5.5.4")
            }
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

    /// Parses one line, given without its CRLF. Spaces at its end mean nothing (RFC 5321 §4.1.1).
    pub fn parse(line: &[u8]) -> Result<Self, SyntaxError> {
        let text = std::str::from_utf8(line).map_err(|_| SyntaxError::Unprintable)?;
        if text.bytes().any(|b| b.is_ascii_control()) {
            return Err(SyntaxError::Unprintable);
        }
        let (verb, argument) = text.split_once(' ').unwrap_or((text, ""));
        let argument = argument.trim_matches(' ');
        let verb = verb.to_ascii_uppercase();
        if line.len() + b"\r\n".len() > if verb == "MAIL" { MAIL_LINE_MAX } else { LINE_MAX } {
            return Err(SyntaxError::Overlong);
        }
        match verb.as_str() {
            "HELO" => client_name(argument, "HELO host.name").map(Self::Helo),
            "EHLO" => client_name(argument, "EHLO host.name").map(Self::Ehlo),
            "MAIL" => mail(argument).map(Self::Mail),
            "RCPT" => rcpt(argument).map(Self::Rcpt),
            "DATA" => bare(argument, Self::Data),
            "BDAT" => chunk(argument),
            "RSET" => bare(argument, Self::Reset),
            "QUIT" => bare(argument, Self::Quit),
            "STARTTLS" => bare(argument, Self::StartTls),
            "NOOP" => Ok(Self::Noop),
            "HELP" => Ok(Self::Help),
            "VRFY" if argument.is_empty() => Err(SyntaxError::Usage("VRFY user")),
            "VRFY" => Ok(Self::Verify),
            "AUTH" | "BURL" | "ETRN" | "EXPN" | "LHLO" | "SAML" | "SEND" | "SOML" | "TURN" | "XCLIENT"
            | "XFORWARD" => Err(SyntaxError::NotImplemented),
            _ => Err(SyntaxError::Unknown),
        }
    }
}

fn bare(argument: &str, command: Command) -> Result<Command, SyntaxError> {
    if argument.is_empty() { Ok(command) } else { Err(SyntaxError::UnwantedArgument) }
}

/// The argument of HELO or EHLO: one word. Not held to be a domain or address literal, since much honest software sends
/// neither, but without what would change the structure of a header field that it is written into.
fn client_name(argument: &str, usage: &'static str) -> Result<String, SyntaxError> {
    let plain = |b: u8| b.is_ascii_graphic() && !b"()<>,;\"\\".contains(&b);
    if argument.is_empty() || argument.len() > HELO_MAX || !argument.bytes().all(plain) {
        return Err(SyntaxError::Usage(usage));
    }
    Ok(argument.to_owned())
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

fn mail(argument: &str) -> Result<Mail, SyntaxError> {
    let path = after_keyword(argument, "FROM:").ok_or(SyntaxError::Usage("MAIL FROM:<address>"))?;
    let (sender, rest) = address::reverse_path(path).map_err(SyntaxError::Sender)?;
    let mut size = None;
    let mut body = None;
    let mut smtputf8 = None;
    for (keyword, value) in parameters(rest).ok_or(SyntaxError::Usage("MAIL FROM:<address> KEYWORD=value"))? {
        if keyword.eq_ignore_ascii_case("SIZE") {
            let declared =
                parse_size(value).ok_or(SyntaxError::BadParameter("SIZE is a number of octets"))?;
            once(&mut size, declared)?;
        } else if keyword.eq_ignore_ascii_case("BODY") {
            let declared = parse_body(value).ok_or(SyntaxError::BadParameter("BODY is 7BIT or 8BITMIME"))?;
            once(&mut body, declared)?;
        } else if keyword.eq_ignore_ascii_case("SMTPUTF8") {
            if value.is_some() {
                return Err(SyntaxError::BadParameter("SMTPUTF8 takes no value"));
            }
            once(&mut smtputf8, ())?;
        } else {
            return Err(SyntaxError::UnknownParameter);
        }
    }
    let smtputf8 = smtputf8.is_some();
    if !smtputf8 && sender.as_ref().is_some_and(|sender| !sender.is_ascii()) {
        return Err(SyntaxError::NeedsSmtpUtf8);
    }
    Ok(Mail { sender, size, body: body.unwrap_or_default(), smtputf8 })
}

fn rcpt(argument: &str) -> Result<Mailbox, SyntaxError> {
    let path = after_keyword(argument, "TO:").ok_or(SyntaxError::Usage("RCPT TO:<address>"))?;
    let (recipient, rest) = address::forward_path(path).map_err(SyntaxError::Recipient)?;
    match parameters(rest) {
        None => Err(SyntaxError::Usage("RCPT TO:<address>")),
        Some(mut all) => all.next().map_or(Ok(recipient), |_| Err(SyntaxError::UnknownParameter)),
    }
}

/// What follows `keyword`, in any case. Spaces before the path are no RFC, but common, and cannot be misread.
fn after_keyword<'a>(argument: &'a str, keyword: &str) -> Option<&'a str> {
    let (head, rest) = argument.split_at_checked(keyword.len())?;
    head.eq_ignore_ascii_case(keyword).then(|| rest.trim_start_matches(' '))
}

/// The `KEYWORD=value` or `KEYWORD` words after a path. `None` where no space parts them from the path.
fn parameters(rest: &str) -> Option<impl Iterator<Item = (&str, Option<&str>)>> {
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    let words = rest.split(' ').filter(|word| !word.is_empty());
    Some(
        words
            .map(|word| word.split_once('=').map_or((word, None), |(keyword, value)| (keyword, Some(value)))),
    )
}

/// RFC 1870 allows 20 digits; more are too big rather than malformed, as is what a `u64` cannot hold.
fn parse_size(value: Option<&str>) -> Option<u64> {
    let digits = value.filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))?;
    Some(digits.parse().unwrap_or(u64::MAX))
}

fn parse_body(value: Option<&str>) -> Option<Body> {
    let value = value?;
    [Body::SevenBit, Body::EightBitMime].into_iter().find(|body| value.eq_ignore_ascii_case(body.name()))
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), SyntaxError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(SyntaxError::BadParameter("given twice")),
    }
}

#[cfg(test)]
mod tests;
