//! What a `case.toml` may say, and what is said of one that is wrong.

use super::*;

/// A folder of cases, `(name, case.toml, expected.eml)` each.
fn cases(given: &[(&str, &str, Option<&str>)]) -> (tempfile::TempDir, anyhow::Result<Vec<Case>>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, snapshot) in given {
        let case = folder.path().join(name);
        std::fs::create_dir(&case).unwrap();
        std::fs::write(case.join("message.eml"), "Subject: x\r\n\r\n").unwrap();
        std::fs::write(case.join("case.toml"), text).unwrap();
        if let Some(snapshot) = snapshot {
            std::fs::write(case.join("expected.eml"), snapshot).unwrap();
        }
    }
    let read = read_all(folder.path(), None);
    (folder, read)
}

#[track_caller]
fn refused(text: &str, snapshot: Option<&str>, why: &str) {
    let (_folder, read) = cases(&[("a", text, snapshot)]);
    let error = read.expect_err(text).to_string();
    assert!(error.contains(why), "`{text}`: {error}");
}

#[test]
fn an_empty_case_has_defaults_and_all_chunkings() {
    let (_folder, read) = cases(&[("b", "", None), ("a", "chunkings = [\"bytes\"]\nseed = 9", None)]);
    let read = read.unwrap();
    assert_eq!(read.iter().map(|case| case.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((read[0].cuttings.as_slice(), read[0].seed), ([Cutting::Bytes].as_slice(), 9));
    assert_eq!(read[1].cuttings.len(), CUTTINGS.len());
    assert_eq!(read[1].expect.verdict, "accept");
    assert_eq!(read[1].sent.from, "sender@client.example");
}

#[test]
fn what_is_wrong_is_said_with_line_and_key() {
    refused("[expect]\nverdict = \"ok\"", None, "case.toml:2: expect.verdict: \"ok\" is none of \"accept\"");
    refused("[expects]", None, "unknown key; did you mean `expect`?");
    refused("chunkings = [\"byte\"]", None, "is none of whole, bytes, halves, random");
    refused("stage = 1", None, "stage: expected a table");
    refused("[envelope]\nsender = \"no\"", None, "`no` is not a mailbox");
    refused("[envelope]\nip = \"here\"", None, "envelope.ip");
    refused("[envelope.facts]\nn = 1", None, "envelope.facts.n: expected a string");
    refused("[expect.reply]\ncode = 600", None, "expect.reply.code");
    refused("[expect]\nreason = \"x\"", None, "belongs to the verdict \"quarantine\"");
    refused("[expect]\nmessage = \"unchanged\"", Some("x"), "remove one of the two");
    refused("[expect]\nverdict = \"reject\"", Some("x"), "remove one of the two");
    refused("[expect]\nverdict = \"discard\"\nmessage = \"unchanged\"", None, "goes nowhere");
}

/// Goal: one broken case does not hide what is wrong with another.
#[test]
fn the_problems_of_all_cases_are_told_at_once() {
    let (_folder, read) = cases(&[("a", "x = 1", None), ("b", "y = 1", None)]);
    let error = read.expect_err("both are wrong").to_string();
    assert!(
        error.contains("2 problems")
            && error.contains("a/case.toml:1: x")
            && error.contains("b/case.toml:1: y")
    );
}

#[test]
fn a_folder_without_a_message_is_an_error_and_none_at_all_is_no_case() {
    let folder = tempfile::tempdir().unwrap();
    assert!(read_all(&folder.path().join("none"), None).unwrap().is_empty());
    std::fs::create_dir(folder.path().join("a")).unwrap();
    assert!(read_all(folder.path(), None).unwrap_err().to_string().contains("message.eml"));
    assert!(read_all(folder.path(), Some("b")).unwrap().is_empty(), "it is not looked at");
}
