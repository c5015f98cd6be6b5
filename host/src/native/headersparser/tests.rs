//! Tests of `native::headersparser`.

use std::collections::BTreeMap;

use super::*;
use crate::mail::Envelope;
use crate::native::tests::{build, drive, scope};

/// Facts that `message` gives, by key; the message itself passes byte by byte.
async fn facts(settings: &str, message: &[u8]) -> BTreeMap<String, String> {
    let processor = build(&scope(), "headersparser", settings).unwrap();
    let mut envelope = Envelope::default();
    let (out, _) = drive(&*processor, &mut envelope, message, 7).await.unwrap();
    assert_eq!(out, message);
    envelope.facts().clone()
}

async fn subject(value: &str) -> Option<String> {
    facts("{}", format!("Subject:{value}\r\n\r\nbody").as_bytes()).await.get("x.subject").cloned()
}

#[tokio::test]
async fn the_subject_is_decoded_unfolded_and_one_line() {
    for (field, expected) in [
        (" hello", "hello"),
        ("", ""),
        (" a\r\n\tb\r\n c", "a b c"),
        (" =?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (" =?utf-8?b?R3LDvMOf?=\r\n =?utf-8?b?ZQ==?= x", "Grüße x"),
        (" =?iso-8859-1?q?caf=E9?=", "café"),
        (" =?utf-8?q?a=0D=0ABcc:_x=00y?=", "a  Bcc: x y"),
        (" =?utf-8?q?broken", "=?utf-8?q?broken"),
        (" =?nothing?x?y?=", "=?nothing?x?y?="),
    ] {
        assert_eq!(subject(field).await.as_deref(), Some(expected), "{field:?}");
    }
}

#[tokio::test]
async fn chosen_fields_become_facts_and_the_first_of_a_name_counts() {
    let message =
        b"list-ID : one\r\nX-A: 1\r\nList-Id: two\r\nSubjects: no\r\nsubject: s\r\n\r\nMessage-Id: body";
    let facts = facts(r#"{"headers": ["List-Id", "message-id", "subject"]}"#, message).await;
    let expected = [("x.header.list-id", "one"), ("x.header.subject", "s"), ("x.subject", "s")];
    assert_eq!(facts, expected.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect());
}

#[tokio::test]
async fn nothing_is_read_where_there_is_nothing() {
    for message in [&b"\r\nSubject: in the body"[..], b"", b"no field at all", b" Subject: folded\r\n\r\n"] {
        assert!(facts("{}", message).await.is_empty(), "{message:?}");
    }
    assert_eq!(facts("{}", b"Subject: no end").await["x.subject"], "no end");
    assert_eq!(facts("{}", b"Subject: lf\nA: b\n\nbody").await["x.subject"], "lf");
}

#[tokio::test]
async fn a_value_is_cut_at_a_character_and_a_fact_says_so() {
    let whole = "x".repeat(FACT_VALUE_MAX);
    assert_eq!(subject(&whole).await, Some(whole.clone()));
    let message = format!("A: {}ü\r\nB: {whole}x\r\nC: {whole}\r\n\r\n", &whole[1..]);
    let facts = facts(r#"{"headers": ["a", "b", "c"]}"#, message.as_bytes()).await;
    assert_eq!(facts["x.header.a"], whole[1..]);
    assert_eq!(facts["x.header.b"], whole);
    assert_eq!(facts["x.header.c"], whole);
    assert_eq!(facts["x.headers.truncated"], "a b");
}

/// Blanks between two encoded words mean nothing, so a value at the limit decodes to two letters.
#[tokio::test]
async fn a_value_is_decoded_up_to_its_limit() {
    let (a, b) = ("=?utf-8?q?a?=", "=?utf-8?q?b?=");
    for (more, whole) in [(0, true), (1, false)] {
        let blanks = " ".repeat(VALUE_MAX - a.len() - b.len() - 2 + more);
        let value = format!("{a}{blanks}{b}\r\n");
        assert_eq!(value.len(), VALUE_MAX + more);
        let facts = facts("{}", format!("Subject:{value}\r\n").as_bytes()).await;
        assert_eq!(facts["x.subject"], "ab");
        assert_eq!(facts.get("x.headers.truncated").map(String::as_str), (!whole).then_some("subject"));
    }
}

#[tokio::test]
async fn settings_at_their_limits() {
    let headers = |n: usize, len: usize| {
        let names: Vec<String> = (0..n).map(|n| format!("{n:0len$}")).collect();
        format!("{{\"headers\": {}}}", serde_json::json!(names))
    };
    let longest = FACT_KEY_MAX - PREFIX.len();
    let message = format!("{:0longest$}: v\r\n\r\n", 3);
    let facts = facts(&headers(HEADERS_MAX, longest), message.as_bytes()).await;
    assert_eq!(facts[&format!("x.header.{:0longest$}", 3)], "v");
    let bad = r#"{"headers": ["a b"]}"#;
    for (settings, problem) in [
        (headers(HEADERS_MAX + 1, 4).as_str(), "17 names, at most 16"),
        (headers(1, longest + 1).as_str(), "is longer than 55 characters"),
        (bad, "\"a b\" is no name"),
        (r#"{"headers": [""]}"#, "is no name"),
        (r#"{"headers": ["a:"]}"#, "is no name"),
        (r#"{"headers": ["a", "A"]}"#, "\"A\" stands twice"),
        (r#"{"headers": "a"}"#, "expected a sequence"),
    ] {
        let error = build(&scope(), "headersparser", settings).err().unwrap();
        assert!(error.contains(problem) && error.contains("`headers`"), "{error}");
    }
    // All of the longest names, all truncated, still fit into the fact that lists them.
    assert!((HEADERS_MAX * (longest + 1)) + "subject".len() <= FACT_VALUE_MAX);
}

#[tokio::test]
async fn without_room_for_its_facts_it_fails() {
    let processor = build(&scope(), "headersparser", "{}").unwrap();
    let mut envelope = Envelope::default();
    for n in 0..crate::mail::envelope::FACTS_MAX {
        assert!(envelope.set_stage_fact(&format!("x.{n}"), ""));
    }
    let result = drive(&*processor, &mut envelope, b"Subject: s\r\n\r\n", 99).await;
    assert!(matches!(result, Err(StageEnd::Failed(StageError::Failed(text))) if text.contains("x.subject")));
}

/// Goal: hostile header sections cost no more than reading them (500,000 `From:` lines, CVE-2024-23184; encoded words
/// without an end). A quadratic pass would take minutes here, so it would be seen without a clock.
#[tokio::test]
async fn hostile_sections_are_read_in_one_pass() {
    let from = "From: a@b.example\r\n".repeat(500_000);
    let facts_of = facts(r#"{"headers": ["from"]}"#, format!("{from}Subject: s\r\n\r\n").as_bytes()).await;
    assert_eq!((facts_of["x.header.from"].as_str(), facts_of["x.subject"].as_str()), ("a@b.example", "s"));
    for unit in ["=?", "=?utf-8?q?", "=?utf-8?b?", "\r\n ", "=?utf-8?q?=", "\u{0}", "=?=?=?a*"] {
        let hostile = format!("Subject: {}\r\n\r\n", unit.repeat(2_000_000 / unit.len()));
        let facts = facts(r#"{"headers": ["subject"]}"#, hostile.as_bytes()).await;
        assert!(facts["x.subject"].len() <= FACT_VALUE_MAX);
    }
}

proptest::proptest! {
    /// Goal: whatever the bytes, the stage neither panics nor sets a value that could end a line.
    #[test]
    fn any_bytes_give_clean_facts(section in proptest::collection::vec(proptest::sample::select(
        b"Subject: =?utf-8qb?\r\n\t x\0\xff".to_vec()), 0..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let message = [b"Subject:", section.as_slice()].concat();
        let facts = runtime.block_on(facts(r#"{"headers": ["x"]}"#, &message));
        proptest::prop_assert!(facts.values().all(|value| !value.chars().any(char::is_control)));
    }
}
