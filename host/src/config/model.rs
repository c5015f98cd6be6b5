//! The shape of `gatepost.toml`, checked and with every default filled in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{ByteSize, Limits};

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

/// `[[listener]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Name in logs and metrics. Unique.
    pub name: String,
    /// Address to listen on.
    pub address: SocketAddr,
    /// Certificate and mode; none: no TLS.
    pub tls: Option<Tls>,
    /// Largest message in octets of content after unstuffing; advertised as SIZE (RFC 1870). Default 25MiB.
    pub message_size_max: ByteSize,
    /// Longest header section. Default 256KiB.
    pub header_size_max: ByteSize,
    /// Bare CR or LF in content: refuse the message (true, default) or keep them.
    pub reject_bare_newlines: bool,
    /// Most recipients of one message; past it 452. Default 100 (RFC 5321 §4.5.3.1.8).
    pub recipients_max: usize,
    /// Most sessions at once; past it 421. Default 1000.
    pub sessions_max: usize,
    /// Most sessions of one client address at once; past it 421. Default 50.
    pub sessions_per_client: usize,
    /// Silence before a command. Default 5m (RFC 5321 §4.5.3.2.7).
    pub command_timeout: Duration,
    /// Silence between two reads of content. Default 3m (RFC 5321 §4.5.3.2.5).
    pub data_timeout: Duration,
    /// Errors of one session; then 421 and close. Default 10.
    pub errors_max: usize,
    /// Most `Received` fields of a message; past it 554 5.4.6. Default 100 (RFC 5321 §6.3).
    pub received_max: usize,
}

/// `tls = { cert, key, mode }`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM file with the certificate chain.
    pub cert: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
    /// When TLS begins.
    pub mode: TlsMode,
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// After the client says STARTTLS (RFC 3207).
    Starttls,
    /// At once (RFC 8314).
    Implicit,
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
