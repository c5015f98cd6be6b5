//! Reads the tables of a document.
//!
//! Knows Markdown as our documents write it: a heading, rows that begin with `| `, keys in backquotes.

/// A row: the backquoted words of its first cell, and the other cells.
pub(super) type Row = (Vec<String>, Vec<String>);

/// The text from a heading up to the next one.
///
/// # Panics
/// Where there is no such heading.
pub(super) fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let marked = format!("\n{heading}");
    let rest = match document.strip_prefix(heading) {
        Some(rest) => rest,
        None => document.split_once(&marked).unwrap_or_else(|| panic!("no section {heading}")).1,
    };
    let section = rest.split_once('\n').expect("a heading is a line").1;
    section.split("\n#").next().expect("a split has a first part")
}

/// The rows of a section that name something in backquotes.
///
/// # Panics
/// Where there is no such heading.
pub(super) fn rows(document: &str, heading: &str) -> Vec<Row> {
    let lines = section(document, heading).lines();
    let rows = lines.filter(|line| line.starts_with("| ") && !line.starts_with("| ---")).map(|line| {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    });
    rows.map(|cells| (quoted(&cells[0]), cells[1..].to_vec())).filter(|(keys, _)| !keys.is_empty()).collect()
}

/// The words in backquotes.
pub(super) fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A slip in how tables are read would hide every difference.
#[test]
fn rows_are_read() {
    let text = "\n### T\n\nwords\n\n| key | default | |\n| --- | --- | --- |\n| `a`, `b` | `\"1s\"`, 2 | c |\n\n### U\n| `x` | | |\n";
    let expected = (vec!["a".to_owned(), "b".to_owned()], vec!["`\"1s\"`, 2".to_owned(), "c".to_owned()]);
    assert_eq!(rows(text, "### T"), [expected]);
}
