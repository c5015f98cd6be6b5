//! Tests of `native::compression`: what holds for every format, and what only one of them has.

use std::io::{Read, Write};

use bytes::Bytes;

use super::*;
use crate::chain::{Output, StageContext, StageEnd, StageError, StageScope};
use crate::mail::Envelope;
use crate::native::tests::{build, drive, scope};

async fn compress(settings: &str, message: &[u8], cut: usize) -> Vec<u8> {
    let stage = build(&scope(), "compress", settings).unwrap();
    drive(&*stage, &mut Envelope::default(), message, cut).await.unwrap().0
}

/// Decompresses what may be any format.
async fn decompress(scope: &StageScope, stream: &[u8], cut: usize) -> Result<Vec<u8>, StageError> {
    let stage = build(scope, "decompress", "{}").unwrap();
    match drive(&*stage, &mut Envelope::default(), stream, cut).await {
        Ok((out, _)) => Ok(out),
        Err(StageEnd::Failed(error)) => Err(error),
        Err(StageEnd::Refused(refusal)) => panic!("{refusal:?}"),
    }
}

const FORMATS: [&str; 3] = ["zlib", "gzip", "zstd"];

/// As another program reads it: the whole stream at once.
fn reference_read(format: &str, stream: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match format {
        "zlib" => flate2::read::ZlibDecoder::new(stream).read_to_end(&mut out).unwrap(),
        "gzip" => flate2::read::GzDecoder::new(stream).read_to_end(&mut out).unwrap(),
        _ => zstd::Decoder::new(stream).unwrap().read_to_end(&mut out).unwrap(),
    };
    out
}

/// As another program writes it.
fn reference_write(format: &str, message: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    match format {
        "zlib" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(message).unwrap();
            encoder.finish().unwrap()
        }
        "gzip" => {
            let mut encoder = flate2::GzBuilder::new().filename("mail").comment("c").write(Vec::new(), level);
            encoder.write_all(message).unwrap();
            encoder.finish().unwrap()
        }
        _ => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
            encoder.include_checksum(true).unwrap();
            encoder.write_all(message).unwrap();
            encoder.finish().unwrap()
        }
    }
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

/// Goal: what goes in comes out, whatever the cuts on either side, and other programs agree.
#[tokio::test]
async fn there_and_back_over_every_chunking() {
    for format in FORMATS {
        for message in samples() {
            for cut in [1, 7, 16 << 10, 1 << 20] {
                if cut == 1 && message.len() > 10_000 {
                    continue;
                }
                let stream = compress(&format!("{{\"format\": \"{format}\"}}"), &message, cut).await;
                assert_eq!(reference_read(format, &stream), message, "{format} {cut}");
                assert_eq!(decompress(&scope(), &stream, cut).await.unwrap(), message, "{format} {cut}");
                let theirs = reference_write(format, &message);
                assert_eq!(decompress(&scope(), &theirs, cut).await.unwrap(), message, "{format} {cut}");
            }
        }
    }
}

#[tokio::test]
async fn every_level_works_and_others_are_refused() {
    let message = b"Subject: level\r\n\r\nbody body body\r\n".repeat(50);
    for (format, levels) in [("zlib", -2..=9), ("gzip", -2..=9), ("zstd", 1..=9)] {
        let settings = |level: &str| format!("{{\"format\": \"{format}\", \"compress_level\": {level}}}");
        for level in levels.clone() {
            let stream = compress(&settings(&level.to_string()), &message, 100).await;
            assert_eq!(reference_read(format, &stream), message, "{format} {level}");
            assert_eq!(stream.len() > message.len(), level == 0, "only level 0 stores");
        }
        let (low, high) = ((levels.start() - 1).to_string(), (levels.end() + 1).to_string());
        for level in [&low, &high, "\"1\"", "1.5"] {
            let error = build(&scope(), "compress", &settings(level)).err().unwrap();
            assert!(error.contains("`compress_level`"), "{error}");
        }
    }
    assert_eq!(compress("{}", &message, 99).await[0] & 0x0f, 8, "zlib where nothing is said");
}

#[tokio::test]
async fn a_format_is_recognised_or_insisted_on() {
    for (n, format) in FORMATS.into_iter().enumerate() {
        let stream = reference_write(format, b"body");
        for wanted in FORMATS {
            let stage = build(&scope(), "decompress", &format!("{{\"format\": \"{wanted}\"}}")).unwrap();
            let result = drive(&*stage, &mut Envelope::default(), &stream, 1 + n).await;
            assert_eq!(result.is_ok(), wanted == format, "{format} as {wanted}");
        }
    }
    let named = r#"{"format": "auto"}"#;
    assert!(build(&scope(), "decompress", named).is_ok());
    for (name, bad) in [("decompress", "\"bzip2\""), ("decompress", "1"), ("compress", "\"auto\"")] {
        let error = build(&scope(), name, &format!("{{\"format\": {bad}}}")).err().unwrap();
        assert!(error.contains("`format`"), "{error}");
    }
    for unknown in [&b"Subject: plain\r\n"[..], b"PK\x03\x04", b"\x78\x00", b"\x1f\x8c", b"\x50\x2b"] {
        let result = decompress(&scope(), unknown, 1).await;
        assert!(matches!(result, Err(StageError::Content(why)) if why.contains("neither")), "{unknown:?}");
    }
}

/// A message is never truncated and accepted: every proper prefix of a stream is an error.
#[tokio::test]
async fn a_stream_cut_short_is_refused_wherever_it_is_cut() {
    for format in FORMATS {
        let stream = reference_write(format, b"Subject: a\r\n\r\nbody\r\n");
        for len in 0..stream.len() {
            let result = decompress(&scope(), &stream[..len], 3).await;
            assert!(matches!(result, Err(StageError::Content(_))), "{format} {len}: {result:?}");
        }
    }
}

#[tokio::test]
async fn bytes_after_the_end_are_refused() {
    for format in FORMATS {
        for garbage in [&b"\0"[..], b"garbage", b"\r\n"] {
            let mut stream = reference_write(format, b"body");
            let len = stream.len();
            stream.extend_from_slice(garbage);
            for cut in [1, len, stream.len()] {
                let result = decompress(&scope(), &stream, cut).await;
                assert!(matches!(result, Err(StageError::Content(_))), "{format} {cut}: {result:?}");
            }
        }
    }
}

/// A flipped bit is an error, or at least never other content: the checksums hold.
#[tokio::test]
async fn a_broken_stream_is_refused() {
    let message = b"Subject: a\r\n\r\nbody body\r\n";
    for format in FORMATS {
        let stream = reference_write(format, message);
        for bit in 0..stream.len() * 8 {
            let mut broken = stream.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            match decompress(&scope(), &broken, 5).await {
                Err(StageError::Content(_)) => {}
                // A zstd frame of another magic number is one to be skipped.
                Ok(out) if out.is_empty() && format == "zstd" && bit < 32 => {}
                other => assert_eq!(other.unwrap(), message, "{format} bit {bit}"),
            }
        }
    }
}

/// Goal: a bomb stops at the limit, and it costs no more than the limit: its 100 MiB are never there.
#[tokio::test]
async fn a_bomb_stops_at_the_limit() {
    let small = StageScope { message_size_max: 1000, ..scope() };
    let limit = 1000 + ROOM;
    for format in FORMATS {
        for (size, fits) in [(limit, true), (limit + 1, false), (100 << 20, false)] {
            let stream = reference_write(format, &vec![b'a'; usize::try_from(size).unwrap()]);
            match decompress(&small, &stream, 16 << 10).await {
                Ok(out) => assert!(fits && out.len() as u64 == size, "{format} {size}"),
                Err(error) => {
                    let is_limit = matches!(error, StageError::OutputLimit { limit: l } if l == limit);
                    assert!(!fits && is_limit, "{format} {size}: {error}");
                }
            }
        }
    }
}

/// Goal: members of a gzip stream and frames of a zstd one are joined, up to their limit, however they are cut; of zlib
/// there is only one.
#[tokio::test]
async fn members_are_joined_up_to_their_limit() {
    for format in ["gzip", "zstd"] {
        let member = reference_write(format, b"body\r\n");
        let max = MEMBERS_MAX as usize;
        for cut in [1, member.len(), member.len() + 1, 16 << 10] {
            let out = decompress(&scope(), &member.repeat(max), cut).await.unwrap();
            assert_eq!(out, b"body\r\n".repeat(max), "{format} {cut}");
            let result = decompress(&scope(), &member.repeat(max + 1), cut).await;
            assert!(
                matches!(&result, Err(StageError::Content(why)) if why.contains("1000 members")),
                "{format} {cut}: {result:?}"
            );
        }
        let two = [member.as_slice(), &member[..member.len() - 1]].concat();
        assert!(decompress(&scope(), &two, 9).await.is_err(), "a last member that is cut short");
    }
    // Empty members are the cheapest to send.
    let empty = reference_write("gzip", b"");
    assert!(decompress(&scope(), &empty.repeat(100_000), 16 << 10).await.is_err());
    let skipped = b"\x50\x2a\x4d\x18\x00\x00\x00\x00";
    let body = reference_write("zstd", b"body");
    let stream = [&skipped[..], &body].concat();
    assert_eq!(decompress(&scope(), &stream, 3).await.unwrap(), b"body", "a skippable frame first");
    assert!(decompress(&scope(), &skipped.repeat(100_000), 16 << 10).await.is_err());
}

/// Goal: a zstd stream can ask for a window of 8 MiB and no more.
#[tokio::test]
async fn a_window_at_the_limit_and_one_past_it() {
    for (log, fits) in [(ZSTD_WINDOW_LOG_MAX, true), (ZSTD_WINDOW_LOG_MAX + 1, false), (27, false)] {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(log).unwrap();
        encoder.write_all(b"body").unwrap();
        let result = decompress(&scope(), &encoder.finish().unwrap(), 16 << 10).await;
        assert_eq!(result.is_ok(), fits, "{log}: {result:?}");
        assert!(fits || matches!(result, Err(StageError::Content(_))));
    }
}

/// What compresses well does not come out in crumbs: pieces are as large as chunks.
#[tokio::test]
async fn output_is_gathered_into_pieces() {
    for format in FORMATS {
        let stage = build(&scope(), "compress", &format!("{{\"format\": \"{format}\"}}")).unwrap();
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
}

proptest::proptest! {
    /// Goal: whatever the bytes, decompressing ends, and gives the same over every chunking.
    #[test]
    fn any_bytes_are_content_or_an_error(
        format in 0..3usize, message in proptest::collection::vec(0..4u8, 0..300),
        flips in proptest::collection::vec((0..1000usize, proptest::prelude::any::<u8>()), 0..3), cut in 1..50usize
    ) {
        let mut stream = reference_write(FORMATS[format], &message);
        for (at, with) in flips {
            let at = at % stream.len();
            stream[at] ^= with;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let cut_up = runtime.block_on(decompress(&scope(), &stream, cut)).ok();
        proptest::prop_assert_eq!(cut_up, runtime.block_on(decompress(&scope(), &stream, 1 << 20)).ok());
    }
}
