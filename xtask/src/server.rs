//! A server as a child process, killed when dropped.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// How long a server may take to start.
pub(crate) const START_MAX: Duration = Duration::from_secs(60);
/// How long a server may take to drain.
const STOP_MAX: Duration = Duration::from_secs(40);

/// A `gatepost serve` that is up.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts it with a config that has it listen on `address`, and waits for its greeting there: whatever it logs.
    pub(crate) fn start(gatepost: &Path, config: &Path, address: SocketAddr) -> Result<Self> {
        let mut command = Command::new(gatepost);
        command.args(["serve", "--config"]).arg(config).stdin(Stdio::null());
        let mut server = Self { child: command.spawn().context("cannot run gatepost")?, address };
        let began = Instant::now();
        while !greets(address) {
            if let Some(status) = server.child.try_wait()? {
                bail!("gatepost ended at its start ({status})");
            }
            ensure!(began.elapsed() < START_MAX, "gatepost did not start within {} s", START_MAX.as_secs());
            std::thread::sleep(Duration::from_millis(20));
        }
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

/// Whether an SMTP server answers there.
fn greets(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let mut greeting = [0; 4];
    let read = stream.set_read_timeout(Some(START_MAX)).and_then(|()| stream.read_exact(&mut greeting));
    read.is_ok() && greeting == *b"220 "
}

/// The first listener of a `started` record: `NAME ADDRESS`.
pub(crate) fn listener(started: &Value) -> Result<SocketAddr> {
    let text = started["listeners"][0].as_str().unwrap_or_default();
    let address = text.rsplit(' ').next().unwrap_or_default();
    address.parse().with_context(|| format!("`{text}` is no listener"))
}

/// An address with a port that is free at this moment.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
