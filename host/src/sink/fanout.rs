//! One message into several sinks: all prepare, then all commit, so that a message is in every sink or the client hears 451.
//!
//! The sink whose commit nobody can take back (relay, http) commits first; then only local renames are left to fail. If
//! one does, the failure names the sinks that hold the message already: a duplicate is allowed, a loss is not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Ahead, Delivery, Placement, Sink, SinkError};
use crate::mail::{Envelope, Mailbox};

/// Which sink could not keep a message, and who holds it all the same.
#[derive(Debug, thiserror::Error)]
#[error("sink `{sink}` cannot keep the message")]
pub struct SinkFailure {
    /// Its name in the chain.
    pub sink: String,
    /// What went wrong.
    #[source]
    pub error: SinkError,
    /// Names of the sinks that have committed.
    pub held_by: Vec<String>,
}

/// A sink that holds the message for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its name in the chain.
    pub sink: String,
    /// How long the commit took.
    pub took: Duration,
}

/// The sinks' part in a transaction whose content has not come yet. Dropped, nothing stays of it.
#[derive(Default)]
pub struct Aheads {
    /// Of the sinks that have one, with their place among all.
    members: Vec<(usize, String, Box<dyn Ahead>)>,
}

impl Aheads {
    /// Those of a chain's sinks, given with their names. Nothing is done yet.
    pub fn of(sinks: &[(String, Arc<dyn Sink>)]) -> Self {
        let all = sinks.iter().enumerate();
        Self {
            members: all.filter_map(|(at, (name, sink))| Some((at, name.clone(), sink.ahead()?))).collect(),
        }
    }

    /// Whether no sink has anything to say about recipients.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Asks each about `mailbox`; the first that does not take it counts.
    pub async fn recipient(&mut self, envelope: &Envelope, mailbox: &Mailbox) -> Result<(), SinkFailure> {
        for (_, name, ahead) in &mut self.members {
            ahead.recipient(envelope, mailbox).await.map_err(|error| failure(name, error))?;
        }
        Ok(())
    }

    fn take(&mut self, place: usize) -> Option<Box<dyn Ahead>> {
        let found = self.members.iter().position(|(at, _, _)| *at == place)?;
        Some(self.members.swap_remove(found).2)
    }
}

/// One message on its way into all sinks of its chain. Dropped, it is aborted in all of them.
#[derive(Default)]
pub struct FanOut {
    members: Vec<Member>,
}

struct Member {
    name: String,
    sink: Arc<dyn Sink>,
    delivery: Box<dyn Delivery>,
}

impl FanOut {
    /// Begins the message in each of the sinks, given with their names in the chain, and what they were asked before.
    pub async fn open(
        sinks: &[(String, Arc<dyn Sink>)],
        mut aheads: Aheads,
        envelope: &Envelope,
    ) -> Result<Self, SinkFailure> {
        let mut members = Vec::with_capacity(sinks.len());
        for (at, (name, sink)) in sinks.iter().enumerate() {
            let opened = match aheads.take(at) {
                Some(ahead) => ahead.open(envelope).await,
                None => sink.open(envelope).await,
            };
            let delivery = opened.map_err(|error| failure(name, error))?;
            members.push(Member { name: name.clone(), sink: sink.clone(), delivery });
        }
        Ok(Self { members })
    }

    /// More content, to each in turn: the slowest sets the pace.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), SinkFailure> {
        for member in &mut self.members {
            let written = member.delivery.write(chunk.clone()).await;
            written.map_err(|error| failure(&member.name, error))?;
        }
        Ok(())
    }

    /// Makes the content durable in each. A message for quarantine is aborted in the sinks that have none; it is an
    /// error where none has one.
    pub async fn prepare(&mut self, placement: Placement) -> Result<(), SinkFailure> {
        if placement == Placement::Quarantine {
            let names = self.names();
            self.members.retain(|member| member.sink.can_quarantine());
            if self.members.is_empty() {
                return Err(failure(
                    &names.join(" + "),
                    SinkError::bare("no sink of the chain has a quarantine"),
                ));
            }
        }
        for member in &mut self.members {
            let prepared = member.delivery.prepare(placement).await;
            prepared.map_err(|error| failure(&member.name, error))?;
        }
        Ok(())
    }

    /// Commits in each; the first failure ends it, and those that have not committed by then are aborted.
    pub async fn commit(mut self) -> Result<Vec<Committed>, SinkFailure> {
        self.members.sort_by_key(|member| !member.sink.is_final());
        let mut committed: Vec<Committed> = Vec::with_capacity(self.members.len());
        for Member { name, sink, delivery } in self.members {
            let (began, patience) = (Instant::now(), sink.commit_max());
            let answer = tokio::time::timeout(patience, delivery.commit()).await;
            let late = |_| Err(SinkError::bare(format!("commit within {} s", patience.as_secs())));
            if let Err(error) = answer.unwrap_or_else(late) {
                let held_by = committed.into_iter().map(|committed| committed.sink).collect();
                return Err(SinkFailure { sink: name, error, held_by });
            }
            committed.push(Committed { sink: name, took: began.elapsed() });
        }
        Ok(committed)
    }

    fn names(&self) -> Vec<String> {
        self.members.iter().map(|member| member.name.clone()).collect()
    }
}

fn failure(sink: &str, error: SinkError) -> SinkFailure {
    SinkFailure { sink: sink.to_owned(), error, held_by: Vec::new() }
}

#[cfg(test)]
mod tests;
