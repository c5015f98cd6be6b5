//! All that is kept of the host, or of one tenant.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::busiest::Busiest;
use super::recent::{Recent, RecentMessage, Room};
use super::seconds::Seconds;
use super::stages::Stages;

/// How much a book holds.
#[derive(Debug)]
pub(super) struct Size {
    /// Names of senders, and of clients, a minute.
    names_max: usize,
    room: Room,
    /// Whether stages are told apart: those of one tenant.
    has_stages: bool,
}

/// Of the host. 256 names tell each that sent more than 0.4 % of all mail; 500 messages are some pages, at most 4 MiB.
pub(super) const HOST: Size = Size {
    names_max: 256,
    room: Room { count: 500, bytes: 4 << 20, bytes_tight: 4 << 20, total: 4 << 20 },
    has_stages: false,
};

/// Of a tenant, and there may be many. 32 names tell each that sent more than 3 %; 200 messages of 1 KiB are usual, and 512 KiB
/// hold them with long chains too. All tenants' messages together have 32 MiB, past which each has 16 KiB left.
pub(super) const TENANT: Size = Size {
    names_max: 32,
    room: Room { count: 200, bytes: 512 << 10, bytes_tight: 16 << 10, total: 32 << 20 },
    has_stages: true,
};

/// Points, names, stages and messages.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) seconds: Seconds,
    pub(super) senders: Busiest,
    pub(super) clients: Busiest,
    pub(super) stages: Stages,
    pub(super) recent: Recent,
    has_stages: bool,
}

impl Book {
    /// `bytes` counts what the messages of all books of this kind take.
    pub(super) fn new(size: &Size, bytes: Arc<AtomicUsize>) -> Self {
        Self {
            seconds: Seconds::default(),
            senders: Busiest::new(size.names_max),
            clients: Busiest::new(size.names_max),
            stages: Stages::default(),
            recent: Recent::new(size.room, bytes),
            has_stages: size.has_stages,
        }
    }

    pub(super) fn message(&mut self, second: u64, message: Arc<RecentMessage>) {
        let record = &message.record;
        self.seconds.message(second, &record.verdict, record.size);
        // Domains are compared in lower case.
        let domain = record.sender.rsplit_once('@').map_or("<>", |(_, domain)| domain);
        if domain.bytes().any(|b| b.is_ascii_uppercase()) {
            self.senders.count(second, &domain.to_ascii_lowercase());
        } else {
            self.senders.count(second, domain);
        }
        self.clients.count(second, &record.client);
        if self.has_stages {
            self.stages.count(second, &record.stages);
        }
        self.recent.push(message);
    }

    /// Lets go what is too old. The last messages stay.
    pub(super) fn prune(&mut self, now: u64) {
        self.seconds.prune(now);
        self.senders.prune(now);
        self.clients.prune(now);
        self.stages.prune(now);
    }

    /// Whether nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.seconds.is_empty() && self.recent.is_empty()
    }
}
