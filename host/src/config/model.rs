//! The shape of `gatepost.toml`, checked and with every default filled in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::ByteSize;

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
    /// Tenant that takes `<postmaster>`. Default: the first tenant by name.
    pub postmaster: Option<String>,
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

/// `[limits]`: what one tenant's messages may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one sandboxed stage. Default 32MiB.
    pub memory_per_instance: ByteSize,
    /// CPU time of one sandboxed stage for one message, before `cpu_per_mib`. Default 100ms.
    pub cpu_per_message: Duration,
    /// CPU time added for each MiB of input. Default 250ms.
    pub cpu_per_mib: Duration,
    /// Time a message's chain may be runnable or running. Default 60s.
    pub wall_per_message: Duration,
    /// Output of a sandboxed stage: at most this times its input plus 1 MiB. Default 4.
    pub output_ratio_max: u64,
    /// Log bytes of one sandboxed stage for one message. Default 8KiB.
    pub log_per_message: ByteSize,
    /// Largest component. Default 20MiB.
    pub component_size_max: ByteSize,
    /// Messages of one tenant in its chain at once. Default 64.
    pub concurrent_messages: usize,
    /// How long a message may wait for its turn; then 451 4.3.2. Default 30s.
    pub queue_wait_max: Duration,
    /// Most stages of a chain. Default 64.
    pub stages_max: usize,
    /// CPU time to compile one component. Default 10s.
    pub compile_cpu: Duration,
    /// Memory to compile one component. Default 1GiB.
    pub compile_memory: ByteSize,
    /// What a tenant may keep in its key-value space, 64 bytes for each entry included. Default 16MiB: a hundred thousand
    /// entries of a greylist.
    pub kv_size_max: ByteSize,
    /// Calls of `kv` that one stage may make for one message. Default 400: four for each of 100 recipients.
    pub kv_calls_max: u64,
    /// How long the checkers of `recipients` may take for one address, the wait for a place included; then 451. Default 5s:
    /// the client waits for each RCPT.
    pub recipient_check_max: Duration,
}

/// `[admin]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Where the admin API listens. Default 127.0.0.1:8025.
    pub address: SocketAddr,
    /// The host's bearer token. Default: made at the first start, in `STATE_DIR/admin.token`.
    pub token: Option<String>,
    /// Names that the Host header may carry, beyond the address and `localhost`.
    pub hosts: Vec<String>,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            memory_per_instance: ByteSize(32 * MIB),
            cpu_per_message: Duration::from_millis(100),
            cpu_per_mib: Duration::from_millis(250),
            wall_per_message: Duration::from_secs(60),
            output_ratio_max: 4,
            log_per_message: ByteSize(8 << 10),
            component_size_max: ByteSize(20 * MIB),
            concurrent_messages: 64,
            queue_wait_max: Duration::from_secs(30),
            stages_max: 64,
            compile_cpu: Duration::from_secs(10),
            compile_memory: ByteSize(1 << 30),
            kv_size_max: ByteSize(16 * MIB),
            kv_calls_max: 400,
            recipient_check_max: Duration::from_secs(5),
        }
    }
}
