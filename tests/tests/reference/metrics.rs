//! The page of metrics, from what is scraped after one of each event.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gatepost::telemetry::{BreakerFigure, PoolFigure, Telemetry};

use super::log::one_of_each;
use super::page;

/// Goal: every metric is in the reference, with its kind, its labels and its help text.
#[test]
fn metrics() {
    let telemetry = Telemetry::silent();
    one_of_each().into_iter().for_each(|event| telemetry.emit(event));
    telemetry.count_wrong_token(false);
    telemetry.count_remembered("t", "s");
    let _instance = telemetry.instance("t");
    telemetry.watch_pool(|| vec![PoolFigure { kind: "memories", used: 1, size: 1 }]);
    telemetry.watch_breakers(|| vec![BreakerFigure { tenant: "t".into(), stage: "s".into(), open: true }]);
    let (mut help, mut kinds, mut labels) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let scraped = telemetry.metrics_text();
    for line in scraped.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "HELP", name, text] => {
                drop(help.insert((*name).to_owned(), text.trim_end_matches('.').to_owned()));
            }
            ["#", "TYPE", name, kind] => drop(kinds.insert((*name).to_owned(), (*kind).to_owned())),
            _ => {
                let Some((name, rest)) = line.split_once('{') else { continue };
                let names = rest.split("=\"").filter_map(|part| part.rsplit(['{', ',']).next());
                let names = names.filter(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
                let names: Vec<String> = names
                    .filter(|name| *name != "le" && !name.is_empty())
                    .map(|n| format!("`{n}`"))
                    .collect();
                let family =
                    ["_total", "_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
                labels.insert(family.unwrap_or(name).to_owned(), names.join(", "));
            }
        }
    }
    let mut text = String::from(
        "# Metrics\n\nAt `/metrics` of the admin address, without a token, as OpenMetrics. No address or subject is ever a label.\n\n\
         | metric | kind | labels | |\n| --- | --- | --- | --- |\n",
    );
    for (name, kind) in &kinds {
        let shown = if kind == "counter" { format!("{name}_total") } else { name.clone() };
        let labels = labels.get(name).cloned().unwrap_or_default();
        let _ = writeln!(text, "| `{shown}` | {kind} | {labels} | {} |", help[name]);
    }
    assert!(kinds.len() > 15 && text.contains("`gatepost_messages_total`"), "{text}");
    page("metrics.md", &text);
}
