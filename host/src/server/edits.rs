//! Edits of the catalog by hand: seen by the kernel's word, and taken up as if they were proposed.
//!
//! ```text
//! tenants/acme.toml, processors/... --inotify--> names --quiet for a moment--> Catalog::refresh
//! ```
//!
//! What is seen is coalesced. Files elsewhere that a tenant was refused for, such as its list of mailboxes, are looked at meanwhile.
//! Our own writes are seen as well: their tenants' files say what is live, and nothing comes of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use notify::{Event as Seen, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{Instant, timeout_at};

use crate::catalog::Catalog;
use crate::chain::Stamps;
use crate::telemetry::{Event, Level, Telemetry};

/// So long nothing must have happened before files are read: an editor writes in several steps, and whoever writes files and then
/// reloads wants the answer of the reload.
const QUIET: Duration = Duration::from_secs(1);
/// So long they are waited for at most, where they never rest.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How often files elsewhere are looked at, while a tenant is refused. What has changed must rest for one look.
const LOOK: Duration = Duration::from_secs(1);
/// Changes that wait to be looked at; past it all tenants are.
const WAITING_MAX: usize = 1024;

/// What is to be looked at.
#[derive(Debug, Default, PartialEq, Eq)]
struct Touched {
    tenants: BTreeSet<String>,
    /// A component came or went, or nobody knows what.
    more: bool,
    all: bool,
}

/// Watches the catalog in `root` until it is gone, and tells `gone` of tenants that are. Where the kernel does not tell, that is logged: reloads are told then by
/// SIGHUP and the API alone.
pub(super) async fn watch(
    catalog: Weak<Catalog>,
    root: PathBuf,
    telemetry: Telemetry,
    gone: impl Fn(&str) + Send + Sync + Clone + 'static,
) {
    // Paths are told as they were given, so they must not depend on where somebody stands.
    let root = std::path::absolute(&root).unwrap_or(root);
    let (sender, mut seen) = channel(WAITING_MAX);
    let first = sender.clone();
    let lost = Arc::new(AtomicBool::new(false));
    let missed = lost.clone();
    let tell = move |event: notify::Result<Seen>| {
        let paths = event.map(|event| if event.kind.is_access() { Vec::new() } else { event.paths });
        let failed = match paths {
            Ok(paths) => paths.into_iter().any(|path| sender.try_send(path).is_err()),
            Err(_) => true,
        };
        if failed {
            missed.store(true, Ordering::Relaxed);
        }
    };
    let _watcher = match watcher(&root, tell) {
        Ok(watcher) => watcher,
        Err(error) => {
            let text = format!("edits of the catalog are not seen, reload after them: {error}");
            return telemetry.emit(Event::Notice { level: Level::Warn, text });
        }
    };
    // What was edited before anybody watched is looked at first.
    lost.store(true, Ordering::Relaxed);
    let _ = first.try_send(root.join("tenants"));
    let mut mended = Stamps::new();
    loop {
        let mut touched = tokio::select! {
            path = seen.recv() => match path {
                Some(first) => gather(&root, &first, &mut seen).await,
                None => return,
            },
            () = tokio::time::sleep(LOOK) => Touched::default(),
        };
        let Some(catalog) = catalog.upgrade() else { return };
        touched.all |= lost.swap(false, Ordering::Relaxed);
        if touched == Touched::default() && catalog.refused().is_empty() {
            continue;
        }
        let (gone, before) = (gone.clone(), std::mem::take(&mut mended));
        let looked = tokio::task::spawn_blocking(move || look(&catalog, &touched, &before, gone));
        // It can only have panicked, which has been printed.
        mended = looked.await.unwrap_or_default();
    }
}

/// Takes up what was touched, and what was refused for a file that is another now and rests: it is as it was at the last look,
/// `before`. Gives the files that may rest at the next. Blocks.
fn look(catalog: &Catalog, touched: &Touched, before: &Stamps, gone: impl Fn(&str)) -> Stamps {
    let mended = catalog.mended();
    if *touched == Touched::default() && (mended.is_empty() || mended != *before) {
        return mended;
    }
    let report = catalog.refresh((!touched.all).then_some(&touched.tenants));
    report.removed.iter().for_each(|tenant| gone(tenant));
    Stamps::new()
}

fn watcher(
    root: &Path,
    tell: impl FnMut(notify::Result<Seen>) + Send + 'static,
) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(tell)?;
    watcher.watch(&root.join("tenants"), RecursiveMode::NonRecursive)?;
    watcher.watch(&root.join("processors"), RecursiveMode::Recursive)?;
    Ok(watcher)
}

/// What was touched, `first` and what follows it, once it rests.
async fn gather(root: &Path, first: &Path, seen: &mut Receiver<PathBuf>) -> Touched {
    let mut touched = Touched::default();
    touched.add(root, first);
    let end = Instant::now() + WAIT_MAX;
    while let Ok(Some(path)) = timeout_at(end.min(Instant::now() + QUIET), seen.recv()).await {
        touched.add(root, &path);
    }
    touched
}

impl Touched {
    /// Files that begin with a dot are half written.
    fn add(&mut self, root: &Path, path: &Path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            return;
        }
        if path.starts_with(root.join("processors")) {
            self.more |= name.ends_with(".wasm") || path.extension().is_none();
        } else if let Some(tenant) = name.strip_suffix(".toml") {
            self.tenants.insert(tenant.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_comes_together_is_looked_at_once() {
        let (sender, mut seen) = channel(10);
        let root = Path::new("/catalog");
        for path in ["tenants/acme.toml", "tenants/bolt.toml", "tenants/acme.toml", "tenants/x.swp"] {
            sender.try_send(root.join(path)).unwrap();
        }
        let touched = gather(root, &root.join("tenants/.acme.toml.new"), &mut seen).await;
        let tenants = BTreeSet::from(["acme".to_owned(), "bolt".to_owned()]);
        assert_eq!(touched, Touched { tenants, more: false, all: false });
        let component = root.join("processors/acme/x/1.0.0.wasm");
        assert_eq!(gather(root, &component, &mut seen).await, Touched { more: true, ..Touched::default() });
        // One that never rests is looked at all the same.
        let writing = tokio::spawn(async move {
            while sender.send(PathBuf::from("/catalog/tenants/acme.toml")).await.is_ok() {
                tokio::time::sleep(QUIET / 2).await;
            }
        });
        let began = Instant::now();
        assert_eq!(gather(root, &root.join("tenants/acme.toml"), &mut seen).await.tenants.len(), 1);
        assert!(began.elapsed() <= WAIT_MAX + QUIET);
        writing.abort();
    }
}
