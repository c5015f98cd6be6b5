//! Takes a table apart key by key, noting every problem with its file, line and dotted key instead of stopping at the first.
//!
//! Each key that is asked for is a known one; what is left at `finish` is not. Where a value is wrong the default is
//! given, so that reading can go on; the notes say that the result must not be used.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::Problem;
use super::problem::nearest;
use super::tree::{Node, Origin, Table, Value};
use super::units::{ByteSize, format_duration, parse_duration};

/// The problems found so far, and the keys that were asked for.
#[derive(Debug, Default)]
pub struct Notes {
    problems: RefCell<Vec<Problem>>,
    asked: RefCell<BTreeSet<String>>,
}

impl Notes {
    /// Notes one.
    pub fn add(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// Whether no problem was found.
    pub fn is_empty(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// Every dotted key that was asked for, whether it was there or not.
    pub fn into_keys(self) -> BTreeSet<String> {
        self.asked.into_inner()
    }

    /// What is noted, in the order of files and lines.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort();
        problems.dedup();
        problems
    }
}

/// A table that is being read.
pub struct Reader<'n> {
    table: Table,
    path: String,
    origin: Origin,
    /// Where each key stands, also after it was taken.
    origins: BTreeMap<String, Origin>,
    known: Vec<&'static str>,
    notes: &'n Notes,
}

impl<'n> Reader<'n> {
    /// Reads `node`, known as `path` (empty: the root). Anything but a table is a problem and reads as an empty one.
    pub fn new(node: Node, path: impl Into<String>, notes: &'n Notes) -> Self {
        let mut reader = Self {
            table: Table::new(),
            path: path.into(),
            origin: node.origin,
            origins: BTreeMap::new(),
            known: Vec::new(),
            notes,
        };
        match node.value {
            Value::Table(table) => {
                reader.origins = table.iter().map(|(k, v)| (k.clone(), v.origin.clone())).collect();
                reader.table = table;
            }
            other => reader.problem("", format!("expected a table, found {}", other.kind())),
        }
        reader
    }

    /// Notes a problem of `key` (empty: the table itself), also after it was taken.
    pub fn problem(&self, key: &str, text: impl Into<String>) {
        let origin = self.origins.get(key).unwrap_or(&self.origin);
        let key = join(&self.path, key);
        self.notes.add(Problem { file: origin.file.to_string(), line: origin.line, key, text: text.into() });
    }

    /// Names the table from here on, where its own `name` says better what it is.
    pub fn rename(&mut self, path: String) {
        self.path = path;
    }

    /// Whether `key` stood in the table.
    pub fn has(&self, key: &str) -> bool {
        self.origins.contains_key(key)
    }

    /// The line of each key, and under "" that of the table.
    pub fn lines(&self) -> BTreeMap<String, usize> {
        let keys = self.origins.iter().map(|(key, origin)| (key.clone(), origin.line));
        keys.chain([(String::new(), self.origin.line)]).collect()
    }

    /// The value as it is.
    pub fn take(&mut self, key: &'static str) -> Option<Node> {
        self.known.push(key);
        self.notes.asked.borrow_mut().insert(join(&self.path, key));
        self.table.remove(key)
    }

    /// All that no one asked for, for tables that hand the rest to someone else.
    pub fn take_rest(&mut self) -> Table {
        std::mem::take(&mut self.table)
    }

    /// A string.
    pub fn string(&mut self, key: &'static str) -> Option<String> {
        match self.take(key)?.value {
            Value::String(text) => Some(text),
            other => self.wrong(key, "a string", &other),
        }
    }

    /// `value`, or a problem where the key is missing.
    pub fn required<T>(&self, key: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.has(key) {
            self.problem(key, "missing");
        }
        value
    }

    /// true or false.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        match self.take(key)?.value {
            Value::Bool(flag) => Some(flag),
            other => self.wrong(key, "true or false", &other),
        }
    }

    /// A whole number within `range`.
    pub fn count(&mut self, key: &'static str, range: RangeInclusive<u64>, default: u64) -> u64 {
        let Some(node) = self.take(key) else { return default };
        match node.value {
            Value::Integer(number) => match u64::try_from(number) {
                Ok(count) => self.within(key, count, &range, default, u64::to_string),
                Err(_) => {
                    self.problem(key, format!("{number} is below {}", range.start()));
                    default
                }
            },
            other => self.wrong(key, "a whole number", &other).unwrap_or(default),
        }
    }

    /// A size with its unit, within `range` (in bytes).
    pub fn size(&mut self, key: &'static str, range: RangeInclusive<u64>, default: ByteSize) -> ByteSize {
        let Some(text) = self.text_with_unit(key, "\"25MiB\"") else { return default };
        match text.parse::<ByteSize>() {
            Ok(size) => ByteSize(self.within(key, size.0, &range, default.0, |n| ByteSize(*n).to_string())),
            Err(error) => {
                self.problem(key, error.to_string());
                default
            }
        }
    }

    /// A duration with its unit, within `range`.
    pub fn duration(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
        default: Duration,
    ) -> Duration {
        let Some(text) = self.text_with_unit(key, "\"30s\"") else { return default };
        match parse_duration(&text) {
            Ok(value) => self.within(key, value, &range, default, |d| format_duration(*d)),
            Err(error) => {
                self.problem(key, error.to_string());
                default
            }
        }
    }

    /// One of `choices`.
    pub fn choice<T: Clone>(&mut self, key: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.string(key)?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(value.clone());
        }
        let names: Vec<String> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        self.problem(key, format!("\"{}\" is none of {}", text.escape_debug(), names.join(", ")));
        None
    }

    /// A list of strings.
    pub fn strings(&mut self, key: &'static str) -> Vec<String> {
        let Some(node) = self.take(key) else { return Vec::new() };
        let Value::Array(items) = node.value else {
            return self.wrong(key, "an array of strings", &node.value).unwrap_or_default();
        };
        let string = |item: Node| match item.value {
            Value::String(text) => Some(text),
            other => self.wrong(key, "an array of strings", &other),
        };
        items.into_iter().filter_map(string).collect()
    }

    /// A table.
    pub fn table(&mut self, key: &'static str) -> Option<Reader<'n>> {
        let path = join(&self.path, key);
        self.take(key).map(|node| Reader::new(node, path, self.notes))
    }

    /// A table, an empty one where it is absent.
    pub fn table_or_empty(&mut self, key: &'static str) -> Reader<'n> {
        let empty = Node { origin: self.origin.clone(), value: Value::Table(Table::new()) };
        let path = join(&self.path, key);
        self.table(key).unwrap_or_else(|| Reader::new(empty, path, self.notes))
    }

    /// The tables of an array of tables.
    pub fn tables(&mut self, key: &'static str) -> Vec<Reader<'n>> {
        let Some(node) = self.take(key) else { return Vec::new() };
        let path = join(&self.path, key);
        match node.value {
            Value::Array(items) => {
                items.into_iter().map(|node| Reader::new(node, path.clone(), self.notes)).collect()
            }
            other => {
                self.wrong::<()>(key, format!("an array of tables, written [[{path}]]"), &other);
                Vec::new()
            }
        }
    }

    /// The tables within a table whose keys are free: key and table.
    pub fn named_tables(&mut self, key: &'static str) -> Vec<(String, Reader<'n>)> {
        let Some(mut outer) = self.table(key) else { return Vec::new() };
        let path = outer.path.clone();
        let named = |(name, node): (String, Node)| {
            let inner = join(&path, &name);
            (name, Reader::new(node, inner, self.notes))
        };
        outer.take_rest().into_iter().map(named).collect()
    }

    /// Notes each key that was not asked for, with the nearest one that is known.
    pub fn finish(self) {
        for key in self.table.keys() {
            let hint = match nearest(key, self.known.iter().copied()) {
                Some(near) => format!("unknown key; did you mean `{near}`?"),
                None => "unknown key".to_owned(),
            };
            self.problem(key, hint);
        }
    }

    /// A size or duration is a string; a bare number gets a word on its unit.
    fn text_with_unit(&mut self, key: &'static str, example: &str) -> Option<String> {
        match self.take(key)?.value {
            Value::String(text) => Some(text),
            Value::Integer(number) => {
                self.problem(key, format!("{number} has no unit: say a unit, for example {example}"));
                None
            }
            other => self.wrong(key, format!("a string such as {example}"), &other),
        }
    }

    fn within<T: PartialOrd>(
        &self,
        key: &str,
        value: T,
        range: &RangeInclusive<T>,
        default: T,
        show: impl Fn(&T) -> String,
    ) -> T {
        if range.contains(&value) {
            return value;
        }
        let (low, high) = (show(range.start()), show(range.end()));
        self.problem(key, format!("{} is out of range: {low} to {high}", show(&value)));
        default
    }

    fn wrong<T>(&self, key: &str, expected: impl Display, found: &Value) -> Option<T> {
        self.problem(key, format!("expected {expected}, found {}", found.kind()));
        None
    }
}

/// A dotted key; parts that are not bare TOML keys are quoted.
fn join(path: &str, key: &str) -> String {
    let bare = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let key = if bare { key.to_owned() } else { format!("\"{}\"", key.escape_debug()) };
    match (path.is_empty(), key.is_empty()) {
        (true, _) => key,
        (_, true) => path.to_owned(),
        _ => format!("{path}.{key}"),
    }
}
