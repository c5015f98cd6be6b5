//! Tests of `native::hash`.

use super::*;
use crate::mail::Envelope;
use crate::native::tests::{build, drive, scope};

/// What comes out, and the facts `x.hash.*` without that prefix.
async fn hash(settings: &str, content: &[u8], cut: usize) -> (Vec<u8>, Vec<(String, String)>) {
    let processor = build(&scope(), "hash", settings).unwrap();
    let mut envelope = Envelope::default();
    let (out, verdict) = drive(&*processor, &mut envelope, content, cut).await.unwrap();
    assert_eq!(verdict, Verdict::Accept);
    let facts = envelope.facts().iter();
    (out, facts.map(|(k, v)| (k.strip_prefix("x.hash.").unwrap().to_owned(), v.clone())).collect())
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// Test vectors: RFC 1321 §A.5, FIPS 180-2 §B.1, BLAKE3's test_vectors.json for no input.
#[tokio::test]
async fn digests_are_those_of_the_standards() {
    let all = r#"{"algorithms": ["md5", "sha256", "blake3"]}"#;
    let (out, facts) = hash(all, b"abc", 1).await;
    assert_eq!(out, b"abc");
    assert_eq!(
        facts[1..],
        pairs(&[
            ("md5", "900150983cd24fb0d6963f7d28e17f72"),
            ("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ])
    );
    let (out, facts) = hash("{}", b"", 1).await;
    assert!(out.is_empty());
    let none = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    assert_eq!(facts, pairs(&[("blake3", none)]));
}

/// Goal: cuts have no meaning, and the content passes as it came.
#[tokio::test]
async fn the_same_over_every_chunking() {
    let content: Vec<u8> = (0..100_000u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    let (_, whole) = hash("{}", &content, content.len()).await;
    for cut in [1, 63, 64, 65, 16 << 10] {
        assert_eq!(hash("{}", &content, cut).await, (content.clone(), whole.clone()), "{cut}");
    }
}

#[tokio::test]
async fn a_field_is_put_on_top_in_the_messages_own_line_ends() {
    let settings = r#"{"algorithms": ["md5", "sha256"], "header": "X-Content-Hash"}"#;
    for (message, newline, apart) in [
        ("A: b\r\n\r\nbody", "\r\n", ""),
        ("A: b\n\nbody", "\n", ""),
        (" folded into nothing\r\n\r\n", "\r\n", "\r\n"),
        ("", "\r\n", ""),
    ] {
        let (md5, sha256) = (hex(&Md5::digest(message)), hex(&Sha256::digest(message)));
        let (out, facts) = hash(settings, message.as_bytes(), 3).await;
        let field = format!("X-Content-Hash: md5={md5};{newline}\tsha256={sha256}{newline}");
        assert_eq!(String::from_utf8(out).unwrap(), format!("{field}{apart}{message}"));
        assert_eq!(facts, pairs(&[("header", "added"), ("md5", &md5), ("sha256", &sha256)]));
    }
}

/// One byte more than may be held: the message passes as it came, with its facts, and one says why there is no field.
#[tokio::test]
async fn a_message_at_the_limit_gets_the_field_and_one_past_it_does_not() {
    let message = b"A: b\r\n\r\nbody".as_slice();
    for (max, field) in [(message.len(), true), (message.len() - 1, false), (1, false)] {
        let settings = format!(r#"{{"header": "X-H", "header_message_max": "{max}B"}}"#);
        for cut in [1, 3, 100] {
            let (out, facts) = hash(&settings, message, cut).await;
            assert_eq!(out.len() > message.len(), field, "{max} {cut}");
            assert!(out.ends_with(message));
            let expected = if field { "added" } else { "too-large" };
            assert_eq!(facts[1], ("header".to_owned(), expected.to_owned()));
            assert_eq!(facts[0].1, blake3::hash(message).to_hex().as_str());
        }
    }
}

#[test]
fn with_a_field_it_takes_messages_only() {
    let takes = |settings| build(&scope(), "hash", settings).unwrap().takes();
    assert_eq!(takes("{}"), Content::Any);
    assert_eq!(takes(r#"{"header": "X-H"}"#), Content::Message);
}

#[test]
fn settings_at_their_limits() {
    let name = |len| format!(r#"{{"header": "{}"}}"#, "x".repeat(len));
    let max = |max| format!(r#"{{"header": "X-H", "header_message_max": "{max}"}}"#);
    for good in [name(NAME_MAX), max("1B"), max("16MiB"), r#"{"algorithms": ["md5"]}"#.to_owned()] {
        assert!(build(&scope(), "hash", &good).is_ok(), "{good}");
    }
    for (bad, key) in [
        (name(0), "header"),
        (name(NAME_MAX + 1), "header"),
        (r#"{"header": "X H"}"#.to_owned(), "header"),
        (r#"{"header": "X:\r\nBcc"}"#.to_owned(), "header"),
        (max("0B"), "header_message_max"),
        (max("16777217B"), "header_message_max"),
        (r#"{"header_message_max": "1MiB"}"#.to_owned(), "header_message_max"),
        (r#"{"algorithms": []}"#.to_owned(), "algorithms"),
        (r#"{"algorithms": ["md5", "md5"]}"#.to_owned(), "algorithms"),
        (r#"{"algorithms": ["sha1"]}"#.to_owned(), "algorithms"),
    ] {
        let error = build(&scope(), "hash", &bad).err().unwrap();
        assert!(error.contains(&format!("`{key}`")), "{bad}: {error}");
    }
}

/// What is held is counted, and given back when the limit is passed.
#[tokio::test]
async fn memory_is_counted() {
    let processor = build(&scope(), "hash", r#"{"header": "X-H", "header_message_max": "100KiB"}"#).unwrap();
    let mut stage = processor.stage();
    let (mut output, meter) = (Output::default(), std::sync::Arc::default());
    let mut envelope = Envelope::default();
    let mut cx = StageContext { envelope: &mut envelope, output: &mut output, meter: &meter };
    let chunk = Bytes::from(vec![b'x'; 16 << 10]);
    for n in 1..=7 {
        let flow = stage.write(&chunk, &mut cx).await.unwrap();
        assert_eq!(flow, if n <= 6 { Flow::Replaced } else { Flow::Pass });
    }
    assert_eq!(cx.output.len(), 6 * chunk.len());
    let peak = stage.usage().memory_peak;
    assert!((96 << 10..=200 << 10).contains(&peak), "{peak}");
}
