//! Where our replies may differ from Postfix's: each class with the replies and the lines that it is held to.
//!
//! ```text
//! of("HELP", ours 214 2.0.0, theirs 500 5.5.2)  ->  Some("help")
//! ```
//!
//! The reasons are in docs/postfix-differences.md, under the same names. A difference falls into the first class that fits.

use crate::exchange::Difference;

/// A kind of difference.
struct Class {
    name: &'static str,
    /// Our reply and Postfix's; what ends in `*` is a beginning.
    replies: &'static [(&'static str, &'static str)],
    /// What was said, in upper case.
    said: fn(&str) -> bool,
}

const fn class(
    name: &'static str,
    replies: &'static [(&'static str, &'static str)],
    said: fn(&str) -> bool,
) -> Class {
    Class { name, replies, said }
}

const CLASSES: &[Class] = &[
    class(
        "extensions",
        &[(
            "250 8BITMIME CHUNKING DSN ENHANCEDSTATUSCODES HELP PIPELINING SIZE SMTPUTF8",
            "250 8BITMIME CHUNKING DSN ENHANCEDSTATUSCODES ETRN PIPELINING SIZE SMTPUTF8 VRFY",
        )],
        |said| said.starts_with("EHLO "),
    ),
    // Lines as such.
    class("bare-lf-after-a-command", &[("*", "550 5.5.2")], |said| is_line(said) && !said.ends_with("\r\n")),
    class("long-command-line", &[("500 5.5.2", "250*")], |said| is_line(said) && said.len() > 512),
    class("control-characters", &[("500 5.5.2", "250*"), ("500 5.5.2", "503 5.5.1")], |said| {
        is_line(said) && said.trim_end().chars().any(char::is_control) || said.ends_with("\t\r\n")
    }),
    class("leading-space", &[("500 5.5.2", "250*")], |said| said.starts_with(' ')),
    class("not-smtp-at-all", &[("500 5.5.2", "221 2.7.0")], |said| {
        said.starts_with("GET ") || said.starts_with("SUBJECT:")
    }),
    // Commands other than those that carry a message.
    class("help", &[("214 2.0.0", "500 5.5.2")], |said| said == "HELP\r\n"),
    class("quit-with-an-argument", &[("501 5.5.4", "221 2.0.0")], |said| said == "QUIT X\r\n"),
    class("vrfy", &[("252 2.0.0", "554 5.7.1")], |said| said == "VRFY JO@NOBODY.EXAMPLE\r\n"),
    class("hello-without-a-name", &[("501 5.5.4", "501")], |said| matches!(said.trim_end(), "EHLO" | "HELO")),
    class("name-in-hello", &[("501 5.5.4", "250*")], is_no_name),
    class("etrn", &[("502 5.5.1", "459"), ("502 5.5.1", "500"), ("502 5.5.1", "503")], |said| {
        said.starts_with("ETRN")
    }),
    class("commands-that-exist-elsewhere", &[("502 5.5.1", "500 5.5.2")], |said| {
        is_one_of(said, &["LHLO ", "TURN", "SEND ", "BURL ", "EXPN "])
    }),
    class("auth-not-offered", &[("502 5.5.1", "503 5.5.1")], |said| said.starts_with("AUTH ")),
    class("xforward", &[("502 5.5.1", "503 5.5.1"), ("502 5.5.1", "550 5.7.0")], |said| {
        said.starts_with("XFORWARD ")
    }),
    // What is wrong with a line that has several faults, or stands in the wrong place.
    class(
        "syntax-before-order",
        &[
            ("500 5.5.2", "503 5.5.1"),
            ("501*", "503 5.5.1"),
            ("501 5.5.4", "554 5.5.1"),
            ("555 5.5.4", "503 5.5.1"),
        ],
        |said| is_one_of(said, &["MAIL", "RCPT", "DATA X"]),
    ),
    class(
        "path-before-parameters",
        &[
            ("501 5.1.3", "501 5.5.4"),
            ("501 5.1.7", "501 5.5.4"),
            ("501 5.1.7", "552 5.3.4"),
            ("501 5.1.7", "555 5.5.4"),
        ],
        |said| is_one_of(said, &["MAIL FROM:", "RCPT TO:"]),
    ),
    class("text-after-a-path", &[("501 5.5.4", "501 5.1.3"), ("501 5.5.4", "501 5.1.7")], |said| {
        said.contains(">X") || said.contains(">,<")
    }),
    // Paths.
    class("paths-that-are-repaired", &[("501 5.1.7", "250 2.1.0")], is_no_path),
    class(
        "paths-that-are-repaired",
        &[("501 5.1.3", "250 2.1.5"), ("501 5.1.3", "554 5.7.1"), ("501 5.1.3", "452 4.5.3")],
        is_no_path,
    ),
    class("routes-in-local-parts", &[("250 2.1.5", "554 5.7.1")], |said| {
        is_one_of(said, &["RCPT TO:<JO%X", "RCPT TO:<JO!X", "RCPT TO:<\"JO@X"])
    }),
    class("local-part-with-a-hyphen", &[("250 2.1.5", "501 5.1.3")], |said| said.starts_with("RCPT TO:<-")),
    class("literal-of-the-host", &[("550 5.7.1", "250 2.1.5")], |said| {
        said.starts_with("RCPT TO:<JO@[127.0.0.1]>")
    }),
    class("code-of-relay-denied", &[("550 5.7.1", "554 5.7.1")], |said| said.starts_with("RCPT TO:")),
    class("recipient-named-twice", &[("250 2.1.5", "452 4.5.3")], |said| said.starts_with("RCPT TO:")),
    class(
        "utf-8-without-smtputf8",
        &[
            ("553 5.6.7", "250 2.1.0"),
            ("553 5.6.7", "501 5.1.7"),
            ("553 5.6.7", "552 5.3.4"),
            ("550 5.6.7", "250 2.1.5"),
        ],
        |said| !said.is_ascii() && !said.contains(" SMTPUTF8"),
    ),
    // Parameters.
    class("parameter-given-twice", &[("501 5.5.4", "250 2.1.0"), ("501 5.5.4", "250 2.1.5")], |said| {
        is_one_of_within(said, &["SIZE=1 SIZE=2", "BODY=7BIT BODY=8BITMIME", "NOTIFY=SUCCESS,SUCCESS"])
    }),
    class("empty-orcpt", &[("501 5.5.4", "250 2.1.5")], |said| said.trim_end().ends_with("ORCPT=RFC822;")),
    class("parameters-before-the-recipient", &[("501 5.5.4", "554 5.7.1")], |said| {
        is_one_of_within(said, &["ORCPT=RFC822;\r\n", "NOTIFY=SUCCESS,SUCCESS"])
    }),
    class("value-of-a-known-parameter", &[("501 5.5.4", "555 5.5.4")], |said| {
        is_one_of_within(said, &[" BODY=", " SIZE\r\n", " SMTPUTF8=X"])
    }),
    class("auth-parameter", &[("555 5.5.4", "250 2.1.0")], |said| said.contains(" AUTH=<>")),
    // Content.
    class("data-without-recipients", &[("503 5.5.1", "554 5.5.1")], |said| {
        is_one_of(said, &["DATA\r\n", "BDAT "])
    }),
    class("chunks-out-of-order", &[("503 5.5.1", "551 5.0.0"), ("554 5.5.1", "551 5.0.0")], |said| {
        said.starts_with("BDAT ")
    }),
    class(
        "empty-chunk",
        &[("250 2.0.0", "551 5.7.1"), ("503 5.5.1", "551 5.7.1"), ("554 5.5.1", "551 5.7.1")],
        |said| said == "BDAT 0\r\n",
    ),
    class("size-of-a-chunk", &[("501 5.5.4", "521 5.5.4")], |said| said.starts_with("BDAT ")),
    class(
        "bare-lf-in-content",
        &[("550 5.6.11", "550 5.5.2"), ("550 5.6.11, 221 2.0.0", "550 5.5.2, 221 2.0.0")],
        has_bare_lf,
    ),
    class(
        "bare-cr-and-nul-in-content",
        &[("550 5.6.11", "250 2.0.0"), ("550 5.6.11, 221 2.0.0", "250 2.0.0, 221 2.0.0")],
        has_bare_cr_or_nul,
    ),
];

/// The class of a difference.
pub(crate) fn of(difference: &Difference) -> Option<&'static str> {
    let said = String::from_utf8_lossy(&difference.said).to_ascii_uppercase();
    let fits = |pattern: &str, reply: &str| match pattern.strip_suffix('*') {
        Some(start) => reply.starts_with(start),
        None => reply == pattern,
    };
    let has = |class: &&Class| {
        let mut pairs = class.replies.iter();
        pairs.any(|(ours, theirs)| fits(ours, &difference.ours) && fits(theirs, &difference.theirs))
            && (class.said)(&said)
    };
    CLASSES.iter().find(has).map(|class| class.name)
}

/// The names of all classes; one may come twice.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CLASSES.iter().map(|class| class.name)
}

/// Whether it is a command line, and no content.
fn is_line(said: &str) -> bool {
    said.matches('\n').count() == 1
}

fn is_one_of(said: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| said.starts_with(start))
}

fn is_one_of_within(said: &str, words: &[&str]) -> bool {
    words.iter().any(|word| said.contains(word))
}

/// Whether RFC 5321 §4.1.2 has no such path: told by what these conversations have, not by a parser.
fn is_no_path(said: &str) -> bool {
    let path = said.split_once(':').map_or("", |(_, rest)| rest.trim_end());
    let path = path.split(' ').next().unwrap_or_default();
    let Some(inner) = path.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) else { return true };
    let routed = inner.split_once(':').filter(|(route, _)| route.split(',').all(|hop| hop.starts_with('@')));
    let inner = routed.map_or(inner, |(_, mailbox)| mailbox);
    let (local, domain) = inner.split_once('@').unwrap_or((inner, ""));
    let is_dotted = |text: &str| text.starts_with('.') || text.ends_with('.') || text.contains("..");
    let is_quoted = local.starts_with('"');
    let is_too_long = local.len() > 64 || path.len() > 256;
    is_too_long
        || !is_quoted && (local.is_empty() || domain.is_empty() || is_dotted(local) || is_dotted(domain))
        || !is_quoted && (local.contains(['(', ':', '\\', '<']) || domain.contains('@'))
}

/// What we take for no name in HELO or EHLO.
fn is_no_name(said: &str) -> bool {
    let name = said.strip_prefix("EHLO ").or_else(|| said.strip_prefix("HELO ")).map(str::trim);
    name.is_some_and(|name| name.len() > 255 || !name.is_ascii() || name.contains([' ', '(', '<']))
}

/// In content, a chunk's too.
fn has_bare_lf(said: &str) -> bool {
    said.replace("\r\n", "").contains('\n')
}

fn has_bare_cr_or_nul(said: &str) -> bool {
    said.replace("\r\n", "").contains(['\r', '\0'])
}
