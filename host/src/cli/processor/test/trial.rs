//! One case: its message through the component, whole and over every cut, held against what is expected.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use serde::Serialize;

use super::case::Case;
use super::diff::diff;
use super::judge::{Came, difference, problems};
use crate::chain::cutting::{Cut, Cutting};
use crate::chain::{Fixed, LineUp};
use crate::cli::exit::Usage;
use crate::cli::offline::{Outcome, Plan, Workshop, through};
use crate::mail::MessageId;
use crate::transaction::new_id;

/// CPU time for a message that comes in many pieces: each piece is a call, and the budget is for whole chunks.
const CPU_WHEN_CUT: Duration = Duration::from_secs(60);
/// Runs that the figures are the median of.
const MEASURED_RUNS: usize = 15;

/// From this length on, in bytes, CPU time for each MiB means something: below, what a message costs at all outweighs it.
const PER_MIB_FROM: u64 = 64 << 10;

/// What a case came to.
#[derive(Debug, Serialize)]
pub(super) struct Trial {
    pub(super) name: String,
    /// Nothing is wrong.
    pub(super) ok: bool,
    /// What is not as expected.
    pub(super) problems: Vec<String>,
    /// What was written to `expected.eml`, as a difference; with `--update` only.
    pub(super) updated: Option<String>,
    pub(super) verdict: &'static str,
    /// In how many ways the message was cut, the whole one included.
    pub(super) cuts: usize,
    pub(super) figures: Figures,
    /// What the stage said, when the message came whole.
    pub(super) log: Vec<String>,
}

/// What the message cost, when it came whole.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    /// Median CPU time, in microseconds.
    pub(super) cpu_us: u64,
    /// For each MiB of the message; none for one of less than 64 KiB.
    pub(super) cpu_us_per_mib: Option<u64>,
    /// Most linear memory, in bytes.
    pub(super) memory_peak: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    /// `bytes_out` over `bytes_in`; none for an empty message.
    pub(super) output_ratio: Option<f64>,
}

/// Where a case is run.
pub(super) struct Bench<'a> {
    pub(super) workshop: &'a Workshop,
    pub(super) runtime: &'a tokio::runtime::Runtime,
    /// What the component is called in the chain.
    pub(super) processor: &'a str,
    pub(super) update: bool,
}

impl Bench<'_> {
    /// Runs a case.
    ///
    /// # Errors
    /// The stage's config or the component is refused; a file cannot be written.
    pub(super) fn run(&self, case: &Case) -> anyhow::Result<Trial> {
        let line_up = self.line_up(case, None)?;
        let id = new_id();
        let whole = self.once(case, &line_up, &id, &Cut::whole())?;
        let log = self.workshop.said();
        let mut problems = problems(&case.expect, &whole);
        let outcome = &whole.outcome;
        let mut updated = None;
        // A message that should not be there is no snapshot.
        if problems.is_empty() {
            match self.message(case, outcome)? {
                Compared::Same => {}
                Compared::Written(text) => updated = Some(text),
                Compared::Differs(text) => problems.push(text),
            }
        }
        let cuts = self.cuts(case, &whole, &id, &mut problems)?;
        let figures = self.figures(case, &line_up, &id, outcome)?;
        let name = case.name.clone();
        Ok(Trial {
            name,
            ok: problems.is_empty(),
            problems,
            updated,
            verdict: outcome.verdict,
            cuts,
            figures,
            log,
        })
    }

    fn line_up(&self, case: &Case, cpu: Option<Duration>) -> anyhow::Result<LineUp> {
        let mut stages = toml::Table::new();
        if !case.stage.is_empty() {
            stages.insert(self.processor.to_owned(), case.stage.clone().into());
        }
        let source = case.folder.join("case.toml").display().to_string();
        self.workshop.line_up(Plan {
            source: &source,
            chain: self.processor,
            stages,
            cpu,
            domains: case.sent.domains(),
            fixed: Some(Fixed { now_ms: case.now_ms, seed: case.seed }),
        })
    }

    fn once(&self, case: &Case, line_up: &LineUp, id: &MessageId, cut: &Cut) -> anyhow::Result<Came> {
        let mut envelope = case.sent.envelope(id.clone()).map_err(Usage)?;
        for (key, value) in &case.facts {
            envelope.set_host_fact(key, value.clone());
        }
        // Each run finds the same: what another one left would let it come to something else.
        let entries = case.kv.iter().map(|(key, text)| (key.clone(), (text.clone().into_bytes(), None)));
        self.workshop.remember(entries.collect(), case.now_ms);
        let pieces = cut.pieces(&case.message).map(|piece| Ok(Bytes::copy_from_slice(piece)));
        let outcome = self.runtime.block_on(through(line_up, self.workshop.limits(), envelope, pieces))?;
        Ok(Came { outcome, kv: self.workshop.remembered() })
    }

    /// The same message over every cut; the first one that comes to something else is told. Gives how many were run.
    fn cuts(
        &self,
        case: &Case,
        whole: &Came,
        id: &MessageId,
        problems: &mut Vec<String>,
    ) -> anyhow::Result<usize> {
        // More time for many pieces would let it come to something else.
        if whole.outcome.failures.iter().any(|failure| failure.is_budget) {
            return Ok(1);
        }
        let line_up = self.line_up(case, Some(CPU_WHEN_CUT))?;
        let cuttings = case.cuttings.iter().filter(|cutting| **cutting != Cutting::Whole);
        let cuts: Vec<Cut> = cuttings.flat_map(|cutting| cutting.cuts(&case.message, case.seed)).collect();
        for (n, cut) in cuts.iter().enumerate() {
            let other = self.once(case, &line_up, id, cut)?;
            // What it says when cut is said by the whole one already.
            self.workshop.said();
            if let Some(difference) = difference(whole, &other) {
                problems.push(format!("{}: {difference}", cut.how));
                return Ok(n + 2);
            }
        }
        Ok(cuts.len() + 1)
    }

    fn message(&self, case: &Case, whole: &Outcome) -> anyhow::Result<Compared> {
        let Some(came) = whole.message.as_deref().filter(|_| whole.verdict != "discard") else {
            return Ok(Compared::Same);
        };
        if case.expect.unchanged {
            let difference = diff(&case.message, came);
            let text = || format!("the message is changed, {difference}");
            return Ok(if difference.is_empty() { Compared::Same } else { Compared::Differs(text()) });
        }
        let path = case.snapshot();
        let expected = match std::fs::read(&path) {
            Ok(expected) => Some(expected),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", path.display())),
        };
        if expected.as_deref() == Some(came) {
            return Ok(Compared::Same);
        }
        if self.update {
            std::fs::write(&path, came).with_context(|| format!("cannot write `{}`", path.display()))?;
            return Ok(Compared::Written(diff(expected.as_deref().unwrap_or(&case.message), came)));
        }
        Ok(Compared::Differs(match expected {
            Some(expected) => format!("the message differs from expected.eml, {}", diff(&expected, came)),
            None => format!(
                "there is no expected.eml: `--update` writes one, or say `message = \"unchanged\"` in [expect]; \
                 against message.eml it differs {}",
                Some(diff(&case.message, came))
                    .filter(|text| !text.is_empty())
                    .unwrap_or("in nothing".into())
            ),
        }))
    }

    fn figures(
        &self,
        case: &Case,
        line_up: &LineUp,
        id: &MessageId,
        whole: &Outcome,
    ) -> anyhow::Result<Figures> {
        let cut = Cut::whole();
        let mut times = Vec::with_capacity(MEASURED_RUNS);
        for _ in 0..MEASURED_RUNS {
            let Came { outcome, .. } = self.once(case, line_up, id, &cut)?;
            times.extend(outcome.stages.first().map(|stage| stage.cpu_us));
            self.workshop.said();
        }
        times.sort_unstable();
        let cpu_us = times.get(times.len() / 2).copied().unwrap_or(0);
        let len = case.message.len() as u64;
        let out = whole.message.as_ref().map_or(0, |message| message.len() as u64);
        Ok(Figures {
            cpu_us,
            cpu_us_per_mib: (len >= PER_MIB_FROM).then(|| (cpu_us << 20) / len),
            memory_peak: whole.stages.first().map_or(0, |stage| stage.memory_peak),
            bytes_in: len,
            bytes_out: out,
            output_ratio: (len > 0).then(|| ratio(out, len)),
        })
    }
}

/// How the message compares with what is expected.
enum Compared {
    Same,
    Written(String),
    Differs(String),
}

/// To three digits.
fn ratio(out: u64, len: u64) -> f64 {
    (out as f64 / len as f64 * 1000.0).round() / 1000.0
}
