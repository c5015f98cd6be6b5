//! `docs/config.md` held against the code: keys, defaults, grants, settings of what is built in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use gatepost::catalog::{Registry, tenant_file};
use gatepost::chain::StageScope;
use gatepost::telemetry::Telemetry;

use super::tables::{quoted, rows};
use super::workspace;

fn document() -> String {
    fs::read_to_string(workspace().join("docs/config.md")).unwrap()
}

/// The first keys of all rows of a section.
fn documented(document: &str, heading: &str) -> BTreeSet<String> {
    rows(document, heading).into_iter().flat_map(|(keys, _)| keys).collect()
}

/// The keys that were asked for in one table, without those of tables in it.
fn below(asked: &BTreeSet<String>, section: &str) -> BTreeSet<String> {
    let prefix = if section.is_empty() { String::new() } else { format!("{section}.") };
    let keys = asked.iter().filter_map(|key| key.strip_prefix(&prefix));
    keys.filter(|key| !key.contains('.')).map(str::to_owned).collect()
}

fn compare(section: &str, read: &BTreeSet<String>, told: &BTreeSet<String>, problems: &mut String) {
    for key in read.difference(told) {
        let _ = writeln!(problems, "{section}: `{key}` is read, but docs/config.md has no row for it");
    }
    for key in told.difference(read) {
        let _ = writeln!(problems, "{section}: docs/config.md has a row for `{key}`, which nothing reads");
    }
}

/// Whether a default is a figure or a word in quotes; one that is worded or depends on the machine is not compared.
fn is_figure(text: &str) -> bool {
    text.starts_with('"') || text.starts_with(|c: char| c.is_ascii_digit())
}

/// Compares the defaults of a section's rows with a table of `check --dump`; `max` is that of `[limits.max]`.
fn compare_defaults(
    section: &str,
    rows: &[super::tables::Row],
    dumped: &toml::Table,
    max: Option<&toml::Table>,
    problems: &mut String,
) {
    for (keys, cells) in rows {
        let told: Vec<&str> = cells[0].split(", ").map(|default| default.trim_matches('`')).collect();
        for (n, key) in keys.iter().enumerate() {
            let Some(value) = dumped.get(key).map(ToString::to_string) else { continue };
            match told.get(n) {
                Some(told) if is_figure(told) && *told != value => {
                    let _ =
                        writeln!(problems, "{section}.{key}: by default {value}, docs/config.md says {told}");
                }
                Some(_) => {}
                None => {
                    let _ = writeln!(problems, "{section}.{key}: docs/config.md has no default for it");
                }
            }
            let max = max.and_then(|max| max.get(key)).map(ToString::to_string).filter(|max| *max != value);
            if let Some(max) = max.filter(|max| !cells[1].contains(max.as_str())) {
                let _ = writeln!(problems, "{section}.max.{key}: by default {max}, docs/config.md lacks it");
            }
        }
    }
}

/// Goal: each key of the host's config that is read is in the reference, and no other; defaults are what `check --dump` says.
/// Method: the reader's own note of what it asked for, of a file in which every table stands.
#[test]
fn keys_and_defaults_of_the_host() {
    let document = document();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pem"), "").unwrap();
    let path = folder.path().join("gatepost.toml");
    let config = "server.state_dir = \".\"\nlimits.max = {}\nadmin = {}\ntelemetry = {}\n[[listener]]\nname = \"mx\"\n\
                  address = \"127.0.0.1:0\"\ntls = { cert = \"pem\", key = \"pem\", mode = \"starttls\" }\n";
    fs::write(&path, config).unwrap();
    let asked = gatepost::config::keys(&path);
    let dumped = gatepost::config::load(&path).unwrap_or_else(|problems| panic!("{problems:?}"));
    let dumped: toml::Table = gatepost::config::dump(&dumped).parse().unwrap();
    let mut problems = String::new();
    let mut sections = BTreeSet::new();
    for section in ["server", "listener", "limits", "admin", "telemetry"] {
        let (heading, table) = match section {
            "listener" => ("### `[[listener]]`".to_owned(), &dumped[section][0]),
            section => (format!("### `[{section}]`"), &dumped[section]),
        };
        let mut read = below(&asked, section);
        read.append(
            &mut below(&asked, "listener.mx").into_iter().filter(|_| section == "listener").collect(),
        );
        // What `[limits]` and `[listener]` hold besides their keys.
        read.retain(|key| !["max", "mx"].contains(&key.as_str()));
        compare(section, &read, &documented(&document, &heading), &mut problems);
        let max = table.get("max").and_then(toml::Value::as_table);
        let table = table.as_table().unwrap();
        compare_defaults(section, &rows(&document, &heading), table, max, &mut problems);
        sections.insert(section.to_owned());
    }
    assert_eq!(below(&asked, ""), sections, "a table of the config that the reference lacks");
    let tls = rows(&document, "### `[[listener]]`").into_iter().find(|(keys, _)| keys[0] == "tls").unwrap();
    for key in below(&asked, "listener.mx.tls") {
        if !tls.1[1].contains(&format!("{key} = ")) {
            let _ = writeln!(problems, "`tls` takes `{key}`, docs/config.md does not say so");
        }
    }
    assert!(problems.is_empty(), "{problems}");
}

/// Goal: the same of a tenant's file.
#[test]
fn keys_of_a_tenant() {
    let document = document();
    let asked = tenant_file::keys("domains = []\nchain = \"null\"\n[stage.null]\n[limits]\n[host]\n");
    let mut problems = String::new();
    let top = documented(&document, "## `STATE_DIR/catalog/tenants/NAME.toml`");
    let top = top.iter().map(|key| match key.as_str() {
        "[stage.LABEL]" => "stage".to_owned(),
        key => key.trim_matches(['[', ']']).to_owned(),
    });
    compare("a tenant's file", &below(&asked, ""), &top.collect(), &mut problems);
    for (section, heading) in
        [("host", "### `[host]`"), ("stage.null", "### `[stage.LABEL]`"), ("limits", "### `[limits]`")]
    {
        compare(section, &below(&asked, section), &documented(&document, heading), &mut problems);
    }
    let grants: BTreeSet<String> = tenant_file::GRANTS.iter().map(ToString::to_string).collect();
    compare("grants", &grants, &documented(&document, "### Grants"), &mut problems);
    assert!(problems.is_empty(), "{problems}");
}

/// What each built-in stage and sink answers to a setting of that value.
fn answers(setting: &str) -> BTreeMap<String, String> {
    let registry = Registry::builtin();
    let scope = StageScope {
        hostname: "mx.example".into(),
        state_dir: "/nonexistent".into(),
        tenant: "acme".into(),
        label: "stage".into(),
        chunk_size: 16 << 10,
        message_size_max: 1 << 20,
        telemetry: Telemetry::silent(),
        own: gatepost::chain::OwnAddresses::default(),
        files: gatepost::chain::FilesRead::default(),
    };
    let settings = || serde_json::from_str(setting).unwrap();
    let mut answers = BTreeMap::new();
    for name in registry.processors() {
        answers.insert(name.to_owned(), registry.processor(name, &scope, settings()).err().unwrap());
    }
    for name in registry.sinks() {
        answers.insert(name.to_owned(), registry.sink(name, &scope, settings()).err().unwrap());
    }
    answers
}

/// Goal: each setting of each built-in stage and sink is in the reference, and no other.
/// Method: each is given a key that it cannot know; its answer names those that it does.
#[test]
fn settings_of_stages_and_sinks() {
    let document = document();
    let answers = answers(r#"{"no_such_key": 1}"#);
    let rows: BTreeMap<String, Vec<String>> = ["### Stages", "### Sinks"]
        .iter()
        .flat_map(|heading| rows(&document, heading))
        .map(|(names, cells)| (names[0].clone(), cells))
        .collect();
    let mut problems = String::new();
    for (name, answer) in &answers {
        let known: BTreeSet<String> =
            quoted(answer.split("no_such_key\": ").nth(1).unwrap()).into_iter().collect();
        let Some(cells) = rows.get(name) else {
            let _ = writeln!(problems, "docs/config.md has no row for `{name}`");
            continue;
        };
        // A setting stands as `KEY`: with a colon behind it. The last cell has them.
        let parts: Vec<&str> = cells.last().unwrap().split("`:").collect();
        let told = parts[..parts.len() - 1].iter().filter_map(|part| part.rsplit_once('`'));
        let told: BTreeSet<String> = told.map(|(_, key)| key.to_owned()).collect();
        if known != told {
            let _ = writeln!(problems, "`{name}` knows {known:?}, docs/config.md says {told:?}");
        }
    }
    for name in rows.keys().filter(|name| !answers.contains_key(*name)) {
        let _ = writeln!(problems, "docs/config.md has a row for `{name}`, which there is not");
    }
    assert!(problems.is_empty(), "{problems}");
}

/// Goal: each word that a setting takes is in the reference: formats of `compress`, algorithms of `hash`.
/// Method: each is given a word that it cannot know; its answer names those that it does.
#[test]
fn words_of_settings() {
    let document = document();
    let cell = |name: &str| {
        let row = rows(&document, "### Stages").into_iter().find(|(names, _)| names[0] == name);
        row.unwrap().1.pop().unwrap()
    };
    for (name, setting) in [
        ("compress", r#"{"format": "no-such"}"#),
        ("decompress", r#"{"format": "no-such"}"#),
        ("hash", r#"{"algorithms": ["no-such"]}"#),
    ] {
        let answer = answers(setting).remove(name).unwrap();
        let words = quoted(answer.split_once("expected").unwrap_or_else(|| panic!("{answer}")).1);
        assert!(words.len() > 1, "{answer}");
        for word in words {
            assert!(cell(name).contains(&word), "`{name}` takes `{word}`, docs/config.md does not say so");
        }
    }
}
