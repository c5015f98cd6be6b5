//! All of a tenant's file as JSON, for the host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use toml_edit::{DocumentMut, Item, Table};
use utoipa::ToSchema;

use super::{ChainChange, ChainSettings, StageSettings, Unwritable, replace, set};
use crate::config::tree;

/// What a tenant's file says. In a `PUT`, what is absent is the default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TenantSettings {
    /// The domains that it takes.
    pub domains: Vec<String>,
    /// The chain.
    pub chain: String,
    /// `[stage.LABEL]`, by label.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, BTreeMap<String, Value>>, required = false)]
    pub stage: BTreeMap<String, StageSettings>,
    /// What stages do that say nothing of their own; null: the default.
    #[serde(default)]
    pub on_failure: Option<String>,
    /// The checkers of recipients; null: there are none.
    #[serde(default)]
    pub recipients: Option<String>,
    /// `[limits]`: those that are not the host's.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Value>, required = false)]
    pub limits: Map<String, Value>,
    /// `[host]`: what the host allows it.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Value>, required = false)]
    pub host: Map<String, Value>,
}

/// The keys of [`TenantSettings`].
const KEYS: [&str; 7] = ["domains", "chain", "stage", "on_failure", "recipients", "limits", "host"];

impl TenantSettings {
    /// Of JSON that says nothing else but what is shown beside it, which is passed over. (`deny_unknown_fields` would stand in the OpenAPI document for what is shown, too, which has
    /// more.)
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_json(mut json: Value) -> Result<Self, String> {
        for shown in ["name", "revision", "problems"] {
            json.as_object_mut().map(|map| map.remove(shown));
        }
        let unknown = json.as_object().and_then(|map| map.keys().find(|key| !KEYS.contains(&key.as_str())));
        if let Some(unknown) = unknown {
            return Err(format!(
                "unknown field `{}`, expected one of {}",
                unknown.escape_debug(),
                KEYS.join(", ")
            ));
        }
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    /// Of a file; of one that does not hold, what can be read.
    pub(in crate::catalog) fn of(text: &str) -> Self {
        let mut root = root(text);
        let ChainSettings { chain, stage, on_failure, recipients } = ChainSettings::of(text);
        let domains = match root.remove("domains") {
            Some(Value::Array(domains)) => {
                domains.iter().filter_map(|d| d.as_str().map(str::to_owned)).collect()
            }
            _ => Vec::new(),
        };
        let mut table = |key: &str| match root.remove(key) {
            Some(Value::Object(table)) => table,
            _ => Map::new(),
        };
        let (limits, host) = (table("limits"), table("host"));
        Self { domains, chain, stage, on_failure, recipients, limits, host }
    }

    /// A file's text, made to say this; what it says already stays as it is written.
    pub(in crate::catalog) fn apply(&self, text: &str) -> Result<String, Unwritable> {
        let old = Self::of(text);
        let wrong = |error: toml_edit::TomlError| Unwritable(String::new(), format!("{error}"));
        let mut document: DocumentMut = text.parse().map_err(wrong)?;
        if old.domains != self.domains || text.is_empty() {
            let domains: toml_edit::Array = self.domains.iter().collect();
            set(document.as_table_mut(), "domains", toml_edit::Value::Array(domains));
        }
        for (key, old, new) in [("limits", &old.limits, &self.limits), ("host", &old.host, &self.host)] {
            if new.is_empty() {
                document.remove(key);
                continue;
            }
            if !document.contains_key(key) {
                document.insert(key, Item::Table(Table::new()));
            }
            if let Some(table) = document.get_mut(key).and_then(Item::as_table_like_mut) {
                replace(table, key, old, new)?;
            }
        }
        let gone = old.stage.keys().filter(|label| !self.stage.contains_key(*label));
        let gone: Vec<_> = gone.map(|label| (label.clone(), None)).collect();
        let stage = self.stage.iter().map(|(label, table)| (label.clone(), Some(table.clone())));
        let change = ChainChange {
            chain: self.chain.clone(),
            stage: stage.chain(gone).collect(),
            on_failure: Some(self.on_failure.clone()),
            recipients: Some(self.recipients.clone()),
        };
        change.apply(&document.to_string())
    }
}

fn root(text: &str) -> Map<String, Value> {
    match tree::parse("", text, &mut Vec::new()).value.into_json() {
        Value::Object(root) => root,
        _ => Map::new(),
    }
}
