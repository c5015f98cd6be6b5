//! News for those who listen, each through a bounded queue of its own: one who reads slowly loses news, and nobody else does.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::{self, Receiver, Sender};

use super::change::Hearers;
use super::recent::RecentMessage;

/// News that wait for one listener; a message takes a few KiB.
const WAITING_MAX: usize = 128;
/// Seconds' figures that wait for one listener.
const FIGURES_WAITING_MAX: usize = 4;
/// Messages that one listener is told a second: more is no reading, and the cores are for mail.
pub const MESSAGES_PER_SECOND_MAX: u32 = 100;

/// What somebody listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interest {
    /// Whose; none: everybody's, and the host's own.
    pub tenant: Option<String>,
    /// Each second's figures.
    pub figures: bool,
    /// Messages.
    pub messages: bool,
    /// What changed.
    pub changes: bool,
}

/// Something new.
#[derive(Debug, Clone)]
pub enum News {
    /// Figures of one second, as JSON.
    Figures(Arc<str>),
    /// A message came to its end.
    Message(Arc<RecentMessage>),
    /// Something changed, as JSON.
    Change(Arc<str>),
    /// So much was not told, because it was too much or was read too slowly.
    Lagged(u64),
}

#[derive(Debug)]
struct Listener {
    id: u64,
    interest: Interest,
    figures: Sender<Arc<str>>,
    news: Sender<News>,
    lost: Arc<AtomicU64>,
    /// Messages that may be told until the second is over.
    messages_left: u32,
}

impl Listener {
    fn is_for(&self, tenant: Option<&str>) -> bool {
        self.interest.tenant.is_none() || self.interest.tenant.as_deref() == tenant
    }

    /// Tells it, or counts it as lost.
    fn tell(&self, news: News) {
        if self.news.try_send(news).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[derive(Debug, Default)]
struct List {
    listeners: Vec<Listener>,
    next_id: u64,
    is_over: bool,
}

/// Everyone who listens.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    list: Mutex<List>,
    /// So that where nobody listens, nobody takes the lock.
    count: AtomicUsize,
}

/// One who listens, until it is dropped.
#[derive(Debug)]
pub struct Feed {
    id: u64,
    figures: Receiver<Arc<str>>,
    news: Receiver<News>,
    lost: Arc<AtomicU64>,
    feeds: Arc<Feeds>,
}

impl Feeds {
    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None once it is all over.
    pub(super) fn listen(self: &Arc<Self>, interest: Interest) -> Option<Feed> {
        let (figures, figures_read) = mpsc::channel(FIGURES_WAITING_MAX);
        let (news, news_read) = mpsc::channel(WAITING_MAX);
        let lost = Arc::<AtomicU64>::default();
        let mut list = self.list();
        if list.is_over {
            return None;
        }
        let id = list.next_id;
        list.next_id += 1;
        let messages_left = MESSAGES_PER_SECOND_MAX;
        list.listeners.push(Listener { id, interest, figures, news, lost: lost.clone(), messages_left });
        self.count.store(list.listeners.len(), Ordering::Relaxed);
        Some(Feed { id, figures: figures_read, news: news_read, lost, feeds: self.clone() })
    }

    pub(super) fn are_read(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    pub(super) fn message(&self, message: &Arc<RecentMessage>) {
        for listener in &mut self.list().listeners {
            let of = Some(&*message.record.tenant).filter(|_| !message.record.is_orphan);
            if !listener.interest.messages || !listener.is_for(of) {
                continue;
            }
            if listener.messages_left == 0 {
                listener.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            listener.messages_left -= 1;
            listener.tell(News::Message(message.clone()));
        }
    }

    pub(super) fn change(&self, hearers: Hearers<'_>, text: &Arc<str>) {
        let tenant = match hearers {
            Hearers::Host => None,
            Hearers::Tenant(tenant) => Some(tenant),
        };
        let list = self.list();
        for listener in list.listeners.iter().filter(|listener| listener.interest.changes) {
            if listener.is_for(tenant) {
                listener.tell(News::Change(text.clone()));
            }
        }
    }

    /// A second is over. Gives whose figures are wanted.
    pub(super) fn second(&self) -> BTreeSet<Option<String>> {
        let mut wanted = BTreeSet::new();
        for listener in &mut self.list().listeners {
            listener.messages_left = MESSAGES_PER_SECOND_MAX;
            if listener.interest.figures {
                wanted.insert(listener.interest.tenant.clone());
            }
        }
        wanted
    }

    /// Whoever has four seconds waiting can do without a fifth.
    pub(super) fn figures(&self, tenant: Option<&str>, text: &Arc<str>) {
        let list = self.list();
        let wanted =
            |listener: &&Listener| listener.interest.figures && listener.interest.tenant.as_deref() == tenant;
        for listener in list.listeners.iter().filter(wanted) {
            let _ = listener.figures.try_send(text.clone());
        }
    }

    /// Every feed of one tenant's ends.
    pub(super) fn end_of(&self, tenant: &str) {
        let mut list = self.list();
        list.listeners.retain(|listener| listener.interest.tenant.as_deref() != Some(tenant));
        self.count.store(list.listeners.len(), Ordering::Relaxed);
    }

    /// Every feed ends, and there are no new ones.
    pub(super) fn end(&self) {
        let mut list = self.list();
        list.is_over = true;
        list.listeners.clear();
        self.count.store(0, Ordering::Relaxed);
    }
}

impl Feed {
    /// What is new; none: it is all over. Nothing is lost where the caller stops waiting.
    pub async fn next(&mut self) -> Option<News> {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            return Some(News::Lagged(lost));
        }
        tokio::select! {
            biased;
            figures = self.figures.recv() => figures.map(News::Figures),
            news = self.news.recv() => news,
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut list = self.feeds.list();
        list.listeners.retain(|listener| listener.id != self.id);
        self.feeds.count.store(list.listeners.len(), Ordering::Relaxed);
    }
}
