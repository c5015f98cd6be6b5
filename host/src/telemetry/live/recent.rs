//! The last messages, in bounded memory.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;
use utoipa::ToSchema;

use crate::telemetry::{MessageRecord, StageRecord};

/// Most recipients that are kept of a message; the rest are counted.
pub const RECIPIENTS_MAX: usize = 16;
/// Longest text that is kept, in bytes: a path has at most 256 octets (RFC 5321 §4.5.3.1.3), a reply line 512.
const TEXT_MAX: usize = 512;

/// A message that came to its end not long ago.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecentMessage {
    /// When, as Unix time in milliseconds.
    pub at: u64,
    /// As the log has it, but with texts of at most 512 bytes.
    #[serde(flatten)]
    pub record: MessageRecord,
    /// Recipients beyond the first 16. Absent where there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub recipients_more: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl RecentMessage {
    /// Takes a record over, its texts cut where a client made them long.
    pub(super) fn new(at: u64, mut record: MessageRecord) -> Self {
        let recipients_more = record.recipients.len().saturating_sub(RECIPIENTS_MAX);
        if recipients_more > 0 {
            record.recipients.truncate(RECIPIENTS_MAX);
            record.recipients.shrink_to_fit();
        }
        let texts = [&mut record.helo, &mut record.sender, &mut record.reply, &mut record.reason];
        texts.into_iter().chain(&mut record.recipients).for_each(cut);
        Self { at, record, recipients_more }
    }

    /// About what it takes in memory.
    fn bytes(&self) -> usize {
        let record = &self.record;
        let texts = [
            &record.id,
            &record.tenant,
            &record.client,
            &record.helo,
            &record.tls,
            &record.sender,
            &record.verdict,
            &record.reply,
            &record.reason,
        ];
        let of = |text: &String| size_of::<String>() + text.len();
        let texts: usize = texts.into_iter().map(String::len).sum();
        let lists: usize = record.recipients.iter().chain(&record.sinks).map(of).sum();
        let of_stage = |stage: &StageRecord| stage.name.len() + stage.processor.len() + stage.outcome.len();
        let stages: usize =
            record.stages.iter().map(|stage| size_of::<StageRecord>() + of_stage(stage)).sum();
        size_of::<Self>() + texts + lists + stages
    }
}

/// Cuts a text where a character ends, and says so.
fn cut(text: &mut String) {
    if text.len() > TEXT_MAX {
        text.truncate(text.floor_char_boundary(TEXT_MAX - 3));
        text.push_str("...");
        text.shrink_to_fit();
    }
}

/// How many messages a ring keeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// So many.
    pub(super) count: usize,
    /// In so many bytes.
    pub(super) bytes: usize,
    /// In so many bytes once all rings together hold `total`.
    pub(super) bytes_tight: usize,
    /// Bytes that all rings together may hold before they are tight.
    pub(super) total: usize,
}

/// The last messages of the host or of one tenant, oldest first. The newest is always there.
#[derive(Debug)]
pub(super) struct Recent {
    messages: VecDeque<(usize, Arc<RecentMessage>)>,
    bytes: usize,
    room: Room,
    /// Of all rings together.
    total: Arc<AtomicUsize>,
}

impl Recent {
    pub(super) fn new(room: Room, total: Arc<AtomicUsize>) -> Self {
        Self { messages: VecDeque::new(), bytes: 0, room, total }
    }

    pub(super) fn push(&mut self, message: Arc<RecentMessage>) {
        let bytes = message.bytes();
        self.messages.push_back((bytes, message));
        self.bytes += bytes;
        let total = self.total.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let most = if total > self.room.total { self.room.bytes_tight } else { self.room.bytes };
        while self.messages.len() > self.room.count || (self.bytes > most && self.messages.len() > 1) {
            let Some((bytes, _)) = self.messages.pop_front() else { break };
            self.bytes -= bytes;
            self.total.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// The newest first, at most `limit`; those before the message `before`, none where that is not there any more.
    pub(super) fn newest(&self, limit: usize, before: Option<&str>) -> Vec<Arc<RecentMessage>> {
        let mut newest = self.messages.iter().rev().map(|(_, message)| message);
        if let Some(before) = before {
            newest.by_ref().find(|message| message.record.id == before);
        }
        newest.take(limit).cloned().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

impl Drop for Recent {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { count: 5, bytes: 100_000, bytes_tight: 2_000, total: 150_000 };

    fn message(id: usize, helo: usize) -> Arc<RecentMessage> {
        let record = MessageRecord { id: id.to_string(), helo: "h".repeat(helo), ..MessageRecord::default() };
        Arc::new(RecentMessage::new(1, record))
    }

    fn ids(recent: &Recent, limit: usize, before: Option<&str>) -> Vec<String> {
        recent.newest(limit, before).iter().map(|message| message.record.id.clone()).collect()
    }

    #[test]
    fn newest_first_in_pages_and_so_many() {
        let total = Arc::<AtomicUsize>::default();
        let mut recent = Recent::new(ROOM, total.clone());
        (0..8).for_each(|id| recent.push(message(id, 10)));
        assert_eq!(ids(&recent, 9, None), ["7", "6", "5", "4", "3"]);
        assert_eq!(ids(&recent, 2, Some("6")), ["5", "4"]);
        assert_eq!(ids(&recent, 2, Some("0")), [""; 0], "it is gone, and so is what came before it");
        assert_eq!(total.load(Ordering::Relaxed), recent.bytes);
        drop(recent);
        assert_eq!(total.load(Ordering::Relaxed), 0);
    }

    /// Goal: when there is little room each ring shrinks, down to its newest message; the others' stay as they are.
    #[test]
    fn bytes_of_all_rings_together_are_bounded() {
        let total = Arc::<AtomicUsize>::default();
        let mut quiet = Recent::new(ROOM, total.clone());
        quiet.push(message(0, 10));
        total.fetch_add(ROOM.total, Ordering::Relaxed);
        let mut loud = Recent::new(ROOM, total.clone());
        (1..9).for_each(|id| loud.push(message(id, 500)));
        assert!(loud.bytes <= ROOM.bytes_tight && !loud.messages.is_empty());
        assert_eq!(ids(&quiet, 9, None), ["0"]);
    }

    #[test]
    fn what_a_client_made_long_is_cut() {
        let record = MessageRecord {
            helo: "\u{20ac}".repeat(1000),
            recipients: vec!["r".repeat(1000); 100],
            ..MessageRecord::default()
        };
        let message = RecentMessage::new(7, record);
        assert!(message.record.helo.len() <= TEXT_MAX && message.record.helo.ends_with("\u{20ac}..."));
        assert_eq!((message.record.recipients.len(), message.recipients_more), (16, 84));
        assert!(message.record.recipients.iter().all(|recipient| recipient.len() == TEXT_MAX));
        let json = serde_json::to_value(&message).unwrap();
        assert_eq!((&json["at"], &json["recipients_more"]), (&7.into(), &84.into()));
        assert!(
            serde_json::to_value(RecentMessage::new(7, MessageRecord::default())).unwrap()["recipients_more"]
                .is_null()
        );
    }
}
