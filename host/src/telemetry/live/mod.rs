//! What happens now: figures of the last minutes and the last messages, of the host and of each tenant, and a feed of both.
//!
//! ```text
//! emit(Event) --> counts of the running second, busiest names, the last messages   at once, in memory
//!             --> whoever listens                                                  through a bounded queue each
//! tick, once a second --> the second is over: its figures, once for all who listen
//! ```
//!
//! Everything is bounded: see the sizes in `book`, [`TENANTS_MAX`] here, and what waits for one listener in `feeds`. A tenant's
//! book holds nothing that speaks of another. Knows tenants by name only; who may see whose is for the caller to say.

mod book;
mod busiest;
mod change;
mod clock;
mod feeds;
mod recent;
mod seconds;
mod stages;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Event, MessageRecord};
use book::Book;
pub use busiest::Busy;
use clock::{Clock, wall_ms};
use feeds::Feeds;
pub use feeds::{Feed, Interest, MESSAGES_PER_SECOND_MAX, News};
pub use recent::{RECIPIENTS_MAX, RecentMessage};
pub use seconds::{POINTS_MAX, Point, Verdicts};
pub use stages::{StageFigure, WINDOW};

/// Most tenants with a book. Beside its messages, which have a bound for all tenants together, one
/// takes 20 KiB where it is busy, at most 200 KiB, and nothing where it is idle. Further tenants are counted with the host only.
pub const TENANTS_MAX: usize = 1000;
/// Most tenants that the host's figures tell apart.
pub const BUSY_TENANTS_MAX: usize = 50;
/// How often what is too old is let go, in seconds.
const PRUNE_EVERY: u64 = 10;
/// Most seconds that one tick makes up for: a machine that slept leaves a gap.
const LATE_MAX: u64 = 5;

/// Figures of the last minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Figures {
    /// How far the points lie apart, in milliseconds.
    pub every_ms: u64,
    /// A point for each second that is over, at most 300, oldest first.
    pub points: Vec<Point>,
    /// Domains that most messages came from in the last five minutes, at most 10.
    pub senders: Vec<Busy>,
    /// Addresses that most messages came from in the last five minutes, at most 10.
    pub clients: Vec<Busy>,
    /// A tenant's stages in the last ten seconds; empty for the host.
    pub stages: Vec<StageFigure>,
    /// The busiest tenants, at most 50; empty for a tenant.
    pub tenants: Vec<TenantFigure>,
}

/// What a tenant did in the last ten seconds, a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TenantFigure {
    /// Its name.
    pub name: String,
    /// Messages that came to their end.
    pub messages: f64,
    /// Octets of their content.
    pub bytes: f64,
    /// Recipients that were not taken.
    pub refused: f64,
    /// Messages at work now.
    pub in_flight: u32,
}

/// Figures of one second, as the feed has them.
#[derive(Serialize)]
struct Beat<'a> {
    point: &'a Point,
    senders: &'a [Busy],
    clients: &'a [Busy],
    stages: &'a [StageFigure],
    tenants: &'a [TenantFigure],
}

/// Figures that others keep, at the end of a second.
pub(super) struct Gauges<'a> {
    /// Sessions open.
    pub(super) sessions: u32,
    /// Resident memory, in bytes.
    pub(super) memory: u64,
    /// Every tenant that there is, with its messages at work.
    pub(super) tenants: &'a [(String, usize)],
}

/// All books and all feeds.
pub(super) struct Live {
    clock: Clock,
    host: Mutex<Book>,
    tenants: RwLock<HashMap<String, Arc<Mutex<Book>>>>,
    /// Bytes of all tenants' last messages.
    tenants_bytes: Arc<AtomicUsize>,
    feeds: Arc<Feeds>,
    /// The first second that has had no tick.
    next: AtomicU64,
}

impl Live {
    pub(super) fn new() -> Self {
        Self {
            clock: Clock::new(),
            host: Mutex::new(Book::new(&book::HOST, Arc::default())),
            tenants: RwLock::default(),
            tenants_bytes: Arc::default(),
            feeds: Arc::default(),
            next: AtomicU64::new(0),
        }
    }

    /// Takes a message's record over.
    pub(super) fn message(&self, record: MessageRecord) {
        self.message_at(self.clock.second(), record);
    }

    fn message_at(&self, second: u64, record: MessageRecord) {
        let message = Arc::new(RecentMessage::new(wall_ms(), record));
        if self.feeds.are_read() {
            self.feeds.message(&message);
        }
        lock(&self.host).message(second, message.clone());
        let is_orphan = message.record.is_orphan;
        if let Some(book) = (!is_orphan).then(|| self.book(&message.record.tenant)).flatten() {
            lock(&book).message(second, message);
        }
    }

    /// Counts and tells an event that is no message.
    pub(super) fn event(&self, event: &Event) {
        if let Event::TenantRemoved { tenant } = event {
            // At once: another one may come under the same name.
            self.tenants.write().unwrap_or_else(PoisonError::into_inner).remove(tenant);
            self.feeds.end_of(tenant);
        }
        match event {
            Event::SessionRefused { .. } => lock(&self.host).seconds.refused(self.clock.second()),
            Event::RecipientRefused { tenant, .. } => {
                let second = self.clock.second();
                lock(&self.host).seconds.refused(second);
                if let Some(book) = tenant.as_ref().and_then(|tenant| self.book(tenant)) {
                    lock(&book).seconds.refused(second);
                }
            }
            _ if self.feeds.are_read() => {
                if let Some(hearers) = change::hearers(event) {
                    self.feeds.change(hearers, &change::text(wall_ms(), event).into());
                }
            }
            _ => {}
        }
    }

    /// The book of a tenant, made where there is none yet; none where there are too many.
    fn book(&self, tenant: &str) -> Option<Arc<Mutex<Book>>> {
        if let Some(book) = self.known(tenant) {
            return Some(book);
        }
        let mut books = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        if books.len() >= TENANTS_MAX && !books.contains_key(tenant) {
            return None;
        }
        let new = || Arc::new(Mutex::new(Book::new(&book::TENANT, self.tenants_bytes.clone())));
        Some(books.entry(tenant.to_owned()).or_insert_with(new).clone())
    }

    fn known(&self, tenant: &str) -> Option<Arc<Mutex<Book>>> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }

    /// The running second may be over. To be called once a second; what was missed is made up for.
    pub(super) fn tick(&self, gauges: &Gauges<'_>) {
        self.tick_at(self.clock.second(), gauges);
    }

    fn tick_at(&self, now: u64, gauges: &Gauges<'_>) {
        let from = self.next.swap(now, Ordering::Relaxed).max(now.saturating_sub(LATE_MAX));
        self.forget(gauges.tenants);
        for second in from..now {
            let mut in_flight = 0;
            for (tenant, at_work) in gauges.tenants.iter().filter(|(_, at_work)| *at_work > 0) {
                let at_work = u32::try_from(*at_work).unwrap_or(u32::MAX);
                in_flight += at_work;
                if let Some(book) = self.book(tenant) {
                    lock(&book).seconds.gauges(second, 0, at_work, 0);
                }
            }
            lock(&self.host).seconds.gauges(second, gauges.sessions, in_flight, gauges.memory);
            if second % PRUNE_EVERY == 0 {
                self.prune(second);
            }
        }
        if from < now {
            self.beat(from, now);
        }
    }

    /// Tells everyone who listens the figures of the seconds that are over.
    fn beat(&self, from: u64, now: u64) {
        for tenant in self.feeds.second() {
            let figures = self.figures_of(tenant.as_deref(), from, now);
            for point in &figures.points {
                let Figures { senders, clients, stages, tenants, .. } = &figures;
                let beat = Beat { point, senders, clients, stages, tenants };
                // Numbers and texts: it cannot fail.
                let text = serde_json::to_string(&beat).unwrap_or_default();
                self.feeds.figures(tenant.as_deref(), &text.into());
            }
        }
    }

    /// Drops the books of tenants that are no more: another one may come under the same name.
    fn forget(&self, there: &[(String, usize)]) {
        let there: HashSet<&str> = there.iter().map(|(name, _)| name.as_str()).collect();
        let all_there = {
            let books = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
            books.keys().all(|name| there.contains(name.as_str()))
        };
        if !all_there {
            let mut books = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
            books.retain(|name, _| there.contains(name.as_str()));
        }
    }

    fn prune(&self, now: u64) {
        lock(&self.host).prune(now);
        let mut books = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        books.retain(|_, book| {
            let mut book = lock(book);
            book.prune(now);
            !book.is_empty()
        });
    }

    /// Figures of a tenant, or of the host, as of the last tick.
    pub(super) fn figures(&self, tenant: Option<&str>) -> Figures {
        let now = self.next.load(Ordering::Relaxed);
        self.figures_of(tenant, now.saturating_sub(POINTS_MAX), now)
    }

    fn figures_of(&self, tenant: Option<&str>, from: u64, now: u64) -> Figures {
        let of = |book: &Book| Figures {
            every_ms: 1000,
            points: book.seconds.points(from, now, self.clock.base(), tenant.is_none()),
            senders: book.senders.top(now),
            clients: book.clients.top(now),
            stages: book.stages.figures(now),
            tenants: Vec::new(),
        };
        let Some(tenant) = tenant else {
            let figures = of(&lock(&self.host));
            return Figures { tenants: self.busy_tenants(now), ..figures };
        };
        match self.known(tenant) {
            Some(book) => of(&lock(&book)),
            None => of(&Book::new(&book::TENANT, Arc::default())),
        }
    }

    fn busy_tenants(&self, now: u64) -> Vec<TenantFigure> {
        let books: BTreeMap<String, _> = {
            let books = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
            books.iter().map(|(name, book)| (name.clone(), book.clone())).collect()
        };
        let figure = |(name, book): (String, Arc<Mutex<Book>>)| {
            let book = lock(&book);
            let (messages, bytes, refused) = book.seconds.sums(now, WINDOW);
            let a_second = stages::a_second;
            let (messages, bytes, refused) = (a_second(messages), a_second(bytes), a_second(refused));
            TenantFigure { name, messages, bytes, refused, in_flight: book.seconds.in_flight(now) }
        };
        let mut tenants: Vec<TenantFigure> = books.into_iter().map(figure).collect();
        // Stable: those that are equally busy stay in the order of their names.
        tenants.sort_by(|a, b| b.messages.total_cmp(&a.messages));
        tenants.truncate(BUSY_TENANTS_MAX);
        tenants
    }

    /// The last messages of a tenant or of all, newest first, at most `limit`, those before the message `before`.
    pub(super) fn messages(
        &self,
        tenant: Option<&str>,
        limit: usize,
        before: Option<&str>,
    ) -> Vec<Arc<RecentMessage>> {
        match tenant {
            None => lock(&self.host).recent.newest(limit, before),
            Some(tenant) => {
                self.known(tenant).map(|book| lock(&book).recent.newest(limit, before)).unwrap_or_default()
            }
        }
    }

    /// Begins to listen; none once it is all over.
    pub(super) fn listen(&self, interest: Interest) -> Option<Feed> {
        self.feeds.listen(interest)
    }

    /// Ends all feeds.
    pub(super) fn end(&self) {
        self.feeds.end();
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
