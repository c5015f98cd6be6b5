//! What the chain decides of a whole message.

use std::fmt;

/// The decision at the end of a stage's part, in rising weight. A refusal is not a verdict: it ends the run.
///
/// Merging keeps the heavier one (`Accept < Quarantine < Discard`); it is commutative and idempotent but for the
/// quarantine's reason, where the first one given stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Verdict {
    /// Deliver it.
    #[default]
    Accept,
    /// Keep it apart for a person to look at. Carries the reason, for the log.
    Quarantine(String),
    /// Answer 250 and keep nothing.
    Discard,
}

impl Verdict {
    /// The heavier of the two.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        if other.weight() > self.weight() { other } else { self }
    }

    /// The name used in logs, metrics and JSON: `accept`, `quarantine` or `discard`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Quarantine(_) => "quarantine",
            Self::Discard => "discard",
        }
    }

    fn weight(&self) -> u8 {
        match self {
            Self::Accept => 0,
            Self::Quarantine(_) => 1,
            Self::Discard => 2,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the order of stages cannot change what becomes of a message.
    /// Method: every pair, merged both ways and with itself.
    #[test]
    fn merging_is_commutative_and_idempotent() {
        let all = [Verdict::Accept, Verdict::Quarantine("q".into()), Verdict::Discard];
        for a in &all {
            assert_eq!(a.clone().merge(a.clone()), *a);
            for b in &all {
                assert_eq!(a.clone().merge(b.clone()), b.clone().merge(a.clone()));
            }
        }
        assert_eq!(Verdict::Accept.merge(Verdict::Discard), Verdict::Discard);
        assert_eq!(Verdict::Discard.merge(Verdict::Quarantine("q".into())), Verdict::Discard);
    }

    #[test]
    fn the_first_reason_stays() {
        let first = Verdict::Quarantine("first".into());
        assert_eq!(first.clone().merge(Verdict::Quarantine("second".into())), first);
    }
}
