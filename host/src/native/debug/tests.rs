//! Tests of `native::debug`.

use super::*;
use crate::native::tests::{build, drive, scope};

async fn logged(settings: &str, message: &[u8], cut: usize) -> Vec<(Level, String)> {
    let scope = scope();
    let mut events = scope.telemetry.subscribe();
    let debug = build(&scope, "debug", settings).unwrap();
    let (out, _) = drive(&*debug, &mut Envelope::default(), message, cut).await.unwrap();
    assert_eq!(out, message);
    let mut texts = Vec::new();
    while let Ok(event) = events.try_recv() {
        let Event::StageLog { level, tenant, stage, text, .. } = &*event else { panic!("{event:?}") };
        assert_eq!((tenant.as_str(), stage.as_str()), ("acme", "stage"));
        texts.push((*level, text.clone()));
    }
    texts
}

#[tokio::test]
async fn it_passes_everything_and_tells_the_sizes() {
    assert_eq!(
        logged("{}", b"A: b\r\n\r\nbody", 9).await,
        [
            (Level::Debug, "chunk 1 of 9 bytes".to_owned()),
            (Level::Debug, "chunk 2 of 3 bytes".to_owned()),
            (Level::Info, "2 chunks, 12 bytes".to_owned()),
        ]
    );
}

#[tokio::test]
async fn what_it_reads_is_escaped_and_cut() {
    let texts = logged(r#"{"log_reads": true}"#, b"a\r\n\x1b\xff\"", 99).await;
    assert_eq!(texts[0], (Level::Info, r#"chunk 1 of 6 bytes: a\r\n\x1b\xff\""#.to_owned()));
    for byte in [b'x', b'\n', 0xff] {
        let texts = logged(r#"{"log_reads": true}"#, &[byte; 5000], 5000).await;
        let len = texts[0].1.len();
        assert!((EXCERPT_MAX - 3..=EXCERPT_MAX).contains(&len), "{len}");
    }
}

/// What a `buffer` before it has taken is told at the end; what was not filled is not.
#[tokio::test]
async fn copies_are_told_if_asked_for() {
    for (settings, lines) in [("{}", 1), (r#"{"log_copies": true}"#, 2)] {
        let scope = scope();
        let mut events = scope.telemetry.subscribe();
        let debug = build(&scope, "debug", settings).unwrap();
        let (taken, never) = (crate::mail::ContentCopy::default(), crate::mail::ContentCopy::default());
        taken.fill(Bytes::from_static(b"A: b\r\n"), 9);
        let mut envelope = Envelope::default();
        envelope.attach_copy("before", taken);
        envelope.attach_copy("never", never);
        drive(&*debug, &mut envelope, b"", 1).await.unwrap();
        let mut texts = Vec::new();
        while let Ok(event) = events.try_recv() {
            let Event::StageLog { text, .. } = &*event else { panic!("{event:?}") };
            texts.push(text.clone());
        }
        assert_eq!(texts.len(), lines, "{texts:?}");
        assert!(lines == 1 || texts[1] == r"copy `before`, 6 of 9 bytes: A: b\r\n", "{texts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_sleeps_as_long_as_it_is_told_and_no_longer() {
    let began = tokio::time::Instant::now();
    logged(r#"{"sleep_seconds": 60}"#, b"abc", 1).await;
    assert_eq!(began.elapsed().as_secs(), 60);
    for bad in ["61", "-1", "\"1\""] {
        let error = build(&scope(), "debug", &format!("{{\"sleep_seconds\": {bad}}}")).err().unwrap();
        assert!(error.contains("`sleep_seconds`"), "{error}");
    }
}
