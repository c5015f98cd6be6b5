//! The composition root: the only file that knows everyone. Config in, a running server out.
//!
//! As a library: `Server::builder(config).processor("mine", factory).sink("ours", factory).start().await`, then
//! `telemetry().subscribe()` for the events, and `drain().await` at the end (`examples/embed.rs`).

mod absent;
mod certificates;
mod claim;
#[cfg(feature = "wasm")]
mod code;
mod edits;
mod inner;
mod listeners;
mod plan;
#[cfg(feature = "wasm")]
mod sandbox;
mod sockets;
#[cfg(feature = "wasm")]
mod swap;
mod threads;
mod ticker;

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::admin::{self, AdminHandle, Door, Guard, Line};
use crate::catalog::retirement::{self, HooksRunning};
use crate::catalog::{Catalog, ComponentLoader, Registry};
use crate::chain::{CheckerFactory, ProcessorFactory};
use crate::config::{Config, Listener, Problem, TlsMode};
use crate::connection::Drain;
use crate::kv::{KvStore, SqliteKv};
use crate::sink::SinkFactory;
use crate::smtp::session::SessionConfig;
use crate::telemetry::{Event, Level, Telemetry};
use crate::tenant::FairShare;
use crate::token;
use crate::transaction::Chains;
use crate::users::Users;
pub(crate) use absent::absent;
#[cfg(feature = "wasm")]
pub(crate) use code::Code;
use inner::Inner;
use listeners::{Listeners, Shared};
pub(crate) use plan::certificate_problems;
use sockets::Sockets;
use threads::{ChainThreads, cores};

/// How long the last replies, `shutdown` hooks and log lines may take once `drain_timeout` is over.
const LAST_WORDS_MAX: Duration = Duration::from_secs(3);

/// A server to be started.
pub struct Builder {
    config: Config,
    path: Option<PathBuf>,
    registry: Registry,
    telemetry: Option<Telemetry>,
    sockets: Vec<std::net::TcpListener>,
    #[cfg(feature = "wasm")]
    swaps: (crate::wasm::Swaps, Duration),
    #[cfg(feature = "wasm")]
    compiler: crate::wasm::Compiler,
}

impl Builder {
    /// Adds a native processor of your own; its name is reserved from then on.
    #[must_use]
    pub fn processor(mut self, name: &str, factory: ProcessorFactory) -> Self {
        self.registry = self.registry.with_processor(name, factory);
        self
    }

    /// Adds a sink of your own.
    #[must_use]
    pub fn sink(mut self, name: &str, factory: SinkFactory) -> Self {
        self.registry = self.registry.with_sink(name, factory);
        self
    }

    /// Adds a checker of recipients of your own, for tenants' `recipients`.
    #[must_use]
    pub fn checker(mut self, name: &str, factory: CheckerFactory) -> Self {
        self.registry = self.registry.with_checker(name, factory);
        self
    }

    /// The file that the config came from: a reload reads it again.
    #[must_use]
    pub fn config_file(mut self, path: &Path) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Uses this voice instead of one made by `[telemetry]`.
    #[must_use]
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = Some(telemetry);
        self
    }

    /// Sockets that somebody else has bound and goes on keeping, as a service manager does: who has the address of one takes it
    /// instead of binding. They stay open as long as the server lives, whatever a reload does.
    #[must_use]
    pub fn sockets(mut self, sockets: Vec<std::net::TcpListener>) -> Self {
        self.sockets = sockets;
        self
    }

    /// Swap areas are listed there, not in `/proc/swaps`, and the list is read so often, not every 10 s: for a host that sees
    /// another `/proc`, and for tests.
    #[cfg(feature = "wasm")]
    #[must_use]
    pub fn swaps(mut self, file: &Path, every: Duration) -> Self {
        self.swaps = (crate::wasm::Swaps::listed_in(file), every);
        self
    }

    /// Who compiles components. Default [`Compiler::Nobody`](crate::wasm::Compiler::Nobody): a chain that names one is refused.
    /// A component can make its compiler run for hours, take all memory or crash, so choose a jail, which needs the `gatepost`
    /// binary, unless every component of the catalog is your own.
    #[cfg(feature = "wasm")]
    #[must_use]
    pub fn compiler(mut self, compiler: crate::wasm::Compiler) -> Self {
        self.compiler = compiler;
        self
    }

    /// Binds every socket, loads the catalog, and serves. A tenant that cannot be loaded does not keep the others from
    /// being served.
    pub async fn start(self) -> anyhow::Result<Server> {
        Server::start(self).await
    }
}

/// A server at work. Dropped without `drain`, what is in flight is cut off.
pub struct Server {
    inner: Arc<Inner>,
    admin: SocketAddr,
    drain: watch::Sender<Drain>,
    drain_timeout: Duration,
    /// Calls the `shutdown` hooks of chains that have served.
    hooks: JoinHandle<()>,
    hooks_running: HooksRunning,
    /// Looks for swap; none: it does no harm.
    swap_watch: Option<JoinHandle<()>>,
    catalog_watch: JoinHandle<()>,
    /// Looks whether certificates were renewed.
    certificates: JoinHandle<()>,
    _claim: File,
    /// Ends each second of the live figures.
    ticker: JoinHandle<()>,
    _chains: ChainThreads,
}

impl Server {
    /// A server with everything that Gatepost brings.
    pub fn builder(config: Config) -> Builder {
        Builder {
            config,
            path: None,
            registry: Registry::builtin(),
            telemetry: None,
            sockets: Vec::new(),
            #[cfg(feature = "wasm")]
            swaps: (crate::wasm::Swaps::default(), swap::EVERY),
            #[cfg(feature = "wasm")]
            compiler: crate::wasm::Compiler::Nobody,
        }
    }

    async fn start(builder: Builder) -> anyhow::Result<Self> {
        let Builder { config, path, registry, telemetry, sockets, .. } = builder;
        let telemetry = match telemetry {
            Some(telemetry) => telemetry,
            None => Telemetry::new(&config.telemetry).context("cannot open the log")?,
        };
        std::fs::create_dir_all(&config.server.state_dir).with_context(|| {
            format!("cannot make the state folder `{}`", config.server.state_dir.display())
        })?;
        let kv = SqliteKv::new(&config.server.state_dir.join("kv.db"));
        let swap_found = Arc::<AtomicBool>::default();
        let own = registry.own_addresses().clone();
        #[cfg(feature = "wasm")]
        let (catalog, swap_watch) = {
            let (swaps, every) = builder.swaps;
            let code = Code::of_server(builder.compiler, &config.server)?;
            let sandboxes = sandbox::sandboxes(&config, &telemetry, &swaps, code)?;
            sandbox::self_test(&sandboxes, &telemetry)?;
            let page_scan = sandboxes.page_scan();
            let loader = crate::catalog::SandboxLoader::new(sandboxes, kv);
            let watch = || tokio::spawn(swap::watch(swaps, every, swap_found.clone(), telemetry.clone()));
            (catalog_of(&config, registry, &telemetry, loader), page_scan.then(watch))
        };
        #[cfg(not(feature = "wasm"))]
        let (catalog, swap_watch) = (open_catalog(&config, registry, &telemetry, Grants::AsGiven(kv))?, None);
        let catalog = Arc::new(catalog);
        catalog.store().make_folders().context("cannot make the catalog's folders")?;
        let watched = Arc::downgrade(&catalog);
        telemetry.watch_breakers(move || {
            watched.upgrade().map(|catalog| inner::breaker_figures(&catalog)).unwrap_or_default()
        });
        let (threads, handle) = ChainThreads::start().context("cannot start the chains' threads")?;
        let (drain, phase) = watch::channel(Drain::Serving);
        let chains = Chains {
            runtime: handle,
            share: FairShare::new(cores(), telemetry.clone()),
            telemetry: telemetry.clone(),
            chunk_size: usize::try_from(config.server.chunk_size.0).unwrap_or(usize::MAX),
        };
        // Sockets first: a port that is taken is found before anything is loaded.
        let sockets = Sockets::new(sockets).context("a socket that was handed over cannot be used")?;
        let admin_socket = sockets.open(config.admin.address);
        let admin_socket = admin_socket
            .with_context(|| format!("listener `admin` cannot listen on {}", config.admin.address))?;
        let shared = Shared {
            hostname: config.server.hostname.clone(),
            catalog: catalog.clone(),
            chains: chains.clone(),
            drain: phase.clone(),
            users: Arc::new(Users::open(&config.server.state_dir, telemetry.clone())),
            own,
            admin: (config.admin.address, admin_socket.local_addr()?),
        };
        let listeners = Arc::new(Listeners::new(shared, sockets));
        let plan = listeners.prepare(&config.listeners).map_err(|problems| refused(&problems))?;
        let claim = claim::claim(&config.server.state_dir)?;
        let hooks_running = HooksRunning::default();
        let retired = catalog.retiring();
        let hooks = tokio::spawn(retirement::run(retired, telemetry.clone(), hooks_running.clone()));
        let loading = catalog.clone();
        tokio::task::spawn_blocking(move || loading.reload()).await.context("loading the catalog")?;

        listeners.commit(plan);
        let certificates = tokio::spawn(certificates::watch(Arc::downgrade(&listeners), telemetry.clone()));
        let ticker = tokio::spawn(ticker::run(Arc::downgrade(&catalog), telemetry.clone()));
        let admin = admin_socket.local_addr()?;
        let guard = Arc::new(guard(&config, admin, &catalog, &telemetry)?);
        let (root, seen) = (catalog.store().root().to_owned(), Arc::downgrade(&catalog));
        let tokens = guard.tokens().clone();
        let gone = move |tenant: &str| {
            // A reload tries again, and says so; no token holds meanwhile.
            let _ = tokens.forget(tenant);
        };
        let catalog_watch = tokio::spawn(edits::watch(seen, root, telemetry.clone(), gone));
        let (drain_timeout, uploads_max) = (config.server.drain_timeout, config.admin.uploads_max);
        let inner = Arc::new(Inner {
            catalog,
            telemetry,
            chains,
            guard: guard.clone(),
            listeners,
            config: Mutex::new(config),
            path,
            drain: phase,
            swap_found,
            began: Instant::now(),
        });
        let router = admin::router(inner.clone(), guard, uploads_max);
        let service = router.into_make_service_with_connect_info::<Line>();
        tokio::spawn(async move { axum::serve(Door::new(admin_socket), service).await });
        inner.announce(admin);
        Ok(Self {
            inner,
            admin,
            drain,
            drain_timeout,
            hooks,
            hooks_running,
            swap_watch,
            catalog_watch,
            certificates,
            _claim: claim,
            ticker,
            _chains: threads,
        })
    }

    /// Name and address of each listener that takes clients now: a reload may change them.
    pub fn listeners(&self) -> Vec<(String, SocketAddr)> {
        self.inner.listeners.addresses()
    }

    /// Where the admin API listens.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The server's voice: subscribe to its events here.
    pub fn telemetry(&self) -> &Telemetry {
        &self.inner.telemetry
    }

    /// What the admin API works on: reload the server and ask for its figures from anywhere.
    pub fn handle(&self) -> Arc<dyn AdminHandle> {
        self.inner.clone()
    }

    /// No new sessions, 421 at the next command; live feeds end; messages in flight finish within `drain_timeout`, else they get 421.
    /// Then the `shutdown` of each stage and sink is called, which has what is left of `drain_timeout`, at least 3 s;
    /// past that it is dropped and logged. True: all messages finished.
    pub async fn drain(mut self) -> bool {
        let began = Instant::now();
        self.inner.telemetry.end_feeds();
        let finished = self.sessions_end(Drain::Draining, self.drain_timeout).await;
        if !finished {
            self.sessions_end(Drain::Over, LAST_WORDS_MAX).await;
        }
        self.hooks_end(self.drain_timeout.saturating_sub(began.elapsed()).max(LAST_WORDS_MAX)).await;
        self.inner.telemetry.emit(Event::Stopped { finished });
        self.inner.telemetry.flush(LAST_WORDS_MAX);
        finished
    }

    /// Lets every chain go, and waits for the `shutdown` of its stages and sinks.
    async fn hooks_end(&mut self, patience: Duration) {
        self.inner.catalog.retire();
        if tokio::time::timeout(patience, &mut self.hooks).await.is_ok() {
            return;
        }
        let names = self.hooks_running.names();
        let text = if names.is_empty() {
            "a chain is still at work, so the shutdown hooks of its stages were not called".to_owned()
        } else {
            format!("cut off after {} ms: the shutdown hook of {}", patience.as_millis(), names.join(", "))
        };
        self.inner.telemetry.emit(Event::Notice { level: Level::Error, text });
    }

    /// Tells every session, and waits for them to end.
    async fn sessions_end(&self, phase: Drain, patience: Duration) -> bool {
        self.drain.send_replace(phase);
        tokio::time::timeout(patience, self.inner.listeners.ended()).await.is_ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.hooks.abort();
        self.catalog_watch.abort();
        self.ticker.abort();
        if let Some(watch) = &self.swap_watch {
            watch.abort();
        }
        self.certificates.abort();
        self.inner.listeners.abort();
    }
}

/// What sandboxed stages may do beyond what every one may.
#[cfg_attr(not(feature = "wasm"), expect(dead_code, reason = "the sandbox keeps the store"))]
pub(crate) enum Grants {
    /// As tenants' files say, with this store behind the grant `kv`.
    #[cfg_attr(not(feature = "wasm"), expect(dead_code, reason = "only the sandbox asks for it"))]
    AsGiven(Arc<dyn KvStore>),
    /// All that a component asks for, with this store: `gatepost run`.
    All(Arc<dyn KvStore>),
}

/// The catalog with the sandbox behind it.
#[cfg_attr(
    not(feature = "wasm"),
    allow(clippy::needless_pass_by_value, reason = "the sandbox keeps the store")
)]
pub(crate) fn open_catalog(
    config: &Config,
    registry: Registry,
    telemetry: &Telemetry,
    grants: Grants,
    #[cfg(feature = "wasm")] code: Code,
) -> anyhow::Result<Catalog> {
    #[cfg(feature = "wasm")]
    let loader = {
        let sandboxes = sandbox::sandboxes(config, telemetry, &crate::wasm::Swaps::default(), code)?;
        match grants {
            Grants::AsGiven(kv) => crate::catalog::SandboxLoader::new(sandboxes, kv),
            Grants::All(kv) => crate::catalog::SandboxLoader::new(sandboxes, kv).granting_all(),
        }
    };
    #[cfg(not(feature = "wasm"))]
    let loader = match grants {
        Grants::AsGiven(_) | Grants::All(_) => crate::catalog::NoComponents,
    };
    Ok(catalog_of(config, registry, telemetry, loader))
}

fn catalog_of(
    config: &Config,
    registry: Registry,
    telemetry: &Telemetry,
    loader: impl ComponentLoader + 'static,
) -> Catalog {
    Catalog::open(Arc::new(config.clone()), registry, Arc::new(loader), telemetry.clone())
}

/// Who may ask at the admin address.
fn guard(
    config: &Config,
    address: SocketAddr,
    catalog: &Arc<Catalog>,
    telemetry: &Telemetry,
) -> anyhow::Result<Guard> {
    let (tokens, catalog) = (token::host_tokens(config)?, catalog.clone());
    let is_tenant = move |name: &str| {
        let generation = catalog.current();
        generation.tenants.contains_key(name) || generation.broken.contains_key(name)
    };
    Ok(Guard::new(config, address, &tokens, telemetry.clone(), is_tenant))
}

/// All that keeps listeners from being, in one error.
fn refused(problems: &[Problem]) -> anyhow::Error {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    std::io::Error::other(texts.join("; ")).into()
}

fn session_config(hostname: &str, listener: &Listener) -> SessionConfig {
    SessionConfig {
        hostname: hostname.to_owned(),
        speaks: listener.speaks,
        message_size_max: listener.message_size_max.0,
        recipients_max: listener.recipients_max,
        messages_max: listener.session_messages_max,
        session_recipients_max: listener.session_recipients_max,
        errors_max: listener.errors_max,
        unknown_recipients_max: listener.unknown_recipients_max,
        auth_tries_max: listener.auth_tries_max,
        starttls_offered: listener.tls.as_ref().is_some_and(|tls| tls.mode == TlsMode::Starttls),
        auth: listener.auth,
        dsn: listener.dsn,
        binarymime: listener.binarymime,
    }
}
