//! `--watch`: does a thing again whenever files change.
//!
//! Looks at them by `stat` a few times a second: that sees a file that an editor replaces by another one, on every file
//! system, and a handful of files costs nothing. Knows nothing of what is done.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::exit::Exit;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);
/// Deepest folder that is looked into: sources do not lie deeper, and a loop of links ends.
const DEPTH_MAX: usize = 16;

/// Does `job` at once and after each change of `paths` (files, or folders with all that is in them), until SIGINT or
/// SIGTERM. A job that fails says so and is done again at the next change.
pub(super) fn watch(paths: &[PathBuf], job: impl Fn() -> anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut stop = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    loop {
        clear_screen();
        // From before the job, so that a change while it runs is not missed.
        let seen = look(paths);
        if let Err(error) = job() {
            eprintln!("gatepost: {error:#}");
        }
        eprintln!("watching {} files; Ctrl-C ends", seen.len());
        if !runtime.block_on(changed(paths, &seen, &mut stop)) {
            return Ok(Exit::Ok);
        }
    }
}

/// Waits for a change that is over. False: a signal came first.
async fn changed(paths: &[PathBuf], seen: &Seen, stop: &mut (Signal, Signal)) -> bool {
    let settled = async {
        let mut before = None;
        loop {
            let now = look(paths);
            // Editors write in several steps: until two looks agree it is not over.
            if now != *seen && before.as_ref() == Some(&now) {
                return;
            }
            before = Some(now);
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        biased;
        _ = stop.0.recv() => false,
        _ = stop.1.recv() => false,
        () = settled => true,
    }
}

/// Each file's inode, length and time of change.
type Seen = BTreeMap<PathBuf, (u64, u64, i64, i64)>;

fn look(paths: &[PathBuf]) -> Seen {
    let mut seen = Seen::new();
    paths.iter().for_each(|path| look_at(path, 0, &mut seen));
    seen
}

/// What is not there is not seen: that it goes or comes is a change.
fn look_at(path: &Path, depth: usize, seen: &mut Seen) {
    let Ok(metadata) = path.metadata() else { return };
    if !metadata.is_dir() {
        let state = (metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        seen.insert(path.to_owned(), state);
        return;
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| depth < DEPTH_MAX && !is_made(&entry.file_name().to_string_lossy())) {
        look_at(&entry.path(), depth + 1, seen);
    }
}

/// What a build or a tool writes is no source.
fn is_made(name: &str) -> bool {
    name.starts_with('.')
        || name.ends_with('~')
        || name == "target"
        || name == "Cargo.lock"
        || name.ends_with(".wasm")
}

/// Only where somebody looks at one.
fn clear_screen() {
    let mut stdout = std::io::stdout().lock();
    if stdout.is_terminal() {
        // Nobody who looks any more is no reason to stop.
        let _ = stdout.write_all(b"\x1b[2J\x1b[H").and_then(|()| stdout.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: whatever an editor does to a source is seen, and what a build does is not.
    #[test]
    fn changes_of_sources_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("src/lib.rs", "one");
        let watched = [root.to_owned(), root.join("not-there")];
        let before = look(&watched);
        assert_eq!(before.len(), 1);
        for made in ["target/x", "Cargo.lock", "mine.wasm", ".git/index", "src/.lib.rs.swp", "src/lib.rs~"] {
            write(made, "made");
            assert_eq!(look(&watched), before, "{made}");
        }
        write("src/lib.rs", "other");
        let longer = look(&watched);
        assert_ne!(longer, before);
        write("src/new.rs", "");
        assert_ne!(look(&watched), longer);
        std::fs::remove_file(root.join("src/new.rs")).unwrap();
        assert_eq!(look(&watched), longer);
        write("beside", "OTHER");
        std::fs::rename(root.join("beside"), root.join("src/lib.rs")).unwrap();
        assert_ne!(look(&watched), longer, "replaced by another file of the same length");
    }

    #[test]
    fn a_loop_of_links_ends() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
        assert!(look(&[folder.path().to_owned()]).is_empty());
    }
}
