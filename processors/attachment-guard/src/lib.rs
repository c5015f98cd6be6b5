//! `attachment-guard`: refuses messages by the names and types of their attachments.
//!
//! Looks at the header section of each part as it streams by, nested messages and signed parts included, and answers as
//! soon as it has seen one that is not accepted. Knows nothing of contents: what is inside an archive, or under a
//! harmless name and type, passes. What it does is said in `README.md`.

pub mod config;
pub mod patterns;

use gatepost_sdk::mime::{Event, Limits, Part, Problem, Scanner, part};
use gatepost_sdk::{Context, Description, Flow, Processor, Refusal, Verdict};

use config::{Action, Config, OnLimit};
use patterns::Patterns;

/// Characters of an attachment's name in a reply, at most.
const NAME_SHOWN_MAX: usize = 64;
/// Of a longer name only the end is matched, so many characters of it: what follows the last dot is what counts.
const NAME_MATCHED_MAX: usize = 1024;

/// The processor.
#[derive(Debug)]
pub struct AttachmentGuard {
    config: Config,
    rules: Rules,
    scanner: Scanner,
    /// Why the message is to be quarantined.
    quarantine: Option<String>,
    /// The message has no other part than itself, which has been seen.
    done: bool,
}

/// What is not accepted.
#[derive(Debug)]
struct Rules {
    names: Patterns,
    types: Patterns,
}

/// What was met.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Finding {
    /// An attachment of this name.
    Name(String),
    /// A part of this type.
    Type(String),
    /// A nested message that is transfer-encoded.
    Encoded,
    /// A limit of the scanner, behind which nothing is seen.
    Limit,
    /// What other readers may read otherwise, and see an attachment there.
    Doubt(String),
}

gatepost_sdk::export!(AttachmentGuard);

impl Processor for AttachmentGuard {
    type Config = Config;

    fn describe() -> Description {
        Description::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"))
    }

    fn configure(config: Config) -> Result<Self, String> {
        config.check()?;
        let rules = Rules { names: Patterns::new(&config.names), types: Patterns::new(&config.types) };
        let scanner = Scanner::new(Limits::default());
        Ok(Self { config, rules, scanner, quarantine: None, done: false })
    }

    fn write(&mut self, chunk: &[u8], _cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        self.look(Some(chunk))?;
        Ok(if self.done { Flow::Splice } else { Flow::Pass })
    }

    fn close(&mut self, _cx: &mut Context<'_>) -> Result<Verdict, Refusal> {
        if !self.done {
            self.look(None)?;
        }
        Ok(self.quarantine.take().map_or(Verdict::Accept, Verdict::Quarantine))
    }
}

impl AttachmentGuard {
    /// Looks at the parts that begin in `chunk`, or with `None` at what is left at the end.
    fn look(&mut self, chunk: Option<&[u8]>) -> Result<(), Refusal> {
        let (mut found, mut only_part) = (Vec::new(), false);
        let rules = &self.rules;
        let mut on = |event: Event<'_>| {
            if let Event::Header { part, raw } = event {
                only_part |= part.depth == 0 && !part.is_multipart() && !part.is_message();
                found.extend(rules.look(part, raw));
            }
        };
        match chunk {
            Some(chunk) => self.scanner.feed(chunk, &mut on),
            None => self.scanner.finish(&mut on),
        }
        self.done = only_part;
        // What no part tells of.
        let problems = self.scanner.problems();
        if problems.contains(&Problem::TooManyParts) {
            found.push(Finding::Limit);
        }
        let hides = [Problem::DelimiterTail, Problem::DelimiterMisplaced, Problem::NoBoundary];
        found.extend(
            hides.iter().filter(|hides| problems.contains(hides)).map(|why| Finding::Doubt(why.to_string())),
        );
        // In order, and each: one that rejects outweighs those before it that do less, however the message was cut.
        found.iter().try_for_each(|finding| self.act(finding))
    }

    fn act(&mut self, finding: &Finding) -> Result<(), Refusal> {
        let action = match (finding, self.config.on_limit) {
            (Finding::Name(_) | Finding::Type(_), _) => self.config.action,
            (_, OnLimit::Reject) => Action::Reject,
            (_, OnLimit::Quarantine) => Action::Quarantine,
            (_, OnLimit::Pass) => return Ok(()),
        };
        let reason = match finding {
            Finding::Name(name) => format!("attachment \"{}\" is not accepted here", shown(name)),
            Finding::Type(name) => format!("attachments of type {} are not accepted here", shown(name)),
            Finding::Encoded => format!("attachments cannot be checked: {}", Problem::EncodedMessage),
            Finding::Doubt(why) => format!("attachments cannot be checked: {why}"),
            Finding::Limit => {
                let limit = self.scanner.problem().map(|problem| problem.to_string());
                format!("attachments cannot be checked: {}", limit.unwrap_or_default())
            }
        };
        match action {
            Action::Reject => Err(Refusal::reject(format!("{reason}; {}", self.config.help))),
            Action::Quarantine => {
                self.quarantine.get_or_insert(reason);
                Ok(())
            }
        }
    }
}

impl Rules {
    fn look(&self, part: &Part, raw: &[u8]) -> Option<Finding> {
        let bad_name = part::names(raw).into_iter().find(|name| self.refuse_name(name));
        let bad_type = || {
            let own = format!("{}/{}", part.media_type, part.subtype);
            part::types(raw).into_iter().chain([own]).find(|name| self.types.match_any(name))
        };
        let hidden = || {
            let encoded = part.is_message() && part.encoding.is_encoded();
            let limit = part.opaque.then_some(Finding::Limit).or(encoded.then_some(Finding::Encoded));
            limit.or_else(|| part::doubt(part, raw).map(|why| Finding::Doubt(why.into())))
        };
        bad_name.map(Finding::Name).or_else(|| bad_type().map(Finding::Type)).or_else(hidden)
    }

    /// Whether `name`, or what a system makes of it, is refused: without a path before it, without dots and spaces at its end
    /// (Windows drops them), up to a NUL or a colon (an alternate stream).
    fn refuse_name(&self, name: &str) -> bool {
        let start = name.char_indices().rev().nth(NAME_MATCHED_MAX - 1).map_or(0, |(at, _)| at);
        let name = name[start..].to_lowercase();
        let file = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let stem = file.split(['\0', ':']).next().unwrap_or_default();
        let is_dropped = |c: char| c == '.' || c.is_whitespace() || c.is_control();
        [&*name, file, stem]
            .iter()
            .any(|form| self.names.match_any(form) || self.names.match_any(form.trim_end_matches(is_dropped)))
    }
}

/// `name` as it may stand in a reply: printable ASCII without quotes, of a bounded length; of a long one the end, which
/// tells what it is.
fn shown(name: &str) -> String {
    let clean = |c: char| if matches!(c, ' '..='~') && c != '"' { c } else { '?' };
    let count = name.chars().count();
    let tail = name.chars().skip(count.saturating_sub(NAME_SHOWN_MAX)).map(clean);
    let dots = if count > NAME_SHOWN_MAX { "..." } else { "" };
    dots.chars().chain(tail).collect()
}
