//! `gatepost run`: a message through a chain, offline. The message goes to stdout, verdict and figures to stderr.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use anyhow::Context;
use bytes::Bytes;

use super::arguments::RunOptions;
use super::client::find_config;
use super::exit::{Exit, Usage};
use super::offline::{Outcome, Plan, Scratch, Sent, Setup, Workshop, pieces_of, through};
use super::reach::Reach;
use crate::transaction::new_id;
use sources::Source;

mod live;
mod sources;
mod watch;

pub(super) fn run(reach: &Reach, options: &RunOptions, json: bool) -> anyhow::Result<Exit> {
    let is_asked = options.tenant.is_some() && reach.names_a_server();
    let Some(chain) = options.chain.as_ref().filter(|_| !is_asked) else {
        return live::run(reach, options, &stages(options)?, json);
    };
    let config = reach.config.clone().or_else(find_config);
    let job = Job { config, options, chain, sources: sources::of(options)?, stages: stages(options)?, json };
    if !options.watch {
        return job.once(None);
    }
    let watched = job.watched();
    if watched.is_empty() {
        let text = "--watch has nothing to watch: give --message FILE or --processor NAME=FILE";
        return Err(Usage(text.into()).into());
    }
    let kept = match &options.message {
        Some(_) => None,
        // It comes but once.
        None => Some(read_stdin()?),
    };
    watch::watch(&watched, || job.once(kept.as_ref()))
}

/// What is to be run, as often as need be.
struct Job<'a> {
    config: Option<PathBuf>,
    options: &'a RunOptions,
    chain: &'a str,
    sources: Vec<Source>,
    stages: toml::Table,
    json: bool,
}

impl Job<'_> {
    /// Builds what must be built, runs the message (`kept`, where it was read before) and reports.
    fn once(&self, kept: Option<&Bytes>) -> anyhow::Result<Exit> {
        let scratch = Scratch::new()?;
        let components = sources::components(&self.sources, scratch.path())?;
        let tenant = self.options.tenant.as_deref();
        let setup = Setup { config: self.config.as_deref(), tenant, components: &components, strict: false };
        let workshop = Workshop::open(&setup)?;
        let line_up = workshop.line_up(Plan {
            source: "--chain",
            chain: self.chain,
            stages: self.stages.clone(),
            ..Plan::default()
        })?;
        let options = self.options;
        let sent = Sent {
            from: options.from.clone(),
            to: options.rcpt.clone(),
            helo: options.helo.clone(),
            ip: options.ip,
        };
        let envelope = sent.envelope(new_id()).map_err(Usage)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let limits = workshop.limits();
        let outcome = match (kept, &options.message) {
            (Some(kept), _) => {
                runtime.block_on(through(&line_up, limits, envelope, std::iter::once(Ok(kept.clone()))))
            }
            (None, Some(path)) => {
                let file = File::open(path).with_context(|| format!("--message `{}`", path.display()))?;
                runtime.block_on(through(&line_up, limits, envelope, pieces_of(file)))
            }
            (None, None) => {
                let stdin = std::io::stdin().lock();
                runtime.block_on(through(&line_up, limits, envelope, pieces_of(stdin)))
            }
        };
        let outcome = outcome.context("reading the message")?;
        for line in workshop.said() {
            eprintln!("{line}");
        }
        self.report(&outcome)
    }

    /// Everything that another run may read anew.
    fn watched(&self) -> Vec<PathBuf> {
        let mut watched: Vec<PathBuf> = self.sources.iter().map(|source| source.path.clone()).collect();
        watched.extend(self.options.message.clone());
        if let Some(config) = &self.config {
            watched.push(config.clone());
            watched.extend(config.parent().map(|folder| folder.join("conf.d")));
        }
        watched
    }

    fn report(&self, outcome: &Outcome) -> anyhow::Result<Exit> {
        report(outcome, self.options, self.json)
    }
}

/// Prints what came of a message, and puts the message where it is to go.
fn report(outcome: &Outcome, options: &RunOptions, json: bool) -> anyhow::Result<Exit> {
    if json {
        outln!("{}", serde_json::to_string_pretty(outcome)?);
    } else {
        show(outcome);
    }
    match (&outcome.message, &options.output) {
        (Some(message), Some(path)) => {
            std::fs::write(path, message).with_context(|| format!("--output `{}`", path.display()))?;
        }
        (Some(message), None) if !json => {
            let written = std::io::stdout().lock().write_all(message);
            written.context("writing the message to stdout")?;
        }
        _ => {}
    }
    Ok(Exit::from(outcome))
}

fn stages(options: &RunOptions) -> anyhow::Result<toml::Table> {
    let mut stages = toml::Table::new();
    for setting in &options.stage {
        let (label, text) =
            setting.split_once('=').ok_or_else(|| Usage("--stage takes LABEL=JSON".into()))?;
        let value: toml::Table = serde_json::from_str(text)
            .map_err(|error| Usage(format!("--stage `{label}` takes a JSON object: {error}")))?;
        stages.insert(label.to_owned(), value.into());
    }
    Ok(stages)
}

fn read_stdin() -> anyhow::Result<Bytes> {
    let mut message = Vec::new();
    std::io::stdin().lock().read_to_end(&mut message).context("reading the message from stdin")?;
    Ok(message.into())
}

/// Failures, figures and verdict, for people.
fn show(outcome: &Outcome) {
    for failure in &outcome.failures {
        eprintln!("stage `{}`: {}", failure.stage, failure.text.escape_debug());
    }
    for stage in &outcome.stages {
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
        if !stage.limits.is_empty() {
            eprintln!("{:<20} ran into its limits: {}", "", stage.limits.join(", "));
        }
    }
    match (&outcome.reason, &outcome.message) {
        (Some(reason), _) => eprintln!("verdict: {}: {}", outcome.verdict, reason.escape_debug()),
        (None, Some(_)) => eprintln!("verdict: {}", outcome.verdict),
        (None, None) => eprintln!("verdict: {}: {}", outcome.verdict, outcome.reply),
    }
}
