//! Tells the log of limits that clients reach: once a minute each, so that a flood of clients is no flood of lines.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Port;
use crate::telemetry::Event;

/// How long a limit of a listener is not told of again.
const EVERY: Duration = Duration::from_secs(60);

/// When each limit of a listener was told of last.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<HashMap<&'static str, Instant>>);

impl Told {
    /// Whether it is time to tell of `limit`; then it is taken for told.
    fn is_due(&self, limit: &'static str, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.get(limit).is_none_or(|last| now.saturating_duration_since(*last) >= EVERY);
        if is_due {
            told.insert(limit, now);
        }
        is_due
    }
}

impl Port {
    /// A client has reached a limit of the listener, named as in the config.
    pub fn limit_reached(&self, client: IpAddr, limit: &'static str) {
        if self.rates.told.is_due(limit, Instant::now()) {
            let listener = self.listener.name.clone();
            self.chains.telemetry.emit(Event::LimitReached { listener, client, limit });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_told_once_a_minute() {
        let (told, began) = (Told::default(), Instant::now());
        assert!(told.is_due("errors_max", began) && !told.is_due("errors_max", began + EVERY / 2));
        assert!(told.is_due("sessions_max", began) && told.is_due("errors_max", began + EVERY));
    }
}
