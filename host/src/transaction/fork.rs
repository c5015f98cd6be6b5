//! One message into the chains of several tenants at once: what LMTP allows (RFC 2033), over one stream of content.
//!
//! ```text
//! content --> Fork --> Transaction of acme    --> reply for acme's recipients
//!                  \-> Transaction of globex  --> reply for globex's
//! ```
//!
//! Each piece goes to all before the next is read, so the slowest sets the pace: one that holds the others up for longer
//! than its `fork_stall_max` in all is dropped, and its recipients hear 451. In SMTP there is one branch, which holds up nobody.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::{Opening, Transaction, new_id, replies};
use crate::mail::{Envelope, Mailbox};
use crate::smtp::Reply;

/// A message in flight, for all its tenants. Dropped, nothing of it stays anywhere.
pub struct Fork {
    branches: Vec<Branch>,
    /// Each RCPT that was taken, in order: whose it is.
    named: Vec<usize>,
}

struct Branch {
    state: State,
    /// How long the others have waited for it, of the most that they may.
    stalled: Duration,
    stall_max: Duration,
}

enum State {
    /// It takes content.
    Open(Box<Transaction>),
    /// It is decided what becomes of the message; its reply is to be had.
    Decided(Box<Transaction>),
    Over(Reply),
}

impl Fork {
    /// Begins the message for every tenant that has taken a recipient. `envelope` is the whole; `named` are the recipients as
    /// they were named, with repetitions. `None`: nobody has taken one.
    pub fn begin(
        openings: Vec<Opening>,
        envelope: &Envelope,
        named: &[&Mailbox],
        header_size_max: usize,
    ) -> Option<Self> {
        let taken = openings.into_iter().filter(|opening| !opening.recipients().is_empty());
        let (mut branches, mut owners) = (Vec::new(), HashMap::new());
        for (at, opening) in taken.enumerate() {
            let recipients = opening.recipients().to_vec();
            owners.extend(recipients.iter().map(|recipient| (recipient.clone(), at)));
            // Each tenant's message has a name of its own: none is to find another's by it.
            let id = if at == 0 { envelope.id().clone() } else { new_id() };
            let branch = envelope.for_recipients(id, recipients);
            let stall_max = opening.tenant().limits.fork_stall_max;
            let state = State::Open(Box::new(opening.begin(branch, header_size_max)));
            branches.push(Branch { state, stalled: Duration::ZERO, stall_max });
        }
        let named = named.iter().filter_map(|mailbox| owners.get(*mailbox).copied()).collect();
        (!branches.is_empty()).then_some(Self { branches, named })
    }

    /// More content. False: it is decided what becomes of the message everywhere, and no more of it is needed.
    pub async fn write(&mut self, content: &[u8]) -> bool {
        let mut works: Vec<Work<'_, bool>> = Vec::new();
        let mut stalls = Vec::new();
        for (at, branch) in self.branches.iter_mut().enumerate() {
            if let State::Open(transaction) = &mut branch.state {
                works.push(Work { at, future: Box::pin(transaction.write(content)) });
                stalls.push((at, branch.stall_max.saturating_sub(branch.stalled)));
            }
        }
        let Together { done, stalled, late } = together(works, &stalls).await;
        for (at, time) in stalled {
            self.branches[at].stalled += time;
        }
        for (at, wants_more) in done {
            self.branches[at].decide(!wants_more);
        }
        for at in late {
            self.branches[at].give_up();
        }
        self.branches.iter().any(|branch| matches!(branch.state, State::Open(_)))
    }

    /// Waits until every chain has worked on all that was written so far.
    ///
    /// # Errors
    /// All have decided: their replies, as [`finish`](Self::finish) gives them.
    pub async fn settle(mut self) -> Result<Self, Vec<Reply>> {
        let mut works = Vec::new();
        for (at, branch) in self.branches.iter_mut().enumerate() {
            if let State::Open(transaction) | State::Decided(transaction) = branch.take() {
                works.push(Work { at, future: Box::pin(transaction.settle()) });
            }
        }
        for (at, settled) in together(works, &[]).await.done {
            self.branches[at].state = match settled {
                Ok(transaction) => State::Open(Box::new(transaction)),
                Err(reply) => State::Over(reply),
            };
        }
        let open = self.branches.iter().any(|branch| matches!(branch.state, State::Open(_)));
        if open { Ok(self) } else { Err(self.replies()) }
    }

    /// All content has come: runs the chains to their ends.
    pub fn finish(mut self) -> Finishing {
        let mut works = Vec::new();
        for (at, branch) in self.branches.iter_mut().enumerate() {
            if let State::Open(transaction) | State::Decided(transaction) = branch.take() {
                works.push(Work { at, future: Box::pin(transaction.finish()) as Pin<Box<_>> });
            }
        }
        let pending = works.iter().map(|work| work.at).collect();
        Finishing { fork: self, works: works.into_iter().map(Some).collect(), pending, told: 0 }
    }

    /// Gives the message up everywhere with `reply`, because of something that the connection saw after so many octets.
    pub async fn refuse(mut self, reply: Reply, octets: u64) -> Vec<Reply> {
        for branch in &mut self.branches {
            if let State::Open(transaction) | State::Decided(transaction) = branch.take() {
                transaction.refuse(reply.clone(), octets).await;
                branch.state = State::Over(reply.clone());
            }
        }
        self.replies()
    }

    fn replies(&self) -> Vec<Reply> {
        self.named.iter().map(|at| self.branches[*at].reply()).collect()
    }
}

/// A message whose content has all come. Dropped, nothing of what is still at work stays anywhere.
pub struct Finishing {
    fork: Fork,
    works: Vec<Option<Work<'static, Reply>>>,
    /// Branches that are at work.
    pending: Vec<usize>,
    /// Replies given so far.
    told: usize,
}

impl Finishing {
    /// The next replies, as soon as there are any: one for each RCPT that was taken, in order, so those behind a chain that is
    /// slow wait for it. Each is final, 250 means durable. `None`: all were given.
    pub async fn next(&mut self) -> Option<Vec<Reply>> {
        loop {
            let rest = &self.fork.named[self.told..];
            let known = rest.iter().take_while(|at| !self.pending.contains(at)).count();
            if known > 0 {
                let replies = rest[..known].iter().map(|at| self.fork.branches[*at].reply()).collect();
                self.told += known;
                return Some(replies);
            }
            if rest.is_empty() {
                return None;
            }
            let (at, reply) = first(&mut self.works).await;
            self.pending.retain(|pending| *pending != at);
            self.fork.branches[at].state = State::Over(reply);
        }
    }
}

impl Branch {
    /// Its state, with the one of a branch that has vanished in its place until another is set.
    fn take(&mut self) -> State {
        match std::mem::replace(&mut self.state, State::Over(replies::failed_without_trace())) {
            State::Over(reply) => {
                self.state = State::Over(reply.clone());
                State::Over(reply)
            }
            state => state,
        }
    }

    fn reply(&self) -> Reply {
        match &self.state {
            State::Over(reply) => reply.clone(),
            State::Open(_) | State::Decided(_) => replies::failed_without_trace(),
        }
    }

    fn decide(&mut self, decided: bool) {
        if decided && let State::Open(transaction) = self.take() {
            self.state = State::Decided(transaction);
        }
    }

    fn give_up(&mut self) {
        if let State::Open(transaction) = self.take() {
            self.state = State::Over(transaction.give_up());
        }
    }
}

/// Something that one branch does.
struct Work<'a, T> {
    at: usize,
    future: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
}

/// What came of it.
struct Together<T> {
    done: Vec<(usize, T)>,
    /// How long others waited for each.
    stalled: Vec<(usize, Duration)>,
    /// Those that had kept the others waiting for longer than they may.
    late: Vec<usize>,
}

/// Does all at once. Of those in `patience` each may keep the others waiting for so long; time counts once one is done.
async fn together<T>(works: Vec<Work<'_, T>>, patience: &[(usize, Duration)]) -> Together<T> {
    let mut works: Vec<Option<Work<'_, T>>> = works.into_iter().map(Some).collect();
    let (mut done, mut late, mut stalled) = (Vec::new(), Vec::new(), Vec::new());
    let mut first_done: Option<Instant> = None;
    let left = |at: usize| patience.iter().find(|(of, _)| *of == at).map(|(_, left)| *left);
    while works.iter().any(Option::is_some) {
        let waiting = works.iter().flatten().filter_map(|work| left(work.at));
        let until = first_done.and_then(|since| Some(since + waiting.min()?));
        let out_of_patience = async {
            match until {
                Some(until) => tokio::time::sleep_until(until.into()).await,
                None => std::future::pending().await,
            }
        };
        let next = tokio::select! {
            biased;
            next = first(&mut works) => Some(next),
            () = out_of_patience => None,
        };
        let now = Instant::now();
        if let Some((at, value)) = next {
            let waited = first_done.get_or_insert(now).elapsed();
            stalled.push((at, waited));
            done.push((at, value));
        } else {
            for slot in &mut works {
                let since = first_done.unwrap_or(now);
                if let Some(work) = slot
                    && left(work.at).is_some_and(|left| since + left <= now)
                {
                    late.push(work.at);
                    *slot = None;
                }
            }
        }
    }
    Together { done, stalled, late }
}

/// The first that is done; it is taken out. There must be one.
async fn first<T>(works: &mut [Option<Work<'_, T>>]) -> (usize, T) {
    poll_fn(|cx| {
        for slot in works.iter_mut() {
            let Some(work) = slot else { continue };
            if let Poll::Ready(value) = work.future.as_mut().poll(cx) {
                let at = work.at;
                *slot = None;
                return Poll::Ready((at, value));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(at: usize, ms: u64) -> Work<'static, usize> {
        Work {
            at,
            future: Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                at
            }),
        }
    }

    #[tokio::test]
    async fn one_alone_keeps_nobody_waiting() {
        let together = together(vec![work(0, 60)], &[(0, Duration::from_millis(1))]).await;
        assert_eq!((together.done, together.late), (vec![(0, 0)], vec![]));
    }

    #[tokio::test]
    async fn who_keeps_the_others_waiting_too_long_is_late() {
        let patience =
            [(0, Duration::from_millis(50)), (1, Duration::from_millis(50)), (2, Duration::from_secs(60))];
        let together = together(vec![work(0, 0), work(1, 20_000), work(2, 200)], &patience).await;
        assert_eq!(together.done, [(0, 0), (2, 2)]);
        assert_eq!(together.late, [1]);
        let stalled: Vec<usize> = together.stalled.iter().map(|(at, _)| *at).collect();
        assert_eq!(stalled, [0, 2]);
        assert!(together.stalled[1].1 > together.stalled[0].1);
    }
}
