//! One message through a line-up, into memory.

use std::io::{self, Read};
use std::net::IpAddr;

use async_trait::async_trait;
use bytes::Bytes;

use super::outcome::Outcome;
use crate::chain::{LineUp, Outlet, Run, RunLimits};
use crate::cli::exit::Usage;
use crate::mail::{Envelope, Mailbox, MessageId};
use crate::sink::SinkFailure;
use crate::smtp::Protocol;

/// Bytes read at once.
const READ_SIZE: usize = 64 << 10;

/// Who sends, who receives, and what the client said.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Sent {
    /// Reverse-path; empty for the null one.
    pub(in crate::cli) from: String,
    pub(in crate::cli) to: Vec<String>,
    pub(in crate::cli) helo: String,
    pub(in crate::cli) ip: IpAddr,
}

impl Sent {
    /// The recipients' domains, each once.
    #[cfg(feature = "wasm")]
    pub(in crate::cli) fn domains(&self) -> Vec<String> {
        let domains = self.to.iter().filter_map(|to| to.rsplit_once('@'));
        let domains: std::collections::BTreeSet<String> =
            domains.map(|(_, domain)| domain.to_ascii_lowercase()).collect();
        domains.into_iter().collect()
    }

    /// The envelope, with the facts that a client's session would have set.
    ///
    /// # Errors
    /// [`Usage`], naming what is no mailbox.
    pub(in crate::cli) fn envelope(&self, id: MessageId) -> Result<Envelope, Usage> {
        let mailbox = |text: &str| {
            Mailbox::parse(text).map_err(|error| Usage(format!("`{text}` is not a mailbox: {error}")))
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
        let protocol = if smtputf8 { Protocol::Utf8Smtp } else { Protocol::Esmtp };
        envelope.set_host_fact("smtp.helo", self.helo.clone());
        envelope.set_host_fact("smtp.protocol", protocol.name());
        envelope.set_host_fact("client.ip", self.ip.to_string());
        Ok(envelope)
    }
}

/// Keeps what the last stage gives, so that a refused message gives nothing.
struct Keep(Vec<u8>);

#[async_trait]
impl Outlet for Keep {
    async fn write(&mut self, _envelope: &Envelope, chunk: Bytes) -> Result<(), SinkFailure> {
        self.0.extend_from_slice(&chunk);
        Ok(())
    }
}

/// Runs one message, which comes in these pieces; empty ones are left out. Pieces after a refusal are not asked for.
///
/// # Errors
/// Those of the pieces.
pub(in crate::cli) async fn through(
    line_up: &LineUp,
    limits: RunLimits,
    envelope: Envelope,
    pieces: impl Iterator<Item = io::Result<Bytes>>,
) -> io::Result<Outcome> {
    let mut run = Run::new(&line_up.stages, limits, envelope);
    let mut keep = Keep(Vec::new());
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
pub(in crate::cli) fn pieces_of(mut reader: impl Read) -> impl Iterator<Item = io::Result<Bytes>> {
    let mut buffer = vec![0; READ_SIZE];
    std::iter::from_fn(move || match reader.read(&mut buffer) {
        Ok(0) => None,
        Ok(n) => Some(Ok(Bytes::copy_from_slice(&buffer[..n]))),
        Err(error) => Some(Err(error)),
    })
}
