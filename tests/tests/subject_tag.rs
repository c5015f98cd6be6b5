//! `subject-tag` natively and in the sandbox: the same message out, whatever the message and however it is cut.

use gatepost::chain::PlannedStage;
use gatepost_sdk::testing::{Check, Outcome};
use gatepost_tests::lab::{HEADER_SIZE_MAX, Lab};
use gatepost_tests::shipped;
use subject_tag::SubjectTag;

/// The native outcome, which the SDK's driver has found the same for every cut.
fn native(config: &str, message: &[u8]) -> Outcome {
    Check::<SubjectTag>::new().config(config).run(message)
}

/// The sandboxed outcome for these pieces is the native one.
#[track_caller]
fn agree(lab: &Lab, stages: &[PlannedStage], expect: &Outcome, pieces: &[&[u8]]) {
    let ran = lab.run(stages, pieces.iter().copied());
    assert_eq!(ran.end(), "accept");
    assert!(expect.result.is_ok());
    let cut: Vec<_> = pieces.iter().map(|piece| piece.len()).collect();
    assert!(ran.output == expect.output, "cut {cut:?}: {:?}", ran.text());
}

/// Whole, in single bytes, cut in two everywhere (a long message: at some hundred places).
#[track_caller]
fn agree_however_cut(lab: &Lab, config: &str, message: &[u8]) {
    let stages = [lab.stage(shipped::subject_tag()).config(config).plan()];
    let expect = native(config, message);
    agree(lab, &stages, &expect, &[message]);
    if message.len() <= 4096 {
        agree(lab, &stages, &expect, &message.chunks(1).collect::<Vec<_>>());
    }
    let step = message.len() / 300 + 1;
    for cut in (1..message.len()).step_by(step) {
        let (left, right) = message.split_at(cut);
        agree(lab, &stages, &expect, &[left, right]);
    }
}

const DEFAULT: &str = "{}";
const UMLAUT: &str = r#"{"tag": "[Außen]"}"#;

/// Goal: the same logic in two engines gives the same bytes.
/// Method: each kind of message, with an ASCII tag and one beyond it, over every cut.
#[test]
fn native_and_sandboxed_agree_over_every_cut() {
    let lab = Lab::new();
    for message in [
        "From: a@b\r\nSubject: Hi \r\nTo:c@d\r\n\r\nbody \r\n\r\n.\r\nSubject: body\r\n",
        "sUbJeCt:Hi\r\n\r\n",
        "Subject: one\r\n\ttwo\r\n  three\r\nX: y\r\n\r\nbody",
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nbody",
        "Subject: Re: [EXT] Hi\r\n\r\nbody",
        "Subject: Gr\u{fc}\u{df}e\r\n\r\n\u{e4}",
        "From: a\r\n\r\nno subject\r\n",
        "From: a\nSubject: Hi\n\nbody\n",
        "From: a\n\nbody\n",
        "\r\nbody only\r\n",
        "\nbody",
        "only text",
        "Subject: Hi",
        "Subject: Hi\r\n",
        ": \r\n\r\n",
        "",
    ] {
        for config in [DEFAULT, UMLAUT] {
            agree_however_cut(&lab, config, message.as_bytes());
        }
    }
    agree_however_cut(&lab, DEFAULT, b"Subject: \xff\xfe\x80\r\n\r\n\0\r\xff");
}

/// Goal: header sections up to the limit, and bodies of several chunks, are no different.
#[test]
fn huge_messages_agree() {
    let lab = Lab::new();
    let fields = "X-Filler: 0123456789abcdef0123456789abcdef\r\n".repeat(5000);
    let long = "word ".repeat(30_000);
    let body = "line\r\n".repeat(20_000);
    for message in [
        format!("{fields}Subject: Hi\r\n\r\nbody"),
        format!("Subject: {long}\r\n\r\nbody"),
        format!("Subject: Hi\r\n\r\n{body}"),
    ] {
        agree_however_cut(&lab, DEFAULT, message.as_bytes());
    }
    let filler = "x".repeat(HEADER_SIZE_MAX - "Subject: \r\n\r\n".len());
    let full = format!("Subject: {filler}\r\n\r\nbody");
    let stages = [lab.stage(shipped::subject_tag()).plan()];
    agree(&lab, &stages, &native(DEFAULT, full.as_bytes()), &[full.as_bytes()]);
    let over = format!("Subject: x{filler}\r\n\r\nbody");
    assert_eq!(lab.run(&stages, [over.as_bytes()]).end(), "HeaderTooLarge");
}

#[test]
fn a_config_is_refused_with_the_same_words() {
    let lab = Lab::new();
    for config in [r#"{"tag": ""}"#, r#"{"tags": "x"}"#, r#"{"tag": 1}"#, r#"{"tag": "a "}"#, "["] {
        let native = gatepost_sdk::processor::configure::<SubjectTag>(config).err();
        let sandboxed = lab.stage(shipped::subject_tag()).config(config).try_plan().err();
        assert_eq!(sandboxed, native, "{config}");
        assert!(native.is_some_and(|text| !text.is_empty()), "{config}");
    }
}

/// Goal: the import list is the permission request, so it holds nothing that is not needed.
#[test]
fn the_component_imports_only_what_it_needs() {
    let lab = Lab::new();
    let loaded = lab.sandboxes.load(shipped::subject_tag()).unwrap();
    for import in &loaded.imports {
        let name = import.strip_prefix("gatepost:processor/").and_then(|name| name.strip_suffix("@0.1.0"));
        assert!(matches!(name, Some("envelope" | "next" | "log" | "types")), "{import}");
    }
    assert!(loaded.imports.iter().any(|import| import.contains("/next@")));
    let said = &loaded.description;
    assert_eq!((said.name.as_str(), said.version.as_str()), ("subject-tag", "1.0.0"));
    let content = gatepost::chain::Content::Message;
    assert_eq!((said.takes, said.gives), (content, content));
}
