//! Looks whether certificates' files have changed, and takes up what fits.
//!
//! ```text
//! files --stamp differs--> rests for a look --read--> a pair that fits: served    else: the old one goes on, and one notice
//! ```
//!
//! By looking, not by the kernel's word: renewals replace links and folders in ways that differ, and there are few files.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::listeners::Listeners;
use crate::telemetry::{Event, Level, Telemetry, causes};
use crate::tls::TlsSlot;
use crate::watched::Stamp;

/// How often files are looked at. What has changed must rest for one look: key and certificate are written one after the other.
const LOOK: Duration = Duration::from_secs(2);
/// How often certificates that run out are spoken of.
const REMIND: Duration = Duration::from_secs(86_400);

/// What was seen of a listener's files that are not what it serves.
struct Seen {
    stamps: Vec<Option<Stamp>>,
    /// It does not fit, and that was said.
    refused: bool,
}

/// Looks as long as the listeners are there.
pub(super) async fn watch(listeners: Weak<Listeners>, telemetry: Telemetry) {
    let mut seen = HashMap::new();
    let mut reminded = Instant::now();
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(slots) = listeners.upgrade().map(|listeners| listeners.slots()) else { return };
        let remind = reminded.elapsed() >= REMIND;
        if remind {
            reminded = Instant::now();
        }
        let telemetry = telemetry.clone();
        // Disks may be slow, and remote.
        let looked = tokio::task::spawn_blocking(move || {
            seen.retain(|name, _| slots.iter().any(|(other, _)| other == name));
            for (name, slot) in &slots {
                let notices = look(slot, seen.remove(name));
                seen.extend(notices.0.map(|seen| (name.clone(), seen)));
                let warnings = if remind { slot.warnings(SystemTime::now()) } else { Vec::new() };
                let warnings = warnings.into_iter().map(|text| (Level::Warn, text));
                for (level, text) in notices.1.into_iter().chain(warnings) {
                    let text = format!("listener `{name}`: {text}");
                    telemetry.emit(Event::Notice { level, text });
                }
            }
            seen
        });
        // It can only have panicked, which has been printed.
        let Ok(looked) = looked.await else { return };
        seen = looked;
    }
}

/// Looks at one listener's files. Gives what is to be remembered until the next look, and what is to be said.
fn look(slot: &Arc<TlsSlot>, before: Option<Seen>) -> (Option<Seen>, Option<(Level, String)>) {
    let stamps = slot.stamps_now();
    if stamps == slot.stamps() {
        return (None, None);
    }
    match before.filter(|before| before.stamps == stamps) {
        None => (Some(Seen { stamps, refused: false }), None),
        Some(before) if before.refused => (Some(before), None),
        Some(_) => match slot.read() {
            Ok(fresh) => {
                slot.store(fresh);
                (
                    None,
                    Some((
                        Level::Info,
                        "its certificates were read again: their files have changed".to_owned(),
                    )),
                )
            }
            Err(error) => {
                let text =
                    format!("its new certificates cannot be used, the old ones go on: {}", causes(&error));
                (Some(Seen { stamps, refused: true }), Some((Level::Error, text)))
            }
        },
    }
}
