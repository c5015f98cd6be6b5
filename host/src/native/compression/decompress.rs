//! `decompress`: the content of a compressed stream, within the size that a message may have.

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;

use super::codec::Decoder;
use super::pieces::Pieces;
use super::{Format, MEMBERS_MAX, ROOM};
use crate::chain::{
    Content, Flow, Keys, Output, Processor, Settings, Stage, StageContext, StageEnd, StageError, StageScope,
};
use crate::mail::Verdict;

/// A configured `decompress`.
pub struct Decompressor {
    format: Option<Format>,
    limit: u64,
    piece: usize,
}

/// What is taken.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Choice {
    Auto,
    Zlib,
    Gzip,
    Zstd,
}

/// Setting: `format`, `auto` (default: as the first bytes say), `zlib`, `gzip` or `zstd`. A message may have
/// `message_size_max` and [`ROOM`] in all.
pub fn configure(scope: &StageScope, settings: Settings) -> Result<Decompressor, String> {
    let mut keys = Keys::new(settings);
    let format = match keys.take("format") {
        None | Some(Choice::Auto) => None,
        Some(Choice::Zlib) => Some(Format::Zlib),
        Some(Choice::Gzip) => Some(Format::Gzip),
        Some(Choice::Zstd) => Some(Format::Zstd),
    };
    keys.finish()?;
    let limit = scope.message_size_max.saturating_add(ROOM);
    Ok(Decompressor { format, limit, piece: scope.chunk_size })
}

impl Processor for Decompressor {
    fn id(&self) -> &str {
        "decompress"
    }

    fn takes(&self) -> Content {
        Content::Bytes
    }

    fn gives(&self) -> Content {
        Content::Message
    }

    fn stage(&self) -> Box<dyn Stage> {
        Box::new(DecompressStage {
            format: self.format,
            first: None,
            work: None,
            pieces: Pieces::new(self.piece),
            room: self.limit,
            limit: self.limit,
        })
    }
}

struct DecompressStage {
    format: Option<Format>,
    /// The stream's first byte, where it came alone and the format is not known.
    first: Option<u8>,
    work: Option<Work>,
    pieces: Pieces,
    /// What the message may still have.
    room: u64,
    limit: u64,
}

struct Work {
    decoder: Decoder,
    /// Members that were begun.
    members: u32,
    /// The last one's own end has come.
    ended: bool,
}

impl Work {
    fn begin(format: Format) -> Result<Self, StageError> {
        let decoder = Decoder::new(format).map_err(|error| StageError::Failed(error.to_string()))?;
        Ok(Self { decoder, members: 1, ended: false })
    }

    /// There is more behind the end of a member.
    fn next_member(&mut self) -> Result<(), StageError> {
        if !self.decoder.next_member() {
            return Err(broken("bytes after the end of the compressed stream"));
        }
        if self.members == MEMBERS_MAX {
            return Err(broken(&format!("the compressed stream has more than {MEMBERS_MAX} members")));
        }
        self.members += 1;
        self.ended = false;
        Ok(())
    }
}

impl DecompressStage {
    /// More of the stream, which may be the begin of it.
    fn take(&mut self, chunk: &[u8], output: &mut Output) -> Result<(), StageError> {
        if self.work.is_none() {
            let format = match (self.format, self.first, chunk) {
                (Some(format), ..) => Some(format),
                (None, Some(first), [second, ..]) => Format::of([first, *second]),
                (None, None, [first, second, ..]) => Format::of([*first, *second]),
                (None, None, [first]) => {
                    self.first = Some(*first);
                    return Ok(());
                }
                (None, _, []) => return Ok(()),
            };
            let format = format.ok_or_else(|| broken("it is neither zlib nor gzip nor zstd"))?;
            self.work = Some(Work::begin(format)?);
        }
        let Some(mut work) = self.work.take() else { return Ok(()) };
        if let Some(first) = self.first.take() {
            self.run(&mut work, &[first], output)?;
        }
        self.run(&mut work, chunk, output)?;
        self.work = Some(work);
        Ok(())
    }

    fn run(&mut self, work: &mut Work, mut input: &[u8], output: &mut Output) -> Result<(), StageError> {
        loop {
            if work.ended {
                if input.is_empty() {
                    return Ok(());
                }
                work.next_member()?;
            }
            let room = self.pieces.with_room(output);
            let before = room.len();
            let step = work.decoder.step(input, room).map_err(|error| broken(&error.to_string()))?;
            let made = (room.len() - before) as u64;
            self.room = self.room.checked_sub(made).ok_or(StageError::OutputLimit { limit: self.limit })?;
            input = &input[step.taken..];
            work.ended = step.ended;
            // A full piece may leave output within the codec though all input is taken.
            if input.is_empty() && !work.ended && !self.pieces.is_full() {
                return Ok(());
            }
        }
    }
}

#[async_trait]
impl Stage for DecompressStage {
    async fn write(&mut self, chunk: &Bytes, cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        self.take(chunk, cx.output)?;
        Ok(Flow::Replaced)
    }

    async fn close(&mut self, cx: &mut StageContext<'_>) -> Result<Verdict, StageEnd> {
        if self.work.take().is_none_or(|work| !work.ended) {
            return Err(broken("the compressed stream is cut short").into());
        }
        self.pieces.finish(cx.output);
        Ok(Verdict::Accept)
    }
}

fn broken(problem: &str) -> StageError {
    StageError::Content(problem.to_owned())
}
