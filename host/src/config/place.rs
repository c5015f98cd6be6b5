//! Finds the file and line of a key, for what turns out to be wrong only once more is known than the config.
//!
//! ```text
//! listener.mx.submission   conf.d/20-users.toml:3   ->   conf.d/20-users.toml:3: listener.mx.submission: ...
//! ```
//!
//! Reads the files anew: a config that was checked has forgotten where its values stood.

use std::path::Path;

use super::Problem;
use super::load::read_files;
use super::reader::Notes;
use super::tree::{Node, Value, name_of};

/// A problem of `key`, with the place where the files at `path` say it; within `listener` a part of the key is a listener's
/// name. Without a line where nobody says it any more.
pub fn problem_at(path: &Path, key: &[&str], text: impl Into<String>) -> Problem {
    let root = read_files(path, &Notes::default());
    let origin = find(&root, key).map(|node| node.origin.clone());
    let (file, line) = match origin {
        Some(origin) => (origin.file.to_string(), origin.line),
        None => (path.display().to_string(), 0),
    };
    Problem { file, line, key: key.join("."), text: text.into() }
}

fn find<'a>(node: &'a Node, key: &[&str]) -> Option<&'a Node> {
    let Some((first, rest)) = key.split_first() else { return Some(node) };
    let next = match &node.value {
        Value::Table(table) => table.get(*first)?,
        Value::Array(items) => items.iter().find(|item| name_of(item) == Some(*first))?,
        _ => return None,
    };
    find(next, rest)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_key_is_found_in_the_file_that_says_it_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gatepost.toml");
        fs::create_dir(folder.path().join("conf.d")).unwrap();
        let main = "[server]\npostmaster = \"a\"\n[[listener]]\nname = \"mx\"\n[[listener]]\nname = \"in\"\nsubmission = \"b\"\n";
        fs::write(&path, main).unwrap();
        let more = "[[listener]]\nname = \"mx\"\nauth = \"offered\"\nsubmission = \"c\"\n";
        fs::write(folder.path().join("conf.d/more.toml"), more).unwrap();
        for (key, expect) in [
            (&["server", "postmaster"][..], "gatepost.toml:2: server.postmaster: x"),
            (&["listener", "in", "submission"], "gatepost.toml:7: listener.in.submission: x"),
            (&["listener", "mx", "submission"], "conf.d/more.toml:4: listener.mx.submission: x"),
            (&["listener", "gone", "submission"], "gatepost.toml: listener.gone.submission: x"),
        ] {
            let told = problem_at(&path, key, "x").to_string();
            assert_eq!(told.replace(&format!("{}/", folder.path().display()), ""), expect);
        }
    }
}
