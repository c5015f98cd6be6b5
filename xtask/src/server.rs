//! A server as a child process, killed when dropped.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::log::Log;

/// How long a server may take to start.
pub(crate) const START_MAX: Duration = Duration::from_secs(60);
/// How long a server may take to drain.
const STOP_MAX: Duration = Duration::from_secs(40);

/// A `gatepost serve` that is up.
pub(crate) struct Server {
    child: Child,
    /// Its first listener.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts it, and waits until its log, which the config must send to `log`, says that it is up.
    pub(crate) fn start(gatepost: &Path, config: &Path, log: &Path) -> Result<Self> {
        std::fs::write(log, "").with_context(|| format!("cannot write `{}`", log.display()))?;
        let mut command = Command::new(gatepost);
        command.args(["serve", "--config"]).arg(config).stdin(Stdio::null());
        let child = command.spawn().context("cannot run gatepost")?;
        let mut server = Self { child, address: SocketAddr::from(([0, 0, 0, 0], 0)) };
        let alive = || match server.child.try_wait()? {
            Some(status) => bail!("gatepost ended at its start ({status})"),
            None => Ok(()),
        };
        let started = Log::open(log)?.wait_for(START_MAX, alive, |record| record["event"] == "started")?;
        server.address = listener(&started)?;
        Ok(server)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM, and until it has drained; errs where that does not end well.
    pub(crate) fn stop(mut self) -> Result<()> {
        let kill = format!("kill -TERM {}", self.child.id());
        let told = Command::new("sh").args(["-c", &kill]).status().context("cannot run sh")?;
        ensure!(told.success(), "`{kill}` failed");
        let began = Instant::now();
        while began.elapsed() < STOP_MAX {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "gatepost ended with {status}");
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("gatepost did not end within {} s of SIGTERM", STOP_MAX.as_secs())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then both do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first listener of a `started` record: `NAME ADDRESS`.
pub(crate) fn listener(started: &Value) -> Result<SocketAddr> {
    let text = started["listeners"][0].as_str().unwrap_or_default();
    let address = text.rsplit(' ').next().unwrap_or_default();
    address.parse().with_context(|| format!("`{text}` is no listener"))
}
