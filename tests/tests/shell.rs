//! What shells and `man` read: completions and manual pages name every verb.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use gatepost_tests::binary::{self, gatepost};

/// The verbs that `--help` lists of a command, without `help`.
fn verbs(command: &[&str]) -> BTreeSet<String> {
    let help = gatepost(Path::new("."), &[command, &["--help"]].concat(), b"").exits(0).text();
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    lines
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .map(str::to_owned)
        .collect()
}

/// Goal: each shell's script names every verb, those of `processor` too, and an option.
#[test]
fn completions_name_the_verbs() {
    let (top, below) = (verbs(&[]), verbs(&["processor"]));
    assert!(top.contains("run") && top.contains("completions") && below.contains("new"), "{top:?} {below:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = gatepost(Path::new("."), &["completions", shell], b"").exits(0).text();
        let words: BTreeSet<&str> =
            script.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').collect();
        for word in top.iter().chain(&below) {
            assert!(words.contains(word.as_str()), "{shell}: no `{word}` in:\n{script}");
        }
        assert!(script.contains("watch"), "{shell}: no option of `run`");
    }
    let wrong = gatepost(Path::new("."), &["completions", "tcsh"], b"").exits(64);
    assert!(wrong.stderr.contains("bash"), "{}", wrong.stderr);
}

/// Goal: bash takes the script as it is.
#[test]
fn bash_takes_its_script() {
    let script = gatepost(Path::new("."), &["completions", "bash"], b"").exits(0).stdout;
    binary::run(std::process::Command::new("bash").arg("-n"), &script).exits(0);
}

/// Goal: `man --out` writes a page for the command and for each verb, and says which; `man` prints the command's.
#[test]
fn a_manual_page_for_each_verb() {
    let folder = tempfile::tempdir().unwrap();
    let said = gatepost(folder.path(), &["man", "--out", "share/man1"], b"").exits(0).text();
    let mut expected = BTreeSet::from(["gatepost.1".to_owned()]);
    expected.extend(verbs(&[]).iter().map(|verb| format!("gatepost-{verb}.1")));
    for parent in ["processor", "chain", "tenant", "token", "user"] {
        expected.extend(verbs(&[parent]).iter().map(|verb| format!("gatepost-{parent}-{verb}.1")));
    }
    let written: BTreeSet<String> = fs::read_dir(folder.path().join("share/man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(written, expected);
    let told: BTreeSet<String> =
        said.lines().map(|line| line.rsplit('/').next().unwrap().to_owned()).collect();
    assert_eq!(told, expected);

    let page = |name: &str| fs::read_to_string(folder.path().join("share/man1").join(name)).unwrap();
    assert!(page("gatepost-run.1").contains("\\-\\-watch"), "{}", page("gatepost-run.1"));
    let new = page("gatepost-processor-new.1");
    assert!(new.contains("\\-\\-update\\-sdk") && new.contains("gatepost processor new"), "{new}");
    let printed = gatepost(folder.path(), &["man"], b"").exits(0).text();
    assert_eq!(printed, page("gatepost.1"));
}

/// Goal: `--json` names the pages; a folder that cannot be made is file trouble.
#[test]
fn pages_for_machines_and_a_folder_that_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let said = gatepost(folder.path(), &["--json", "man", "--out", "pages"], b"").exits(0).text();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["pages"][0], "pages/gatepost.1");
    fs::write(folder.path().join("file"), "").unwrap();
    let refused = gatepost(folder.path(), &["man", "--out", "file/pages"], b"").exits(74);
    assert!(refused.stderr.contains("cannot make file/pages"), "{}", refused.stderr);
}
