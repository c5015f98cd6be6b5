//! A catalog to run one chain in: the host's own where there is a config, with components put beside it by hand.

use std::cell::RefCell;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use crate::catalog::{Catalog, Registry, Resolver, tenant_file};
use crate::chain::spec::is_name;
use crate::chain::{Fixed, LineUp, RunLimits};
use crate::cli::client::load_config;
use crate::cli::exit::{Problems, Usage};
use crate::config::{self, Config, Problem};
use crate::kv::{Entries, MemoryKv};
use crate::server::{Grants, open_catalog};
use crate::telemetry::{Event, Telemetry};

/// Longest header section: the listener's default.
const HEADER_SIZE_MAX: usize = 256 << 10;
/// Whose components are put beside the catalog's when no tenant is named. No tenant can have this name.
const NOBODY: &str = "run";

/// What a workshop is made of.
#[derive(Debug, Default)]
pub(in crate::cli) struct Setup<'a> {
    /// The host's config, whose catalog is seen; none: a config that says nothing.
    pub(in crate::cli) config: Option<&'a Path>,
    /// Whose processors bare names mean; none: the host's only.
    pub(in crate::cli) tenant: Option<&'a str>,
    /// Put beside the catalog's.
    pub(in crate::cli) components: &'a [Component],
    /// Stages may do what their `grants` say, and no more; else all that they ask for.
    pub(in crate::cli) strict: bool,
}

/// A chain to be resolved.
#[derive(Debug, Default)]
pub(in crate::cli) struct Plan<'a> {
    /// Where chain and settings stand, for problems.
    pub(in crate::cli) source: &'a str,
    pub(in crate::cli) chain: &'a str,
    /// Settings of its stages, as a tenant's file has them.
    pub(in crate::cli) stages: toml::Table,
    /// The CPU time of each sandboxed stage, whatever else is said.
    pub(in crate::cli) cpu: Option<Duration>,
    /// Domains that are the tenant's own.
    pub(in crate::cli) domains: Vec<String>,
    /// Time and randomness; none: the world's.
    pub(in crate::cli) fixed: Option<Fixed>,
}

/// A component file under a name of its own. It is read whenever a chain is resolved.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Component {
    pub(in crate::cli) name: String,
    pub(in crate::cli) file: PathBuf,
}

/// A config, a catalog made for this command, and the folder that holds it.
pub(in crate::cli) struct Workshop {
    config: Config,
    catalog: Catalog,
    tenant: String,
    kv: Arc<MemoryKv>,
    said: RefCell<Receiver<Arc<Event>>>,
    _folder: Scratch,
}

impl Workshop {
    pub(in crate::cli) fn open(setup: &Setup<'_>) -> anyhow::Result<Self> {
        let folder = Scratch::new()?;
        let tenant = setup.tenant.unwrap_or(NOBODY).to_owned();
        if !is_name(&tenant) {
            return Err(Usage(format!("`{tenant}` cannot name a tenant")).into());
        }
        let mut config = match setup.config {
            Some(path) => {
                let (_, config) = load_config(Some(path))?;
                link_processors(&config.server.state_dir.join("catalog/processors"), &folder.processors())?;
                config
            }
            None => standalone(&folder.0)?,
        };
        #[cfg(feature = "wasm")]
        let code = crate::server::Code::of_trial(setup.config.map(|_| &config.server));
        config.server.state_dir.clone_from(&folder.0);
        put_components(&folder.processors().join(&tenant), setup.components)?;
        let telemetry = Telemetry::silent();
        let kv = Arc::new(MemoryKv::default());
        let grants = if setup.strict { Grants::AsGiven(kv.clone()) } else { Grants::All(kv.clone()) };
        let catalog = open_catalog(
            &config,
            Registry::builtin(),
            &telemetry,
            grants,
            #[cfg(feature = "wasm")]
            code,
        )?;
        // From here on: what the engine has to say is for who serves.
        let said = telemetry.subscribe();
        Ok(Self { config, catalog, tenant, kv, said: RefCell::new(said), _folder: folder })
    }

    /// Resolves a chain.
    pub(in crate::cli) fn line_up(&self, plan: Plan<'_>) -> anyhow::Result<LineUp> {
        let Plan { source, chain, mut stages, cpu, mut domains, fixed } = plan;
        let (mut limits, mut max) = (self.config.limits.clone(), self.config.limits_max.clone());
        if let Some(cpu) = cpu {
            (limits.cpu_per_message, max.cpu_per_message) = (cpu, cpu);
            for stage in stages.iter_mut().filter_map(|(_, stage)| stage.as_table_mut()) {
                stage.remove("cpu_per_message");
            }
        }
        let mut table = toml::Table::new();
        if domains.is_empty() {
            domains.push("run.invalid".to_owned());
        }
        table.insert("domains".into(), domains.into());
        table.insert("chain".into(), chain.into());
        table.insert("stage".into(), stages.into());
        let host = toml::Table::from_iter([
            ("grants_allowed".to_owned(), tenant_file::GRANTS.to_vec().into()),
            ("wasi".to_owned(), "stub".into()),
        ]);
        table.insert("host".into(), host.into());
        let file = tenant_file::read(source, &toml::to_string(&table)?, &limits, &max);
        let file = file.map_err(without_lines)?;
        let resolved = self
            .catalog
            .with_resolver(|resolver| Resolver { fixed, ..resolver }.resolve(&self.tenant, &file, false));
        Ok(resolved.map_err(without_lines)?.line_up)
    }

    /// The next message finds these in the key-value space, at this time.
    #[cfg_attr(not(feature = "wasm"), expect(dead_code, reason = "only components have cases"))]
    pub(in crate::cli) fn remember(&self, entries: Entries, now_ms: u64) {
        self.kv.reset(&self.tenant, entries, now_ms);
    }

    /// What the key-value space holds.
    #[cfg_attr(not(feature = "wasm"), expect(dead_code, reason = "only components have cases"))]
    pub(in crate::cli) fn remembered(&self) -> Entries {
        self.kv.entries(&self.tenant)
    }

    /// What stages logged since the last time, and what the host had to say of them, a line each.
    pub(in crate::cli) fn said(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut said = self.said.borrow_mut();
        loop {
            match said.try_recv().as_deref() {
                Ok(Event::StageLog { level, stage, text, .. }) => {
                    lines.push(format!("{} {stage}: {}", level.name(), text.escape_debug()));
                }
                Ok(Event::Notice { level, text }) => lines.push(format!("{}: {text}", level.name())),
                Ok(_) | Err(TryRecvError::Lagged(_)) => {}
                Err(_) => return lines,
            }
        }
    }

    pub(in crate::cli) fn limits(&self) -> RunLimits {
        RunLimits { chunk_size: self.config.server.chunk_size.as_usize(), header_size_max: HEADER_SIZE_MAX }
    }
}

/// The text was put together here: its lines mean nothing to anybody.
fn without_lines(problems: Vec<Problem>) -> Problems {
    Problems(problems.into_iter().map(|problem| Problem { line: 0, ..problem }).collect())
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

/// Each as a version of its own that hides those of the catalog. The files need not be there yet.
fn put_components(owner: &Path, components: &[Component]) -> anyhow::Result<()> {
    for Component { name, file } in components {
        let folder = owner.join(name);
        if folder.is_symlink() {
            std::fs::remove_file(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        symlink(std::path::absolute(file)?, folder.join("1.0.0.wasm"))?;
    }
    Ok(())
}

/// A scratch folder, removed when dropped.
pub(in crate::cli) struct Scratch(PathBuf);

impl Scratch {
    pub(in crate::cli) fn new() -> anyhow::Result<Self> {
        let name = format!("gatepost-run-{}-{}", std::process::id(), crate::transaction::new_id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
        Ok(Self(path))
    }

    pub(in crate::cli) fn path(&self) -> &Path {
        &self.0
    }

    fn processors(&self) -> PathBuf {
        self.0.join("catalog/processors")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Links are removed, not followed. What stays behind is in the system's scratch folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
