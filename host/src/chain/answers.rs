//! What a checker has said of addresses a moment ago, so that it need not be asked again: for checkers that say the same
//! whoever sends.
//!
//! ```text
//! taken    -> remembered for `hold`
//! 5xx      -> remembered for `hold`, ten seconds at most: a mailbox that was just made is found soon
//! 4xx, failures, and answers that came with a fact or another change of the envelope -> asked again
//! ```
//!
//! One of these belongs to one checker of one revision of one tenant. Knows nothing of who asks.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Refusal;
use crate::mail::Mailbox;

/// Most addresses that are remembered of one checker, some 2 MiB at most; when there are as many, those that are over go, and then
/// all of them.
pub const ANSWERS_MAX: usize = 4096;
/// How long a refusal is remembered at most.
pub const REFUSAL_HOLD_MAX: Duration = Duration::from_secs(10);

/// Answers of one checker.
#[derive(Debug)]
pub struct Answers {
    hold: Duration,
    known: Mutex<HashMap<Mailbox, Answer>>,
}

#[derive(Debug)]
struct Answer {
    said: Result<(), Refusal>,
    until: Instant,
}

impl Answers {
    /// None yet. `hold`: how long an answer counts.
    pub fn new(hold: Duration) -> Self {
        Self { hold, known: Mutex::default() }
    }

    /// What was said of `address`, if it still counts.
    pub fn get(&self, address: &Mailbox, now: Instant) -> Option<Result<(), Refusal>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(address).filter(|answer| now < answer.until).map(|answer| answer.said.clone())
    }

    /// Remembers what was said of `address`, unless it is of the moment.
    pub fn put(&self, address: &Mailbox, said: &Result<(), Refusal>, now: Instant) {
        let hold = match said {
            Ok(()) => self.hold,
            Err(Refusal::Reject(_)) => self.hold.min(REFUSAL_HOLD_MAX),
            Err(Refusal::Defer(_)) => return,
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ANSWERS_MAX && !known.contains_key(address) {
            known.retain(|_, answer| now < answer.until);
            if known.len() >= ANSWERS_MAX {
                known.clear();
            }
        }
        known.insert(address.clone(), Answer { said: said.clone(), until: now + hold });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::Reply;

    fn mailbox(n: usize) -> Mailbox {
        Mailbox::from_parts(format!("u{n}"), "x.example")
    }

    fn reject() -> Result<(), Refusal> {
        Err(Refusal::Reject(Reply::new(550, "5.1.1", "No such user here")))
    }

    /// Goal: each kind of answer counts as long as it should, and no longer.
    #[test]
    fn answers_count_for_their_time() {
        let (answers, began) = (Answers::new(Duration::from_secs(60)), Instant::now());
        let at = |second| began + Duration::from_secs(second);
        let defer = Err(Refusal::Defer(Reply::new(452, "4.2.2", "Full")));
        answers.put(&mailbox(1), &Ok(()), began);
        answers.put(&mailbox(2), &reject(), began);
        answers.put(&mailbox(3), &defer, began);
        assert_eq!(answers.get(&mailbox(1), at(59)), Some(Ok(())));
        assert_eq!(answers.get(&mailbox(1), at(60)), None);
        assert_eq!(answers.get(&mailbox(2), at(9)), Some(reject()));
        assert_eq!(answers.get(&mailbox(2), at(10)), None);
        assert_eq!(answers.get(&mailbox(3), began), None);
        assert_eq!(answers.get(&mailbox(4), began), None);
        let short = Answers::new(Duration::from_secs(2));
        short.put(&mailbox(2), &reject(), began);
        assert_eq!((short.get(&mailbox(2), at(1)), short.get(&mailbox(2), at(2))), (Some(reject()), None));
    }

    #[test]
    fn as_many_as_may_be_and_one_more() {
        let (answers, began) = (Answers::new(Duration::from_secs(60)), Instant::now());
        let later = began + Duration::from_secs(30);
        answers.put(&mailbox(0), &reject(), began);
        for n in 1..ANSWERS_MAX {
            answers.put(&mailbox(n), &Ok(()), began);
        }
        assert!(answers.get(&mailbox(0), began).is_some() && answers.get(&mailbox(1), began).is_some());
        // The refusal is over and makes room.
        answers.put(&mailbox(ANSWERS_MAX), &Ok(()), later);
        assert!(
            answers.get(&mailbox(1), later).is_some() && answers.get(&mailbox(ANSWERS_MAX), later).is_some()
        );
        // Nothing is over.
        answers.put(&mailbox(ANSWERS_MAX + 1), &Ok(()), later);
        assert!(answers.get(&mailbox(1), later).is_none());
        assert!(answers.get(&mailbox(ANSWERS_MAX + 1), later).is_some());
    }
}
