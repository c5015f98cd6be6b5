//! What happened in each of the last seconds. Seconds in which nothing did take no memory.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many seconds are kept: five minutes, which is what a page's curve shows.
pub const POINTS_MAX: u64 = 300;

/// Figures of one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Point {
    /// When it began, as Unix time in seconds.
    pub at: u64,
    /// Messages that came to their end.
    pub messages: u32,
    /// Octets of their content.
    pub bytes: u64,
    /// What became of them.
    pub verdicts: Verdicts,
    /// Recipients that were not taken; the host's points count sessions that were sent away too.
    pub refused: u32,
    /// Sessions open at its end; none for a tenant.
    pub sessions: Option<u32>,
    /// Messages at work at its end.
    pub in_flight: u32,
    /// Resident memory of the process at its end, in bytes; none for a tenant.
    pub memory: Option<u64>,
}

/// Messages by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Verdicts {
    /// Taken.
    pub accept: u32,
    /// Taken, and kept apart.
    pub quarantine: u32,
    /// Taken, and dropped.
    pub discard: u32,
    /// Refused for good.
    pub reject: u32,
    /// Refused for now.
    pub defer: u32,
    /// Not decided on: a stage or a sink failed.
    pub failed: u32,
    /// The client went away.
    pub aborted: u32,
}

impl Verdicts {
    fn count(&mut self, verdict: &str) {
        let count = match verdict {
            "accept" => &mut self.accept,
            "quarantine" => &mut self.quarantine,
            "discard" => &mut self.discard,
            "reject" => &mut self.reject,
            "defer" => &mut self.defer,
            "failed" => &mut self.failed,
            "aborted" => &mut self.aborted,
            _ => return,
        };
        *count += 1;
    }
}

/// One second; 72 bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Second {
    second: u64,
    bytes: u64,
    memory: u64,
    messages: u32,
    verdicts: Verdicts,
    refused: u32,
    sessions: u32,
    in_flight: u32,
}

/// The last seconds, oldest first: at most [`POINTS_MAX`] before the running one.
#[derive(Debug, Default)]
pub(super) struct Seconds(VecDeque<Second>);

impl Seconds {
    pub(super) fn message(&mut self, second: u64, verdict: &str, bytes: u64) {
        let at = self.at(second);
        at.messages += 1;
        at.bytes = at.bytes.saturating_add(bytes);
        at.verdicts.count(verdict);
    }

    pub(super) fn refused(&mut self, second: u64) {
        self.at(second).refused += 1;
    }

    pub(super) fn gauges(&mut self, second: u64, sessions: u32, in_flight: u32, memory: u64) {
        let at = self.at(second);
        (at.sessions, at.in_flight, at.memory) = (sessions, in_flight, memory);
    }

    fn at(&mut self, second: u64) -> &mut Second {
        let place = self.0.partition_point(|known| known.second < second);
        if self.0.get(place).is_none_or(|known| known.second != second) {
            self.0.insert(place, Second { second, ..Second::default() });
            let newest = self.0.back().map_or(second, |newest| newest.second);
            // What is older than all that is kept would be the front, and gone at once.
            if second + POINTS_MAX >= newest {
                self.prune(newest);
            }
        }
        let place = self.0.partition_point(|known| known.second < second);
        &mut self.0[place]
    }

    /// Lets go what is too old at `now`.
    pub(super) fn prune(&mut self, now: u64) {
        while self.0.front().is_some_and(|oldest| oldest.second + POINTS_MAX < now) {
            self.0.pop_front();
        }
        if self.0.is_empty() {
            self.0.shrink_to_fit();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The points of all seconds in `from..to`, whether something happened or not. `base` is the Unix time of second 0.
    pub(super) fn points(&self, from: u64, to: u64, base: u64, is_host: bool) -> Vec<Point> {
        let mut kept = self.0.iter().skip_while(|kept| kept.second < from).peekable();
        let point = |second| {
            let kept = kept.next_if(|kept| kept.second == second).copied().unwrap_or_default();
            Point {
                at: base + second,
                messages: kept.messages,
                bytes: kept.bytes,
                verdicts: kept.verdicts,
                refused: kept.refused,
                sessions: is_host.then_some(kept.sessions),
                in_flight: kept.in_flight,
                memory: is_host.then_some(kept.memory),
            }
        };
        (from..to).map(point).collect()
    }

    /// Messages, bytes and refusals in the `count` seconds before `now`.
    pub(super) fn sums(&self, now: u64, count: u64) -> (u64, u64, u64) {
        let recent = self.0.iter().rev().skip_while(|kept| kept.second >= now);
        let recent = recent.take_while(|kept| kept.second + count >= now);
        recent.fold((0, 0, 0), |(messages, bytes, refused), kept| {
            (messages + u64::from(kept.messages), bytes + kept.bytes, refused + u64::from(kept.refused))
        })
    }

    /// What was at work at the end of the newest second.
    pub(super) fn in_flight(&self, now: u64) -> u32 {
        self.0.iter().rev().find(|kept| kept.second < now).map_or(0, |kept| kept.in_flight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_for_each_second_and_none_is_kept_for_ever() {
        let mut seconds = Seconds::default();
        seconds.message(3, "accept", 10);
        seconds.message(3, "reject", 5);
        seconds.gauges(5, 7, 2, 1 << 20);
        // A thread that was late by a second.
        seconds.refused(4);
        let points = seconds.points(2, 6, 1000, true);
        assert_eq!(points.iter().map(|p| p.at).collect::<Vec<_>>(), [1002, 1003, 1004, 1005]);
        assert_eq!((points[1].messages, points[1].bytes, points[1].verdicts.reject), (2, 15, 1));
        assert_eq!((points[2].refused, points[2].messages), (1, 0));
        assert_eq!((points[3].sessions, points[3].in_flight, points[3].memory), (Some(7), 2, Some(1 << 20)));
        let tenants = seconds.points(5, 6, 1000, false);
        assert_eq!((tenants[0].sessions, tenants[0].memory), (None, None));
        assert_eq!(seconds.sums(6, 10), (2, 15, 1));
        assert_eq!(seconds.sums(6, 2), (0, 0, 1));

        for second in 6..1000 {
            seconds.refused(second);
            assert!(seconds.0.len() as u64 <= POINTS_MAX + 1);
        }
        // Later than all that is kept: it may be lost, but nothing else is.
        seconds.refused(1);
        assert_eq!(seconds.sums(1000, 10).2, 10);
        seconds.prune(5000);
        assert!(seconds.is_empty() && seconds.0.capacity() == 0, "an idle tenant costs nothing");
    }
}
