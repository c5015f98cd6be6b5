//! `gatepost run --tenant T` without a chain: T's live chain, tried by the running server; with one, and a server that is named, a
//! chain that is proposed. What is told is what a chain run offline tells.

use std::fs::File;
use std::io::Read as _;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::report;
use crate::cli::arguments::RunOptions;
use crate::cli::client::Client;
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::line;
use crate::cli::paths::of_tenant;
use crate::cli::reach::Reach;
use crate::transaction::trial::Outcome;

/// What the server tells.
#[derive(Deserialize)]
struct Tried {
    #[serde(flatten)]
    outcome: Outcome,
    log: Vec<Said>,
    message: Option<String>,
}

/// Something that a stage said.
#[derive(Deserialize)]
struct Said {
    level: String,
    stage: String,
    text: String,
}

pub(super) fn run(
    reach: &Reach,
    options: &RunOptions,
    stage: &toml::Table,
    json: bool,
) -> anyhow::Result<Exit> {
    let tenant = options.tenant.as_deref().unwrap_or_default();
    if options.watch {
        let text = "--watch works offline: give --chain, and no --server or token";
        return Err(Usage(text.to_owned()).into());
    }
    if !stage.is_empty() && options.chain.is_none() {
        return Err(Usage("--stage takes a chain: give --chain".to_owned()).into());
    }
    let change = options.chain.as_ref().map(|chain| json!({ "chain": chain, "stage": stage }));
    let message = read(options)?;
    let body = json!({
        "message": STANDARD.encode(message),
        "sender": options.from,
        "recipients": options.rcpt,
        "helo": options.helo,
        "ip": options.ip,
        "change": change,
    });
    let path = of_tenant(tenant, "/try")?;
    let tried: Tried = Client::connect(reach)?.post_json(&path, &body)?.expect(&[200])?;
    for Said { level, stage, text } in &tried.log {
        eprintln!("{} {}: {}", line(level), line(stage), text.escape_debug());
    }
    let decode = |message: &String| STANDARD.decode(message).context("the server's answer is not base64");
    let message = tried.message.as_ref().map(decode).transpose()?;
    report(&Outcome { message, ..tried.outcome }, options, json)
}

fn read(options: &RunOptions) -> anyhow::Result<Vec<u8>> {
    let mut message = Vec::new();
    match &options.message {
        Some(path) => {
            let open = File::open(path).and_then(|mut file| file.read_to_end(&mut message));
            open.with_context(|| format!("--message `{}`", path.display()))?;
        }
        None => {
            std::io::stdin().lock().read_to_end(&mut message).context("reading the message from stdin")?;
        }
    }
    Ok(message)
}
