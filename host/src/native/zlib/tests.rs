//! Tests of `native::zlib`.

use std::io::{Read, Write};

use super::*;
use crate::mail::Envelope;
use crate::native::tests::{build, drive, scope};

async fn compress(settings: &str, message: &[u8], cut: usize) -> Vec<u8> {
    let stage = build(&scope(), "compress", settings).unwrap();
    drive(&*stage, &mut Envelope::default(), message, cut).await.unwrap().0
}

async fn decompress(scope: &StageScope, stream: &[u8], cut: usize) -> Result<Vec<u8>, StageError> {
    let stage = build(scope, "decompress", "{}").unwrap();
    match drive(&*stage, &mut Envelope::default(), stream, cut).await {
        Ok((out, _)) => Ok(out),
        Err(StageEnd::Failed(error)) => Err(error),
        Err(StageEnd::Refused(refusal)) => panic!("{refusal:?}"),
    }
}

/// As another implementation's side sees it: the whole stream at once.
fn inflate(stream: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::ZlibDecoder::new(stream).read_to_end(&mut out).unwrap();
    out
}

fn deflate(message: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(message).unwrap();
    encoder.finish().unwrap()
}

fn samples() -> Vec<Vec<u8>> {
    // A linear congruential generator: what does not compress.
    let mut seed = 1u32;
    let noise = (0..70_000).map(|_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    });
    vec![
        Vec::new(),
        b"x".to_vec(),
        b"Subject: a\r\n\r\nbody\r\n".repeat(100),
        vec![0; 300_000],
        noise.collect(),
    ]
}

/// Goal: what goes in comes out, whatever the cuts on either side.
#[tokio::test]
async fn there_and_back_over_every_chunking() {
    for message in samples() {
        for cut in [1, 7, 16 << 10, 1 << 20] {
            if cut == 1 && message.len() > 10_000 {
                continue;
            }
            let stream = compress("{}", &message, cut).await;
            assert_eq!(inflate(&stream), message);
            assert_eq!(decompress(&scope(), &stream, cut).await.unwrap(), message);
        }
    }
}

#[tokio::test]
async fn every_level_works_and_others_are_refused() {
    let message = b"Subject: level\r\n\r\nbody body body\r\n".repeat(50);
    for level in -2..=9 {
        let stream = compress(&format!("{{\"compress_level\": {level}}}"), &message, 100).await;
        assert_eq!(inflate(&stream), message, "level {level}");
        assert_eq!(stream.len() > message.len(), level == 0, "only level 0 stores");
    }
    for level in ["-3", "10", "\"1\"", "1.5"] {
        let error = build(&scope(), "compress", &format!("{{\"compress_level\": {level}}}")).err().unwrap();
        assert!(error.contains("`compress_level`"), "{error}");
    }
}

/// A message is never truncated and accepted: every proper prefix of a stream is an error.
#[tokio::test]
async fn a_stream_cut_short_is_refused_wherever_it_is_cut() {
    let stream = deflate(b"Subject: a\r\n\r\nbody\r\n");
    for len in 0..stream.len() {
        let result = decompress(&scope(), &stream[..len], 3).await;
        assert!(matches!(result, Err(StageError::Content(_))), "{len}: {result:?}");
    }
}

#[tokio::test]
async fn bytes_after_the_end_are_refused() {
    let mut stream = deflate(b"body");
    stream.push(0);
    for cut in [1, stream.len() - 1, stream.len()] {
        let result = decompress(&scope(), &stream, cut).await;
        assert!(matches!(result, Err(StageError::Content(_))), "{cut}: {result:?}");
    }
}

/// A flipped bit is an error, or at least never other content: the checksum of RFC 1950 holds.
#[tokio::test]
async fn a_broken_stream_is_refused() {
    let message = b"Subject: a\r\n\r\nbody body\r\n";
    let stream = deflate(message);
    for bit in 0..stream.len() * 8 {
        let mut broken = stream.clone();
        broken[bit / 8] ^= 1 << (bit % 8);
        match decompress(&scope(), &broken, 5).await {
            Err(StageError::Content(_)) => {}
            other => assert_eq!(other.unwrap(), message, "bit {bit}"),
        }
    }
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03";
    assert!(matches!(decompress(&scope(), gzip, 99).await, Err(StageError::Content(_))));
}

#[tokio::test]
async fn a_bomb_stops_at_the_limit() {
    let small = StageScope { message_size_max: 1000, ..scope() };
    let limit = 1000 + ROOM;
    for (size, fits) in [(limit, true), (limit + 1, false), (100 << 20, false)] {
        let stream = deflate(&vec![b'a'; usize::try_from(size).unwrap()]);
        let result = decompress(&small, &stream, 16 << 10).await;
        match result {
            Ok(out) => assert!(fits && out.len() as u64 == size),
            Err(error) => {
                assert!(!fits && matches!(error, StageError::OutputLimit { limit: l } if l == limit));
            }
        }
    }
}

/// What compresses well does not come out in crumbs: pieces are as large as chunks.
#[tokio::test]
async fn output_is_gathered_into_pieces() {
    let stage = build(&scope(), "compress", "{}").unwrap();
    let mut stage = stage.stage();
    let (mut output, meter) = (Output::default(), std::sync::Arc::default());
    let mut envelope = Envelope::default();
    let mut cx = StageContext { envelope: &mut envelope, output: &mut output, meter: &meter };
    for _ in 0..100 {
        stage.write(&Bytes::from_static(&[b'a'; 4096]), &mut cx).await.unwrap();
    }
    assert!(cx.output.is_empty());
    stage.close(&mut cx).await.unwrap();
    assert_eq!(cx.output.take().len(), 1);
}
