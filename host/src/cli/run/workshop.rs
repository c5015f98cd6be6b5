//! A catalog to run one chain in: the host's own where there is a config, with components put beside it by hand.

use std::cell::RefCell;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use crate::catalog::{Catalog, Registry};
use crate::chain::RunLimits;
use crate::chain::spec::is_name;
use crate::cli::arguments::RunOptions;
use crate::cli::client::{find_config, load_config};
use crate::cli::exit::{Problems, Usage};
use crate::config::{self, Config};
use crate::server::{Grants, open_catalog};
use crate::telemetry::{Event, Telemetry};

/// Longest header section: the listener's default.
const HEADER_SIZE_MAX: usize = 256 << 10;
/// Whose components are put beside the catalog's when no tenant is named. No tenant can have this name.
const NOBODY: &str = "run";

/// A config, a catalog made for this command, and the folder that holds it.
pub(super) struct Workshop {
    config: Config,
    catalog: Catalog,
    tenant: String,
    said: RefCell<Receiver<Arc<Event>>>,
    _folder: Folder,
}

impl Workshop {
    pub(super) fn open(path: Option<&Path>, options: &RunOptions) -> anyhow::Result<Self> {
        let folder = Folder::new()?;
        let tenant = options.tenant.clone().unwrap_or_else(|| NOBODY.to_owned());
        if !is_name(&tenant) {
            return Err(Usage(format!("`{tenant}` cannot name a tenant")).into());
        }
        let mut config = if path.is_some() || find_config().is_some() {
            let (_, config) = load_config(path)?;
            link_processors(&config.server.state_dir.join("catalog/processors"), &folder.processors())?;
            config
        } else {
            standalone(&folder.0)?
        };
        config.server.state_dir.clone_from(&folder.0);
        #[cfg(feature = "wasm")]
        put_components(&folder.processors().join(&tenant), &options.processor)?;
        let telemetry = Telemetry::silent();
        let said = telemetry.subscribe();
        let catalog = open_catalog(&config, Registry::builtin(), &telemetry, Grants::All)?;
        Ok(Self { config, catalog, tenant, said: RefCell::new(said), _folder: folder })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(super) fn tenant(&self) -> &str {
        &self.tenant
    }

    /// What stages logged since the last time, a line each.
    pub(super) fn said(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut said = self.said.borrow_mut();
        loop {
            match said.try_recv().as_deref() {
                Ok(Event::StageLog { level, stage, text, .. }) => {
                    lines.push(format!("{} {stage}: {}", level.name(), text.escape_debug()));
                }
                Ok(_) | Err(TryRecvError::Lagged(_)) => {}
                Err(_) => return lines,
            }
        }
    }

    pub(super) fn limits(&self) -> RunLimits {
        RunLimits { chunk_size: self.config.server.chunk_size.as_usize(), header_size_max: HEADER_SIZE_MAX }
    }
}

/// A config that says nothing but where to work.
fn standalone(folder: &Path) -> anyhow::Result<Config> {
    let path = folder.join("gatepost.toml");
    let text = "[server]\nstate_dir = \".\"\n[[listener]]\nname = \"none\"\naddress = \"127.0.0.1:0\"\n";
    std::fs::write(&path, text)?;
    Ok(config::load(&path).map_err(Problems)?)
}

/// Makes the catalog's components visible: `OWNER/NAME` folders are linked, so that more can be put beside them.
fn link_processors(from: &Path, to: &Path) -> anyhow::Result<()> {
    let Ok(owners) = std::fs::read_dir(from) else { return Ok(()) };
    for owner in owners.flatten() {
        let Ok(names) = std::fs::read_dir(owner.path()) else { continue };
        let folder = to.join(owner.file_name());
        std::fs::create_dir_all(&folder)?;
        for name in names.flatten() {
            symlink(std::path::absolute(name.path())?, folder.join(name.file_name()))?;
        }
    }
    Ok(())
}

/// `NAME=FILE`, each as a version of its own that hides those of the catalog.
#[cfg(feature = "wasm")]
fn put_components(owner: &Path, components: &[String]) -> anyhow::Result<()> {
    for component in components {
        let (name, file) =
            component.split_once('=').ok_or_else(|| Usage("--processor takes NAME=FILE".into()))?;
        if Registry::builtin().is_reserved(name) {
            return Err(Usage(format!("--processor: `{name}` is built in; give it another name")).into());
        }
        if !is_name(name) {
            return Err(Usage(format!("--processor: `{name}` cannot name a processor")).into());
        }
        let file = Path::new(file).canonicalize().with_context(|| format!("--processor {name}: `{file}`"))?;
        let folder = owner.join(name);
        if folder.is_symlink() {
            std::fs::remove_file(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        symlink(file, folder.join("1.0.0.wasm"))?;
    }
    Ok(())
}

/// A scratch folder, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let name = format!("gatepost-run-{}-{}", std::process::id(), crate::transaction::new_id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
        Ok(Self(path))
    }

    fn processors(&self) -> PathBuf {
        self.0.join("catalog/processors")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Links are removed, not followed. What stays behind is in the system's scratch folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
