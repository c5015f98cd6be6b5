//! Who sends most: frequent names in bounded memory, over the last minutes.
//!
//! Misra and Gries, *Finding repeated elements* (1982): a table of at most `k` names with a count each. A name that finds the table
//! full takes one from every count, and those at zero go. Of `n` messages a name that sent `f` is told with at least
//! `f - n / (k + 1)`, and **never with more than `f`**: nobody is blamed for what others sent, however many names a flood makes
//! up. A message costs constant time on average: each count that is taken away was added once.
//!
//! There is a table for each minute, and a name's figure is the sum over the tables, whose errors add up as their messages do
//! (Agarwal et al., *Mergeable summaries*, 2012). What is older than [`MINUTES`] goes with its table: that is the decay.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many minutes count, the running one included: as far back as the points go.
const MINUTES: u64 = 5;
/// How many names are told.
const TOLD_MAX: usize = 10;
/// Longest name that is kept, in bytes: a domain's longest (RFC 1035 §2.3.4).
const NAME_MAX: usize = 255;

/// Who sent how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Busy {
    /// A sender's domain, `<>` for the null reverse-path; or a client's address.
    pub name: String,
    /// Messages of the last five minutes: never more than it sent, and too few by at most a 257th, for a tenant a 33rd, of all.
    pub messages: u64,
}

/// One table.
#[derive(Debug, Default)]
struct Table(HashMap<Box<str>, u32>);

impl Table {
    fn count(&mut self, name: &str, names_max: usize) {
        if let Some(count) = self.0.get_mut(name) {
            *count = count.saturating_add(1);
        } else if self.0.len() < names_max {
            self.0.insert(name.into(), 1);
        } else {
            self.0.retain(|_, count| {
                *count -= 1;
                *count > 0
            });
        }
    }
}

/// Names that came in the last minutes, each with how often.
#[derive(Debug)]
pub(super) struct Busiest {
    /// By minute, oldest first.
    tables: VecDeque<(u64, Table)>,
    names_max: usize,
}

impl Busiest {
    /// At most `names_max` names a minute.
    pub(super) fn new(names_max: usize) -> Self {
        Self { tables: VecDeque::new(), names_max }
    }

    pub(super) fn count(&mut self, second: u64, name: &str) {
        let minute = second / 60;
        if self.tables.back().is_none_or(|(newest, _)| *newest < minute) {
            self.prune(second);
            self.tables.push_back((minute, Table::default()));
        }
        // Who comes late by a second counts for the minute that is running.
        if let Some((_, table)) = self.tables.back_mut() {
            table.count(&name[..name.floor_char_boundary(NAME_MAX)], self.names_max);
        }
    }

    pub(super) fn prune(&mut self, now: u64) {
        while self.tables.front().is_some_and(|(oldest, _)| oldest + MINUTES <= now / 60) {
            self.tables.pop_front();
        }
        if self.tables.is_empty() {
            self.tables.shrink_to_fit();
        }
    }

    /// The busiest at `now`, at most [`TOLD_MAX`]; those that are equally busy by name.
    pub(super) fn top(&self, now: u64) -> Vec<Busy> {
        let mut sums = HashMap::<&str, u64>::new();
        for (_, table) in self.tables.iter().filter(|(minute, _)| minute + MINUTES > now / 60) {
            for (name, count) in &table.0 {
                *sums.entry(name).or_default() += u64::from(*count);
            }
        }
        let mut names: Vec<_> = sums.into_iter().collect();
        names.sort_unstable_by_key(|(name, count)| (Reverse(*count), *name));
        names.truncate(TOLD_MAX);
        names.into_iter().map(|(name, messages)| Busy { name: name.to_owned(), messages }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(name: &str, messages: u64) -> Busy {
        Busy { name: name.to_owned(), messages }
    }

    #[test]
    fn few_names_are_counted_exactly_and_forgotten_with_their_minute() {
        let mut busiest = Busiest::new(4);
        for (second, name) in [(0, "a"), (59, "b"), (60, "a"), (61, "c"), (61, "c"), (62, "c")] {
            busiest.count(second, name);
        }
        assert_eq!(busiest.top(62), [busy("c", 3), busy("a", 2), busy("b", 1)]);
        assert_eq!(busiest.top(300), [busy("c", 3), busy("a", 1)]);
        assert_eq!(busiest.top(360), []);
        busiest.prune(360);
        assert_eq!(busiest.tables.capacity(), 0);
    }

    /// Goal: the paper's bound, and a table that stays small, under a flood of names.
    /// Method: 10,000 names that come once each, and two that come often among them.
    #[test]
    fn a_flood_of_names_hides_nobody_and_blames_nobody() {
        let (mut busiest, k) = (Busiest::new(64), 64);
        for n in 0..10_000 {
            busiest.count(0, &format!("flood-{n}.example"));
            if n % 5 == 0 {
                busiest.count(0, "often.example");
            }
            if n % 10 == 0 {
                busiest.count(0, "sometimes.example");
            }
            assert!(busiest.tables[0].1.0.len() <= k);
        }
        let slack = 13_000 / (k as u64 + 1);
        let top = busiest.top(0);
        assert_eq!((&*top[0].name, &*top[1].name), ("often.example", "sometimes.example"));
        for (told, sent) in [(&top[0], 2000), (&top[1], 1000)] {
            assert!(told.messages <= sent && told.messages + slack >= sent, "{told:?}");
        }
        assert!(top[2..].iter().all(|told| told.messages <= 1), "{top:?}");
        assert!(top.len() <= TOLD_MAX);
    }

    #[test]
    fn a_name_is_cut_where_a_character_ends() {
        let mut busiest = Busiest::new(1);
        busiest.count(0, &"\u{20ac}".repeat(1000));
        assert_eq!(busiest.top(0)[0].name.len(), 255);
        busiest.count(1, &format!("{}x", "\u{20ac}".repeat(85)));
        assert_eq!(busiest.top(1)[0].messages, 2);
    }
}
