//! The comment at the head of a hostile file: what it is up to, and what is expected of it.

/// Begins a section; what is before the first one is the header.
pub(super) const SECTION: &str = ";;; ";

/// What comes of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It never goes live: the refusal holds one of these texts, whatever the case of its letters.
    Refused(Vec<String>),
    /// It goes live; a message that wakes it ends in one of these ways.
    Live(Vec<Ending>),
}

/// How a message may end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// 250, and stored.
    Accept,
    /// 250, and stored in quarantine.
    Quarantine,
    /// The stage's own reply reaches the client, in one clean line: `550 5.7.1`.
    Refusal(String),
    /// The stage failed, for one of these reasons: `451 cpu memory`.
    Failure {
        /// The code that the client hears.
        code: u16,
        /// `StageError::reason`.
        reasons: Vec<String>,
    },
}

/// The message that wakes a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Message {
    /// A hundred bytes: one write, or two.
    Small,
    /// More than 50 chunks of 16 KiB.
    Chunks,
    /// 9 MiB.
    Large,
}

/// The lines of the header.
pub(super) struct Header {
    file: String,
    goal: String,
    fields: Vec<(String, String)>,
}

impl Header {
    /// Reads the lines that begin with `mark`, up to the first that does not.
    pub(super) fn read(file: &str, text: &str, mark: &str) -> Self {
        let mut header = Self { file: file.to_owned(), goal: String::new(), fields: Vec::new() };
        for line in text.lines() {
            let Some(line) = line.strip_prefix(mark).filter(|rest| !rest.starts_with(';')) else { break };
            let line = line.trim();
            match line.split_once(": ").filter(|(key, _)| is_key(key)) {
                Some((key, value)) => header.fields.push((key.to_owned(), value.trim().to_owned())),
                None if header.fields.is_empty() => {
                    header.goal += if header.goal.is_empty() { "" } else { " " };
                    header.goal += line;
                }
                None => panic!("{file}: `{line}` is no `key: value`"),
            }
        }
        assert!(header.goal.len() > 10, "{file}: it does not say what it is up to");
        header
    }

    pub(super) fn goal(&self) -> &str {
        self.goal.trim()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(key, _)| key.as_str())
    }

    /// All values of a key that may stand several times.
    pub(super) fn all<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(found, _)| found == key).map(|(_, value)| value.as_str())
    }

    pub(super) fn one(&self, key: &str) -> Option<&str> {
        let mut values = self.all(key);
        let value = values.next();
        assert!(values.next().is_none(), "{}: `{key}` stands twice", self.file);
        value
    }

    pub(super) fn need(&self, key: &str) -> &str {
        self.one(key).unwrap_or_else(|| panic!("{}: has no `{key}`", self.file))
    }

    pub(super) fn message(&self) -> Message {
        match self.one("message") {
            None => Message::Small,
            Some("chunks") => Message::Chunks,
            Some("9MiB") => Message::Large,
            Some(other) => panic!("{}: there is no message `{other}`", self.file),
        }
    }

    /// What the key `expect`, or `refused-at-load`, says.
    pub(super) fn outcome(&self, expect: &str) -> Outcome {
        if let Some(texts) = self.one("refused-at-load") {
            return Outcome::Refused(texts.split(" | ").map(|text| text.trim().to_lowercase()).collect());
        }
        let endings = self.need(expect).split(" or ").map(|words| self.ending(words)).collect();
        Outcome::Live(endings)
    }

    fn ending(&self, words: &str) -> Ending {
        let words: Vec<&str> = words.split_whitespace().collect();
        match words.as_slice() {
            ["accept"] => Ending::Accept,
            ["quarantine"] => Ending::Quarantine,
            [_, enhanced] if enhanced.contains('.') => Ending::Refusal(words.join(" ")),
            [code, reasons @ ..] if !reasons.is_empty() => {
                let code = code.parse().unwrap_or_else(|_| panic!("{}: `{code}` is no code", self.file));
                Ending::Failure { code, reasons: reasons.iter().map(ToString::to_string).collect() }
            }
            _ => panic!("{}: nothing ends in {words:?}", self.file),
        }
    }
}

/// The keys of a header; any other colon belongs to the words.
fn is_key(word: &str) -> bool {
    let keys = [
        "origin",
        "stands",
        "expect",
        "refused-at-load",
        "grants",
        "stage",
        "message",
        "pages",
        "wit",
        "wat",
        "bytes",
    ];
    keys.contains(&word) || word.starts_with("expect ")
}
