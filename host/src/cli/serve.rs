//! `gatepost serve`: the server, and the signals that move it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::client::load_config;
use super::exit::Exit;
use super::notify::{self, Manager};
use crate::admin::AdminHandle;
use crate::server::Server;
use crate::telemetry::{Event, Level};

pub(super) fn run(config: Option<&Path>) -> anyhow::Result<Exit> {
    let (path, config) = load_config(config)?;
    // Before there is any other thread: this takes the variables out of the environment.
    let sockets = notify::inherited_sockets()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("socket").build()?;
    let exit = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let builder = Server::builder(config).config_file(&path).sockets(sockets);
        #[cfg(feature = "wasm")]
        let builder = builder.compiler(crate::wasm::Compiler::own_jail());
        let server = builder.start().await?;
        let manager = Arc::new(Manager::from_env());
        manager.ready();
        signals.serve(&server, &manager).await?;
        manager.stopping();
        // A second signal while draining ends it at once.
        tokio::select! {
            _finished = server.drain() => anyhow::Ok(Exit::Ok),
            () = signals.stop() => Ok(Exit::TempFail),
        }
    });
    runtime.shutdown_background();
    exit
}

struct Signals {
    hangup: Signal,
    user: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let on = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            hangup: on(SignalKind::hangup())?,
            user: on(SignalKind::user_defined1())?,
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
        })
    }

    /// Until the server is to stop.
    async fn serve(&mut self, server: &Server, manager: &Arc<Manager>) -> anyhow::Result<()> {
        let hangups = Arc::new(Notify::new());
        tokio::spawn(reload_at(hangups.clone(), server.handle(), manager.clone()));
        loop {
            tokio::select! {
                _ = self.hangup.recv() => hangups.notify_one(),
                _ = self.user.recv() => {
                    if let Err(error) = server.telemetry().reopen() {
                        let text = format!("the log file cannot be reopened, the old one goes on: {error}");
                        server.telemetry().emit(Event::Notice { level: Level::Error, text });
                    }
                }
                _ = self.terminate.recv() => return Ok(()),
                _ = self.interrupt.recv() => return Ok(()),
            }
        }
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Reloads whenever it is told to; what comes while it does so is one more time. A task of its own, so that no reload keeps
/// another signal waiting.
async fn reload_at(hangups: Arc<Notify>, server: Arc<dyn AdminHandle>, manager: Arc<Manager>) {
    loop {
        hangups.notified().await;
        manager.reloading();
        // What came of it is in the log.
        drop(server.reload().await);
        manager.ready();
    }
}
