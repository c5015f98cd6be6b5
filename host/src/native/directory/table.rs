//! The directory's text: which mailboxes there are, and what is to be said of those that take no mail.
//!
//! ```text
//! # the people                                  a comment
//! jo@acme.example                               takes mail
//! *@lists.acme.example   ok                     so does every mailbox of the domain that is not named
//! full@acme.example      quota                  # a comment, too
//! gone@acme.example      suspended  Moved to gone@elsewhere.example
//! ```
//!
//! A mailbox, a state (none: `ok`), and the rest of the line is what the client is told. Local parts are compared in lower case
//! and without quotes, domains by their A-labels. A `#` that stands alone begins a comment: `Ticket #12` is a text, and stays whole.
//! Knows nothing of files and replies.

use std::collections::{BTreeSet, HashMap};

use crate::mail::domain::lower;
use crate::mail::idna::lookup_form;
use crate::mail::mailbox::quoted_end;
use crate::mail::{Mailbox, domain};

/// Most mailboxes of a directory: some ten MiB of memory.
pub const ENTRIES_MAX: usize = 100_000;
/// Longest line, in octets: an address, a state and a text.
pub const LINE_MAX: usize = 1000;
/// Longest text for the client, in octets: what a reply holds of it.
pub const TEXT_MAX: usize = crate::smtp::reply::TEXT_MAX;
/// Lines that are complained of at once.
const PROBLEMS_MAX: usize = 8;

/// Whether a mailbox takes mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It does.
    Ok,
    /// There is no such mailbox, whatever a line for all of its domain says.
    Unknown,
    /// It is full.
    Quota,
    /// It takes no mail any more.
    Suspended,
    /// It takes none just now.
    Temporary,
}

/// As they are written.
const STATES: [(&str, State); 5] = [
    ("ok", State::Ok),
    ("unknown", State::Unknown),
    ("quota", State::Quota),
    ("suspended", State::Suspended),
    ("temporary", State::Temporary),
];

/// What the directory says of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whether it takes mail.
    pub state: State,
    /// What the client is told; none: what the state says.
    pub text: Option<Box<str>>,
}

/// A directory that was read.
#[derive(Debug, Default)]
pub struct Table {
    /// By mailbox as it is compared; `*@domain` for all others of a domain.
    entries: HashMap<Box<str>, Entry>,
}

impl Table {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong, line by line, the first few; or that no mailbox stands in it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
            format!("line {line}: is not UTF-8")
        })?;
        let (mut table, mut lines, mut problems) = (Self::default(), HashMap::new(), Vec::new());
        for (line, text) in text.lines().enumerate().map(|(n, text)| (n + 1, text)) {
            let problem = match read_line(text) {
                Ok(None) => continue,
                Ok(Some((key, entry))) => match lines.insert(key.clone(), line) {
                    Some(first) => format!("the mailbox stands in line {first} already"),
                    None if table.entries.len() == ENTRIES_MAX => {
                        problems.push(format!("line {line}: more than {ENTRIES_MAX} mailboxes"));
                        break;
                    }
                    None => {
                        table.entries.insert(key, entry);
                        continue;
                    }
                },
                Err(problem) => problem,
            };
            problems.push(format!("line {line}: {problem}"));
            if problems.len() == PROBLEMS_MAX {
                break;
            }
        }
        if problems.is_empty() && table.is_empty() {
            // Most likely an export has failed; and whoever wants no mail takes the domain away.
            return Err("no mailbox stands in it, and all mail would be refused for good".to_owned());
        }
        if problems.is_empty() { Ok(table) } else { Err(problems.join("; ")) }
    }

    /// What it says of `mailbox`: its own line; without one, that of the local part up to the first of `separators`; without
    /// one, that of its domain.
    pub fn get(&self, mailbox: &Mailbox, separators: &str) -> Option<&Entry> {
        let (local, domain) = (compared(mailbox.local()), lookup_form(mailbox.domain()));
        let find = |local: &str| self.entries.get(&*format!("{local}@{domain}"));
        // A separator at the begin is no subaddress: nothing would be left.
        let cut = local.char_indices().skip(1).find(|(_, c)| separators.contains(*c));
        let base = cut.map(|(at, _)| &local[..at]);
        // A local part that is a lone star must not find the line of the domain by itself.
        let own = if local == "*" { None } else { find(&local) };
        own.or_else(|| base.filter(|base| *base != "*").and_then(find)).or_else(|| find("*"))
    }

    /// The domains of its mailboxes, by their A-labels.
    pub fn domains(&self) -> BTreeSet<&str> {
        self.entries.keys().filter_map(|key| key.rsplit_once('@')).map(|(_, domain)| domain).collect()
    }

    /// How many lines say something.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// A mailbox as it is compared, and what stands of it; none: the line says nothing.
fn read_line(line: &str) -> Result<Option<(Box<str>, Entry)>, String> {
    if line.len() > LINE_MAX {
        return Err(format!("is longer than {LINE_MAX} octets"));
    }
    let line = line.trim_matches(is_blank);
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (address, rest) = line.split_at(address_end(line));
    let rest = rest[..comment_start(rest)].trim_matches(is_blank);
    let (word, text) = rest.split_at(rest.find(is_blank).unwrap_or(rest.len()));
    let text = text.trim_start_matches(is_blank);
    let state = if word.is_empty() { Some(State::Ok) } else { state_of(word) };
    let state = state.ok_or_else(|| {
        let known: Vec<&str> = STATES.iter().map(|(name, _)| *name).collect();
        format!("\"{}\" is no state: expected {}", word.escape_debug(), known.join(", "))
    })?;
    check_text(state, text)?;
    let key = match address.strip_prefix("*@") {
        Some(all) => {
            let name = domain::normalise(all).map_err(|error| format!("after `*@`: {error}"))?;
            format!("*@{}", lookup_form(&name))
        }
        None => {
            let mailbox = Mailbox::parse(address)
                .map_err(|error| format!("\"{}\": {error}", address.escape_debug()))?;
            let local = compared(mailbox.local());
            if local == "postmaster" && state != State::Ok {
                return Err("mail to a postmaster is always taken (RFC 5321 section 4.5.1)".to_owned());
            }
            if local == "*" {
                return Err("`*` stands for all of a domain, without quotes".to_owned());
            }
            format!("{local}@{}", lookup_form(mailbox.domain()))
        }
    };
    Ok(Some((key.into(), Entry { state, text: (!text.is_empty()).then(|| text.into()) })))
}

fn state_of(word: &str) -> Option<State> {
    STATES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, state)| *state)
}

/// Replies are ASCII, and a text that would be cut or changed is better refused.
fn check_text(state: State, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    if state == State::Ok {
        return Err("nobody is told a text after `ok`; a comment begins with a `#` between blanks".to_owned());
    }
    if text.len() > TEXT_MAX {
        return Err(format!("the text is longer than {TEXT_MAX} octets"));
    }
    if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err("the text has a character that is not plain ASCII".to_owned());
    }
    Ok(())
}

/// Where a comment begins behind an address: at a `#` that has blanks, or the end, on both sides.
fn comment_start(rest: &str) -> usize {
    let alone =
        |at: &usize| rest[..*at].ends_with(is_blank) && rest[at + 1..].chars().next().is_none_or(is_blank);
    rest.match_indices('#').map(|(at, _)| at).find(alone).unwrap_or(rest.len())
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// Where the address at the begin of a line ends: a quoted local part may hold spaces.
fn address_end(line: &str) -> usize {
    let quoted = if line.starts_with('"') { quoted_end(line.as_bytes()).unwrap_or(0) } else { 0 };
    line.get(quoted..).and_then(|rest| rest.find(is_blank)).map_or(line.len(), |at| quoted + at)
}

/// A local part as it is compared: without quotes, as they mean nothing (RFC 5321 §4.1.2), and in lower case, as hosts do.
pub(super) fn compared(local: &str) -> String {
    let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return lower(local);
    };
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    lower(&plain)
}

#[cfg(test)]
#[path = "table/tests.rs"]
mod tests;
