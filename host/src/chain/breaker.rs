//! A circuit breaker: when a stage that fails message after message is not asked any more, and when it is tried again.
//!
//! ```text
//! closed --a row of failures--> open --pause over--> one message as a probe --handled--> closed
//!                                ^                            |
//!                                +--------- failed -----------+   (the pause doubles, up to 16 times)
//! ```
//!
//! Two kinds of failure make a row. *Early* ones, before the stage has seen content, are the stage's own: from anywhere, so
//! many of them open it. *Spent* budgets may be the doing of whoever sent the content: a row of both kinds opens it only
//! where it comes from several client networks. A message that the stage handles ends the row.
//!
//! Knows neither clock nor chain: it is told what happened, and when.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::StageError;

/// How far the pause grows: to so many times the first.
pub const PAUSE_GROWTH_MAX: u32 = 16;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Failures in a row that open it: `breaker_failures`, at least 1.
    pub failures: u64,
    /// Client networks that a row with spent budgets must come from: `breaker_networks`.
    pub networks: usize,
    /// The first pause: `breaker_pause`.
    pub pause: Duration,
}

/// How a message ended for the stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It says nothing of the stage: never reached, broken off, a trap on content, the stage's own `failed`, no free sandbox.
    #[default]
    Neutral,
    /// The stage did its part: it came to its end, or refused the message.
    Handled,
    /// It failed in instantiation, `configure` or `open`, for this reason (`StageError::reason`).
    Early(&'static str),
    /// It used up a budget once content had come, for this reason.
    Spent(&'static str),
}

impl Outcome {
    /// Of a stage that failed, `opened` or before that. The wall clock is the message's, so where it ran out says nothing of
    /// how far the stage had come.
    pub fn failed(error: &StageError, opened: bool) -> Self {
        match error {
            StageError::NoCapacity(_) => Self::Neutral,
            StageError::OutOfWall { .. } => Self::Spent(error.reason()),
            error if !opened => Self::Early(error.reason()),
            error if error.is_budget() => Self::Spent(error.reason()),
            _ => Self::Neutral,
        }
    }
}

/// A client's network: the first 24 bits of an IPv4 address, the first 48 of an IPv6 one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// /24.
    V4([u8; 3]),
    /// /48.
    V6([u8; 6]),
    /// Of a client whose address is not known: all of them count as one.
    Unknown,
}

impl Network {
    /// The network of a client, whose address may be written as IPv6 and mean IPv4 (RFC 4291 §2.5.5.2).
    pub fn of(client: Option<IpAddr>) -> Self {
        match client.map(|client| client.to_canonical()) {
            Some(IpAddr::V4(address)) => {
                let [a, b, c, _] = address.octets();
                Self::V4([a, b, c])
            }
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, e, f, ..] = address.octets();
                Self::V6([a, b, c, d, e, f])
            }
            None => Self::Unknown,
        }
    }
}

/// Whether a message may go to the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// As always.
    Pass,
    /// As the one that tries the stage again. Whoever is told so says how it ended, whatever happens.
    Probe,
    /// Not now.
    Defer,
}

/// What an outcome changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is open, or open again after a probe.
    Opened {
        /// Why the last message failed.
        reason: &'static str,
        /// Failures in a row.
        failures: u64,
        /// Client networks that they came from; not counted past `Settings::networks`.
        networks: usize,
        /// How long until a message is let through.
        pause: Duration,
    },
    /// A probe was handled.
    Closed,
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The stage is asked.
    Closed,
    /// Messages are deferred.
    Open {
        /// Until the next one is let through as a probe; zero: the next one is.
        retry_in: Duration,
    },
    /// One message is at work as a probe, the others are deferred.
    Probing,
}

/// The breaker of one stage of one revision, shared by its messages.
#[derive(Debug)]
pub struct Breaker {
    settings: Settings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    row: Row,
}

#[derive(Debug, Default, Clone, Copy)]
enum Phase {
    #[default]
    Closed,
    Open {
        until: Instant,
        pause: Duration,
    },
    Probing {
        pause: Duration,
    },
}

/// Failures since the last message that was handled.
#[derive(Debug, Default)]
struct Row {
    failures: u64,
    /// Those before content.
    early: u64,
    /// Where they came from, each once, up to `Settings::networks` of them.
    networks: Vec<Network>,
}

impl Breaker {
    /// A closed one.
    pub fn new(settings: Settings) -> Self {
        Self { settings, state: Mutex::default() }
    }

    /// Asked before a message begins.
    pub fn ask(&self, now: Instant) -> Gate {
        let mut state = self.lock();
        match state.phase {
            Phase::Closed => Gate::Pass,
            Phase::Open { until, pause } if now >= until => {
                state.phase = Phase::Probing { pause };
                Gate::Probe
            }
            Phase::Open { .. } | Phase::Probing { .. } => Gate::Defer,
        }
    }

    /// Told when a message has ended that was let through by `gate`.
    pub fn tell(&self, gate: Gate, outcome: Outcome, client: Network, now: Instant) -> Option<Change> {
        let mut state = self.lock();
        match (state.phase, gate) {
            (Phase::Closed, _) => self.count(&mut state, outcome, client, now),
            (Phase::Probing { pause }, Gate::Probe) => self.settle(&mut state, pause, outcome, client, now),
            // A message that began before it opened. The probe will tell.
            (Phase::Open { .. } | Phase::Probing { .. }, _) => None,
        }
    }

    /// Where it stands.
    pub fn standing(&self, now: Instant) -> Standing {
        match self.lock().phase {
            Phase::Closed => Standing::Closed,
            Phase::Open { until, .. } => Standing::Open { retry_in: until.saturating_duration_since(now) },
            Phase::Probing { .. } => Standing::Probing,
        }
    }

    /// Closed: counts, and opens where the row is long enough.
    fn count(&self, state: &mut State, outcome: Outcome, client: Network, now: Instant) -> Option<Change> {
        let reason = state.row.add(outcome, client, self.settings.networks)?;
        let Row { failures, early, networks } = &state.row;
        let own = *early >= self.settings.failures;
        let many = *failures >= self.settings.failures && networks.len() >= self.settings.networks;
        (own || many).then(|| self.open(state, reason, self.settings.pause, now))
    }

    /// The probe is back.
    fn settle(
        &self,
        state: &mut State,
        pause: Duration,
        outcome: Outcome,
        client: Network,
        now: Instant,
    ) -> Option<Change> {
        match (outcome, state.row.add(outcome, client, self.settings.networks)) {
            (Outcome::Neutral, _) => {
                // It found out nothing: the next message is the probe.
                state.phase = Phase::Open { until: now, pause };
                None
            }
            (_, None) => {
                state.phase = Phase::Closed;
                Some(Change::Closed)
            }
            (_, Some(reason)) => {
                let longest = self.settings.pause.saturating_mul(PAUSE_GROWTH_MAX);
                Some(self.open(state, reason, pause.saturating_mul(2).min(longest), now))
            }
        }
    }

    fn open(&self, state: &mut State, reason: &'static str, pause: Duration, now: Instant) -> Change {
        // The longest pause is 16 hours, which no clock fails to hold.
        let until = now.checked_add(pause).unwrap_or(now);
        state.phase = Phase::Open { until, pause };
        Change::Opened { reason, failures: state.row.failures, networks: state.row.networks.len(), pause }
    }

    /// Every unlock leaves the state whole, so a panic elsewhere cannot have broken it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Row {
    /// Adds an outcome; gives the reason where it was a failure.
    fn add(&mut self, outcome: Outcome, client: Network, networks_max: usize) -> Option<&'static str> {
        let (reason, early) = match outcome {
            Outcome::Neutral => return None,
            Outcome::Handled => {
                *self = Self::default();
                return None;
            }
            Outcome::Early(reason) => (reason, 1),
            Outcome::Spent(reason) => (reason, 0),
        };
        self.failures = self.failures.saturating_add(1);
        self.early = self.early.saturating_add(early);
        if self.networks.len() < networks_max && !self.networks.contains(&client) {
            self.networks.push(client);
        }
        Some(reason)
    }
}

#[cfg(test)]
mod tests;
