//! How long a client is waited for: between commands, between reads of content, for a whole message, for the whole session.
//!
//! Content must come at `data_rate_min`, once `data_grace` has been spent on waiting: who sends an octet now and then never
//! falls silent, and would hold a message's place for ever.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Listener;

/// The deadlines of one session.
#[derive(Debug)]
pub(super) struct Patience {
    session_end: Instant,
    data_timeout: Duration,
    grace: Duration,
    /// Octets a second; 0: any.
    rate_min: u64,
    /// How long we have waited for content of the message at hand.
    waited: Duration,
    /// How much of it has come.
    octets: u64,
}

impl Patience {
    pub(super) fn new(listener: &Listener, now: Instant) -> Self {
        Self {
            session_end: now + listener.session_timeout,
            data_timeout: listener.data_timeout,
            grace: listener.data_grace,
            rate_min: listener.data_rate_min.0,
            waited: Duration::ZERO,
            octets: 0,
        }
    }

    /// When the session ends whatever is said.
    pub(super) fn session_end(&self) -> Instant {
        self.session_end
    }

    /// Another message begins.
    pub(super) fn begin_content(&mut self) {
        (self.waited, self.octets) = (Duration::ZERO, 0);
    }

    /// How long the next read of content may take.
    pub(super) fn for_content(&self) -> Duration {
        let Some(earned) = self.octets.saturating_mul(1000).checked_div(self.rate_min) else {
            return self.data_timeout;
        };
        let allowed = self.grace.saturating_add(Duration::from_millis(earned));
        allowed.saturating_sub(self.waited).min(self.data_timeout)
    }

    /// A read took so long, and gave so many octets.
    pub(super) fn took(&mut self, waited: Duration, octets: usize) {
        self.waited += waited;
        self.octets += octets as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(rate_min: u64) -> Patience {
        let now = Instant::now();
        let (data_timeout, grace) = (Duration::from_secs(180), Duration::from_secs(60));
        Patience { session_end: now, data_timeout, grace, rate_min, waited: Duration::ZERO, octets: 0 }
    }

    #[test]
    fn an_octet_a_second_does_not_buy_a_second() {
        let mut patience = patience(100);
        let mut seconds = 0;
        while !patience.for_content().is_zero() && seconds < 1000 {
            patience.took(Duration::from_secs(1), 1);
            seconds += 1;
        }
        assert_eq!(seconds, 61);
    }

    #[test]
    fn who_keeps_the_rate_is_waited_for_and_who_is_below_it_is_not() {
        for (octets, expect) in [(100, 60), (99, 0)] {
            let mut patience = patience(100);
            (0..100_000).for_each(|_| patience.took(Duration::from_secs(1), octets));
            assert_eq!(patience.for_content().as_secs(), expect, "{octets}");
        }
    }

    #[test]
    fn without_a_rate_only_silence_counts() {
        let mut patience = patience(0);
        patience.took(Duration::from_secs(86_400), 1);
        assert_eq!(patience.for_content().as_secs(), 180);
    }

    #[test]
    fn each_message_begins_anew() {
        let mut patience = patience(100);
        patience.took(Duration::from_secs(200), 1);
        assert!(patience.for_content().is_zero());
        patience.begin_content();
        assert_eq!(patience.for_content().as_secs(), 60);
    }
}
