//! Tests of `native::buffer`.

use super::*;
use crate::chain::Output;
use crate::mail::Envelope;
use crate::native::tests::{build, drive, scope};

/// The copy that a later stage finds after `content` has passed unchanged.
async fn copied(settings: &str, content: &[u8], cut: usize) -> (Vec<u8>, u64, bool) {
    let processor = build(&scope(), "buffer", settings).unwrap();
    let mut envelope = Envelope::default();
    let (out, _) = drive(&*processor, &mut envelope, content, cut).await.unwrap();
    assert_eq!(out, content);
    let copied = envelope.copy("stage").unwrap().get().unwrap();
    (copied.bytes.to_vec(), copied.size, copied.is_truncated())
}

#[tokio::test]
async fn content_at_the_size_is_copied_whole_and_one_byte_more_is_not() {
    for cut in [1, 3, 8, 9, 99] {
        let size = r#"{"size": "8B"}"#;
        assert_eq!(copied(size, b"", cut).await, (Vec::new(), 0, false));
        assert_eq!(copied(size, b"12345678", cut).await, (b"12345678".to_vec(), 8, false));
        assert_eq!(copied(size, b"123456789", cut).await, (b"12345678".to_vec(), 9, true));
        assert_eq!(copied(size, &[b'x'; 5000], cut).await, (vec![b'x'; 8], 5000, true));
    }
    let (bytes, size, truncated) = copied("{}", &vec![b'x'; 70_000], 16 << 10).await;
    assert_eq!((bytes.len(), size, truncated), (64 << 10, 70_000, true));
}

/// Goal: no more memory than `size` is held, and it is told.
#[tokio::test]
async fn memory_is_bounded_and_counted() {
    let processor = build(&scope(), "buffer", r#"{"size": "100000B"}"#).unwrap();
    let mut stage = processor.stage();
    let (mut output, meter) = (Output::default(), std::sync::Arc::default());
    let mut envelope = Envelope::default();
    let mut cx = StageContext { envelope: &mut envelope, output: &mut output, meter: &meter };
    stage.open(&mut cx).await.unwrap();
    assert_eq!(cx.envelope.copy("stage").unwrap().get(), None, "not before the end");
    for _ in 0..1000 {
        stage.write(&Bytes::from_static(&[b'x'; 5000]), &mut cx).await.unwrap();
        assert!(stage.usage().memory_peak <= 100_000);
    }
    stage.close(&mut cx).await.unwrap();
    assert_eq!(stage.usage().memory_peak, 100_000);
    let copy = cx.envelope.copy("stage").unwrap();
    assert_eq!(copy.get().map(|copied| (copied.bytes.len(), copied.size)), Some((100_000, 5_000_000)));
}

#[test]
fn sizes_at_their_bounds() {
    for (size, good) in [("1B", true), ("16MiB", true), ("0B", false), ("16777217B", false), ("5", false)] {
        let built = build(&scope(), "buffer", &format!(r#"{{"size": "{size}"}}"#));
        assert_eq!(built.is_ok(), good, "{size}");
        assert!(built.err().is_none_or(|error| error.contains("`size`")));
    }
}
