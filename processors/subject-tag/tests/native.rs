//! The processor natively, over every way of cutting each message.

use std::fmt::Write as _;

use gatepost_sdk::Verdict;
use gatepost_sdk::processor::configure;
use gatepost_sdk::testing::{CHUNK_SIZE, Check, Outcome};
use subject_tag::SubjectTag;

fn run(config: &str, message: &str) -> Outcome {
    let outcome = Check::<SubjectTag>::new().config(config).run(message.as_bytes());
    assert_eq!(outcome.result, Ok(Verdict::Accept));
    assert!(outcome.facts.is_empty() && outcome.log.is_empty());
    outcome
}

fn check(message: &str, expected: &str) {
    assert_eq!(run("{}", message).text(), expected);
}

#[test]
fn the_subject_is_prefixed_and_all_else_stays() {
    check(
        "From: a@b\r\nSubject: Hi \r\nTo:c@d\r\n\r\nbody \r\n\r\n.\r\nSubject: body\r\n",
        "From: a@b\r\nSubject: [EXT] Hi \r\nTo:c@d\r\n\r\nbody \r\n\r\n.\r\nSubject: body\r\n",
    );
    check("sUbJeCt:Hi\r\n\r\n", "sUbJeCt: [EXT] Hi\r\n\r\n");
    check("Subject:\r\n\r\nx", "Subject: [EXT]\r\n\r\nx");
}

#[test]
fn folded_subjects_keep_their_folds() {
    check("Subject: Hi\r\n\tyou\r\n  there\r\n\r\n", "Subject: [EXT] Hi\r\n\tyou\r\n  there\r\n\r\n");
    check("Subject:\r\n Hi\r\n\r\n", "Subject: [EXT]\r\n Hi\r\n\r\n");
    check("X: Subject:\r\n Subject: no\r\n\r\n", "X: Subject:\r\n Subject: no\r\nSubject: [EXT]\r\n\r\n");
}

#[test]
fn bare_newlines_stay_bare() {
    check("From: a\nSubject: Hi\n\nbody\n", "From: a\nSubject: [EXT] Hi\n\nbody\n");
    check("From: a\n\nbody\n", "From: a\nSubject: [EXT]\n\nbody\n");
    check("\nbody", "Subject: [EXT]\n\nbody");
}

#[test]
fn a_message_without_fields_gets_a_subject() {
    check("\r\nbody", "Subject: [EXT]\r\n\r\nbody");
    check("\r\n", "Subject: [EXT]\r\n\r\n");
    check("only text", "Subject: [EXT]\r\nonly text");
    check("", "");
}

#[test]
fn a_section_without_its_blank_line_is_edited_too() {
    check("Subject: Hi", "Subject: [EXT] Hi");
    check("Subject: Hi\r\nFrom: a\r\n", "Subject: [EXT] Hi\r\nFrom: a\r\n");
}

#[test]
fn only_the_first_of_several_subjects_is_tagged() {
    check("Subject: one\r\nSubject: two\r\n\r\n", "Subject: [EXT] one\r\nSubject: two\r\n\r\n");
}

#[test]
fn nothing_is_tagged_twice() {
    for subject in [
        "[EXT] Hi",
        "[EXT]",
        "\r\n [EXT] Hi",
        "Re: [EXT] Hi",
        "RE[2]: Fwd : [list] Re:[EXT]  Hi",
        "=?utf-8?q?Re=3A_=5BEXT=5D_Gr=C3=BC=C3=9Fe?=",
        "回复：[EXT] Hi",
    ] {
        let message = format!("Subject: {subject}\r\n\r\nbody");
        check(&message, &message);
    }
    for subject in
        ["Hi [EXT]", "[EXT]Hi", "[ext] Hi", "Re [EXT] Hi", "Reallylong: [EXT] Hi", "re:", "[", "[a"]
    {
        check(&format!("Subject: {subject}\r\n\r\n"), &format!("Subject: [EXT] {subject}\r\n\r\n"));
    }
    let twice = run(r#"{"skip_if_present": false}"#, "Subject: [EXT] Hi\r\n\r\n");
    assert_eq!(twice.text(), "Subject: [EXT] [EXT] Hi\r\n\r\n");
}

/// Goal: what the processor writes it recognises, whatever the tag and the old value.
/// Method: run it on its own output, also where a fold or an encoded word stands between.
#[test]
fn its_own_output_is_left_alone() {
    let long = "word ".repeat(30);
    for tag in ["[EXT]", "[Außen]", "EXT:", "=?x", "Re:", &"ä".repeat(50), &"t".repeat(100)] {
        for subject in ["Hi", "", "=?utf-8?q?=C3=84?=", "\r\n folded", long.trim_end()] {
            let config = format!(r#"{{"tag": "{tag}"}}"#);
            let once = run(&config, &format!("Subject: {subject}\r\n\r\nbody")).text();
            assert!(
                once.is_ascii() && once.lines().all(|line| line.len() <= 78 || !line.contains('?')),
                "{once}"
            );
            assert_eq!(run(&config, &once).text(), once, "{tag}");
        }
    }
}

#[test]
fn a_tag_beyond_ascii_is_an_encoded_word_before_the_raw_value() {
    let config = r#"{"tag": "[Außen]"}"#;
    assert_eq!(run(config, "Subject: Hi\r\n\r\n").text(), "Subject: =?UTF-8?B?W0F1w59lbl0=?= Hi\r\n\r\n");
    let encoded = run(config, "Subject: =?utf-8?q?=C3=84?=\r\n\r\n").text();
    assert_eq!(encoded, "Subject: =?UTF-8?B?W0F1w59lbl0g?= =?utf-8?q?=C3=84?=\r\n\r\n");
}

#[test]
fn the_config_is_checked() {
    let error = |json: &str| configure::<SubjectTag>(json).err();
    let with = |tag: &str| error(&format!(r#"{{"tag": "{tag}"}}"#));
    assert_eq!(error("{}"), None);
    assert_eq!(with(&"ä".repeat(50)), None);
    assert_eq!(with(&format!("x{}", "ä".repeat(50))).unwrap(), "tag: 101 bytes, but at most 100 are allowed");
    assert_eq!(with("").unwrap(), "tag: must not be empty");
    assert_eq!(with(r"a\r\nBcc: x").unwrap(), r"tag: holds the control character '\r'");
    assert_eq!(with(r"\u0085").unwrap(), r"tag: holds the control character '\u{85}'");
    assert_eq!(with("a ").unwrap(), "tag: must not begin or end with white space");
    assert!(
        error(r#"{"tags": "x"}"#)
            .unwrap()
            .contains("unknown field `tags`, expected `tag` or `skip_if_present`")
    );
    assert!(error(r#"{"tag": 1}"#).unwrap().contains("expected a string"));
}

/// Goal: the body costs one call at most.
#[test]
fn a_long_body_is_spliced() {
    let mut body = String::new();
    while body.len() < 20 * CHUNK_SIZE {
        let _ = writeln!(body, "line {}\r", body.len());
    }
    let tagged = run("{}", &format!("Subject: Hi\r\n\r\n{body}"));
    assert_eq!(tagged.text(), format!("Subject: [EXT] Hi\r\n\r\n{body}"));
    assert_eq!(tagged.writes, 2);
    assert_eq!(run("{}", &format!("Subject: [EXT] Hi\r\n\r\n{body}")).writes, 1);
}
