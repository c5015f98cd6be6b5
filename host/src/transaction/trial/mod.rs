//! One message through a chain, into memory: no sink is opened, and nothing is delivered.
//!
//! For `gatepost run`, `processor test`, and the API's `try`, where it runs in its tenant's share as mail does.

mod outcome;

pub use outcome::{Failure, Outcome, Parties, Reply};

use std::io::{self, Read};
use std::net::IpAddr;
use std::pin::pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::task::JoinSet;

use super::Chains;
use crate::catalog::Tenant;
use crate::chain::{LineUp, Outlet, Run, RunLimits};
use crate::mail::{Envelope, Mailbox, MessageId};
use crate::sink::{SinkError, SinkFailure};
use crate::smtp::Protocol;

/// Bytes read at once.
const READ_SIZE: usize = 64 << 10;

/// Who sends, who receives, and what the client said.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Reverse-path; empty for the null one.
    pub from: String,
    /// Recipients.
    pub to: Vec<String>,
    /// What the client said in EHLO.
    pub helo: String,
    /// The client's address.
    pub ip: IpAddr,
}

impl Sent {
    /// The recipients' domains, each once.
    pub fn domains(&self) -> Vec<String> {
        let domains = self.to.iter().filter_map(|to| to.rsplit_once('@'));
        let domains: std::collections::BTreeSet<String> =
            domains.map(|(_, domain)| domain.to_ascii_lowercase()).collect();
        domains.into_iter().collect()
    }

    /// The envelope, with the facts that a client's session would have set.
    ///
    /// # Errors
    /// What is no mailbox, and why.
    pub fn envelope(&self, id: MessageId) -> Result<Envelope, String> {
        let mailbox = |text: &str| {
            Mailbox::parse(text)
                .map_err(|error| format!("`{}` is not a mailbox: {error}", text.escape_debug()))
        };
        let sender = if self.from.is_empty() { None } else { Some(mailbox(&self.from)?) };
        let recipients = self.to.iter().map(|to| mailbox(to)).collect::<Result<_, _>>()?;
        let mut envelope = Envelope::new(id, sender, recipients);
        // As a server would have got it: addresses in UTF-8 come with SMTPUTF8 only.
        let smtputf8 =
            envelope.sender().into_iter().chain(envelope.recipients()).any(|mailbox| !mailbox.is_ascii());
        if smtputf8 {
            envelope.set_host_fact("smtp.smtputf8", "yes");
        }
        let protocol = Protocol { extended: true, utf8: smtputf8, ..Protocol::default() };
        envelope.set_host_fact("smtp.helo", self.helo.clone());
        envelope.set_host_fact("smtp.protocol", protocol.name());
        envelope.set_host_fact("client.ip", self.ip.to_string());
        Ok(envelope)
    }
}

/// Most that a trial on a server keeps of a message, in bytes: stages may multiply it, and it is held in memory.
pub const KEPT_MAX: usize = 64 << 20;

/// Keeps what the last stage gives, up to so many bytes, so that a refused message gives nothing.
struct Keep(Vec<u8>, usize);

#[async_trait]
impl Outlet for Keep {
    async fn write(&mut self, _envelope: &Envelope, chunk: Bytes) -> Result<(), SinkFailure> {
        if self.0.len() + chunk.len() > self.1 {
            let error = SinkError::new("keeping the message", format!("it grew beyond {} bytes", self.1));
            return Err(SinkFailure { sink: "try".to_owned(), error, held_by: Vec::new() });
        }
        self.0.extend_from_slice(&chunk);
        Ok(())
    }
}

/// Runs one message, which comes in these pieces; empty ones are left out. Pieces after a refusal are not asked for.
///
/// # Errors
/// Those of the pieces.
pub async fn through(
    line_up: &LineUp,
    limits: RunLimits,
    envelope: Envelope,
    pieces: impl Iterator<Item = io::Result<Bytes>>,
) -> io::Result<Outcome> {
    within(usize::MAX, line_up, limits, envelope, pieces).await
}

async fn within(
    kept_max: usize,
    line_up: &LineUp,
    limits: RunLimits,
    envelope: Envelope,
    pieces: impl Iterator<Item = io::Result<Bytes>>,
) -> io::Result<Outcome> {
    let mut run = Run::new(&line_up.stages, limits, envelope);
    let mut keep = Keep(Vec::new(), kept_max);
    let mut ended = Ok(());
    for piece in pieces {
        let piece = piece?;
        if piece.is_empty() {
            continue;
        }
        ended = run.write(piece, &mut keep).await;
        if ended.is_err() {
            break;
        }
    }
    let ended = match ended {
        Ok(()) => run.finish(&mut keep).await,
        Err(end) => Err(end),
    };
    Ok(Outcome::of(&run, ended, keep.0))
}

/// What a reader gives, as it gives it.
pub fn pieces_of(mut reader: impl Read) -> impl Iterator<Item = io::Result<Bytes>> {
    let mut buffer = vec![0; READ_SIZE];
    std::iter::from_fn(move || match reader.read(&mut buffer) {
        Ok(0) => None,
        Ok(n) => Some(Ok(Bytes::copy_from_slice(&buffer[..n]))),
        Err(error) => Some(Err(error)),
    })
}

impl Chains {
    /// Tries a message on a chain of `tenant`: in its share of the CPU, in one of its places, within `wall_per_message`. Dropped,
    /// the trial ends.
    ///
    /// # Errors
    /// What the tenant may have at once is taken, or the time is over.
    pub async fn try_message(
        &self,
        tenant: &Tenant,
        line_up: LineUp,
        envelope: Envelope,
        header_size_max: usize,
        message: Bytes,
    ) -> Result<Outcome, String> {
        let turn = tenant.quota.turn(None, line_up.instances(), tenant.limits.queue_wait_max).await;
        let turn = turn.map_err(|busy| busy.to_string())?;
        let limits = RunLimits { chunk_size: self.chunk_size, header_size_max };
        let seat = self.share.seat(&tenant.name, tenant.weight);
        let wall = tenant.limits.wall_per_message;
        let mut trial = JoinSet::new();
        let work = async move {
            let _turn = turn;
            let pieces =
                std::iter::once(Ok(message)).filter(|piece| piece.as_ref().is_ok_and(|p| !p.is_empty()));
            let run = pin!(within(KEPT_MAX, &line_up, limits, envelope, pieces));
            tokio::time::timeout(wall, seat.run(run, std::future::pending::<()>().boxed())).await
        };
        trial.spawn_on(work, &self.runtime);
        match trial.join_next().await {
            Some(Ok(Ok(outcome))) => outcome.map_err(|error| error.to_string()),
            Some(Ok(Err(_))) => Err(format!("it took more than wall_per_message, {} ms", wall.as_millis())),
            _ => Err("the trial failed within the server; its log says how".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a message that grows beyond what is kept fails, and is not cut short; one at the limit is whole.
    #[tokio::test]
    async fn so_much_is_kept() {
        for (kept_max, verdict, message) in [(5, "accept", Some(b"hello".to_vec())), (4, "failed", None)] {
            let limits = RunLimits { chunk_size: 1 << 10, header_size_max: 1 << 10 };
            let envelope = Envelope::new(MessageId::default(), None, Vec::new());
            let pieces = std::iter::once(Ok(Bytes::from_static(b"hello")));
            let came = within(kept_max, &LineUp::default(), limits, envelope, pieces).await.unwrap();
            assert_eq!((&*came.verdict, came.message), (verdict, message));
        }
    }
}
