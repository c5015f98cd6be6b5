//! `gatepost chain history|rollback`: what a tenant's chain was, and how it comes back.

use serde_json::json;

use super::live;
use crate::admin::History;
use crate::catalog::{Action, RevisionText, RevisionView};
use crate::cli::client::Client;
use crate::cli::exit::Exit;
use crate::cli::output::line;
use crate::cli::output::plain;
use crate::cli::paths::of_tenant;
use crate::cli::reach::Reach;

pub(super) fn list(reach: &Reach, tenant: &str, json: bool) -> anyhow::Result<Exit> {
    let path = of_tenant(tenant, "/chain/history")?;
    let history: History = Client::connect(reach)?.get(&path)?.expect(&[200])?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&history)?);
        return Ok(Exit::Ok);
    }
    history.revisions.iter().for_each(entry);
    Ok(Exit::Ok)
}

pub(super) fn show(reach: &Reach, tenant: &str, revision: u64, json: bool) -> anyhow::Result<Exit> {
    let path = of_tenant(tenant, &format!("/chain/history/{revision}"))?;
    let past: RevisionText = Client::connect(reach)?.get(&path)?.expect(&[200])?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&past)?);
        return Ok(Exit::Ok);
    }
    entry(&past.view);
    for change in &past.meant {
        outln!("{:<9}{}", "", line(change));
    }
    // What the file says may hold anything.
    past.diff.lines().for_each(|line| outln!("{}", plain(line)));
    Ok(Exit::Ok)
}

pub(super) fn roll_back(
    reach: &Reach,
    tenant: &str,
    to: Option<u64>,
    if_revision: Option<u64>,
    json: bool,
) -> anyhow::Result<Exit> {
    let path = of_tenant(tenant, "/chain/rollback")?;
    let expected = if_revision.map(|revision| format!("\"{revision}\""));
    let fields: Vec<(&str, &str)> = expected.iter().map(|tag| ("If-Match", tag.as_str())).collect();
    let answer = Client::connect(reach)?.post_json_if(&path, &fields, &json!({ "revision": to }))?;
    live(&answer, json)
}

fn entry(view: &RevisionView) {
    let mark = if view.live { "*" } else { " " };
    let at = view.at.as_deref().and_then(|at| at.get(..19)).unwrap_or("-");
    let action = match (view.action, view.of) {
        (Action::Create, _) => "create".to_owned(),
        (Action::Set, _) => "set".to_owned(),
        (Action::File, _) => "file".to_owned(),
        (Action::Rollback, Some(of)) => format!("rollback to {of}"),
        (Action::Rollback, None) => "rollback".to_owned(),
    };
    let (number, author, chain) = (view.revision, line(&view.author), line(&view.chain));
    outln!("{mark} {number:>4}  {at:<19}  {author:<24}  {action:<15}  {chain}");
    let versions: Vec<&str> = view.components.iter().map(|component| component.processor.as_str()).collect();
    if !versions.is_empty() {
        outln!("{:<9}runs {}", "", line(&versions.join(", ")));
    }
}
