//! The service manager: what it hands over at the start, and what it is told (sd_listen_fds(3), sd_notify(3)).
//!
//! ```text
//! LISTEN_FDS=2, LISTEN_PID=us  ->  the sockets 3 and 4
//! ready, reloading, stopping   ->  NOTIFY_SOCKET, where there is one
//! ```

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Mutex;

use anyhow::Context as _;
use listenfd::ListenFd;
use rustix::time::{ClockId, clock_gettime};

/// Sockets that were handed over. To be called before there is a second thread, once.
///
/// # Errors
/// What was handed over is no TCP socket.
pub(super) fn inherited_sockets() -> anyhow::Result<Vec<TcpListener>> {
    let mut handed = ListenFd::from_env();
    let mut sockets = Vec::new();
    for at in 0..handed.len() {
        let socket = handed.take_tcp_listener(at);
        sockets.extend(socket.context("the service manager hands over what no listener can use")?);
    }
    Ok(sockets)
}

/// Whoever has started us and wants to know how we are.
pub(super) struct Manager {
    address: Option<SocketAddr>,
    /// Nothing is told after that we stop.
    stopping: Mutex<bool>,
}

impl Manager {
    /// As `NOTIFY_SOCKET` says: a path, or a name in the abstract namespace after `@`.
    pub(super) fn from_env() -> Self {
        let address = std::env::var_os("NOTIFY_SOCKET").and_then(|name| match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
            _ => SocketAddr::from_pathname(&name).ok(),
        });
        Self { address, stopping: Mutex::new(false) }
    }

    /// We serve, again or still.
    pub(super) fn ready(&self) {
        self.tell("READY=1", false);
    }

    /// We read everything again; ready follows. The time makes it fit `Type=notify-reload`.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let now_us = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now_us}"), false);
    }

    /// We end.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1", true);
    }

    fn tell(&self, state: &str, is_last: bool) {
        let mut stopping = self.stopping.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(address) = self.address.as_ref().filter(|_| !*stopping)
            && let Ok(socket) = UnixDatagram::unbound()
        {
            // A manager that does not listen is no reason to stop.
            let _ = socket.send_to_addr(state.as_bytes(), address);
        }
        *stopping |= is_last;
    }
}
