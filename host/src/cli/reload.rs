//! `gatepost reload`: has the running server read everything again, and says what came of it.

use std::path::Path;

use super::client::{Client, load_config};
use super::exit::Exit;
use crate::catalog::ReloadReport;

pub(super) fn run(config: Option<&Path>, json: bool) -> anyhow::Result<Exit> {
    let (_, config) = match load_config(config) {
        Ok(found) => found,
        // The server says the same, and keeps what it has; nothing is lost by not asking.
        Err(error) => return Err(error.context("nothing was reloaded")),
    };
    let report: ReloadReport = Client::new(&config)?.post("/v1/reload")?.expect(&[200, 422])?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        outln!("{report}");
    }
    Ok(if report.is_ok() { Exit::Ok } else { Exit::Config })
}
