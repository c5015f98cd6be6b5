//! One stage and the corpus: every message whole, then every message in every cut, up to the first failure.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use async_trait::async_trait;
use bytes::Bytes;

use super::corpus::{self, Message};
use super::{Fault, NOW_MS, Rehearsal, SmokeFigures, SmokeWarning, Tried};
use crate::chain::cutting::Cut;
use crate::chain::{Content, OnFailure, Outlet, PlannedStage, Refusal, Run, RunEnd, RunLimits};
use crate::mail::{Envelope, Mailbox, MessageId};
use crate::sink::SinkFailure;
use crate::telemetry::causes;

/// Most CPU time that one stage is given over all its runs, in microseconds.
pub(super) const STAGE_CPU_US_MAX: u64 = 1_000_000;
/// Most CPU time that all stages of a chain are given over all their runs, in microseconds, an equal part each. Stages at the
/// edge of their budgets would else hold a check up for minutes.
pub(super) const CHAIN_CPU_US_MAX: u64 = 2_000_000;

/// What came of one run.
struct Came {
    /// A verdict, or a refusal with its reply.
    decision: String,
    sender: Option<Mailbox>,
    recipients: Vec<Mailbox>,
    facts: BTreeMap<String, String>,
    output: Vec<u8>,
}

/// A failure: its reason and its text.
struct Failed(&'static str, String);

/// A stage, what it has cost so far, and what whole messages came to.
struct Trial<'a> {
    rehearsal: &'a Rehearsal,
    planned: PlannedStage,
    domain: &'a str,
    limits: RunLimits,
    figures: SmokeFigures,
    cpu_us: u64,
    cpu_us_max: u64,
}

/// Runs the corpus through one stage, until it has used `cpu_us_max`.
///
/// # Errors
/// What it gives depends on the cuts.
pub(super) async fn stage(rehearsal: &Rehearsal, domain: &str, limits: RunLimits, cpu_us_max: u64) -> Tried {
    let stage = rehearsal.label.clone();
    let mut figures = SmokeFigures { stage: stage.clone(), ..SmokeFigures::default() };
    let processor = match &rehearsal.processor {
        Ok(processor) => processor.clone(),
        Err(text) => {
            let text = format!("does not start with half of its CPU budget: {text}");
            let reason = "configure".to_owned();
            return Ok((figures, Some(SmokeWarning { stage, message: String::new(), reason, text })));
        }
    };
    // What gives `any` gives what it took.
    let agree = match (processor.takes(), processor.gives()) {
        (_, Content::Message) | (Content::Message, Content::Any) => true,
        (_, Content::Bytes) | (Content::Bytes | Content::Any, Content::Any) => false,
    };
    figures.complete = true;
    let planned = PlannedStage { label: stage, on_failure: OnFailure::Defer, processor, breaker: None };
    let mut trial = Trial { rehearsal, planned, domain, limits, figures, cpu_us: 0, cpu_us_max };
    let warning = trial.corpus(agree).await?;
    trial.figures.complete &= warning.is_none();
    Ok((trial.figures, warning))
}

impl Trial<'_> {
    /// Gives the first failure, after which nothing more is run.
    async fn corpus(&mut self, agree: bool) -> Result<Option<SmokeWarning>, Fault> {
        let messages = corpus::messages();
        let mut whole = Vec::with_capacity(messages.len());
        let mut times = Vec::with_capacity(messages.len());
        for message in &messages {
            if self.cpu_us > self.cpu_us_max {
                return Ok(Some(self.too_slow()));
            }
            let (cpu_us, came) = self.once(message, &Cut::whole()).await;
            self.figures.messages += 1;
            times.push(cpu_us);
            times.sort_unstable();
            self.figures.cpu_us_median = times[times.len() / 2];
            self.figures.cpu_us_max = self.figures.cpu_us_max.max(cpu_us);
            match came {
                Ok(came) => whole.push(came),
                Err(failed) => return Ok(Some(self.warning(message, failed))),
            }
        }
        for (message, whole) in messages.iter().zip(&whole) {
            for cut in corpus::cuts(message.bytes.len(), self.limits.chunk_size) {
                if self.cpu_us > self.cpu_us_max {
                    return Ok(Some(self.too_slow()));
                }
                let came = match self.once(message, &cut).await.1 {
                    Ok(came) => came,
                    Err(failed) => return Ok(Some(self.warning(message, failed))),
                };
                if let Some(text) = difference(whole, &came, &cut).filter(|_| agree) {
                    let text = format!(
                        "what it gives depends on how the message is cut: smoke message `{}`, {text}",
                        message.name
                    );
                    return Err(Fault { stage: self.rehearsal.label.clone(), text });
                }
            }
        }
        Ok(None)
    }

    /// One run: its CPU time in microseconds, and what came of it.
    async fn once(&mut self, message: &Message, cut: &Cut) -> (u64, Result<Came, Failed>) {
        self.rehearsal.kv.reset(&self.rehearsal.tenant, BTreeMap::new(), NOW_MS);
        let mut run = Run::new(std::slice::from_ref(&self.planned), self.limits, envelope(self.domain));
        let mut kept = Kept(Vec::new());
        let ended = async {
            for piece in cut.pieces(&message.bytes) {
                run.write(Bytes::copy_from_slice(piece), &mut kept).await?;
            }
            run.finish(&mut kept).await
        };
        let ended = ended.await;
        let record = run.records().into_iter().next().unwrap_or_default();
        self.figures.runs += 1;
        self.figures.memory_peak = self.figures.memory_peak.max(record.memory_peak);
        self.cpu_us += record.cpu_us;
        let decision = match ended {
            Ok(verdict) => format!("{verdict:?}"),
            Err(RunEnd::Refused { refusal: Refusal::Reject(reply), .. }) => format!("reject: {reply}"),
            Err(RunEnd::Refused { refusal: Refusal::Defer(reply), .. }) => format!("defer: {reply}"),
            Err(other) => return (record.cpu_us, Err(failed(&run, &other))),
        };
        let envelope = run.envelope();
        let came = Came {
            decision,
            sender: envelope.sender().cloned(),
            recipients: envelope.recipients().to_vec(),
            facts: envelope.facts().clone(),
            output: kept.0,
        };
        (record.cpu_us, Ok(came))
    }

    fn warning(&self, message: &Message, Failed(reason, text): Failed) -> SmokeWarning {
        let (stage, message) = (self.rehearsal.label.clone(), message.name.to_owned());
        SmokeWarning { stage, message, reason: reason.to_owned(), text }
    }

    fn too_slow(&self) -> SmokeWarning {
        let text =
            format!("is slow: after {} runs the rest of the smoke corpus was left out", self.figures.runs);
        let stage = self.rehearsal.label.clone();
        SmokeWarning { stage, message: String::new(), reason: "slow".to_owned(), text }
    }
}

fn failed(run: &Run, end: &RunEnd) -> Failed {
    match run.failures().last() {
        Some(failure) => Failed(failure.error.reason(), causes(&failure.error)),
        None => Failed("failed", format!("{end:?}")),
    }
}

/// In what the same message, cut, came to something else; a refusal's output is nobody's.
fn difference(whole: &Came, cut: &Came, how: &Cut) -> Option<String> {
    let tell = |what: &str, a: &str, b: &str| Some(format!("{what}: whole {a}, {} {b}", how.how));
    if whole.decision != cut.decision {
        return tell("verdict", &format!("{:?}", whole.decision), &format!("{:?}", cut.decision));
    }
    let mut keys = whole.facts.keys().chain(cut.facts.keys());
    if let Some(key) = keys.find(|key| whole.facts.get(*key) != cut.facts.get(*key)) {
        let fact = |came: &Came| format!("{:?}", came.facts.get(key).map_or("(none)", String::as_str));
        return tell(&format!("fact {key:?}"), &fact(whole), &fact(cut));
    }
    if (&whole.sender, &whole.recipients) != (&cut.sender, &cut.recipients) {
        let parties = |came: &Came| {
            let sender = came.sender.as_ref().map(ToString::to_string).unwrap_or_default();
            let recipients: Vec<String> = came.recipients.iter().map(ToString::to_string).collect();
            format!("<{sender}> to {}", recipients.join(", "))
        };
        return tell("envelope", &parties(whole), &parties(cut));
    }
    let taken = !(whole.decision.starts_with("reject") || whole.decision.starts_with("defer"));
    if taken && whole.output != cut.output {
        let same = whole.output.iter().zip(&cut.output).take_while(|(a, b)| a == b).count();
        let (a, b) = (whole.output.len(), cut.output.len());
        return Some(format!(
            "output: whole {a} bytes, {} {b} bytes, first difference at offset {same}",
            how.how
        ));
    }
    None
}

/// From a stranger to the tenant, as a client's session would have made it.
fn envelope(domain: &str) -> Envelope {
    let sender = Mailbox::from_parts("ann", "sender.example");
    let recipient = Mailbox::from_parts("smoke", domain);
    let id = MessageId::from_parts(NOW_MS * 1000, 0, 0);
    let mut envelope = Envelope::new(id, Some(sender), vec![recipient]);
    envelope.set_host_fact("smtp.helo", "client.example");
    envelope.set_host_fact("smtp.protocol", "ESMTP");
    envelope.set_host_fact("client.ip", Ipv4Addr::new(192, 0, 2, 7).to_string());
    envelope
}

/// Keeps what the stage gives: at most what its output limits allow.
struct Kept(Vec<u8>);

#[async_trait]
impl Outlet for Kept {
    async fn write(&mut self, _envelope: &Envelope, chunk: Bytes) -> Result<(), SinkFailure> {
        self.0.extend_from_slice(&chunk);
        Ok(())
    }
}
