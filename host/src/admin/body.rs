//! Reads a request's body: so many bytes, in so much time, and nothing of it kept that is too much.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncSeekExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

use super::problem::Problem;
use super::work::blocking;

/// Longest silence within a body.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Longest time for all of it: 20 MiB at 180 KiB a second.
const TIME_MAX: Duration = Duration::from_secs(120);
/// Longest time for a few words of JSON, which somebody without a token may send, too.
const WORDS_TIME_MAX: Duration = Duration::from_secs(10);
/// Longest body of that kind, in bytes.
const WORDS_MAX: u64 = 4 << 10;

/// The body, of at most `max` bytes; `what` is what it holds, for people.
async fn read(headers: &HeaderMap, body: Body, max: u64, what: &str) -> Result<Vec<u8>, Problem> {
    read_within(headers, body, (max, TIME_MAX), what).await
}

/// A few words of JSON; an empty body is `{}`.
pub(super) async fn words<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Problem> {
    let what = "such a request";
    let mut bytes = read_within(headers, body, (WORDS_MAX, WORDS_TIME_MAX), what).await?;
    if bytes.is_empty() {
        bytes.extend_from_slice(b"{}");
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        let status = if error.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        // What it says of a value may be the value, and that a token: only where it stands.
        let (line, column) = (error.line(), error.column());
        Problem::new(
            status,
            format!("the body is not what this route takes, at line {line}, column {column}"),
        )
    })
}

async fn read_within(
    headers: &HeaderMap,
    mut body: Body,
    (max, time_max): (u64, Duration),
    what: &str,
) -> Result<Vec<u8>, Problem> {
    declared(headers, max, what)?;
    let mut bytes = Vec::new();
    gather(&mut body, (max, time_max), what, &mut bytes).await?;
    Ok(bytes)
}

/// The body as JSON.
pub(super) async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    max: u64,
    what: &str,
) -> Result<T, Problem> {
    parsed(&read(headers, body, max, what).await?, what)
}

/// What was read, as JSON.
pub(super) fn parsed<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let status = if error.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        Problem::new(status, format!("the body is not {what}: {error}"))
    })
}

/// The body in a file without a name, in `folder`: what comes slowly holds no memory.
pub(super) async fn spool(
    headers: &HeaderMap,
    mut body: Body,
    max: u64,
    what: &str,
    folder: PathBuf,
) -> Result<File, Problem> {
    declared(headers, max, what)?;
    let made = blocking(move || tempfile::tempfile_in(folder)).await?.map_err(|error| unkept(&error))?;
    let mut file = tokio::fs::File::from_std(made);
    gather(&mut body, (max, TIME_MAX), what, &mut file).await?;
    file.rewind().await.map_err(|error| unkept(&error))?;
    Ok(file.into_std().await)
}

/// The body cannot be written down, or read again.
pub(super) fn unkept(error: &io::Error) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the body cannot be kept: {error}"))
}

/// Refuses a body that says itself that it is too long.
fn declared(headers: &HeaderMap, max: u64, what: &str) -> Result<(), Problem> {
    let declared =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|declared| declared > max) {
        return Err(too_large(max, what));
    }
    Ok(())
}

/// What comes in pieces.
trait Pieces {
    /// The next one; none: that was all.
    fn next(&mut self) -> impl Future<Output = Option<Result<Bytes, String>>> + Send;
}

async fn gather(
    pieces: &mut impl Pieces,
    (max, time_max): (u64, Duration),
    what: &str,
    into: &mut (impl AsyncWrite + Unpin + Send),
) -> Result<(), Problem> {
    let too_slow = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body came too slowly");
    let (mut length, end) = (0, Instant::now() + time_max);
    loop {
        let patience = SILENCE_MAX.min(end.saturating_duration_since(Instant::now()));
        let Some(piece) = timeout(patience, pieces.next()).await.map_err(too_slow)? else { break };
        let piece = piece.map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}"))
        })?;
        length += piece.len() as u64;
        if length > max {
            return Err(too_large(max, what));
        }
        into.write_all(&piece).await.map_err(|error| unkept(&error))?;
    }
    into.flush().await.map_err(|error| unkept(&error))
}

fn too_large(max: u64, what: &str) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("{what} may have at most {max} bytes"))
}

impl Pieces for Body {
    /// Trailers are passed over.
    async fn next(&mut self) -> Option<Result<Bytes, String>> {
        loop {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await?;
            match frame {
                Err(error) => return Some(Err(error.to_string())),
                Ok(frame) => {
                    if let Ok(piece) = frame.into_data() {
                        return Some(Ok(piece));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    /// One byte, so many times, each after a pause.
    struct Trickle(Duration, usize);

    impl Pieces for Trickle {
        async fn next(&mut self) -> Option<Result<Bytes, String>> {
            tokio::time::sleep(self.0).await;
            self.1 = self.1.checked_sub(1)?;
            Some(Ok(Bytes::from_static(b"x")))
        }
    }

    /// The length of what is read, or the status.
    async fn trickle(pause: Duration, pieces: usize, max: u64) -> usize {
        let mut bytes = Vec::new();
        match gather(&mut Trickle(pause, pieces), (max, TIME_MAX), "it", &mut bytes).await {
            Ok(()) => bytes.len(),
            Err(problem) => problem.into_response().status().as_u16().into(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_comes_in_time_or_not_at_all() {
        let second = Duration::from_secs(1);
        assert_eq!(trickle(second, 118, 1000).await, 118);
        assert_eq!(trickle(second, 1000, 1000).await, 408, "a byte a second without end");
        assert_eq!(trickle(second * 11, 1, 1000).await, 408, "silence");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_at_the_limit_and_past_it() {
        assert_eq!(trickle(Duration::ZERO, 5, 5).await, 5);
        assert_eq!(trickle(Duration::ZERO, 6, 5).await, 413);
        assert_eq!(trickle(Duration::ZERO, 0, 5).await, 0);
    }
}
