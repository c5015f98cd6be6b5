//! How many jails there are at once, and whose turn it is.
//!
//! One for each owner, so that one tenant's bombs hold up nobody else's components, and so many in all, since each may take
//! all of `compile_memory`. Who waits is served in the order of coming, but for those whose owner is at work.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Most components of one owner that may wait; each holds a thread and its bytes.
const WAITING_MAX: usize = 8;

/// The places.
pub(in crate::wasm) struct Places {
    max: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Who has a place.
    at_work: Vec<String>,
    /// Who waits, in the order of coming, each with a number of its own.
    waiting: VecDeque<(u64, String)>,
    next: u64,
}

/// A place in the jail, until dropped.
pub(in crate::wasm) struct Place<'p> {
    places: &'p Places,
    owner: String,
}

impl Places {
    /// So many at once, at least one.
    pub(in crate::wasm) fn new(max: usize) -> Self {
        Self { max: max.max(1), state: Mutex::default(), changed: Condvar::new() }
    }

    /// Waits for a place. Blocks.
    ///
    /// # Errors
    /// The number of those of this owner that wait already, where no more may.
    pub(in crate::wasm) fn enter(&self, owner: &str) -> Result<Place<'_>, usize> {
        let mut state = self.lock();
        let waiting = state.waiting.iter().filter(|(_, waits)| waits == owner).count();
        if waiting >= WAITING_MAX {
            return Err(waiting);
        }
        let number = state.next;
        state.next += 1;
        state.waiting.push_back((number, owner.to_owned()));
        while state.turn(self.max) != Some(number) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting.retain(|(waits, _)| *waits != number);
        state.at_work.push(owner.to_owned());
        drop(state);
        // There may be a place left for the next.
        self.changed.notify_all();
        Ok(Place { places: self, owner: owner.to_owned() })
    }

    /// The state is whole at every unlock, so a panic elsewhere cannot have broken it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whose turn it is, if there is a place and somebody who may have it.
    fn turn(&self, max: usize) -> Option<u64> {
        let free = self.at_work.len() < max;
        let first = self.waiting.iter().find(|(_, owner)| !self.at_work.contains(owner));
        first.filter(|_| free).map(|(number, _)| *number)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.places.lock();
        if let Some(at) = state.at_work.iter().position(|owner| *owner == self.owner) {
            state.at_work.swap_remove(at);
        }
        drop(state);
        self.places.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn turn(max: usize, at_work: &[&str], waiting: &[&str]) -> Option<u64> {
        let waiting = waiting.iter().enumerate().map(|(n, owner)| (n as u64, (*owner).to_owned()));
        let at_work = at_work.iter().map(|owner| (*owner).to_owned()).collect();
        State { at_work, waiting: waiting.collect(), next: 0 }.turn(max)
    }

    #[test]
    fn one_of_each_owner_in_the_order_of_coming() {
        assert_eq!(turn(2, &[], &["a", "b"]), Some(0));
        assert_eq!(turn(2, &["a"], &["a", "a", "b", "c"]), Some(2));
        assert_eq!(turn(2, &["a"], &["a", "a"]), None, "one of each owner");
        assert_eq!(turn(2, &["a", "b"], &["c"]), None, "all places taken");
        assert_eq!(turn(2, &["b"], &["c", "a"]), Some(0));
    }

    /// Goal: an owner whose components fill its queue waits for itself, and nobody else waits for it.
    #[test]
    fn a_flood_of_one_owner_holds_up_that_owner_only() {
        let places = Places::new(2);
        let held = places.enter("flood").unwrap();
        let (entered, entering) = mpsc::sync_channel(WAITING_MAX);
        std::thread::scope(|scope| {
            for _ in 0..WAITING_MAX {
                scope.spawn(|| {
                    let _place = places.enter("flood").unwrap();
                    entered.send(()).unwrap();
                });
            }
            while places.lock().waiting.len() < WAITING_MAX {
                std::thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(places.enter("flood").err(), Some(WAITING_MAX), "one past the queue");
            drop(places.enter("honest").unwrap());
            assert!(entering.try_recv().is_err(), "the flood waits for itself");
            drop(held);
        });
        assert_eq!(entering.try_iter().count(), WAITING_MAX, "each had its turn");
    }
}
