//! Printing to stdout where the reader may go away: `gatepost status | head -1` is no error. And a word on the terminal
//! where something takes its time.

use std::fmt::Arguments;
use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::telemetry::causes::one_line;
use crate::telemetry::is_active;

/// What is done sooner needs no word.
const PATIENCE: Duration = Duration::from_secs(1);

/// While this lives, a line on the terminal says what is waited for; nothing where stderr is none.
pub(super) struct Waiting {
    over: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Waiting {
    /// `what` is a word in progress: `uploading`.
    pub(super) fn start(what: &'static str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { over: None, thread: None };
        }
        let (over, told) = sync_channel(0);
        let thread = std::thread::spawn(move || {
            let began = Instant::now();
            let mut shown = false;
            while told.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                shown = true;
                eprint!("\r{what} ... {} s", began.elapsed().as_secs());
            }
            if shown {
                eprint!("\r\x1b[K");
            }
        });
        Self { over: Some(over), thread: Some(thread) }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.over.take();
        if let Some(thread) = self.thread.take() {
            // The thread's only fault would be a panic, which has been printed.
            let _ = thread.join();
        }
    }
}

/// Prints a line; nobody reading it any more is no reason to fail.
pub(super) fn print_line(text: Arguments<'_>) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints a line; false: nobody reads it any more, so that what goes on for ever may end.
pub(super) fn try_line(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

/// A text from outside as a line, or a part of one: what a terminal would act upon is escaped.
pub(super) fn line(text: &str) -> String {
    plain(&one_line(text))
}

/// The same, with its spaces as they are.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if is_active(c) { plain.extend(c.escape_unicode()) } else { plain.push(c) }
    }
    plain
}

/// At most so many characters; a mark says where some are left out.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept = text.chars().take(width.saturating_sub(1));
    kept.chain((width > 0).then_some('…')).collect()
}

/// Exactly so many characters.
pub(super) fn pad(text: &str, width: usize) -> String {
    format!("{:<width$}", cut(text, width))
}

/// `println!`, but quiet where the pipe is closed.
macro_rules! outln {
    ($($arg:tt)*) => { $crate::cli::output::print_line(format_args!($($arg)*)) };
}
