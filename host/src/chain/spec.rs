//! How a chain is written: `header | gz:compress | acme/strip@1 | maildir + null`.
//!
//! ```text
//! chain   = { segment "|" } last          stage = [ alias ":" ] [ owner "/" ] name [ "@" pin ]
//! segment = stage                         name  = [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?
//! last    = stage { "+" stage }           pin   = major [ "." minor [ "." patch ] ]
//! ```
//!
//! Spaces are free between words; case is ignored. Knows nothing of what the names mean: whether the last segment holds
//! sinks is for the one who resolves them.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

/// A chain as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainSpec {
    /// All segments but the last. May be empty.
    pub stages: Vec<StageRef>,
    /// The last segment: one or several names joined by `+`. Never empty. Sinks, in a tenant's chain.
    pub last: Vec<StageRef>,
}

/// One name in a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRef {
    /// `a` of `a:b`.
    pub alias: Option<String>,
    /// `a` of `a/b`.
    pub owner: Option<String>,
    /// The processor's or sink's name.
    pub name: String,
    /// `1.2` of `b@1.2`.
    pub pin: Option<Pin>,
}

/// Which versions will do: the newest that begins so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// First number.
    pub major: u64,
    /// Second number; none: any.
    pub minor: Option<u64>,
    /// Third number; none: any. None where `minor` is.
    pub patch: Option<u64>,
}

/// Why a chain cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {position}: {text}")]
pub struct SpecError {
    /// Where, counted in characters from 1.
    pub position: usize,
    /// What is wrong and what would be right.
    pub text: String,
}

/// Whether `name` may name a tenant, a processor or an alias: `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`.
pub fn is_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

impl ChainSpec {
    /// All names in order, the last segment's included.
    pub fn all(&self) -> impl Iterator<Item = &StageRef> {
        self.stages.iter().chain(&self.last)
    }

    /// How many names stand in the chain.
    pub fn len(&self) -> usize {
        self.stages.len() + self.last.len()
    }

    /// Never: the grammar asks for one name at least.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl StageRef {
    /// What stands in `[stage.LABEL]`, in logs and in metrics: the alias, or `owner/name`, or the name; never the pin.
    pub fn label(&self) -> String {
        match (&self.alias, &self.owner) {
            (Some(alias), _) => alias.clone(),
            (None, Some(owner)) => format!("{owner}/{}", self.name),
            (None, None) => self.name.clone(),
        }
    }
}

impl StageRef {
    /// What it names, as it is written, without the alias: `owner/name@pin`.
    pub fn reference(&self) -> String {
        Self { alias: None, ..self.clone() }.to_string()
    }
}

impl Pin {
    /// Whether `version` begins as the pin says. The pre-release tag is not looked at.
    pub fn matches(&self, version: &semver::Version) -> bool {
        self.major == version.major
            && self.minor.is_none_or(|minor| minor == version.minor)
            && self.patch.is_none_or(|patch| patch == version.patch)
    }
}

impl FromStr for ChainSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut parser = Parser { rest: text.chars().peekable(), position: 1 };
        let mut segments: Vec<Vec<(usize, StageRef)>> = vec![vec![parser.stage()?]];
        loop {
            let at = parser.skip_spaces();
            let Some(found) = parser.rest.next() else { break };
            parser.position += 1;
            match found {
                '|' => {
                    if let Some((_, joined)) = segments.last().and_then(|segment| segment.get(1)) {
                        let text =
                            format!("only the last names may be joined by `+`, but `|` follows `{joined}`");
                        return Err(SpecError { position: at, text });
                    }
                    segments.push(vec![parser.stage()?]);
                }
                '+' => {
                    let next = parser.stage()?;
                    if let Some(segment) = segments.last_mut() {
                        segment.push(next);
                    }
                }
                other => return Err(error(at, "`|`, `+` or the end", Some(other))),
            }
        }
        refuse_twins(&segments)?;
        let mut segments = segments.into_iter().map(|segment| segment.into_iter().map(|(_, stage)| stage));
        let last = segments.next_back().map(Iterator::collect).unwrap_or_default();
        Ok(Self { stages: segments.flatten().collect(), last })
    }
}

/// A label names one stage's settings, so it may stand once only.
fn refuse_twins(segments: &[Vec<(usize, StageRef)>]) -> Result<(), SpecError> {
    let mut seen = HashSet::new();
    for (position, stage) in segments.iter().flatten() {
        let label = stage.label();
        if seen.contains(&label) {
            let text = format!("`{label}` stands twice; use an alias, as in `other:{}`", stage.name);
            return Err(SpecError { position: *position, text });
        }
        seen.insert(label);
    }
    Ok(())
}

struct Parser<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    /// Of the next character.
    position: usize,
}

impl Parser<'_> {
    /// Gives the position of what comes next.
    fn skip_spaces(&mut self) -> usize {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {
            self.position += 1;
        }
        self.position
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_spaces();
        let found = self.rest.next_if_eq(&wanted).is_some();
        self.position += usize::from(found);
        found
    }

    /// All up to the next space or mark, and where it begins.
    fn word(&mut self) -> (usize, String) {
        let at = self.skip_spaces();
        let mut word = String::new();
        while let Some(c) = self.rest.next_if(|c| !c.is_whitespace() && !"|+:/@".contains(*c)) {
            word.push(c.to_ascii_lowercase());
            self.position += 1;
        }
        (at, word)
    }

    fn name(&mut self, expected: &str) -> Result<String, SpecError> {
        let (at, word) = self.word();
        if word.is_empty() {
            return Err(error(at, expected, self.rest.peek().copied()));
        }
        if !is_name(&word) {
            let text = format!(
                "`{word}` is not a name: expected at most 63 letters, digits and hyphens, no hyphen at either end"
            );
            return Err(SpecError { position: at, text });
        }
        Ok(word)
    }

    fn stage(&mut self) -> Result<(usize, StageRef), SpecError> {
        let at = self.skip_spaces();
        let mut name = self.name("the name of a processor or sink")?;
        let mut stage = StageRef { alias: None, owner: None, name: String::new(), pin: None };
        if self.take(':') {
            stage.alias = Some(std::mem::replace(&mut name, self.name("a name after the alias")?));
        }
        if self.take('/') {
            stage.owner = Some(std::mem::replace(&mut name, self.name("a name after its owner")?));
        }
        stage.name = name;
        if self.take('@') {
            let (at, word) = self.word();
            let found = if word.is_empty() {
                self.rest.peek().map_or("the end".to_owned(), |c| format!("`{}`", c.escape_debug()))
            } else {
                format!("`{word}`")
            };
            let text = format!("expected a version such as `1`, `1.2` or `1.2.3`, found {found}");
            stage.pin = Some(word.parse().map_err(|()| SpecError { position: at, text })?);
        }
        Ok((at, stage))
    }
}

fn error(position: usize, expected: &str, found: Option<char>) -> SpecError {
    let found = found.map_or("the end".to_owned(), |c| format!("`{}`", c.escape_debug()));
    SpecError { position, text: format!("expected {expected}, found {found}") }
}

impl FromStr for Pin {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |part: &str| -> Result<u64, ()> {
            let plain = part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
            if plain { part.parse().map_err(|_| ()) } else { Err(()) }
        };
        let mut parts = text.split('.').map(number);
        let major = parts.next().ok_or(())??;
        let (minor, patch) = (parts.next().transpose()?, parts.next().transpose()?);
        if parts.next().is_some() { Err(()) } else { Ok(Self { major, minor, patch }) }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.major)?;
        for part in [self.minor, self.patch].into_iter().flatten() {
            write!(f, ".{part}")?;
        }
        Ok(())
    }
}

impl fmt::Display for StageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(alias) = &self.alias {
            write!(f, "{alias}:")?;
        }
        if let Some(owner) = &self.owner {
            write!(f, "{owner}/")?;
        }
        f.write_str(&self.name)?;
        match &self.pin {
            Some(pin) => write!(f, "@{pin}"),
            None => Ok(()),
        }
    }
}

/// The canonical form: lower-case, one space around `|` and `+`.
impl fmt::Display for ChainSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for stage in &self.stages {
            write!(f, "{stage} | ")?;
        }
        for (n, stage) in self.last.iter().enumerate() {
            write!(f, "{}{stage}", if n == 0 { "" } else { " + " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "spec/tests.rs"]
mod tests;
