//! What the host tells its operator: each event is a log line, a count and news for those who listen, in one place.
//!
//! ```text
//! emit(Event) --> metrics      counted at once
//!             --> log          one line, written in order by a thread of its own
//!             --> live         figures of the last minutes, the last messages, the admin API's feed
//!             --> subscribers  whoever called `subscribe`
//! ```
//!
//! Knows nothing of mail, tenants or stages but their names.

pub mod causes;
mod certificates;
pub mod event;
pub(crate) mod line;
pub mod live;
mod log;
pub mod metrics;
pub mod record;
pub mod settings;
pub mod subscriber;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;

pub use causes::causes;
pub use event::{Event, Level};
pub(crate) use line::is_active;
pub use metrics::watched::{BreakerFigure, PoolFigure};
pub use metrics::{CpuCounter, LiveInstance};
pub use record::{FailureRecord, MessageRecord, StageRecord};
pub use settings::Settings;

use live::{Feed, Figures, Gauges, Interest, Live, RecentMessage};
use log::Log;
use metrics::Metrics;
use subscriber::Subscribers;

/// The host's voice. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Telemetry(Arc<Inner>);

struct Inner {
    log: Option<Log>,
    metrics: Metrics,
    live: Live,
    subscribers: Subscribers,
}

impl Telemetry {
    /// Opens the log. Errs where the file cannot be opened for appending or no thread can be started.
    pub fn new(settings: &Settings) -> io::Result<Self> {
        Ok(Self::with_log(Some(Log::open(settings)?)))
    }

    /// Counts and hands on, but logs nothing: for tests and for `gatepost run`.
    pub fn silent() -> Self {
        Self::with_log(None)
    }

    fn with_log(log: Option<Log>) -> Self {
        Self(Arc::new(Inner {
            log,
            metrics: Metrics::new(),
            live: Live::new(),
            subscribers: Subscribers::default(),
        }))
    }

    /// Counts, logs and hands on one event. Never waits for the log's medium: past 4 MiB of unwritten lines further ones
    /// are dropped and counted in `gatepost_log_lines_lost_total`.
    pub fn emit(&self, event: Event) {
        self.0.metrics.count(&event);
        if let Some(log) = &self.0.log {
            log.record(&event);
        }
        match event {
            Event::Message(record) => {
                if self.0.subscribers.are_there() {
                    self.0.subscribers.tell(Event::Message(record.clone()));
                }
                self.0.live.message(*record);
            }
            event => {
                self.0.live.event(&event);
                self.0.subscribers.tell(event);
            }
        }
    }

    /// To be called once a second, with every tenant that there is and its messages at work: ends the second of the live
    /// figures. What is known of other tenants is forgotten.
    pub fn tick(&self, tenants: &[(String, usize)]) {
        let sessions = self.0.metrics.sessions_live();
        let memory = metrics::process::resident_bytes().unwrap_or(0);
        self.0.live.tick(&Gauges { sessions, memory, tenants });
    }

    /// Figures of the last minutes, of a tenant or of the host.
    pub fn figures(&self, tenant: Option<&str>) -> Figures {
        self.0.live.figures(tenant)
    }

    /// The last messages of a tenant or of all, newest first, at most `limit`; those before the message `before`, none where
    /// that is not there any more.
    pub fn messages(
        &self,
        tenant: Option<&str>,
        limit: usize,
        before: Option<&str>,
    ) -> Vec<Arc<RecentMessage>> {
        self.0.live.messages(tenant, limit, before)
    }

    /// Figures, messages and changes from now on. None after [`Telemetry::end_feeds`].
    pub fn listen(&self, interest: Interest) -> Option<Feed> {
        self.0.live.listen(interest)
    }

    /// Ends all feeds for good: the server goes down.
    pub fn end_feeds(&self) {
        self.0.live.end();
    }

    /// Every event from now on, of every level. A receiver that falls [`subscriber::LAG_MAX`] events behind is told how
    /// many it lost; it slows nobody down.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.subscribers.subscribe()
    }

    /// Opens the log file anew, for a rotation that has moved it away. On an error the old one stays in use. Nothing
    /// happens where the log is stderr.
    pub fn reopen(&self) -> io::Result<()> {
        self.0.log.as_ref().map_or(Ok(()), Log::reopen)
    }

    /// Waits until all lines logged so far are written, at most `patience`. True where they are. To be called before
    /// the process exits; blocks the thread.
    pub fn flush(&self, patience: Duration) -> bool {
        self.0.log.as_ref().is_none_or(|log| log.flush(patience))
    }

    /// All metrics as OpenMetrics text.
    pub fn metrics_text(&self) -> String {
        let lost = self.0.log.as_ref().map_or(0, Log::lines_lost);
        self.0.metrics.encode(lost)
    }

    /// Counts a wrong token at the admin address; `limited`: its sender was told to wait. Only some are events, so that nobody
    /// can fill the log.
    pub fn count_wrong_token(&self, limited: bool) {
        self.0.metrics.count_wrong_token(limited);
    }

    /// Counts an address that a checker of `tenant` was not asked about, as its answer was remembered.
    pub fn count_remembered(&self, tenant: &str, stage: &str) {
        self.0.metrics.count_remembered(tenant, stage);
    }

    /// Where the CPU time of a tenant's chains is added up.
    pub fn chain_cpu(&self, tenant: &str) -> CpuCounter {
        self.0.metrics.chain_cpu(tenant)
    }

    /// Counts a sandboxed instance as living until the answer is dropped; of `tenant` too, unless that is empty.
    pub fn instance(&self, tenant: &str) -> LiveInstance {
        self.0.metrics.instance(tenant)
    }

    /// From now on every scrape asks `source` how full the sandbox's pool is. It must not keep the pool alive.
    pub fn watch_pool(&self, source: impl Fn() -> Vec<PoolFigure> + Send + Sync + 'static) {
        self.0.metrics.watched.pool(source);
    }

    /// From now on every scrape asks `source` which breakers are open. It must not keep the catalog alive.
    pub fn watch_breakers(&self, source: impl Fn() -> Vec<BreakerFigure> + Send + Sync + 'static) {
        self.0.metrics.watched.breakers(source);
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::silent()
    }
}

#[cfg(test)]
mod tests;
