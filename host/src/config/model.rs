//! The shape of `gatepost.toml`, checked and with every default filled in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{ByteSize, Limits, Listener};

/// All that the host is told at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `[server]`
    pub server: Server,
    /// `[[listener]]`
    pub listeners: Vec<Listener>,
    /// `[limits]`: defaults for every tenant.
    pub limits: Limits,
    /// `[limits.max]`: how far a tenant's own limits may be raised by the host; sizes the pool.
    pub limits_max: Limits,
    /// `[admin]`
    pub admin: Admin,
    /// `[telemetry]`
    pub telemetry: crate::telemetry::Settings,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Name in the greeting, in EHLO and in `Received`. Default: the system's host name.
    pub hostname: String,
    /// Catalog, compiled cache, mail. Required.
    pub state_dir: PathBuf,
    /// Size of the chunks that stages see. Default 16KiB, range `1KiB..=1MiB`.
    pub chunk_size: ByteSize,
    /// How long messages in flight may take to finish at shutdown. Default 30s.
    pub drain_timeout: Duration,
    /// Stack of a sandboxed stage. Default 512KiB: interpreters get along with it; range `64KiB..=8MiB`. Of the host alone,
    /// as one engine runs all stages.
    pub guest_stack: ByteSize,
    /// Tenant that takes `<postmaster>`. Default: the first tenant by name.
    pub postmaster: Option<String>,
    /// Components that are compiled at once; each may take `compile_memory`, and each tenant has one. Default 2, range
    /// `1..=64`.
    pub jails_max: usize,
    /// Compiled code that is kept in `STATE_DIR/cache`. Default 1GiB, range `0..=1TiB`; 0: none.
    pub cache_size_max: ByteSize,
}

/// `[admin]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Where the admin API listens. Default 127.0.0.1:8025.
    pub address: SocketAddr,
    /// The host's bearer tokens: commands send the first, all are taken. Default: none here, but one made at the first start,
    /// in `STATE_DIR/admin.token`. Taken up by a reload.
    pub tokens: Vec<String>,
    /// Names that the Host header may carry, beyond the address and `localhost`.
    pub hosts: Vec<String>,
    /// Whether `/metrics` asks for no token. Default true, as scrapers expect it; false where tenants reach the address:
    /// labels name all of them.
    pub metrics_open: bool,
    /// Uploads and changes of chains at work at once; past it 503. Default 4: each may hold a component in memory.
    pub uploads_max: usize,
}
