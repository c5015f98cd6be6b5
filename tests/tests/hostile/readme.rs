//! The checklist `tests/hostile/README.md` is true: every file is named where it belongs, and everything named is there.

use std::collections::{BTreeMap, BTreeSet};

use gatepost_tests::hostile::{PLACES, all, folder};

/// Items of `threats.md` (c) that sources of these tests stand for, where no file can.
const SOURCES: [(&str, &str); 3] =
    [("bombs", "uploads.rs"), ("dropped", "gone.rs"), ("hoards", "holding.rs")];

/// Files by heading, as the README names them: in list items, between backticks.
fn checklist() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut heading = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            name.trim().clone_into(&mut heading);
        } else if line.starts_with("| `") {
            let file = line.split('`').nth(1).unwrap_or_default().to_owned();
            let first = found.entry(heading.clone()).or_default().insert(file);
            assert!(first, "named twice: {line}");
        }
    }
    found
}

/// Goal: no hostile file lies about unlisted, and none is listed that is not there.
/// Method: the files of the checklist, by item, are those that are run, by the origin that they say.
#[test]
fn every_file_is_named_and_every_named_file_is_run() {
    let mut run: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for case in all() {
        run.entry(case.origin).or_default().insert(case.file);
    }
    for (item, file) in SOURCES {
        run.entry(item.to_owned()).or_default().insert(file.to_owned());
    }
    assert_eq!(checklist(), run);
    let sources = folder().parent().unwrap().join("tests/hostile");
    for (_, file) in SOURCES {
        assert!(sources.join(file).is_file(), "{file}");
    }
}

/// Goal: nothing lies in the folder that is neither a case nor said to be something else.
#[test]
fn every_file_of_the_folder_is_a_case() {
    let cases: BTreeSet<String> = all().into_iter().map(|case| case.file).collect();
    let below = |folder: std::path::PathBuf| {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap())
    };
    for name in below(folder()).filter(|name| !["README.md", "guests"].contains(&name.as_str())) {
        assert!(cases.contains(&name), "nothing runs {name}");
    }
    for name in below(folder().join("guests")) {
        assert!(cases.contains(&format!("guests/{name}")), "nothing runs guests/{name}");
    }
}

/// Goal: each place where guest code runs is attacked, and by the attacks that can stand anywhere in each of them.
#[test]
fn every_place_is_attacked() {
    let cases = all();
    let stands = |item: &str, place: &str| {
        cases.iter().any(|case| case.origin == item && case.stands.iter().any(|stands| stands == place))
    };
    for place in PLACES.iter().filter(|place| **place != "upload") {
        assert!(stands("loops", place), "no loop in {place}");
        assert!(stands("traps", place), "no trap in {place}");
    }
    for (item, places) in [
        ("bulk", &["start", "describe", "configure", "open", "first write", "50th write", "close"][..]),
        ("growth", &["start", "describe", "configure", "open", "first write", "50th write", "close"]),
        ("floods", &["describe", "configure", "open", "first write", "50th write", "close"]),
        ("logs", &["describe", "configure", "open", "first write", "close"]),
        ("encoding", &["describe", "configure", "open", "first write", "50th write", "close"]),
    ] {
        for place in places {
            assert!(stands(item, place), "nothing of `{item}` stands in {place}");
        }
    }
}

/// Goal: each case says what it is up to, in words of its own.
#[test]
fn every_goal_is_its_own() {
    let mut goals = BTreeSet::new();
    let of_one_file = |file: &str| file.starts_with("guests/");
    for case in all().into_iter().filter(|case| !of_one_file(&case.file)) {
        assert!(goals.insert(case.goal.clone()), "{}: another one says that too", case.name);
    }
}
