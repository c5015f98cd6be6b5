//! How a delivery looks in the terminal.

use std::io::IsTerminal as _;

use serde_json::Value;

use super::diff::{Line, diff};

/// Whether colours are wanted: a terminal, and no `NO_COLOR` (<https://no-color.org>).
fn colours() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn painted(code: &str, text: &str) -> String {
    if colours() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// A heading.
pub(crate) fn heading(text: &str) {
    println!("\n{}", painted("1", &format!("== {text}")));
}

/// The header sections of a message before and after, as a comparison.
pub(crate) fn header_diff(before: &[u8], after: &[u8]) {
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    let (before, after): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    for line in diff(&before, &after) {
        // What a stranger wrote must not steer the terminal.
        let clean =
            |text: &str| text.replace('\t', "    ").chars().filter(|c| !c.is_control()).collect::<String>();
        match line {
            Line::Same(text) => println!("      {}", clean(text)),
            Line::Gone(text) => println!("    {}", painted("31", &format!("- {}", clean(text)))),
            Line::New(text) => println!("    {}", painted("32", &format!("+ {}", clean(text)))),
        }
    }
}

/// Verdict, reply and figures of each stage, from a message record of the log.
pub(crate) fn record(record: &Value) {
    let text = |key: &str| record[key].as_str().unwrap_or("?").to_owned();
    println!(
        "  verdict   {} ({} ms from the first byte to the reply)",
        painted("1", &text("verdict")),
        record["ms"]
    );
    println!("  reply     {}", text("reply"));
    println!(
        "  {:<16}{:<10}{:>9}{:>9}{:>10}{:>10}{:>12}",
        "stage", "outcome", "cpu us", "wall us", "bytes in", "out", "memory"
    );
    for stage in record["stages"].as_array().into_iter().flatten() {
        let text = |key: &str| stage[key].as_str().unwrap_or("?").to_owned();
        println!(
            "  {:<16}{:<10}{:>9}{:>9}{:>10}{:>10}{:>12}",
            text("name"),
            text("outcome"),
            stage["cpu_us"].to_string(),
            stage["wall_us"].to_string(),
            stage["bytes_in"].to_string(),
            stage["bytes_out"].to_string(),
            stage["memory_peak"].to_string(),
        );
    }
}
