//! Talks to the running server over its admin address.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;

use super::exit::{NotRunning, Problems};
use crate::config::{self, Config, Problem};
use crate::token::read_token;

/// A reload compiles every new component: give it time.
const PATIENCE: Duration = Duration::from_secs(120);

/// Finds and reads the config: `--config`, `./gatepost.toml`, `/etc/gatepost/gatepost.toml`.
pub(super) fn load_config(path: Option<&Path>) -> anyhow::Result<(std::path::PathBuf, Config)> {
    let path = match path {
        Some(path) => path.to_owned(),
        None => find_config().ok_or_else(|| {
            let text = "neither ./gatepost.toml nor /etc/gatepost/gatepost.toml is there; use --config";
            Problems(vec![Problem::of_file("", text)])
        })?,
    };
    let config = config::load(&path).map_err(Problems)?;
    Ok((path, config))
}

/// The config file that is used without `--config`, if there is one.
pub(super) fn find_config() -> Option<std::path::PathBuf> {
    ["gatepost.toml", "/etc/gatepost/gatepost.toml"]
        .into_iter()
        .map(Into::into)
        .find(|path: &std::path::PathBuf| path.exists())
}

/// One request. Answers of 200 and 422 are read; anything else is an error.
pub(super) fn ask<T: DeserializeOwned>(config: &Config, method: &str, path: &str) -> anyhow::Result<T> {
    let url = format!("http://{}{path}", config.admin.address);
    let token = format!("Bearer {}", read_token(config).context(NotRunning)?);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .build()
        .into();
    let sent = match method {
        "POST" => agent.post(&url).header("Authorization", &token).send_empty(),
        _ => agent.get(&url).header("Authorization", &token).call(),
    };
    let mut answer =
        sent.with_context(|| format!("no answer from {}; is the server running?", config.admin.address))?;
    let text = answer.body_mut().read_to_string().context("reading the answer")?;
    match answer.status().as_u16() {
        200 | 422 => serde_json::from_str(&text).context("the server's answer is not of this version"),
        status => bail!("the server answers {status}: {text}"),
    }
}
