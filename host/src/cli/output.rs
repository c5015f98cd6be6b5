//! Printing to stdout where the reader may go away: `gatepost status | head -1` is no error.

use std::fmt::Arguments;
use std::io::Write as _;

/// Prints a line; nobody reading it any more is no reason to fail.
pub(super) fn print_line(text: Arguments<'_>) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// `println!`, but quiet where the pipe is closed.
macro_rules! outln {
    ($($arg:tt)*) => { $crate::cli::output::print_line(format_args!($($arg)*)) };
}
