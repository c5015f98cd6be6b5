//! `gatepost run`: a message from stdin through a chain, offline. The message goes to stdout, verdict and figures to stderr.
//!
//! The same resolver, stages and run as the server's; no wire rules, and sinks are left out.

use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::{Context, bail};
use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;

use super::arguments::RunOptions;
use super::exit::{Exit, Problems, Usage};
use crate::catalog::tenant_file;
use crate::chain::{LineUp, Outlet, Run, RunEnd, RunLimits};
use crate::mail::{Envelope, Mailbox, Verdict};
use crate::sink::SinkFailure;
use crate::smtp::Protocol;
use crate::telemetry::{StageRecord, causes};
use crate::transaction::{new_id, replies};
use workshop::Workshop;

mod workshop;

/// Bytes read from stdin at once.
const READ_SIZE: usize = 64 << 10;

pub(super) fn run(config: Option<&Path>, options: &RunOptions, json: bool) -> anyhow::Result<Exit> {
    let workshop = Workshop::open(config, options)?;
    let line_up = line_up(&workshop, options)?;
    let envelope = envelope(options)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let done = runtime.block_on(through(&line_up, workshop.limits(), envelope))?;
    for line in workshop.said() {
        eprintln!("{line}");
    }
    report(&done, json)
}

/// What came of the message.
struct Done {
    run: Run,
    ended: Result<Verdict, RunEnd>,
    message: Vec<u8>,
}

fn line_up(workshop: &Workshop, options: &RunOptions) -> anyhow::Result<LineUp> {
    let mut table = toml::Table::new();
    table.insert("domains".into(), vec!["run.invalid".to_owned()].into());
    table.insert("chain".into(), options.chain.clone().into());
    let mut stages = toml::Table::new();
    for setting in &options.stage {
        let (label, text) =
            setting.split_once('=').ok_or_else(|| Usage("--stage takes LABEL=JSON".into()))?;
        let value: toml::Table = serde_json::from_str(text)
            .map_err(|error| Usage(format!("--stage `{label}` takes a JSON object: {error}")))?;
        stages.insert(label.to_owned(), value.into());
    }
    table.insert("stage".into(), stages.into());
    let config = workshop.config();
    let file = tenant_file::read("--chain", &toml::to_string(&table)?, &config.limits, &config.limits_max);
    let file = file.map_err(Problems)?;
    let resolved =
        workshop.catalog().with_resolver(|resolver| resolver.resolve(workshop.tenant(), &file, false));
    Ok(resolved.map_err(Problems)?.line_up)
}

fn envelope(options: &RunOptions) -> anyhow::Result<Envelope> {
    let mailbox = |text: &str| {
        Mailbox::parse(text).map_err(|error| Usage(format!("`{text}` is not a mailbox: {error}")))
    };
    let sender = if options.from.is_empty() { None } else { Some(mailbox(&options.from)?) };
    let recipients = options.rcpt.iter().map(|rcpt| mailbox(rcpt)).collect::<Result<_, _>>()?;
    let mut envelope = Envelope::new(new_id(), sender, recipients);
    // As a server would have got it: addresses in UTF-8 come with SMTPUTF8 only.
    let smtputf8 =
        envelope.sender().into_iter().chain(envelope.recipients()).any(|mailbox| !mailbox.is_ascii());
    if smtputf8 {
        envelope.set_host_fact("smtp.smtputf8", "yes");
    }
    envelope.set_host_fact("smtp.helo", options.helo.clone());
    envelope
        .set_host_fact("smtp.protocol", if smtputf8 { Protocol::Utf8Smtp } else { Protocol::Esmtp }.name());
    envelope.set_host_fact("client.ip", options.ip.to_string());
    Ok(envelope)
}

/// Keeps what the last stage gives, so that a refused message prints nothing.
struct Keep(Vec<u8>);

#[async_trait]
impl Outlet for Keep {
    async fn write(&mut self, _envelope: &Envelope, chunk: Bytes) -> Result<(), SinkFailure> {
        self.0.extend_from_slice(&chunk);
        Ok(())
    }
}

async fn through(line_up: &LineUp, limits: RunLimits, envelope: Envelope) -> anyhow::Result<Done> {
    let mut run = Run::new(&line_up.stages, limits, envelope);
    let mut keep = Keep(Vec::new());
    let mut stdin = std::io::stdin().lock();
    let mut ended = Ok(());
    let mut buffer = vec![0; READ_SIZE];
    while ended.is_ok() {
        let n = stdin.read(&mut buffer).context("reading the message from stdin")?;
        if n == 0 {
            break;
        }
        ended = run.write(Bytes::copy_from_slice(&buffer[..n]), &mut keep).await;
    }
    let ended = match ended {
        Ok(()) => run.finish(&mut keep).await,
        Err(end) => Err(end),
    };
    Ok(Done { run, ended, message: keep.0 })
}

/// What `--json` prints; the same shape as the API's `try`.
#[derive(Serialize)]
struct Shown<'a> {
    verdict: &'a str,
    reply: ShownReply,
    envelope: ShownEnvelope,
    facts: &'a std::collections::BTreeMap<String, String>,
    stages: Vec<StageRecord>,
}

#[derive(Serialize)]
struct ShownReply {
    code: u16,
    enhanced: Option<String>,
    text: String,
}

#[derive(Serialize)]
struct ShownEnvelope {
    sender: Option<String>,
    recipients: Vec<String>,
}

fn report(done: &Done, json: bool) -> anyhow::Result<Exit> {
    let envelope = done.run.envelope();
    let (verdict, exit) = match &done.ended {
        Ok(verdict) => (verdict.name(), Exit::Ok),
        Err(RunEnd::Refused { refusal, .. }) if refusal.is_permanent() => ("reject", Exit::No),
        Err(RunEnd::Refused { .. }) => ("defer", Exit::TempFail),
        Err(RunEnd::HeaderTooLarge) => ("reject", Exit::No),
        Err(RunEnd::Failed { .. }) => ("failed", Exit::Software),
        Err(RunEnd::Outlet(failure)) => bail!(causes(failure)),
    };
    let reply = match &done.ended {
        Ok(_) => replies::accepted(envelope.id()),
        Err(end) => replies::run_ended(end, envelope.id()),
    };
    if json {
        let shown = Shown {
            verdict,
            reply: ShownReply {
                code: reply.code(),
                enhanced: reply.enhanced().map(|code| code.to_string()),
                text: reply.text(),
            },
            envelope: ShownEnvelope {
                sender: envelope.sender().map(ToString::to_string),
                recipients: envelope.recipients().iter().map(ToString::to_string).collect(),
            },
            facts: envelope.facts(),
            stages: done.run.records(),
        };
        outln!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(exit);
    }
    for failure in done.run.failures() {
        eprintln!("stage `{}`: {}", failure.stage, causes(&failure.error).escape_debug());
    }
    for stage in done.run.records() {
        eprintln!(
            "{:<20} {:<9} cpu {:>7} us  wall {:>7} us  in {:>9}  out {:>9}  memory {:>9}",
            stage.name,
            stage.outcome,
            stage.cpu_us,
            stage.wall_us,
            stage.bytes_in,
            stage.bytes_out,
            stage.memory_peak
        );
    }
    match &done.ended {
        Ok(Verdict::Quarantine(reason)) => eprintln!("verdict: quarantine: {}", reason.escape_debug()),
        Ok(_) => eprintln!("verdict: {verdict}"),
        Err(_) => eprintln!("verdict: {verdict}: {reply}"),
    }
    if done.ended.is_ok() {
        let written = std::io::stdout().lock().write_all(&done.message);
        written.context("writing the message to stdout")?;
    }
    Ok(exit)
}
