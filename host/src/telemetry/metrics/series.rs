//! A metric with labels that cannot grow past its bounds.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Who a series counts against; empty for the host's own, which are not bounded by owner.
pub(super) trait Owner {
    fn owner(&self) -> &str;
}

/// What labels must be.
pub(super) trait Labels:
    Owner + Clone + Debug + Hash + Eq + EncodeLabelSet + Send + Sync + 'static
{
}
impl<T: Owner + Clone + Debug + Hash + Eq + EncodeLabelSet + Send + Sync + 'static> Labels for T {}

/// One metric, a series for each set of labels. What would pass a bound is not counted.
pub(super) struct Series<L, M> {
    family: Family<L, M, fn() -> M>,
    max: usize,
    max_per_owner: usize,
    standing: Mutex<Standing>,
}

/// How many series there are.
#[derive(Default)]
struct Standing {
    all: usize,
    by_owner: HashMap<String, usize>,
}

impl<L, M> Series<L, M>
where
    L: Labels,
    M: Debug + EncodeMetric + TypedMetric + Send + Sync + 'static,
{
    /// `(name, help)` and `(most series, most series of one owner)`.
    pub(super) fn register(
        registry: &mut Registry,
        (name, help): (&str, &str),
        (max, max_per_owner): (usize, usize),
        new: fn() -> M,
    ) -> Self {
        let family = Family::new_with_constructor(new);
        registry.register(name, help, family.clone());
        Self { family, max, max_per_owner, standing: Mutex::default() }
    }

    /// Lets `update` touch the series of these labels, made where there is none and room for one.
    pub(super) fn with(&self, labels: &L, update: impl FnOnce(&M)) {
        if let Some(metric) = self.family.get(labels) {
            return update(&metric);
        }
        // Held until the series stands, so that two threads cannot make room for it twice.
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.family.get(labels).is_none() {
            let own = standing.by_owner.get(labels.owner()).copied().unwrap_or(0);
            let crowded = !labels.owner().is_empty() && own >= self.max_per_owner;
            if crowded || standing.all >= self.max {
                return;
            }
            standing.all += 1;
            standing.by_owner.insert(labels.owner().to_owned(), own + 1);
        }
        update(&self.family.get_or_create(labels));
    }
}
