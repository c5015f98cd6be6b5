//! What `ARCHITECTURE.md` promises about the sources themselves: who may use whom, what is named where, how long a file is.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Longest source file, in lines.
const LINES_MAX: usize = 500;

/// Rooms of `host/src`, lowest first. A row may use the rows above it in this list, and a room itself.
const ROWS: &[&[&str]] = &[
    &["telemetry", "config::units"],
    &["mail", "rate", "smtp"],
    &["chain", "gate", "sink", "kv", "watched"],
    &[
        "native",
        "wasm",
        "toolchain",
        "sink::maildir",
        "sink::null",
        "sink::file",
        "sink::durable_file",
        "sink::relay",
    ],
    &["config", "tenant", "catalog"],
    &["transaction", "users"],
    &["connection"],
    &["listener", "tls", "admin", "cli", "token"],
    &["server"],
];

/// What goes beyond the rows, from and to, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("smtp", "mail", "a path in a command is a mailbox"),
    ("chain", "sink", "a run ends with its outlet's failure"),
    ("sink", "chain", "a sink states what it takes in the chain's types, and is configured like a stage"),
    ("chain", "watched", "a file that was read is told from another by the stamp that watched files have"),
    ("catalog", "config", "tenants' files are read by the config's reader"),
    ("catalog", "tenant", "a generation knows who owns a domain"),
    ("connection", "tls", "STARTTLS hands the socket to the acceptor"),
    ("listener", "tls", "implicit TLS does so before the first byte"),
    ("cli", "server", "`serve` starts one; `check` and `run` open the catalog as it does"),
    ("cli", "admin", "`status` prints what the API answers"),
    ("cli", "token", "`status` and `reload` identify themselves"),
    ("admin", "token", "tenants' tokens and sessions are random bits as the host's token is"),
];

/// Files that are written by a generator.
const GENERATED: &[&str] = &[
    "guest-sdk/src/bindings/capabilities.rs",
    "guest-sdk/src/bindings/mail_processor.rs",
    "guest-sdk/src/bindings/recipient_checker.rs",
];

/// Files that may hold `unsafe` code, each with its reason.
const UNSAFE: &[(&str, &str)] = &[
    ("host/src/wasm/compiled.rs", "machine code that we compiled is handed to wasmtime"),
    ("guest-sdk/src/allocator.rs", "an allocator is unsafe by its trait"),
    ("guest-sdk/src/bindings/capabilities.rs", "generated: the component model's calling convention"),
    ("guest-sdk/src/bindings/mail_processor.rs", "generated: the component model's calling convention"),
    ("guest-sdk/src/bindings/recipient_checker.rs", "generated: the component model's calling convention"),
];

struct Source {
    /// Relative to the workspace, with slashes.
    path: String,
    text: String,
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every Rust source of the workspace.
fn sources() -> Vec<Source> {
    let (root, mut found) = (workspace(), Vec::new());
    for member in ["fuzz/fuzz_targets", "guest-sdk", "host", "mime", "processors", "tests", "xtask"] {
        collect(&root, &root.join(member), &mut found);
    }
    assert!(found.len() > 100, "only {} sources found", found.len());
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                collect(root, &path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            found.push(Source { path, text });
        }
    }
}

impl Source {
    /// Whether the file holds unit tests only.
    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// Its lines of code with their numbers: no comments, and nothing from the test module on, which ends a file.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(n, line)| (n + 1, line));
        let lines = lines.take_while(|(_, line)| !line.starts_with("mod tests {"));
        lines
            .map(|(n, line)| (n, line.split("//").next().unwrap_or_default()))
            .filter(|(_, line)| !line.is_empty())
    }

    /// The room of `host/src` that the file lies in.
    fn room(&self) -> Option<String> {
        let inside = self.path.strip_prefix("host/src/")?.strip_suffix(".rs")?;
        let parts: Vec<&str> = inside.split('/').collect();
        Some(room_of(&parts))
    }
}

/// The room that a module path leads to: two levels where [`ROWS`] has them.
fn room_of(parts: &[&str]) -> String {
    let two = parts.iter().take(2).copied().collect::<Vec<_>>().join("::");
    if row_of(&two).is_some() { two } else { parts[0].to_owned() }
}

fn row_of(room: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&room))
}

/// The rooms named in a line by `crate::a::b` or `crate::{a, b}`.
fn rooms_named(line: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for rest in line.split("crate::").skip(1) {
        let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        if let Some(list) = rest.strip_prefix('{') {
            let list = list.split('}').next().unwrap_or_default();
            rooms.extend(
                list.split(',').map(|name| name.trim().split("::").collect::<Vec<_>>()).map(|p| room_of(&p)),
            );
        } else {
            let path: String = rest.chars().take_while(|c| is_path(*c)).collect();
            rooms.push(room_of(&path.split("::").collect::<Vec<_>>()));
        }
    }
    rooms
}

fn assert_none(problems: &BTreeSet<String>, rule: &str) {
    let list = problems.iter().fold(String::new(), |mut list, problem| {
        let _ = write!(list, "\n    {problem}");
        list
    });
    assert!(problems.is_empty(), "{rule}:{list}");
}

#[test]
fn rooms_are_read_from_lines() {
    assert_eq!(rooms_named("use crate::smtp::Reply;"), ["smtp"]);
    assert_eq!(rooms_named("use crate::{listener, token};"), ["listener", "token"]);
    assert_eq!(
        rooms_named("fn f(a: crate::sink::maildir::Maildir, b: crate::config::units::X)"),
        ["sink::maildir", "config::units"]
    );
    assert_eq!(rooms_named("pub(crate) use super::x;"), [""; 0]);
}

/// Goal: the rows of `ARCHITECTURE.md` hold, but for the exceptions above; and no exception outlives its use.
/// Method: every `crate::` path in the code of every room.
#[test]
fn rooms_use_those_below_them_only() {
    let (mut problems, mut used) = (BTreeSet::new(), BTreeSet::new());
    for source in sources().iter().filter(|source| !source.is_test()) {
        let Some(room) = source.room().filter(|room| !["lib", "main"].contains(&room.as_str())) else {
            continue;
        };
        let Some(row) = row_of(&room) else {
            problems.insert(format!("{}: the room `{room}` has no row", source.path));
            continue;
        };
        for (n, line) in source.code() {
            for other in rooms_named(line) {
                let top = |room: &str| room.split("::").next().unwrap_or_default().to_owned();
                let is_item = other.chars().next().is_none_or(|first| !first.is_lowercase());
                if is_item || top(&other) == top(&room) || row_of(&other).is_some_and(|above| above < row) {
                    continue;
                }
                let exception =
                    EXCEPTIONS.iter().position(|(from, to, _)| *from == top(&room) && *to == top(&other));
                match exception {
                    Some(exception) => drop(used.insert(exception)),
                    None => drop(problems.insert(format!("{}:{n}: `{room}` uses `{other}`", source.path))),
                }
            }
        }
    }
    for (n, (from, to, _)) in EXCEPTIONS.iter().enumerate().filter(|(n, _)| !used.contains(n)) {
        problems.insert(format!("exception {n}, `{from}` to `{to}`, is not needed any more"));
    }
    assert_none(&problems, "a room uses the rows below it only");
}

/// Goal: the protocol is pure: bytes in, values out.
#[test]
fn smtp_and_mail_touch_no_clock_socket_or_disk() {
    let banned = [
        "async ",
        ".await",
        "std::time",
        "std::net::Tcp",
        "std::fs",
        "std::io",
        "tokio",
        "Instant",
        "rustix",
    ];
    only_in("is named in a pure room", &banned, |path| {
        !(path.starts_with("host/src/smtp/") || path.starts_with("host/src/mail/"))
    });
}

/// Goal: what is dangerous to hold wrong is held in one place.
#[test]
fn one_door_per_danger() {
    only_in("is named outside of wasm/", &["wasmtime"], |path| {
        !path.starts_with("host/src/") || path.starts_with("host/src/wasm/")
    });
    only_in("is named outside of native/compression", &["flate2", "zstd::"], |path| {
        !path.starts_with("host/src/") || path.starts_with("host/src/native/compression/")
    });
    only_in("is named outside of kv/sqlite", &["sqlx"], |path| {
        !path.starts_with("host/src/") || path == "host/src/kv/sqlite.rs"
    });
    only_in("is named outside of toolchain/", &["wit_component", "wit_parser"], |path| {
        !path.starts_with("host/src/") || path.starts_with("host/src/toolchain/")
    });
    only_in("ends the process outside of main", &["process::exit", "process::abort"], |path| {
        // What a guest ends is its own instance.
        path.starts_with("host/src/cli/")
            || path.starts_with("xtask/guests/")
            || path == "tests/tests/tidy.rs"
    });
}

/// Fails where the code of a file that `allowed` does not take holds one of `words`.
fn only_in(problem: &str, words: &[&str], allowed: impl Fn(&str) -> bool) {
    let mut problems = BTreeSet::new();
    for source in sources().iter().filter(|source| !source.is_test() && !allowed(&source.path)) {
        for (n, line) in source.code() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                problems.insert(format!("{}:{n}: `{word}` {problem}", source.path));
            }
        }
    }
    assert_none(&problems, problem);
}

#[test]
fn files_open_with_what_they_do_and_are_short() {
    let mut problems = BTreeSet::new();
    for source in sources().iter().filter(|source| !GENERATED.contains(&source.path.as_str())) {
        if !source.text.starts_with("//! ") {
            problems.insert(format!("{}: does not open with `//!`", source.path));
        }
        let lines = source.text.lines().count();
        if lines > LINES_MAX {
            problems.insert(format!("{}: {lines} lines", source.path));
        }
    }
    assert_none(&problems, "a file says what it does, in at most 500 lines");
}

/// Goal: unsafe code stands where `ARCHITECTURE.md` says, and no test is switched off.
#[test]
fn unsafe_code_and_ignored_tests() {
    let is_word = |line: &str, word: &str| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word)
    };
    let mut problems = BTreeSet::new();
    for source in sources().iter().filter(|source| source.path != "tests/tests/tidy.rs") {
        for (n, line) in source.code() {
            if is_word(line, "unsafe") && !UNSAFE.iter().any(|(path, _)| *path == source.path) {
                problems.insert(format!("{}:{n}: unsafe", source.path));
            }
            if line.trim_start().starts_with("#[ignore") {
                problems.insert(format!("{}:{n}: a test that never runs", source.path));
            }
        }
    }
    assert_none(&problems, "unsafe code in its three places, no ignored tests");
}
