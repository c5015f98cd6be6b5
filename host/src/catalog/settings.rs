//! A tenant's chain and its settings as JSON: what the API shows of a tenant's file, and how a change becomes the file's new
//! text.
//!
//! ```text
//! text + ChainChange --apply--> text     comments, domains, limits and [host] stay as they are
//! ```
//!
//! Knows the file's keys, not what they mean: the text that comes out is read and checked like one edited by hand.

mod whole;

pub use whole::TenantSettings;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use toml_edit::{DocumentMut, Item, Table, TableLike};
use utoipa::ToSchema;

use crate::chain::{ChainSpec, StageRef};
use crate::config::tree;

/// The settings of one stage, as `[stage.LABEL]` has them.
pub type StageSettings = Map<String, Value>;

/// What a tenant's file says of its chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainSettings {
    /// The chain.
    pub chain: String,
    /// `[stage.LABEL]`, by label.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, Value>>)]
    pub stage: BTreeMap<String, StageSettings>,
    /// What stages do that say nothing of their own; none: the default.
    pub on_failure: Option<String>,
    /// The checkers of recipients; none: there are none.
    pub recipients: Option<String>,
}

/// A change of it. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChainChange {
    /// The new chain.
    pub chain: String,
    /// Tables by label: each that is named is replaced, or taken away by null. Others stay, but for those of stages that are
    /// in the chain no more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Option<BTreeMap<String, Value>>>, required = false)]
    pub stage: BTreeMap<String, Option<StageSettings>>,
    /// Null: the default.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    pub on_failure: Option<Option<String>>,
    /// Null: nobody is asked.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    pub recipients: Option<Option<String>>,
}

/// What cannot be written: a dotted key and what is wrong with it.
pub(super) struct Unwritable(pub(super) String, pub(super) String);

/// Tells null from absent.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

impl ChainSettings {
    /// Of a file that holds.
    pub(super) fn of(text: &str) -> Self {
        let mut root = match tree::parse("", text, &mut Vec::new()).value.into_json() {
            Value::Object(root) => root,
            _ => Map::new(),
        };
        let mut text = |key: &str| match root.remove(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (chain, on_failure, recipients) = (text("chain"), text("on_failure"), text("recipients"));
        let stages = match root.remove("stage") {
            Some(Value::Object(stages)) => stages,
            _ => Map::new(),
        };
        let stage = stages.into_iter().filter_map(|(label, table)| match table {
            Value::Object(table) => Some((label, table)),
            _ => None,
        });
        Self { chain: chain.unwrap_or_default(), stage: stage.collect(), on_failure, recipients }
    }
}

impl ChainChange {
    /// The text of a file that holds, changed.
    pub(super) fn apply(&self, text: &str) -> Result<String, Unwritable> {
        let old = ChainSettings::of(text);
        let mut document: DocumentMut =
            text.parse().map_err(|error| Unwritable(String::new(), format!("{error}")))?;
        let spec: ChainSpec =
            self.chain.parse().map_err(|error| Unwritable("chain".into(), format!("{error}")))?;
        if old.chain.parse().as_ref() != Ok(&spec) {
            set(document.as_table_mut(), "chain", toml_edit::Value::from(spec.to_string()));
        }
        for (key, old, new) in [
            ("on_failure", &old.on_failure, &self.on_failure),
            ("recipients", &old.recipients, &self.recipients),
        ] {
            match new {
                Some(Some(new)) if old.as_ref() != Some(new) => {
                    set(document.as_table_mut(), key, toml_edit::Value::from(new));
                }
                Some(None) => drop(document.remove(key)),
                _ => {}
            }
        }
        self.apply_stages(&mut document, &old, &spec)?;
        Ok(document.to_string())
    }

    fn apply_stages(
        &self,
        document: &mut DocumentMut,
        old: &ChainSettings,
        spec: &ChainSpec,
    ) -> Result<(), Unwritable> {
        let recipients =
            self.recipients.clone().unwrap_or_else(|| old.recipients.clone()).unwrap_or_default();
        let asked = recipients.parse::<ChainSpec>().ok();
        let asked = asked.iter().flat_map(ChainSpec::all);
        let named: BTreeSet<String> = spec.all().chain(asked).map(StageRef::label).collect();
        let gone = old.stage.keys().filter(|label| !named.contains(*label));
        let gone: Vec<&String> = gone.filter(|label| !self.stage.contains_key(*label)).collect();
        let has_new = self.stage.values().any(Option::is_some);
        if !document.contains_key("stage") {
            if !has_new {
                return Ok(());
            }
            let mut stages = Table::new();
            stages.set_implicit(true);
            document.insert("stage", Item::Table(stages));
        }
        let Some(stages) = document.get_mut("stage").and_then(Item::as_table_like_mut) else { return Ok(()) };
        for label in gone {
            stages.remove(label);
        }
        for (label, table) in &self.stage {
            let Some(table) = table else {
                stages.remove(label);
                continue;
            };
            if !stages.contains_key(label) {
                stages.insert(label, Item::Table(Table::new()));
            }
            let Some(stage) = stages.get_mut(label).and_then(Item::as_table_like_mut) else { continue };
            let written = if label.contains('/') { format!("\"{label}\"") } else { label.clone() };
            replace(stage, &format!("stage.{written}"), old.stage.get(label).unwrap_or(&Map::new()), table)?;
        }
        Ok(())
    }
}

/// Makes `table`, which says `old`, say `new`; what is the same already is left as it is written.
fn replace(
    table: &mut dyn TableLike,
    table_name: &str,
    old: &StageSettings,
    new: &StageSettings,
) -> Result<(), Unwritable> {
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        table.remove(key);
    }
    for (key, value) in new.iter().filter(|(key, value)| old.get(*key) != Some(value)) {
        let written = written(value).map_err(|text| Unwritable(format!("{table_name}.{key}"), text))?;
        set(table, key, written);
    }
    Ok(())
}

/// Sets a key; the comments around one that stands stay.
fn set(table: &mut (impl TableLike + ?Sized), key: &str, mut value: toml_edit::Value) {
    match table.get_mut(key) {
        Some(Item::Value(standing)) => {
            *value.decor_mut() = standing.decor().clone();
            *standing = value;
        }
        _ => drop(table.insert(key, Item::Value(value))),
    }
}

/// JSON as TOML.
fn written(json: &Value) -> Result<toml_edit::Value, String> {
    Ok(match json {
        Value::Null => {
            return Err("null cannot be written into a tenant's file; leave the key out".to_owned());
        }
        Value::Bool(flag) => (*flag).into(),
        Value::String(text) => text.into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => number.into(),
            (None, Some(float)) if number.is_f64() => float.into(),
            _ => return Err(format!("{number} is too large")),
        },
        Value::Array(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(written).collect();
            toml_edit::Value::Array(items?.into_iter().collect())
        }
        Value::Object(map) => {
            let entries: Result<Vec<_>, _> =
                map.iter().map(|(key, value)| Ok::<_, String>((key, written(value)?))).collect();
            toml_edit::Value::InlineTable(entries?.into_iter().collect())
        }
    })
}

#[cfg(test)]
#[path = "settings/tests.rs"]
mod tests;
