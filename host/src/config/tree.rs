//! TOML as a tree that knows the file and line of each value, so that files can be merged and problems still say where.
//!
//! Knows nothing of what the keys mean.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file as it was named.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: usize,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where its key stands, or the value itself within an array.
    pub origin: Origin,
    /// The value.
    pub value: Value,
}

/// A TOML value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text.
    String(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// A date or time, as text.
    Datetime(String),
    /// Several values.
    Array(Vec<Node>),
    /// A table.
    Table(Table),
}

/// Keys and their values.
pub type Table = BTreeMap<String, Node>;

impl Value {
    /// What it is, for people: `a string`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::Datetime(_) => "a date",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
        }
    }

    /// As JSON; a number that JSON cannot hold (`inf`, `nan`) becomes null, a date its text.
    pub fn into_json(self) -> serde_json::Value {
        match self {
            Self::String(text) | Self::Datetime(text) => text.into(),
            Self::Integer(number) => number.into(),
            Self::Float(number) => number.into(),
            Self::Bool(flag) => flag.into(),
            Self::Array(items) => items.into_iter().map(|node| node.value.into_json()).collect(),
            Self::Table(table) => into_json_map(table).into(),
        }
    }
}

/// A table as JSON.
pub fn into_json_map(table: Table) -> serde_json::Map<String, serde_json::Value> {
    table.into_iter().map(|(key, node)| (key, node.value.into_json())).collect()
}

/// Reads `text`, known as `file`. What cannot be read becomes problems; the rest is given all the same.
pub fn parse(file: &str, text: &str, problems: &mut Vec<Problem>) -> Node {
    let source = Source::new(file, text);
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let line = error.span().map_or(0, |span| source.line(&span));
        let text = format!("not TOML: {}", error.message());
        problems.push(Problem { file: file.to_owned(), line, key: String::new(), text });
    }
    let origin = Origin { file: source.file.clone(), line: 1 };
    Node { origin, value: Value::Table(source.table(root.into_inner(), problems)) }
}

/// Lays `over` on `base`: tables key by key, all else replaced. In the array `listener` a table with the name of one in
/// `base` is laid on that one, others are added.
pub fn merge(base: &mut Table, over: Table) {
    for (key, node) in over {
        match (base.get_mut(&key), node.value) {
            (Some(Node { value: Value::Table(base), .. }), Value::Table(over)) => merge(base, over),
            (Some(Node { value: Value::Array(base), .. }), Value::Array(over)) if key == "listener" => {
                merge_listeners(base, over);
            }
            (_, value) => drop(base.insert(key, Node { origin: node.origin, value })),
        }
    }
}

fn merge_listeners(base: &mut Vec<Node>, over: Vec<Node>) {
    let standing = base.len();
    for node in over {
        let name = name_of(&node).map(str::to_owned);
        let same = base[..standing].iter_mut().find(|old| name.is_some() && name_of(old) == name.as_deref());
        match (same, node.value) {
            (Some(Node { value: Value::Table(base), .. }), Value::Table(over)) => merge(base, over),
            (_, value) => base.push(Node { origin: node.origin, value }),
        }
    }
}

/// The value of `name` where `node` is a table with one.
pub(super) fn name_of(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Table(table) => match &table.get("name")?.value {
            Value::String(name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

struct Source {
    file: Arc<str>,
    /// Where each line but the first begins.
    line_starts: Vec<usize>,
}

impl Source {
    fn new(file: &str, text: &str) -> Self {
        let line_starts = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1).collect();
        Self { file: file.into(), line_starts }
    }

    fn line(&self, span: &Range<usize>) -> usize {
        1 + self.line_starts.partition_point(|start| *start <= span.start)
    }

    fn origin(&self, span: &Range<usize>) -> Origin {
        Origin { file: self.file.clone(), line: self.line(span) }
    }

    fn table(&self, table: DeTable<'_>, problems: &mut Vec<Problem>) -> Table {
        let entry = |(key, value): (Spanned<_>, Spanned<DeValue<'_>>)| {
            let origin = self.origin(&key.span());
            let key: std::borrow::Cow<'_, str> = key.into_inner();
            let value = self.value(value.into_inner(), &origin, problems);
            (key.into_owned(), Node { origin, value })
        };
        table.into_iter().map(entry).collect()
    }

    fn value(&self, value: DeValue<'_>, origin: &Origin, problems: &mut Vec<Problem>) -> Value {
        match value {
            DeValue::String(text) => Value::String(text.into_owned()),
            DeValue::Boolean(flag) => Value::Bool(flag),
            DeValue::Datetime(date) => Value::Datetime(date.to_string()),
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => {
                    let text = format!("{number} does not fit 64 bits");
                    let (file, line) = (origin.file.to_string(), origin.line);
                    problems.push(Problem { file, line, key: String::new(), text });
                    Value::Integer(0)
                }
            },
            DeValue::Array(items) => {
                let item = |item: Spanned<DeValue<'_>>| {
                    let origin = self.origin(&item.span());
                    Node { value: self.value(item.into_inner(), &origin, problems), origin }
                };
                Value::Array(items.into_iter().map(item).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table, problems)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(file: &str, text: &str) -> Table {
        let mut problems = Vec::new();
        let Value::Table(table) = parse(file, text, &mut problems).value else { panic!("no table") };
        assert_eq!(problems, []);
        table
    }

    #[test]
    fn each_value_knows_its_line() {
        let table = table("f", "a = 1\n\n[t]\nb = [\n 1,\n 2]\n[[l]]\nx = 1\n[[l]]\nx = 2\n");
        assert_eq!(table["a"].origin.line, 1);
        assert_eq!(table["t"].origin.line, 3);
        let Value::Table(t) = &table["t"].value else { panic!() };
        let Value::Array(b) = &t["b"].value else { panic!() };
        assert_eq!((t["b"].origin.line, b[0].origin.line, b[1].origin.line), (4, 5, 6));
        let Value::Array(l) = &table["l"].value else { panic!() };
        assert_eq!((l[0].origin.line, l[1].origin.line), (7, 9));
    }

    #[test]
    fn all_that_is_not_toml_is_reported() {
        let mut problems = Vec::new();
        parse("f", "a = = 1\nb = 1\nb = 2\nc = 99999999999999999999\n", &mut problems);
        let lines: Vec<usize> = problems.iter().map(|p| p.line).collect();
        assert!([1, 3, 4].iter().all(|line| lines.contains(line)), "{problems:?}");
    }

    #[test]
    fn merging_goes_deep_and_joins_listeners_by_name() {
        let mut base = table("base", "[a.b]\nx = 1\ny = [1]\n[[listener]]\nname = \"mx\"\np = 1\nq = 1\n");
        let over =
            "[a.b]\ny = [2]\nz = 3\n[[listener]]\nname = \"mx\"\nq = 2\n[[listener]]\nname = \"new\"\n";
        merge(&mut base, table("over", over));
        let json = serde_json::Value::Object(into_json_map(base.clone()));
        let expect = serde_json::json!({
            "a": {"b": {"x": 1, "y": [2], "z": 3}},
            "listener": [{"name": "mx", "p": 1, "q": 2}, {"name": "new"}],
        });
        assert_eq!(json, expect);
        let Value::Table(a) = &base["a"].value else { panic!() };
        let Value::Table(b) = &a["b"].value else { panic!() };
        assert_eq!((&*b["x"].origin.file, &*b["y"].origin.file), ("base", "over"));
    }

    #[test]
    fn twins_within_one_file_stay_twins() {
        let mut base = table("base", "");
        merge(&mut base, table("over", "[[listener]]\nname = \"mx\"\n[[listener]]\nname = \"mx\"\n"));
        let Value::Array(listeners) = &base["listener"].value else { panic!() };
        assert_eq!(listeners.len(), 2);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]a-c=.\"'{},0-9x#\\n ]{0,60}|\\PC{0,40}") {
            parse("f", &text, &mut Vec::new());
        }
    }
}
