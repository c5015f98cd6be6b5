//! The terminal while a picture is drawn on it again and again: a screen of its own, left as it was found.

use std::io::{self, IsTerminal as _, Write as _};

use rustix::termios::tcgetwinsize;

/// Another screen, no cursor, and no line that is too long goes on in the next.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
/// All of it undone.
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/// Columns and rows of what does not say.
const SIZE: (usize, usize) = (120, 40);

/// The other screen, until it is dropped.
pub(super) struct Screen(());

impl Screen {
    /// None where standard output is no terminal.
    pub(super) fn enter() -> io::Result<Option<Self>> {
        if !io::stdout().is_terminal() {
            return Ok(None);
        }
        write(ENTER)?;
        Ok(Some(Self(())))
    }

    /// Puts a picture in the place of the last one. Its lines hold no control characters.
    pub(super) fn draw(&self, lines: &[String]) -> io::Result<()> {
        // Home, each line with what stood behind it cleared, then all that stood below: nothing flickers.
        let picture = lines.join("\x1b[K\r\n");
        write(&format!("\x1b[H{picture}\x1b[K\x1b[J"))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = write(LEAVE);
    }
}

/// Columns and rows.
pub(super) fn size() -> (usize, usize) {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => SIZE,
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
