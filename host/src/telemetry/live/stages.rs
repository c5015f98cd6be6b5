//! What a tenant's stages did in the last ten seconds.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::telemetry::StageRecord;

/// How many seconds count, the running one not among them.
pub const WINDOW: u64 = 10;
/// A window's seconds, the running one included.
const SLOTS: usize = 11;
/// Most stages that are kept: a chain has at most 64, and for ten seconds there may be those of two chains.
const STAGES_MAX: usize = 128;

/// What a stage did, a second.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct StageFigure {
    /// Its name in the chain.
    pub name: String,
    /// Which processor.
    pub processor: String,
    /// Messages that it was asked about.
    pub messages: f64,
    /// Those that it could not decide on.
    pub failures: f64,
    /// CPU time, in microseconds.
    pub cpu_us: f64,
    /// Bytes in.
    pub bytes_in: f64,
    /// Bytes out.
    pub bytes_out: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    second: u64,
    messages: u64,
    failures: u64,
    cpu_us: u64,
    bytes_in: u64,
    bytes_out: u64,
}

/// One stage; 600 bytes.
#[derive(Debug)]
struct Window {
    name: String,
    processor: String,
    /// Where it stands in the chain of the last message.
    place: usize,
    last: u64,
    /// By second.
    slots: [Slot; SLOTS],
}

/// The stages of one tenant.
#[derive(Debug, Default)]
pub(super) struct Stages(Vec<Window>);

impl Stages {
    pub(super) fn count(&mut self, second: u64, stages: &[StageRecord]) {
        for (place, stage) in stages.iter().enumerate().filter(|(_, stage)| stage.outcome != "unused") {
            let Some(window) = self.window(second, place, stage) else { continue };
            let slot = &mut window.slots[(second % (WINDOW + 1)) as usize];
            if slot.second != second {
                *slot = Slot { second, ..Slot::default() };
            }
            slot.messages += 1;
            slot.failures += u64::from(matches!(&*stage.outcome, "failed" | "bypassed"));
            slot.cpu_us += stage.cpu_us;
            slot.bytes_in += stage.bytes_in;
            slot.bytes_out += stage.bytes_out;
        }
    }

    /// None where there are too many.
    fn window(&mut self, second: u64, place: usize, stage: &StageRecord) -> Option<&mut Window> {
        let is_it = |window: &Window| window.name == stage.name && window.processor == stage.processor;
        // Nearly always it stands where it stood.
        let known = match self.0.get(place) {
            Some(window) if is_it(window) => Some(place),
            _ => self.0.iter().position(is_it),
        };
        let at = known.unwrap_or(self.0.len());
        if at == self.0.len() {
            if at == STAGES_MAX {
                return None;
            }
            self.0.push(Window {
                name: stage.name.clone(),
                processor: stage.processor.clone(),
                place,
                last: second,
                slots: [Slot::default(); SLOTS],
            });
        }
        let window = &mut self.0[at];
        (window.place, window.last) = (place, second);
        Some(window)
    }

    pub(super) fn prune(&mut self, now: u64) {
        self.0.retain(|window| window.last + WINDOW >= now);
        if self.0.is_empty() {
            self.0.shrink_to_fit();
        }
    }

    /// Those that did something in the [`WINDOW`] before `now`, in the order of the chain.
    pub(super) fn figures(&self, now: u64) -> Vec<StageFigure> {
        let mut windows: Vec<&Window> = self.0.iter().collect();
        windows.sort_by_key(|window| window.place);
        windows.into_iter().filter_map(|window| window.figure(now)).collect()
    }
}

impl Window {
    fn figure(&self, now: u64) -> Option<StageFigure> {
        let counts = |slot: &&Slot| slot.second < now && slot.second + WINDOW >= now;
        let sum = |of: fn(&Slot) -> u64| self.slots.iter().filter(counts).map(of).sum::<u64>();
        let messages = sum(|slot| slot.messages);
        (messages > 0).then(|| StageFigure {
            name: self.name.clone(),
            processor: self.processor.clone(),
            messages: a_second(messages),
            failures: a_second(sum(|slot| slot.failures)),
            cpu_us: a_second(sum(|slot| slot.cpu_us)),
            bytes_in: a_second(sum(|slot| slot.bytes_in)),
            bytes_out: a_second(sum(|slot| slot.bytes_out)),
        })
    }
}

/// A sum over the window, a second.
#[allow(clippy::cast_precision_loss, reason = "exact up to 8 PiB")]
pub(super) fn a_second(sum: u64) -> f64 {
    sum as f64 / WINDOW as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(name: &str, outcome: &str) -> StageRecord {
        let (name, outcome) = (name.to_owned(), outcome.to_owned());
        StageRecord { name, outcome, cpu_us: 100, bytes_in: 50, bytes_out: 60, ..StageRecord::default() }
    }

    #[test]
    fn ten_seconds_of_each_stage_in_the_order_of_the_chain() {
        let mut stages = Stages::default();
        stages.count(0, &[stage("a", "pass"), stage("b", "failed"), stage("c", "unused")]);
        stages.count(4, &[stage("b", "bypassed"), stage("a", "pass")]);
        assert_eq!(stages.figures(0), [], "the running second does not count");
        let told = stages.figures(5);
        assert_eq!(told.iter().map(|stage| &*stage.name).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!((told[0].messages, told[0].failures), (0.2, 0.2));
        let (cpu_us, bytes_in, bytes_out) = (told[1].cpu_us, told[1].bytes_in, told[1].bytes_out);
        assert_eq!((cpu_us, bytes_in, bytes_out, told[1].failures), (20.0, 10.0, 12.0, 0.0));
        assert_eq!(stages.figures(11)[0].messages, 0.1, "the first second is over");
        assert_eq!(stages.figures(15), []);
        stages.prune(15);
        assert_eq!(stages.0.capacity(), 0);
    }

    #[test]
    fn ever_new_names_are_bounded() {
        let mut stages = Stages::default();
        for n in 0..1000 {
            stages.count(0, &[stage(&n.to_string(), "pass")]);
        }
        assert_eq!(stages.figures(1).len(), STAGES_MAX);
    }
}
