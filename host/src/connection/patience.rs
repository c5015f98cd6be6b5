//! How long a client is waited for: between commands, between reads of content, for a whole message, for the whole session.
//!
//! Content must come at `data_rate_min`: who sends an octet now and then never falls silent, and would hold a message's place
//! for ever. What is waited spends a credit, what comes earns some, up to what it was at first: nobody saves up by one burst for
//! hours of dribbling.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Listener;

/// The deadlines of one session.
#[derive(Debug)]
pub(super) struct Patience {
    session_end: Instant,
    data_timeout: Duration,
    /// Octets a second; 0: any.
    rate_min: u64,
    /// The most credit there is: `data_grace`, and never less than one silence may last.
    credit_max: Duration,
    /// How much longer content of the message at hand may be waited for.
    credit: Duration,
}

impl Patience {
    pub(super) fn new(listener: &Listener, now: Instant) -> Self {
        let credit_max = listener.data_grace.max(listener.data_timeout);
        Self {
            session_end: now + listener.session_timeout,
            data_timeout: listener.data_timeout,
            rate_min: listener.data_rate_min.0,
            credit_max,
            credit: credit_max,
        }
    }

    /// When the session ends whatever is said.
    pub(super) fn session_end(&self) -> Instant {
        self.session_end
    }

    /// Another message begins.
    pub(super) fn begin_content(&mut self) {
        self.credit = self.credit_max;
    }

    /// How long the next read of content may take.
    pub(super) fn for_content(&self) -> Duration {
        if self.rate_min == 0 { self.data_timeout } else { self.credit.min(self.data_timeout) }
    }

    /// A read took so long, and gave so many octets.
    pub(super) fn took(&mut self, waited: Duration, octets: usize) {
        let earned = (octets as u64).saturating_mul(1_000_000).checked_div(self.rate_min).unwrap_or_default();
        let credit = self.credit.saturating_sub(waited).saturating_add(Duration::from_micros(earned));
        self.credit = credit.min(self.credit_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn patience(rate_min: u64) -> Patience {
        let (data_timeout, credit_max) = (180 * SECOND, 180 * SECOND);
        Patience { session_end: Instant::now(), data_timeout, rate_min, credit_max, credit: credit_max }
    }

    #[test]
    fn an_octet_a_second_does_not_buy_a_second() {
        let mut patience = patience(100);
        let mut seconds = 0;
        while patience.for_content() >= SECOND && seconds < 1000 {
            patience.took(SECOND, 1);
            seconds += 1;
        }
        assert_eq!(seconds, 181);
    }

    /// A burst must not buy hours in which a message's place is held by an octet now and then.
    #[test]
    fn a_burst_is_not_saved_up() {
        let mut patience = patience(100);
        patience.took(SECOND, 100_000_000);
        assert_eq!(patience.for_content(), 180 * SECOND);
        patience.took(180 * SECOND, 1);
        assert!(patience.for_content() < SECOND);
    }

    #[test]
    fn who_keeps_the_rate_is_waited_for_and_who_is_below_it_is_not() {
        for (octets, expect) in [(100, 180), (99, 0)] {
            let mut patience = patience(100);
            (0..100_000).for_each(|_| patience.took(SECOND, octets));
            assert_eq!(patience.for_content().as_secs(), expect, "{octets}");
        }
    }

    #[test]
    fn without_a_rate_only_silence_counts() {
        let mut patience = patience(0);
        patience.took(86_400 * SECOND, 1);
        assert_eq!(patience.for_content(), 180 * SECOND);
    }

    #[test]
    fn each_message_begins_anew() {
        let mut patience = patience(100);
        patience.took(200 * SECOND, 1);
        assert!(patience.for_content() < SECOND);
        patience.begin_content();
        assert_eq!(patience.for_content(), 180 * SECOND);
    }
}
