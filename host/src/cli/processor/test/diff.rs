//! In what two messages differ, for people: lines with their ends and every control character shown.

use std::fmt::Write as _;
use std::time::Duration;

use similar::{Algorithm, ChangeTag, TextDiff};

/// Lines around a change.
const CONTEXT: usize = 2;
/// Most lines of a difference that are shown.
const LINES_MAX: usize = 60;
/// Longest line that is shown, in characters.
const LINE_MAX: usize = 160;
/// After this the difference is given less finely: it is for reading.
const TIME_MAX: Duration = Duration::from_secs(1);

/// `-` lines are expected, `+` lines came. Empty where both are the same.
pub(super) fn diff(expected: &[u8], came: &[u8]) -> String {
    if expected == came {
        return String::new();
    }
    let at = expected.iter().zip(came).take_while(|(a, b)| a == b).count();
    let mut text = format!("from byte {at} on (- expected, + came):\n");
    let difference =
        TextDiff::configure().algorithm(Algorithm::Myers).timeout(TIME_MAX).diff_lines(expected, came);
    let mut lines = 0;
    for group in difference.grouped_ops(CONTEXT) {
        for change in group.iter().flat_map(|op| difference.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines += 1;
            if lines <= LINES_MAX {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "  {sign} {}", shown(change.value()));
            }
        }
    }
    if lines > LINES_MAX {
        let _ = writeln!(text, "  ... {} more lines", lines - LINES_MAX);
    }
    text
}

/// A line as it is, but for what cannot be seen: that is escaped, the line's end too.
fn shown(line: &[u8]) -> String {
    let mut text = String::new();
    for chunk in line.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                ' '..='~' => text.push(c),
                c if c.is_control() || c.is_whitespace() || c == '\u{feff}' => {
                    text.extend(c.escape_default());
                }
                // Marks that turn or join what stands beside them.
                '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    text.extend(c.escape_default());
                }
                c => text.push(c),
            }
        }
        let _ = write!(text, "{}", chunk.invalid().escape_ascii());
    }
    match text.char_indices().nth(LINE_MAX) {
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], line.len()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_stand_out_and_what_cannot_be_seen_is_shown() {
        let expected = b"A: 1\r\nB: 2\r\n\r\nbody\r\n";
        let came = b"A: 1\r\nB: 2\nC:\t3\r\n\r\nbody\r\n";
        assert_eq!(
            diff(expected, came),
            "from byte 10 on (- expected, + came):\n    A: 1\\r\\n\n  - B: 2\\r\\n\n  + B: 2\\n\n  + C:\\t3\\r\\n\n    \\r\\n\n    body\\r\\n\n"
        );
        assert_eq!(shown(b"Gr\xc3\xbc\xc3\x9fe \xff\x1b[2J\xe2\x80\xae"), "Grüße \\xff\\u{1b}[2J\\u{202e}");
        assert_eq!(diff(came, came), "");
    }

    #[test]
    fn a_long_difference_is_cut() {
        let many = |letter: &str| format!("{letter}\n").repeat(LINES_MAX).into_bytes();
        let text = diff(&many("a"), &many("b"));
        assert!(text.ends_with(&format!("  ... {LINES_MAX} more lines\n")), "{text}");
        let (fits, over) = ("x".repeat(LINE_MAX), "x".repeat(LINE_MAX + 1));
        assert_eq!(shown(fits.as_bytes()), fits);
        assert_eq!(shown(over.as_bytes()), format!("{fits}... ({} bytes)", over.len()));
    }
}
