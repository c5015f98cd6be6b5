//! The reference pages say what the code says: `docs/reference/` is written from it, `docs/config.md` is held against it.
//!
//! `GATEPOST_BLESS=1 cargo nextest run -p gatepost-tests --test reference` writes the pages anew.

mod config;
mod log;
mod metrics;
mod tables;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gatepost_tests::binary;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Holds a page against what it should be, or writes it.
fn page(name: &str, expected: &str) {
    let path = workspace().join("docs/reference").join(name);
    if std::env::var_os("GATEPOST_BLESS").is_some() {
        fs::write(&path, expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let how = "GATEPOST_BLESS=1 cargo nextest run -p gatepost-tests --test reference";
    assert!(
        found == expected,
        "docs/reference/{name} is not what the code says; write it anew by\n    {how}"
    );
}

/// Goal: every verb and option is in the reference, in the words of `--help`.
#[test]
fn command_line() {
    let mut text = String::from("# Command line\n\nWhat `--help` says, of each verb.\n");
    let mut verbs = vec![Vec::new()];
    while let Some(verb) = verbs.pop() {
        let arguments: Vec<&str> = verb.iter().map(String::as_str).chain(["--help"]).collect();
        // Where there is no terminal its width may still be in the environment.
        let mut command = Command::new(binary::path());
        command.args(&arguments).env_remove("COLUMNS");
        let help = binary::run(&mut command, b"").exits(0).text();
        let name =
            ["gatepost"].into_iter().chain(verb.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
        let help = help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        let _ = write!(text, "\n## `{name}`\n\n```text\n{}\n```\n", help.trim());
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let below: Vec<Vec<String>> = commands
            .take_while(|line| !line.is_empty())
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next())
            .filter(|word| *word != "help")
            .map(|word| verb.iter().cloned().chain([word.to_owned()]).collect())
            .collect();
        verbs.extend(below.into_iter().rev());
    }
    assert!(text.contains("## `gatepost run`"), "{text}");
    page("cli.md", &text);
}

/// Goal: the book has every page once, and every page it has is there.
#[test]
fn the_book_has_every_page() {
    let docs = workspace().join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let listed: Vec<&str> = summary.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    let mut there = BTreeSet::new();
    for folder in ["", "reference/"] {
        for entry in fs::read_dir(docs.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") && name != "SUMMARY.md" {
                there.insert(format!("{folder}{name}"));
            }
        }
    }
    assert_eq!(listed.len(), there.len(), "{listed:?}");
    assert_eq!(listed.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), there);
    let book: toml::Table = fs::read_to_string(docs.join("book.toml")).unwrap().parse().unwrap();
    assert_eq!(book["book"]["src"].as_str(), Some("."), "so that the contracts stay where they are");
}

/// Goal: each shipped processor is in the list, and the list has no other.
#[test]
fn the_list_of_processors_is_whole() {
    let page = fs::read_to_string(workspace().join("docs/processors.md")).unwrap();
    let listed: BTreeSet<String> = tables::rows(&page, "# Shipped processors")
        .into_iter()
        .map(|(mut names, _)| names.remove(0))
        .collect();
    let folders = fs::read_dir(workspace().join("processors")).unwrap().map(|entry| entry.unwrap());
    let crates = folders.filter(|folder| folder.path().join("Cargo.toml").exists());
    let there: BTreeSet<String> = crates.map(|folder| folder.file_name().into_string().unwrap()).collect();
    assert_eq!(listed, there, "docs/processors.md lists what lies in processors/");
}
