//! An error with all its causes on one line.

use std::error::Error;
use std::fmt::Write as _;

/// `error` and everything in its `source()` chain, joined by `: `. A cause that only repeats the end of what stands
/// already is left out.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {cause_text}");
        }
        next = cause.source();
    }
    one_line(&text)
}

/// Lines joined by a space: a backtrace of a guest, say, has several.
pub(crate) fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_named_once() {
        let io = std::io::Error::other("disk on fire");
        let error = crate::sink::SinkError::new("writing `x`", io);
        assert_eq!(causes(&error), "writing `x`: disk on fire");
    }

    #[test]
    fn an_error_of_several_lines_becomes_one() {
        let error = std::io::Error::other("at backtrace:\n    0: f\n\n    1: g\r\n");
        assert_eq!(causes(&error), "at backtrace: 0: f 1: g");
    }
}
