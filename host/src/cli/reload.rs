//! `gatepost reload`: has the running server read everything again, and says what came of it.

use anyhow::Context as _;

use super::client::Client;
use super::exit::Exit;
use super::reach::Reach;
use crate::catalog::ReloadReport;

pub(super) fn run(reach: &Reach, json: bool) -> anyhow::Result<Exit> {
    // Where the config cannot be read the server says the same, and keeps what it has; nothing is lost by not asking.
    let client = Client::connect(reach).context("nothing was reloaded")?;
    let report: ReloadReport = client.post("/v1/reload")?.expect(&[200, 422])?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        outln!("{report}");
    }
    Ok(if report.is_ok() { Exit::Ok } else { Exit::Config })
}
