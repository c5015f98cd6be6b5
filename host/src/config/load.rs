//! Reads `gatepost.toml` and `conf.d/*.toml` beside it into a [`Config`], or into all that is wrong with them.
//!
//! The files of `conf.d` are laid on in name order: tables key by key, a `[[listener]]` on the one of its name or, with a
//! new name, added; all else replaces. Relative paths start from the config file's folder.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::listener_keys::{self, Taken};
use super::reader::{Notes, Reader};
use super::tree::{self, Node, Origin, Value};
use super::{Admin, ByteSize, Config, Limits, Listener, Problem, Server, limits};
use crate::chain::spec::is_name;
use crate::telemetry::{Level, Settings};

/// Largest config file that is read, in bytes.
pub(crate) const FILE_MAX: u64 = 1 << 20;
/// Most tokens of the host at once: an old and a new one for each of a few programs.
pub(crate) const TOKENS_MAX: usize = 8;

/// Reads the config at `path`, with every default filled in.
///
/// # Errors
/// Every problem of all files at once, in the order of files and lines.
pub fn load(path: &Path) -> Result<Config, Vec<Problem>> {
    let notes = Notes::default();
    let root = read_files(path, &notes);
    if !notes.is_empty() && matches!(&root.value, Value::Table(table) if table.is_empty()) {
        // Nothing could be read at all: it would only be missed again, key by key.
        return Err(notes.into_problems());
    }
    let base = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Absolute, so that what `check --dump` prints means the same wherever it is put.
    let base = std::path::absolute(base).unwrap_or_else(|_| base.to_owned());
    let config = read_root(root, &base, &notes);
    let problems = notes.into_problems();
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(problems),
    }
}

/// Every dotted key that [`load`] looks for in the files at `path`: those of a table only where the table is there. For
/// the reference of all keys, and the test that none is missing there.
pub fn keys(path: &Path) -> BTreeSet<String> {
    let notes = Notes::default();
    let root = read_files(path, &notes);
    read_root(root, path.parent().unwrap_or(Path::new(".")), &notes);
    notes.into_keys()
}

pub(super) fn read_files(path: &Path, notes: &Notes) -> Node {
    let mut root = tree::Table::new();
    for file in std::iter::once(path.to_owned()).chain(conf_d(path, notes)) {
        let name = file.display().to_string();
        match read_text(&file) {
            Ok(text) => {
                let mut problems = Vec::new();
                if let Value::Table(table) = tree::parse(&name, &text, &mut problems).value {
                    tree::merge(&mut root, table);
                }
                problems.into_iter().for_each(|problem| notes.add(problem));
            }
            Err(error) => notes.add(Problem::of_file(name, format!("cannot be read: {error}"))),
        }
    }
    let origin = Origin { file: path.display().to_string().into(), line: 1 };
    Node { origin, value: Value::Table(root) }
}

/// `conf.d/*.toml` in name order.
fn conf_d(path: &Path, notes: &Notes) -> Vec<PathBuf> {
    let folder = path.with_file_name("conf.d");
    let mut files = Vec::new();
    match std::fs::read_dir(&folder) {
        Ok(entries) => {
            for entry in entries {
                match entry {
                    Ok(entry) => files.push(entry.path()),
                    Err(error) => {
                        notes.add(Problem::of_file(folder.display().to_string(), error.to_string()));
                    }
                }
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            notes.add(Problem::of_file(folder.display().to_string(), format!("cannot be read: {error}")));
        }
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

/// Opens a file for reading, if it is one: to open a pipe or a device could wait for ever.
pub fn open_regular(file: &Path) -> io::Result<std::fs::File> {
    if std::fs::metadata(file)?.is_file() {
        return std::fs::File::open(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"))
}

/// A whole file of text, if it is not absurdly large.
pub(crate) fn read_text(file: &Path) -> io::Result<String> {
    use io::Read;
    let mut text = String::new();
    open_regular(file)?.take(FILE_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_MAX {
        return Err(io::Error::other(format!("more than {}", ByteSize(FILE_MAX))));
    }
    Ok(text)
}

fn read_root(root: Node, base: &Path, notes: &Notes) -> Option<Config> {
    let mut reader = Reader::new(root, "", notes);
    let server = read_server(reader.table_or_empty("server"), base);
    let (limits, limits_max) = read_limits(reader.table_or_empty("limits"));
    let admin = read_admin(reader.table_or_empty("admin"), base);
    let listeners = read_listeners(&mut reader, &admin, base);
    let telemetry = read_telemetry(reader.table_or_empty("telemetry"), base);
    reader.finish();
    Some(Config { server: server?, listeners, limits, limits_max, admin, telemetry })
}

fn read_server(mut reader: Reader<'_>, base: &Path) -> Option<Server> {
    let hostname = match reader.string("hostname") {
        Some(name) => name,
        None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(inner)
    };
    if hostname.len() > 255 || !hostname.split('.').all(label) {
        reader.problem("hostname", format!("\"{}\" is not a host name", hostname.escape_debug()));
    }
    let postmaster = reader.string("postmaster");
    if let Some(name) = postmaster.as_ref().filter(|name| !is_name(name)) {
        reader.problem("postmaster", format!("\"{}\" is not a tenant's name", name.escape_debug()));
    }
    let state_dir = reader.string("state_dir");
    if state_dir.as_ref().is_some_and(String::is_empty) {
        reader.problem("state_dir", "is empty");
    }
    let state_dir = reader.required("state_dir", state_dir).map(|folder| base.join(folder));
    let chunk_size = reader.size("chunk_size", 1 << 10..=1 << 20, ByteSize(16 << 10));
    let range = Duration::ZERO..=Duration::from_secs(3600);
    let drain_timeout = reader.duration("drain_timeout", range, Duration::from_secs(30));
    let guest_stack = reader.size("guest_stack", 64 << 10..=8 << 20, ByteSize(512 << 10));
    let jails_max = usize::try_from(reader.count("jails_max", 1..=64, 2)).unwrap_or(2);
    let cache_size_max = reader.size("cache_size_max", 0..=1 << 40, ByteSize(1 << 30));
    reader.finish();
    Some(Server {
        hostname,
        state_dir: state_dir?,
        chunk_size,
        drain_timeout,
        guest_stack,
        postmaster,
        jails_max,
        cache_size_max,
    })
}

fn read_limits(mut reader: Reader<'_>) -> (Limits, Limits) {
    let limits = limits::read(&mut reader, &Limits::default());
    let mut max = limits::max_default(&limits);
    if let Some(mut table) = reader.table("max") {
        max = limits::read(&mut table, &max);
        for (key, value) in limits::above(&limits, &max) {
            table.problem(key, format!("{value} is below what [limits] gives every tenant"));
        }
        table.finish();
    }
    reader.finish();
    (limits, max)
}

fn read_admin(mut reader: Reader<'_>, base: &Path) -> Admin {
    let address = SocketAddr::from(([127, 0, 0, 1], 8025));
    let admin = Admin {
        address: listener_keys::address(&mut reader, "address").unwrap_or(address),
        tokens: read_tokens(&mut reader, "token", base),
        hosts: reader.strings("hosts"),
        metrics_open: reader.choice("metrics", &[("open", true), ("token", false)]).unwrap_or(true),
        uploads_max: usize::try_from(reader.count("uploads_max", 1..=64, 4)).unwrap_or(4),
    };
    reader.finish();
    admin
}

/// A secret: `env:NAME` or `file:PATH`. A problem never shows what it holds.
fn read_secret(reader: &mut Reader<'_>, key: &'static str, base: &Path) -> Option<String> {
    let source = reader.string(key)?;
    let (secret, from) = if let Some(name) = source.strip_prefix("env:") {
        (std::env::var(name).map_err(|error| error.to_string()), format!("environment variable {name}"))
    } else if let Some(path) = source.strip_prefix("file:") {
        let path = base.join(path);
        (read_text(&path).map_err(|error| error.to_string()), path.display().to_string())
    } else {
        reader.problem(key, "a secret does not stand in the config: write \"env:NAME\" or \"file:PATH\"");
        return None;
    };
    match secret {
        Ok(secret) if secret.trim().is_empty() => reader.problem(key, format!("{from} is empty")),
        Ok(secret) => return Some(secret),
        Err(error) => reader.problem(key, format!("cannot read {from}: {error}")),
    }
    None
}

/// Tokens, a line each.
fn read_tokens(reader: &mut Reader<'_>, key: &'static str, base: &Path) -> Vec<String> {
    let tokens = token_lines(&read_secret(reader, key, base).unwrap_or_default());
    if tokens.len() > TOKENS_MAX {
        reader
            .problem(key, format!("{} tokens, a line each: at most {TOKENS_MAX} hold at once", tokens.len()));
    }
    tokens
}

/// The lines that hold a token.
pub(crate) fn token_lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn read_listeners(root: &mut Reader<'_>, admin: &Admin, base: &Path) -> Vec<Listener> {
    let tables = root.tables("listener");
    if tables.is_empty() && !root.has("listener") {
        root.problem("listener", "missing: there must be one [[listener]] at least");
    }
    let mut taken = Taken::new(admin.address);
    tables.into_iter().filter_map(|table| listener_keys::read(table, base, &mut taken)).collect()
}

fn read_telemetry(mut reader: Reader<'_>, base: &Path) -> Settings {
    let levels =
        [("error", Level::Error), ("warn", Level::Warn), ("info", Level::Info), ("debug", Level::Debug)];
    let telemetry = Settings {
        level: reader.choice("log", &levels).unwrap_or(Level::Info),
        json: reader.choice("format", &[("json", true), ("text", false)]).unwrap_or(true),
        file: reader.string("file").filter(|file| !file.is_empty()).map(|file| base.join(file)),
    };
    reader.finish();
    telemetry
}

#[cfg(test)]
#[path = "load/tests.rs"]
mod tests;
