//! Figures that others keep, asked for at each scrape: how full the sandbox's pool is, and which breakers are open.
//!
//! Knows neither pool nor catalog: whoever has one leaves a closure here, which must not keep its owner alive.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::SERIES_MAX;

/// Places of one kind in the sandbox's pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolFigure {
    /// Of what: `instances`, `core_instances`, `memories`, `tables`, `stacks`.
    pub kind: &'static str,
    /// Those in use.
    pub used: u64,
    /// All of them.
    pub size: u64,
}

/// The breaker of one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerFigure {
    /// Whose chain.
    pub tenant: String,
    /// Which stage.
    pub stage: String,
    /// Messages are deferred, but for a probe.
    pub open: bool,
}

type Source<T> = Mutex<Option<Box<dyn Fn() -> Vec<T> + Send + Sync>>>;

/// Where the figures come from; until somebody says so there are none.
#[derive(Default)]
pub(crate) struct Watched {
    pool: Source<PoolFigure>,
    breakers: Source<BreakerFigure>,
}

impl Watched {
    pub(crate) fn pool(&self, source: impl Fn() -> Vec<PoolFigure> + Send + Sync + 'static) {
        *self.pool.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(source));
    }

    pub(crate) fn breakers(&self, source: impl Fn() -> Vec<BreakerFigure> + Send + Sync + 'static) {
        *self.breakers.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(source));
    }
}

fn ask<T>(source: &Source<T>) -> Vec<T> {
    source.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or_else(Vec::new, |ask| ask())
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

/// Writes them out.
#[derive(Debug)]
pub(super) struct WatchedCollector(pub(super) Arc<Watched>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct BreakerLabels {
    tenant: String,
    stage: String,
}

impl Collector for WatchedCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let pool = ask(&self.0.pool);
        let used = pool.iter().map(|figure| (KindLabels { kind: figure.kind }, figure.used));
        gauges(&mut encoder, "pool_used", "Places of the sandbox's pool in use, by kind", used)?;
        let sizes = pool.iter().map(|figure| (KindLabels { kind: figure.kind }, figure.size));
        gauges(&mut encoder, "pool_size", "Places of the sandbox's pool, by kind", sizes)?;
        // A label may stand in `chain` and in `recipients`.
        let mut open = BTreeMap::new();
        for figure in ask(&self.0.breakers).into_iter().take(SERIES_MAX) {
            let labels = BreakerLabels { tenant: figure.tenant, stage: figure.stage };
            *open.entry(labels).or_insert(0) |= u64::from(figure.open);
        }
        gauges(&mut encoder, "breakers_open", "Whether a stage's breaker defers messages: 1 or 0", open)
    }
}

fn gauges<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (L, u64)>,
) -> Result<(), fmt::Error> {
    let mut samples = samples.into_iter().peekable();
    if samples.peek().is_none() {
        return Ok(());
    }
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in samples {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
