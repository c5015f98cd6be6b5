//! Hostile components as data: `tests/hostile/*.wat` and the crates in `tests/hostile/guests/`.
//!
//! ```text
//! ;; A loop in `open`.                the goal, in words
//! ;; origin: loops                    the item of `threats.md` (c), a heading of `tests/hostile/README.md`
//! ;; stands: open                     in which call, or `upload` where the file itself is the attack
//! ;; expect: 451 cpu                  how a message ends, or `refused-at-load: TEXT | TEXT`
//! ;;; open                            a section: a body of `open`, in the words of `Guest`
//! (loop (br 0)) unreachable
//! ```
//!
//! A hostile guest sleeps: it passes everything until a client's EHLO is the case's name, so one chain holds many of them,
//! each of which can be woken, and the next honest message goes through the very chain that was attacked. What is
//! refused when it is loaded does not sleep.

mod header;
mod spec;

use std::path::{Path, PathBuf};

pub use header::{Ending, Message, Outcome};
use header::{Header, SECTION};

use crate::guest::Guest;
use crate::shipped;

/// Places where an attack can stand.
pub const PLACES: [&str; 9] = [
    "start",
    "initialisation",
    "describe",
    "configure",
    "open",
    "first write",
    "50th write",
    "close",
    "upload",
];

/// One hostile component, with what comes of it.
#[derive(Debug, Clone)]
pub struct Case {
    /// Stage, and the EHLO that wakes it.
    pub name: String,
    /// Its file, below `tests/hostile`.
    pub file: String,
    /// What it is up to.
    pub goal: String,
    /// The item of `threats.md` (c).
    pub origin: String,
    /// Where it stands: words of [`PLACES`].
    pub stands: Vec<String>,
    /// What comes of it.
    pub outcome: Outcome,
    /// The message that wakes it.
    pub message: Message,
    /// What it is granted, and lines of its stage's table.
    pub stage: String,
    /// Capabilities among them.
    pub grants: Vec<String>,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    /// A few bodies.
    Guest(Box<Guest>),
    /// A component's own text.
    Component(String),
    /// No component at all: one of [`spec::bytes_of`].
    Bytes(String),
    /// A crate's folder.
    Crate(PathBuf),
}

impl Case {
    /// What is uploaded.
    ///
    /// # Panics
    /// Where it does not parse or cannot be built.
    pub fn bytes(&self) -> Vec<u8> {
        match &self.source {
            Source::Guest(guest) => guest.component(),
            Source::Component(text) => {
                wat::parse_str(text).unwrap_or_else(|error| panic!("{}: {error}", self.file))
            }
            Source::Bytes(kind) => spec::bytes_of(kind),
            Source::Crate(folder) => shipped::crate_component(folder).to_vec(),
        }
    }

    /// Whether it goes live, and does its worst when a message comes.
    pub fn is_live(&self) -> bool {
        matches!(self.outcome, Outcome::Live(_))
    }

    /// Whether a message that wakes it must end in a failure.
    pub fn always_fails(&self) -> bool {
        let Outcome::Live(endings) = &self.outcome else { return false };
        endings.iter().all(|ending| matches!(ending, Ending::Failure { .. }))
    }
}

/// The folder of the hostile components.
///
/// # Panics
/// If the workspace is not where it was built.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile")
}

/// Every case, sorted by name.
///
/// # Panics
/// Where a file cannot be read or says what is not understood, or two have one name.
pub fn all() -> Vec<Case> {
    let mut cases: Vec<Case> = files("", "wat").iter().map(|file| of_wat(file)).collect();
    for guest in files("guests", "") {
        cases.extend(of_crate(&guest));
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    let twice: Vec<_> = cases.windows(2).filter(|two| two[0].name == two[1].name).collect();
    assert!(twice.is_empty(), "two cases of one name: {twice:?}");
    cases
}

/// Entries of a folder below `tests/hostile` with an extension, relative to it.
fn files(below: &str, extension: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder().join(below)).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let wanted = paths.filter(|path| path.extension().unwrap_or_default() == extension);
    wanted
        .filter(|path| path.is_file() || path.join("Cargo.toml").is_file())
        .map(|path| {
            path.strip_prefix(folder()).expect("it is below").to_str().expect("a plain name").to_owned()
        })
        .collect()
}

fn of_wat(file: &str) -> Case {
    let text = std::fs::read_to_string(folder().join(file)).expect("the file can be read");
    let name = file.trim_end_matches(".wat").to_owned();
    let header = Header::read(file, &text, ";;");
    let source = if let Some(kind) = header.one("bytes") {
        Source::Bytes(kind.to_owned())
    } else if text.contains(&format!("{SECTION}component\n")) {
        Source::Component(text)
    } else {
        Source::Guest(Box::new(spec::guest(&name, &header, &text)))
    };
    let outcome = header.outcome("expect");
    case(name, file.to_owned(), &header, outcome, source)
}

/// A crate may have several cases: `expect NAME: ...` for each, or `expect: ...` for one of the crate's name.
fn of_crate(file: &str) -> Vec<Case> {
    let root = folder().join(file);
    let text = std::fs::read_to_string(root.join("src/lib.rs")).expect("the crate has a library");
    let header = Header::read(file, &text, "//!");
    let own = file.rsplit('/').next().unwrap_or_default();
    let keys = header.keys().filter(|key| *key == "expect" || key.starts_with("expect "));
    keys.map(|key| {
        let name = key.strip_prefix("expect ").unwrap_or(own).to_owned();
        case(name, file.to_owned(), &header, header.outcome(key), Source::Crate(root.clone()))
    })
    .collect()
}

fn case(name: String, file: String, header: &Header, outcome: Outcome, source: Source) -> Case {
    let stands: Vec<String> = header.need("stands").split(',').map(|place| place.trim().to_owned()).collect();
    for place in &stands {
        assert!(PLACES.contains(&place.as_str()), "{file}: nothing stands in `{place}`");
    }
    let grants: Vec<String> =
        header.one("grants").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let mut stage = header.all("stage").map(|line| format!("{line}\n")).collect::<String>();
    if !grants.is_empty() {
        stage += &format!("grants = {grants:?}\n");
    }
    Case {
        goal: header.goal().to_owned(),
        origin: header.need("origin").to_owned(),
        message: header.message(),
        name,
        file,
        stands,
        outcome,
        stage,
        grants,
        source,
    }
}
