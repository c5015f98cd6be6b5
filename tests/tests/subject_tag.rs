//! `subject-tag` natively and in the sandbox: the same message out, whatever the message and however it is cut.

use gatepost_tests::lab::HEADER_SIZE_MAX;
use gatepost_tests::shipped;
use gatepost_tests::twin::Twin;
use subject_tag::SubjectTag;

fn twin() -> Twin<SubjectTag> {
    Twin::new("subject-tag")
}

const DEFAULT: &str = "{}";
const UMLAUT: &str = r#"{"tag": "[Außen]"}"#;

/// Goal: the same logic in two engines gives the same bytes.
/// Method: each kind of message, with an ASCII tag and one beyond it, over every cut.
#[test]
fn native_and_sandboxed_agree_over_every_cut() {
    let twin = twin();
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
            twin.agree(config, message.as_bytes());
        }
    }
    twin.agree(DEFAULT, b"Subject: \xff\xfe\x80\r\n\r\n\0\r\xff");
}

/// Goal: header sections up to the limit, and bodies of several chunks, are no different.
#[test]
fn huge_messages_agree() {
    let twin = twin();
    let fields = "X-Filler: 0123456789abcdef0123456789abcdef\r\n".repeat(5000);
    let long = "word ".repeat(30_000);
    let body = "line\r\n".repeat(20_000);
    for message in [
        format!("{fields}Subject: Hi\r\n\r\nbody"),
        format!("Subject: {long}\r\n\r\nbody"),
        format!("Subject: Hi\r\n\r\n{body}"),
    ] {
        twin.agree(DEFAULT, message.as_bytes());
    }
    let filler = "x".repeat(HEADER_SIZE_MAX - "Subject: \r\n\r\n".len());
    let stages = [twin.lab.stage(shipped::component("subject-tag")).plan()];
    let full = format!("Subject: {filler}\r\n\r\nbody");
    assert_eq!(twin.lab.run(&stages, [full.as_bytes()]).end(), "accept");
    let over = format!("Subject: x{filler}\r\n\r\nbody");
    assert_eq!(twin.lab.run(&stages, [over.as_bytes()]).end(), "HeaderTooLarge");
}

#[test]
fn a_config_is_refused_with_the_same_words() {
    let twin = twin();
    for config in [r#"{"tag": ""}"#, r#"{"tags": "x"}"#, r#"{"tag": 1}"#, r#"{"tag": "a "}"#, "["] {
        twin.refuse(config);
    }
}

#[test]
fn the_component_imports_only_what_it_needs() {
    twin().imports_only(&["envelope", "next", "log"]);
}
