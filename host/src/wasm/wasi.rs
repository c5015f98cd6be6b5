//! `wasi = "stub"`: enough of WASI 0.2 for a program that was built for it to start, and nothing of the world behind it.
//!
//! ```text
//! io          streams and polls that never wait          clocks      stand still, a sleep ends at once
//! cli         no arguments, no environment, no stdin;    random      drawn from the message's id
//!             stdout and stderr go to the stage's log    filesystem  empty
//! ```
//!
//! Bindings, streams and the table of handles are `wasmtime-wasi`'s; every answer that tells one world from another is
//! given here, in `io` and `cli`. Sockets and http are linked for nobody. All of it is linked for every component;
//! [`Capabilities::missing`](super::Capabilities) keeps one out of the chains of tenants without the stub.
//!
//! Unlike the imports of `gatepost:processor`, these may be called from `describe` and `configure`: they say the same
//! every time, so both stay pure. A library may ask for a seed or print before there is a message.

mod cli;
mod io;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use semver::Version;
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::{cli as cli_bindings, clocks, filesystem, random};
use wasmtime_wasi_io::bindings::wasi::io as io_bindings;

use super::capabilities::splitmix64;
use super::limits::{LOG_RECORD_MAX, TEXT_MAX};
use super::sandbox::Sandbox;
use crate::telemetry::Level;

/// Packages that are linked, with their interfaces.
const OFFERED: [(&str, &[&str]); 5] = [
    ("io", &["error", "poll", "streams"]),
    (
        "cli",
        &[
            "environment",
            "exit",
            "stdin",
            "stdout",
            "stderr",
            "terminal-input",
            "terminal-output",
            "terminal-stdin",
            "terminal-stdout",
            "terminal-stderr",
        ],
    ),
    ("clocks", &["wall-clock", "monotonic-clock"]),
    ("random", &["random", "insecure", "insecure-seed"]),
    ("filesystem", &["types", "preopens"]),
];
/// Packages that no setting ever links.
const NEVER: [&str; 2] = ["sockets", "http"];
/// What an import of WASI begins with.
const WASI: &str = "wasi:";

/// Whether an import is one of WASI.
pub(super) fn is_wasi(import: &str) -> bool {
    import.starts_with(WASI)
}

/// Why an import of WASI cannot be linked, whoever asks; none: it can be.
pub(super) fn problem(import: &str) -> Option<String> {
    let name = import.strip_prefix(WASI).unwrap_or(import);
    let (path, version) = name.split_once('@').unwrap_or((name, ""));
    let (package, interface) = path.split_once('/').unwrap_or((path, ""));
    if NEVER.contains(&package) {
        return Some(format!("imports `{import}`: sockets and http are given to no processor"));
    }
    let offered =
        OFFERED.iter().any(|(known, interfaces)| *known == package && interfaces.contains(&interface));
    if !offered {
        return Some(format!("imports `{import}`, which is not on offer"));
    }
    // The linker takes any version that semver calls compatible with its own, and holds each function against it.
    let fits = Version::parse(version)
        .is_ok_and(|version| (version.major, version.minor) == (0, 2) && version.pre.is_empty());
    (!fits).then(|| format!("imports `{import}`: of WASI there is version 0.2 only"))
}

/// Links what is offered. `wasi:filesystem/types` is left to `wasmtime-wasi`: all of it hangs on a descriptor, and where no
/// folder is open there is none.
pub(super) fn add_to_linker(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    macro_rules! link {
        ($($interface:path),+) => {$({
            use $interface as interface;
            interface::add_to_linker::<Sandbox, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
        })+};
    }
    link!(io_bindings::error, io_bindings::poll, io_bindings::streams);
    link!(cli_bindings::environment, cli_bindings::exit);
    link!(cli_bindings::stdin, cli_bindings::stdout, cli_bindings::stderr);
    link!(cli_bindings::terminal_input, cli_bindings::terminal_output);
    link!(cli_bindings::terminal_stdin, cli_bindings::terminal_stdout, cli_bindings::terminal_stderr);
    link!(clocks::wall_clock, clocks::monotonic_clock);
    link!(random::random, random::insecure, random::insecure_seed);
    link!(filesystem::preopens);
    filesystem::types::add_to_linker::<Sandbox, WasiFilesystem>(linker, |sandbox| {
        let handles_max = sandbox.limits.handles;
        let Wasi { table, files, .. } = &mut **sandbox.wasi.get_or_insert_with(|| Wasi::new(handles_max));
        WasiFilesystemCtxView { ctx: files, table }
    })
}

/// What an instance has of WASI. Made at its first call: one that makes none has none.
pub(super) struct Wasi {
    table: ResourceTable,
    /// No folders are open, and none can be opened.
    files: WasiFilesystemCtx,
    /// Where random numbers are, and whether for a call that knows no message.
    random: Option<(bool, u64)>,
    /// What streams were given in the call at hand.
    written: Written,
    /// The lines of stdout and stderr that have not ended.
    lines: [Line; 2],
    /// What was printed while there was no message whose log could take it, up to [`TEXT_MAX`] bytes.
    unsaid: Vec<u8>,
}

impl Wasi {
    /// With room for so many resources.
    fn new(handles_max: usize) -> Box<Self> {
        let mut table = ResourceTable::new();
        // A handle has two entries at most: the store's own limit comes first, and says so.
        table.set_max_capacity(handles_max.saturating_add(1).saturating_mul(2));
        Box::new(Self {
            table,
            files: WasiFilesystemCtx::default(),
            random: None,
            written: Written::default(),
            lines: [Line::new(Level::Info), Line::new(Level::Warn)],
            unsaid: Vec::new(),
        })
    }
}

/// Bytes on their way from a stream to the log, and which of [`Wasi::lines`] they belong to.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<(usize, Bytes)>>>);

impl Written {
    fn push(&self, console: usize, bytes: Bytes) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((console, bytes));
    }

    fn take(&self) -> Vec<(usize, Bytes)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A line of stdout or stderr that has not ended.
struct Line {
    level: Level,
    /// Its beginning: what a log record can hold, and so much that cutting that off leaves no torn character.
    text: Vec<u8>,
}

impl Line {
    fn new(level: Level) -> Self {
        Self { level, text: Vec::new() }
    }

    /// Adds what stands before the next line break.
    fn add(&mut self, bytes: &[u8]) {
        let room = (LOG_RECORD_MAX + 4).saturating_sub(self.text.len());
        self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The line, unless it is empty.
    fn end(&mut self) -> Option<(Level, String)> {
        let text = std::mem::take(&mut self.text);
        let text = text.strip_suffix(b"\r").unwrap_or(&text);
        (!text.is_empty()).then(|| (self.level, String::from_utf8_lossy(text).into_owned()))
    }
}

impl Sandbox {
    /// The one door of every function of WASI.
    fn wasi(&mut self, import: &str) -> wasmtime::Result<&mut Wasi> {
        if !self.pure && !self.identity.capabilities.wasi {
            wasmtime::bail!("`{import}` needs `[host] wasi = \"stub\"`");
        }
        self.host_call()?;
        let handles_max = self.limits.handles;
        Ok(self.wasi.get_or_insert_with(|| Wasi::new(handles_max)))
    }

    /// Logs what streams were given: line by line, and what is no whole line yet is kept.
    fn log_written(&mut self) {
        let Some(wasi) = self.wasi.as_mut() else { return };
        let written = wasi.written.take();
        for (console, bytes) in written {
            let Some(wasi) = self.wasi.as_mut() else { return };
            if self.pure {
                let room = TEXT_MAX.saturating_sub(wasi.unsaid.len());
                wasi.unsaid.extend_from_slice(&bytes[..bytes.len().min(room)]);
                continue;
            }
            for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                let Some(line) = self.wasi.as_mut().map(|wasi| &mut wasi.lines[console]) else { return };
                let ended = piece.strip_suffix(b"\n");
                line.add(ended.unwrap_or(piece));
                if let Some((level, text)) = ended.and_then(|_| line.end()) {
                    self.log(level, &text);
                }
            }
        }
    }

    /// At the end of a call: lines end too. A panic's last one often has no line break.
    pub(super) fn end_lines(&mut self) {
        let Some(wasi) = self.wasi.as_mut() else { return };
        let ended: Vec<_> = wasi.lines.iter_mut().filter_map(Line::end).collect();
        for (level, text) in ended {
            self.log(level, &text);
        }
    }

    /// What was printed by `describe` or `configure`: of use only where they fail.
    pub(super) fn unsaid(&self) -> Option<String> {
        let unsaid = &self.wasi.as_ref()?.unsaid;
        (self.pure && !unsaid.is_empty())
            .then(|| String::from_utf8_lossy(unsaid).trim().escape_debug().to_string())
    }

    /// The next random number: of a test's own seed, of the message's id and the stage's name, or, before there is a
    /// message, always the same ones.
    fn seeded(&mut self, import: &str) -> wasmtime::Result<u64> {
        let pure = self.pure;
        let started = self.wasi(import)?.random.filter(|(was_pure, _)| *was_pure == pure);
        let mut state = match (started, self.identity.capabilities.fixed) {
            (Some((_, state)), _) => state,
            (None, _) if pure => 0,
            (None, Some(fixed)) => fixed.seed,
            (None, None) => {
                let text = format!("{}\n{}", self.envelope.id(), self.identity.label);
                let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(text.as_bytes()).as_bytes();
                u64::from_le_bytes([a, b, c, d, e, f, g, h])
            }
        };
        let drawn = splitmix64(&mut state);
        self.wasi(import)?.random = Some((pure, state));
        Ok(drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_told_apart() {
        for fine in ["wasi:io/poll@0.2.0", "wasi:cli/stdout@0.2.3", "wasi:random/insecure-seed@0.2.12"] {
            assert_eq!(problem(fine), None, "{fine}");
        }
        let refused = [
            ("wasi:sockets/tcp@0.2.3", "sockets and http are given to no processor"),
            ("wasi:http/outgoing-handler@0.2.3", "sockets and http are given to no processor"),
            ("wasi:http/types@9.9.9", "sockets and http are given to no processor"),
            ("wasi:io/poll@0.3.0", "version 0.2 only"),
            ("wasi:io/poll@1.2.0", "version 0.2 only"),
            ("wasi:io/poll@0.2.0-rc-2023-11-10", "version 0.2 only"),
            ("wasi:io/poll", "version 0.2 only"),
            ("wasi:io/poll@0.2", "version 0.2 only"),
            ("wasi:cli/run@0.2.0", "not on offer"),
            ("wasi:clocks/timezone@0.2.0", "not on offer"),
            ("wasi:keyvalue/store@0.2.0", "not on offer"),
            ("wasi:", "not on offer"),
        ];
        for (import, why) in refused {
            let text = problem(import).unwrap_or_default();
            assert!(text.starts_with(&format!("imports `{import}`")) && text.contains(why), "{text}");
        }
    }

    #[test]
    fn a_line_is_kept_up_to_a_log_record() {
        let mut line = Line::new(Level::Info);
        line.add(b"");
        assert!(line.end().is_none(), "empty lines say nothing");
        line.add(&[b'x'; LOG_RECORD_MAX]);
        line.add(&[b'y'; LOG_RECORD_MAX]);
        let (_, text) = line.end().unwrap();
        assert_eq!(text, "x".repeat(LOG_RECORD_MAX) + "yyyy", "`log` cuts it between characters");
        line.add(b"\xffno text\r");
        assert_eq!(line.end().unwrap().1, "\u{fffd}no text");
    }
}
